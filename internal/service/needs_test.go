package service_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"callreel/internal/service"
)

// TestNeedsNameEachFile wants every file that a setup names to be among those a service
// has to be able to read, wherever in the setup it stands.
func TestNeedsNameEachFile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "callreel.toml")
	text := `agents = "all"
[archive]
path = "archive"
[[inbox]]
name = "drop"
url = "https://127.0.0.1/drop/"
user = "u"
password_file = "/home/me/inbox.pw"
ca_file = "inbox-ca.pem"
[[pbx]]
url = "https://127.0.0.1/PBX0/user.soap"
user = "u"
group = "rec"
password_file = "/home/me/pbx.pw"
ca_file = "/home/me/pbx-ca.pem"
[[webhook]]
name = "crm"
url = "https://127.0.0.1/hook"
secret_file = "/home/me/hook.secret"
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := service.ReadConfig(file)
	if err != nil {
		t.Fatal(err)
	}
	got := cfg.Needs(file).Read
	for _, want := range []string{
		"/home/me/inbox.pw", filepath.Join(dir, "inbox-ca.pem"), "/home/me/pbx.pw", "/home/me/pbx-ca.pem", "/home/me/hook.secret", file + ".key",
	} {
		if !slices.Contains(got, want) {
			t.Errorf("%s is not among what is read: %q", want, got)
		}
	}
}
