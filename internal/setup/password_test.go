package setup_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"callreel/internal/clock"
	"callreel/internal/secret"
	"callreel/internal/setup"
)

func TestPassword(t *testing.T) {
	hash, err := setup.HashPassword("pässwort 1")
	if err != nil || !strings.HasPrefix(hash, "$argon2id$v=19$m=65536,t=3,p=4$") {
		t.Fatalf("%s, %v", hash, err)
	}
	for password, want := range map[string]bool{"pässwort 1": true, "pa\u0308sswort 1": true, "passwort 1": false, "": false} {
		if got, err := setup.SamePassword(hash, password); got != want || err != nil {
			t.Errorf("%q: %v, %v", password, got, err)
		}
	}
	if _, err := setup.HashPassword("short"); err == nil {
		t.Error("a password of five letters is taken")
	}
	for _, bad := range []string{
		"", "x", "$argon2id$v=19$m=65536,t=3,p=4$AAAA", "$argon2id$v=19$m=4000000000,t=3,p=4$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		strings.Replace(hash, "v=19", "v=18", 1), strings.Replace(hash, "t=3", "t=300", 1), strings.Replace(hash, "argon2id", "argon2i", 1), hash + strings.Repeat("A", 300),
	} {
		if same, err := setup.SamePassword(bad, "pässwort 1"); same || err == nil {
			t.Errorf("%s: %v, %v", bad, same, err)
		}
	}
}

func FuzzSamePassword(f *testing.F) {
	f.Add("$argon2id$v=19$m=8,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	f.Fuzz(func(t *testing.T, hash string) {
		if strings.Contains(hash, "m=") && !strings.Contains(hash, "m=8,") {
			return // as dear as it says, within bounds
		}
		if same, _ := setup.SamePassword(hash, "password"); same {
			t.Errorf("%s fits", hash)
		}
	})
}

const minimal = "agents = \"all\"\n[archive]\npath = \"calls\"\n[[inbox]]\nname = \"a\"\npath = \"in\"\nuser = \"u\"\npassword = \"open sesame\"\n"

// session opens a setup in dir.
func session(t *testing.T, dir string) *setup.Session {
	t.Helper()
	s := &setup.Session{
		File: filepath.Join(dir, "callreel.toml"), User: "admin", Clock: clock.Clock{Now: func() time.Time { return time.Date(2026, 11, 28, 15, 0, 0, 0, time.UTC) }},
		Validate: func([]byte) error { return nil },
	}
	if err := s.Open(); err != nil {
		t.Fatal(err)
	}
	return s
}

func save(t *testing.T, s *setup.Session) {
	t.Helper()
	if err := s.Save(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// protected writes a setup with the password "first password".
func protected(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "callreel.toml"), []byte(minimal), 0o600); err != nil {
		t.Fatal(err)
	}
	s := session(t, dir)
	if err := s.SetPassword("first password"); err != nil {
		t.Fatal(err)
	}
	save(t, s)
	return dir
}

func trace(t *testing.T, dir string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "calls", "TMP", "callreel-setup.log"))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func hashIn(t *testing.T, dir string) string {
	t.Helper()
	hash, err := setup.HashOf(filepath.Join(dir, "calls"))
	if err != nil {
		t.Fatal(err)
	}
	return hash
}

func TestProtectedSetup(t *testing.T) {
	dir := protected(t)
	s := session(t, dir)
	if hashIn(t, dir) != s.Draft().Text("setup", -1, "password_hash") || hashIn(t, dir) == "" {
		t.Error("the hash does not lie in the archive")
	}
	if err := s.Save(t.Context()); !errors.Is(err, setup.ErrPassword) {
		t.Errorf("saved without the password: %v", err)
	}
	if err := s.Unlock("wrong password"); !errors.Is(err, setup.ErrPassword) {
		t.Errorf("a wrong password: %v", err)
	}
	if err := s.Unlock("first password"); err != nil {
		t.Fatal(err)
	}
	s.Draft().Set("audio", -1, "format", "mp3")
	save(t, s)
	for _, want := range []string{
		"2026-11-28T15:00:00Z \"admin\" sets a setup password; writes the setup: setup.password_hash\n", "was refused: wrong setup password\n", "writes the setup: audio.format\n",
	} {
		if !strings.Contains(trace(t, dir), want) {
			t.Errorf("the trace misses %q:\n%s", want, trace(t, dir))
		}
	}
	if strings.Contains(trace(t, dir), "sesame") {
		t.Error("a password in the trace")
	}
}

// TestDeletedSetup: who deletes the setup and begins anew on the same archive needs the
// password all the same, and it protects the new setup too.
func TestDeletedSetup(t *testing.T) {
	dir := protected(t)
	if err := os.Remove(filepath.Join(dir, "callreel.toml")); err != nil {
		t.Fatal(err)
	}
	s := session(t, dir)
	if locks, err := s.Locks(); len(locks) != 0 || err != nil {
		t.Errorf("locked before the archive is known: %v, %v", locks, err)
	}
	s.Draft().Set("archive", -1, "path", "calls")
	if err := s.Save(t.Context()); !errors.Is(err, setup.ErrPassword) {
		t.Errorf("saved without the password: %v", err)
	}
	if err := s.Unlock("first password"); err != nil {
		t.Fatal(err)
	}
	save(t, s)
	if again := session(t, dir); again.Draft().Text("setup", -1, "password_hash") != hashIn(t, dir) || hashIn(t, dir) == "" {
		t.Error("the new setup is not protected")
	}
}

func TestChangeAndTakeAway(t *testing.T) {
	dir := protected(t)
	s := session(t, dir)
	if err := errors.Join(s.Unlock("first password"), s.SetPassword("second password")); err != nil {
		t.Fatal(err)
	}
	save(t, s)
	s = session(t, dir)
	if err := s.Unlock("first password"); !errors.Is(err, setup.ErrPassword) {
		t.Errorf("the old password: %v", err)
	}
	if err := errors.Join(s.Unlock("second password"), s.SetPassword("")); err != nil {
		t.Fatal(err)
	}
	save(t, s)
	if locks, err := session(t, dir).Locks(); len(locks) > 0 || err != nil || hashIn(t, dir) != "" {
		t.Errorf("still locked: %v, %v", locks, err)
	}
}

func TestForget(t *testing.T) {
	dir := protected(t)
	keyFile := secret.KeyFile(filepath.Join(dir, "callreel.toml"))
	if err := os.Rename(keyFile, keyFile+".away"); err != nil {
		t.Fatal(err)
	}
	s := session(t, dir)
	if err := s.Forget(); !errors.Is(err, secret.ErrNoKey) {
		t.Errorf("forgotten without the key: %v", err)
	}
	if err := os.Rename(keyFile+".away", keyFile); err != nil {
		t.Fatal(err)
	}
	if err := s.Forget(); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(trace(t, dir), `"admin" takes the setup password away without giving it`) {
		t.Errorf("the trace is\n%s", trace(t, dir))
	}
	save(t, s)
	s = session(t, dir)
	if got := s.Draft().Text("setup", -1, "forgotten"); got != "2026-11-28T15:00:00Z by admin" {
		t.Errorf("forgotten = %q", got)
	}
	if locks, err := s.Locks(); len(locks) > 0 || err != nil {
		t.Errorf("still locked: %v, %v", locks, err)
	}
	if err := s.Forget(); err == nil {
		t.Error("forgotten twice")
	}
	if err := s.SetPassword("third password"); err != nil {
		t.Fatal(err)
	}
	save(t, s)
	if got := session(t, dir).Draft().Text("setup", -1, "forgotten"); got != "" {
		t.Errorf("forgotten = %q after a new password", got)
	}
}

// TestForgottenThenAnotherArchive: the password of another archive protects the setup
// that comes to it, also one whose own was forgotten before.
func TestForgottenThenAnotherArchive(t *testing.T) {
	dir, other := protected(t), protected(t)
	s := session(t, dir)
	if err := s.Forget(); err != nil {
		t.Fatal(err)
	}
	save(t, s)
	s = session(t, dir)
	s.Draft().Set("archive", -1, "path", filepath.Join(other, "calls"))
	if err := s.Unlock("first password"); err != nil {
		t.Fatal(err)
	}
	save(t, s)
	if d := session(t, dir).Draft(); d.Text("setup", -1, "password_hash") != hashIn(t, other) || hashIn(t, other) == "" || d.Get("setup", -1, "forgotten") != nil {
		t.Error("the other archive's password does not protect it")
	}
}

// TestForgetLeavesATrace: where nothing can be noted, nothing is forgotten.
func TestForgetLeavesATrace(t *testing.T) {
	dir := protected(t)
	log := filepath.Join(dir, "calls", "TMP", "callreel-setup.log")
	if err := errors.Join(os.Remove(log), os.Mkdir(log, 0o750)); err != nil {
		t.Fatal(err)
	}
	s := session(t, dir)
	if err := s.Forget(); err == nil {
		t.Fatal("forgotten without a trace")
	}
	if err := s.Save(t.Context()); !errors.Is(err, setup.ErrPassword) {
		t.Errorf("saved: %v", err)
	}
}

// TestLostKey: passwords whose key is gone are to be entered anew; nothing else is lost.
func TestLostKey(t *testing.T) {
	dir := protected(t)
	file := filepath.Join(dir, "callreel.toml")
	if err := os.Remove(secret.KeyFile(file)); err != nil {
		t.Fatal(err)
	}
	s := session(t, dir)
	if len(s.Lost()) != 1 || !strings.Contains(s.Lost()[0], "inbox.password: the key of the setup is not there") || s.Draft().Text("inbox", 0, "user") != "u" {
		t.Errorf("lost: %v", s.Lost())
	}
	if err := s.Unlock("first password"); err != nil {
		t.Fatal(err)
	}
	s.Draft().Set("inbox", 0, "password", "anew")
	save(t, s)
	if s = session(t, dir); len(s.Lost()) != 0 || !secret.IsSealed(s.Draft().Text("inbox", 0, "password")) {
		t.Errorf("lost again: %v", s.Lost())
	}
}

func TestSaveKeepsTheOldFile(t *testing.T) {
	dir := protected(t)
	file := filepath.Join(dir, "callreel.toml")
	old, err := os.ReadFile(file + ".bak")
	if err != nil || string(old) != minimal {
		t.Errorf("the old file is %q, %v", old, err)
	}
	data, err := os.ReadFile(file)
	if err != nil || strings.Contains(string(data), "sesame") {
		t.Errorf("the password is in clear in\n%s\n%v", data, err)
	}
	k, err := secret.ReadKey(secret.KeyFile(file))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := k.Open(session(t, dir).Draft().Text("inbox", 0, "password")); got != "open sesame" || err != nil {
		t.Errorf("it opens as %q, %v", got, err)
	}
}
