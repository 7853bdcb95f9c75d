package secret_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"callreel/internal/secret"
	"callreel/internal/tomlfile"
)

func newKey(t *testing.T) (*secret.Key, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "callreel.toml.key")
	k, err := secret.EnsureKey(path)
	if err != nil {
		t.Fatal(err)
	}
	return k, path
}

func TestSealAndOpen(t *testing.T) {
	k, path := newKey(t)
	if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("the key file: %v, %v; want mode 0600", info.Mode(), err)
	}
	again, err := secret.EnsureKey(path)
	if err != nil || again.Name() != k.Name() {
		t.Fatalf("read again: %v, %v", again, err)
	}
	for _, text := range []string{"secret", "", "sealed:1:x:y", "Straße \"quoted\"\n"} {
		sealed := k.Seal(text)
		if strings.Contains(sealed, "secret") || !secret.IsSealed(sealed) || sealed == k.Seal(text) {
			t.Errorf("%q is sealed as %q", text, sealed)
		}
		if got, err := again.Open(sealed); got != text || err != nil {
			t.Errorf("%q opens as %q, %v", text, got, err)
		}
	}
}

func TestWhatDoesNotOpen(t *testing.T) {
	k, _ := newKey(t)
	other, _ := newKey(t)
	good := k.Seal("secret")
	cut := strings.LastIndex(good, ":")
	flipped := []byte(good)
	flipped[cut+3] ^= 1
	for name, row := range map[string]struct {
		sealed string
		want   error
	}{
		"another key":    {other.Seal("secret"), secret.ErrOtherKey},
		"no mark":        {"secret", secret.ErrDamaged},
		"cut":            {good[:len(good)-4], secret.ErrDamaged},
		"changed":        {string(flipped), secret.ErrDamaged},
		"empty":          {good[:cut+1], secret.ErrDamaged},
		"not base64":     {good[:cut+1] + "!!!!", secret.ErrDamaged},
		"later version":  {strings.Replace(good, ":1:", ":2:", 1), secret.ErrDamaged},
		"without a name": {"sealed:1", secret.ErrDamaged},
	} {
		if got, err := k.Open(row.sealed); !errors.Is(err, row.want) || got != "" {
			t.Errorf("%s: %q, %v; want %v", name, got, err, row.want)
		}
	}
}

func TestBadKeyFiles(t *testing.T) {
	dir := t.TempDir()
	if _, err := secret.ReadKey(filepath.Join(dir, "none")); !errors.Is(err, secret.ErrNoKey) {
		t.Errorf("no key: %v", err)
	}
	for name, text := range map[string]string{
		"empty": "", "toml": "[archive]\n", "short": "callreel setup key 1\nAAAA\n", "long": strings.Repeat("x", 10_000),
		"other version": "callreel setup key 2\n" + strings.Repeat("A", 43) + "=\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := secret.EnsureKey(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", name, err)
		}
		if got, _ := os.ReadFile(path); string(got) != text {
			t.Errorf("%s: the file was replaced", name)
		}
	}
}

type server struct {
	User         string `toml:"user"`
	Password     string `toml:"password"`
	PasswordFile string `toml:"password_file"`
	PasswordEnv  string `toml:"password_env"`
}

type config struct {
	Top    string   `toml:"top"`
	One    server   `toml:"one"`
	Many   []server `toml:"many"`
	Nested struct {
		Mail server `toml:"mail"`
	} `toml:"nested"`
}

func TestResolve(t *testing.T) {
	k, path := newKey(t)
	dir := filepath.Dir(path)
	if err := os.WriteFile(filepath.Join(dir, "pw"), []byte("from the file\r\nsecond line\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CALLREEL_TEST_PW", "from the environment")
	c := config{One: server{User: "u", Password: k.Seal("sealed")}, Many: []server{{PasswordFile: "pw"}, {PasswordEnv: "CALLREEL_TEST_PW"}, {Password: "clear"}}}
	c.Nested.Mail.Password = k.Seal("deep")
	if list := secret.Resolve(&c, secret.From{Dir: dir, KeyFile: path}); len(list) > 0 {
		t.Fatalf("%v", list)
	}
	for i, row := range [][2]string{
		{c.One.Password, "sealed"},
		{c.One.User, "u"},
		{c.Many[0].Password, "from the file"},
		{c.Many[1].Password, "from the environment"},
		{c.Many[2].Password, "clear"},
		{c.Nested.Mail.Password, "deep"},
		{c.Many[0].PasswordFile, ""},
	} {
		if row[0] != row[1] {
			t.Errorf("%d: %q, want %q", i, row[0], row[1])
		}
	}
}

func TestResolveSaysWhere(t *testing.T) {
	k, path := newKey(t)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "empty"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]struct {
		c             config
		key, has      string
		section, file string
		index         int
	}{
		"no key":     {config{One: server{Password: k.Seal("x")}}, "password", "one.password: the key of the setup is not there: " + filepath.Join(dir, "none"), "one", "none", -1},
		"two ways":   {config{Many: []server{{}, {Password: "a", PasswordEnv: "B"}}}, "password", "only one of password, password_file and password_env", "many", "none", 1},
		"no file":    {config{One: server{PasswordFile: "nowhere"}}, "password_file", "nowhere", "one", "none", -1},
		"empty file": {config{One: server{PasswordFile: "empty"}}, "password_file", "holds nothing", "one", "none", -1},
		"no env":     {config{One: server{PasswordEnv: "CALLREEL_NOT_SET"}}, "password_env", "the environment has no CALLREEL_NOT_SET", "one", "none", -1},
	} {
		list := secret.Resolve(&row.c, secret.From{Dir: dir, KeyFile: filepath.Join(dir, row.file)})
		if len(list) != 1 {
			t.Errorf("%s: %d problems", name, len(list))
			continue
		}
		if p := list[0]; p.Key != row.key || p.Section != row.section || p.Index != row.index || !strings.Contains(p.Err.Error(), row.has) {
			t.Errorf("%s: %+v, want %q", name, p, row.has)
		}
	}
	c := config{Top: k.Seal("x")}
	other, otherPath := newKey(t)
	list := secret.Resolve(&c, secret.From{Dir: dir, KeyFile: otherPath})
	if len(list) != 1 || !errors.Is(list[0].Err, secret.ErrOtherKey) || !strings.Contains(list[0].Err.Error(), other.Name()) || !strings.Contains(list[0].Err.Error(), k.Name()) {
		t.Errorf("another key: %v", list)
	}
	if list := secret.Resolve(&c, secret.From{KeyFile: path}); len(list) > 0 || c.Top != "x" {
		t.Errorf("%v, %q", list, c.Top)
	}
	if err := tomlfile.Report("f", nil, list); err == nil {
		t.Error("no report")
	}
}

func FuzzOpen(f *testing.F) {
	k, err := secret.EnsureKey(filepath.Join(f.TempDir(), "key"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(k.Seal("secret"))
	f.Add("sealed:1:00000000:")
	f.Fuzz(func(t *testing.T, text string) {
		if got, err := k.Open(text); err == nil && got != "secret" {
			t.Errorf("%q opens as %q", text, got)
		}
	})
}
