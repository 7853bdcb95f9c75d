package service

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"callreel/internal/secret"
)

// sealedSetup writes a setup with a password for each link.
func sealedSetup(t *testing.T, password func(string) string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "callreel.toml")
	text := `agents = "all"
[archive]
path = "archive"
[receiver]
user = "pbx"
password = ` + password("r") + `
[[pbx]]
url = "http://192.0.2.1/PBX0/user.soap"
user = "callreel"
password = ` + password("p") + `
[[reporting]]
url = "http://192.0.2.1/report?conf={conf}"
password = ` + password("q") + `
[[inbox]]
name = "phones"
url = "http://192.0.2.2/rec/"
user = "callreel"
password = ` + password("i") + `
[[asterisk]]
receive = "/asterisk"
receive_user = "a"
receive_password = ` + password("a") + `
[[webhook]]
url = "https://192.0.2.5/calls"
secret = ` + password("sixteen letters, or more") + `
`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSealedSetup(t *testing.T) {
	key, err := secret.EnsureKey(filepath.Join(t.TempDir(), "key"))
	if err != nil {
		t.Fatal(err)
	}
	path := sealedSetup(t, func(s string) string { return `"` + key.Seal(s) + `"` })
	if _, err := ReadConfig(path); err != nil {
		t.Errorf("who needs no password cannot read it: %v", err)
	}
	_, err = LoadConfig(path)
	if !errors.Is(err, secret.ErrNoKey) || !strings.Contains(err.Error(), path+":6: receiver.password: the key of the setup is not there: "+path+".key") {
		t.Errorf("without the key: %v", err)
	}
	if _, err := secret.EnsureKey(secret.KeyFile(path)); err != nil {
		t.Fatal(err)
	}
	if _, err = LoadConfig(path); !errors.Is(err, secret.ErrOtherKey) || !strings.Contains(err.Error(), path+":10: pbx.password: it is sealed with another key") {
		t.Errorf("with another key: %v", err)
	}
	own, err := secret.ReadKey(secret.KeyFile(path))
	if err != nil {
		t.Fatal(err)
	}
	again := sealedSetup(t, func(s string) string { return `"` + own.Seal(s) + `"` })
	if err := os.Rename(secret.KeyFile(path), secret.KeyFile(again)); err != nil {
		t.Fatal(err)
	}
	cfg, err := LoadConfig(again)
	if err != nil {
		t.Fatal(err)
	}
	got := cfg.Receiver.Password + cfg.PBX[0].Password + cfg.Reporting[0].Password + cfg.Inbox[0].Password + cfg.Asterisk[0].ReceivePassword
	if got != "rpqia" || cfg.Webhook[0].Secret != "sixteen letters, or more" {
		t.Errorf("the passwords are %q and %q", got, cfg.Webhook[0].Secret)
	}
}

// TestSecretsElsewhere reads each password of its own file and of the environment.
func TestSecretsElsewhere(t *testing.T) {
	path := sealedSetup(t, func(s string) string { return `"` + s + `"` })
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(string(data), `password = "r"`, `password_env = "CALLREEL_TEST_PW"`)
	text = strings.ReplaceAll(text, `receive_password = "a"`, `receive_password_file = "pw"`)
	if err := errors.Join(os.WriteFile(path, []byte(text), 0o600), os.WriteFile(filepath.Join(filepath.Dir(path), "pw"), []byte("x\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadConfig(path); err == nil || !strings.Contains(err.Error(), ":6: receiver.password_env: the environment has no CALLREEL_TEST_PW") {
		t.Errorf("without the variable: %v", err)
	}
	t.Setenv("CALLREEL_TEST_PW", "y")
	cfg, err := LoadConfig(path)
	if err != nil || cfg.Receiver.Password+cfg.Asterisk[0].ReceivePassword != "yx" {
		t.Errorf("%q, %q, %v", cfg.Receiver.Password, cfg.Asterisk[0].ReceivePassword, err)
	}
	text = strings.ReplaceAll(text, `secret = "sixteen letters, or more"`, `secret_env = "CALLREEL_TEST_PW"`)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadConfig(path); err == nil || !strings.Contains(err.Error(), ":23: webhook: secret of \"webhook\" is too short") { // "y", when it has been fetched
		t.Errorf("a short secret in the environment: %v", err)
	}
}
