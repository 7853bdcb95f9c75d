package ingest_test

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"callreel/ingest"
	"callreel/internal/clock"
	"callreel/internal/recording"
)

// TestFilesBesideCaptures writes, reads and removes in each kind of inbox.
func TestFilesBesideCaptures(t *testing.T) {
	s := plain(t)
	dir := t.TempDir()
	for name, cfg := range map[string]ingest.Config{"webdav": s.config(), "folder": {Name: "a", Path: dir}} {
		files, err := ingest.OpenFiles(cfg)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range []string{"TAN.xml", "TCR/TCRec.xml", "TCR/Track1.g711a"} {
			for _, text := range []string{"first", "second, longer"} {
				if err := files.Write(t.Context(), file, []byte(text)); err != nil {
					t.Errorf("%s: write %s: %v", name, file, err)
				}
				if got, err := files.Read(t.Context(), file); string(got) != text || err != nil {
					t.Errorf("%s: %s is %q, %v", name, file, got, err)
				}
			}
		}
		if err := files.Remove(t.Context(), "TAN.xml"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := files.Read(t.Context(), "TAN.xml"); !errors.Is(err, recording.ErrNotFound) {
			t.Errorf("%s: after the deletion: %v", name, err)
		}
		for _, evil := range []string{"../x.xml", "/etc/passwd", "a/../../x", "", ".", capName, "TCR/" + capName, `a\b.txt`, ".hidden", "a:b"} {
			if files.Write(t.Context(), evil, nil) == nil || files.Remove(t.Context(), evil) == nil {
				t.Errorf("%s: %q was touched", name, evil)
			}
		}
	}
}

// TestTry looks that the probe is no capture, and leaves everything else alone.
func TestTry(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{capName, "note.txt"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := ingest.Try(t.Context(), ingest.Config{Name: "a", Path: dir}, clock.System(), slog.New(slog.DiscardHandler))
	if err != nil || !got.Gone || got.Left || got.Captures != 1 || got.Others != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	if ingest.IsCapture(got.Probe) || !strings.HasPrefix(got.Probe, "callreel-probe-") {
		t.Errorf("the probe is called %s", got.Probe)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 2 {
		t.Errorf("%v, %v", left, err)
	}
}
