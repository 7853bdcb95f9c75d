package service_test

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"callreel/internal/clock"
	"callreel/internal/service"
	checks "callreel/internal/setup"
)

// TestStartSaysWhatWasForgotten starts a recorder whose setup password was taken away,
// and one whose hash was deleted from the archive.
func TestStartSaysWhatWasForgotten(t *testing.T) {
	b := newLinkBench(t)
	hash, err := checks.HashPassword("a password")
	if err != nil {
		t.Fatal(err)
	}
	start := func() string {
		var log bytes.Buffer
		s, err := service.Open(t.Context(), b.cfg, service.Options{Clock: clock.System(), Log: slog.New(slog.NewTextHandler(&log, nil)), Version: "test"})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		return log.String()
	}
	if log := start(); strings.Contains(log, "setup password") {
		t.Errorf("without a password it says\n%s", log)
	}
	b.cfg.Setup.Forgotten = "2026-11-28T15:00:00Z by admin"
	if log := start(); !strings.Contains(log, "taken away by somebody who did not give it") || !strings.Contains(log, "by admin") {
		t.Errorf("it says\n%s", log)
	}
	b.cfg.Setup = service.SetupConfig{PasswordHash: hash}
	for _, broken := range []string{"missing", "another"} {
		if broken == "another" {
			if err := checks.SaveHash(b.cfg.Archive.Path, "$argon2id$another"); err != nil {
				t.Fatal(err)
			}
		}
		if log := start(); !strings.Contains(log, "it is put back") {
			t.Errorf("%s: it says\n%s", broken, log)
		}
		if got, err := checks.HashOf(b.cfg.Archive.Path); got != hash || err != nil {
			t.Errorf("%s: the archive has %q, %v", broken, got, err)
		}
	}
	if log := start(); strings.Contains(log, "setup password") {
		t.Errorf("with all in order it says\n%s", log)
	}
	trace, err := os.ReadFile(filepath.Join(b.cfg.Archive.Path, "TMP", "callreel-setup.log"))
	if err != nil || strings.Count(string(trace), "puts the setup password back") != 2 {
		t.Errorf("the trace is %s, %v", trace, err)
	}
}

// TestPutScripts puts them into an inbox by WebDAV, twice.
func TestPutScripts(t *testing.T) {
	b := newLinkBench(t)
	user, password, _ := b.sim.Credentials()
	text := "[[inbox]]\nname = \"phones\"\nurl = \"" + b.sim.InboxURL() + "\"\nuser = \"" + user + "\"\npassword = \"" + password + "\"\n"
	file := filepath.Join(b.dir, "callreel.toml")
	first, err := service.PutScripts(t.Context(), file, []byte(text))
	if err != nil || len(first) < 3 || !strings.Contains(strings.Join(first, "\n"), "TCR/TCRec.xml      written") {
		t.Errorf("%q, %v", first, err)
	}
	if _, err := os.Stat(filepath.Join(b.inbox, "TCR", "TCRec.xml")); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(b.inbox, "TAN.xml"), []byte("my own"), 0o600); err != nil {
		t.Fatal(err)
	}
	second, err := service.PutScripts(t.Context(), file, []byte(text))
	if err != nil || strings.Contains(strings.Join(second, "\n"), "written") || !strings.Contains(strings.Join(second, "\n"), "TAN.xml            is another there, left as it is") {
		t.Errorf("%q, %v", second, err)
	}
}
