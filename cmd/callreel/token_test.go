package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"callreel/internal/catalog"
)

// TestToken makes, lists and revokes tokens beside a recorder that has the catalog open. No
// file holds one.
func TestToken(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join(dir, "callreel.toml")
	setup := "agents = \"all\"\ncatalog = \"c.db\"\n[archive]\npath = \"archive\"\n[[inbox]]\nname = \"a\"\npath = \"inbox\"\n"
	if err := os.WriteFile(config, []byte(setup), 0o600); err != nil {
		t.Fatal(err)
	}
	call := func(code int, want string, args ...string) string {
		t.Helper()
		var out bytes.Buffer
		err := run(t.Context(), append([]string{"token", "--config", config}, args...), &out, &out)
		if got := exitCode(err, &out); got != code || !regexp.MustCompile(want).MatchString(out.String()) {
			t.Errorf("%v: exit code %d, want %d and %q: %s", args, got, code, want, out.String())
		}
		return out.String()
	}
	call(exitNothing, "open catalog", "list") // there is none
	if err := os.WriteFile(filepath.Join(dir, "c.db"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	call(exitNothing, "start the recorder of this version once", "list") // one of an older version
	c, err := catalog.Open(t.Context(), filepath.Join(dir, "c.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	call(exitDone, "there are no tokens", "list")
	call(exitUsage, "needs an action")
	call(exitUsage, `no action "make"`, "make", "crm")
	call(exitUsage, "add needs one name", "add")
	call(exitUsage, "add needs one name", "add", "a", "b")
	call(exitUsage, "list takes no names", "list", "a")
	call(exitUsage, "--days -1 is not allowed", "add", "crm", "--days", "-1")
	call(exitUsage, "allowed: read, mark, admin", "add", "crm", "--scope", "root")
	call(exitUsage, "is no name of a token", "add", "a/b")
	first := call(exitDone, `^callreel_[A-Za-z0-9_-]{43}\nThis is the token crm\. It is not shown again\.\n$`, "add", "crm")
	second := call(exitDone, "^callreel_", "add", "--scope", "mark", "the dialer", "--days", "30")
	if first[:52] == second[:52] {
		t.Error("two tokens are the same")
	}
	call(exitUsage, `there is, or was, a token "crm" already`, "add", "crm")
	call(exitDone, `(?s)^crm +read +since \d{4}-\d\d-\d\d +valid\nthe dialer +mark +since .* valid until `, "list")
	call(exitNothing, "no valid token is called", "revoke", "nobody")
	call(exitDone, "the token crm is revoked", "revoke", "crm")
	call(exitNothing, "no valid token is called", "revoke", "crm")
	call(exitUsage, "there is, or was", "add", "crm") // the log tells of the old one
	call(exitDone, "crm .* revoked ", "list")
	for _, name := range []string{"c.db", "c.db-wal"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(b), "callreel_") || strings.Contains(string(b), first[9:52]) {
			t.Errorf("%s holds a token", name)
		}
	}
}
