package archive

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"callreel/internal/recording"
)

// TestRestate puts another sidecar beside an audio file, in the archive and in its
// backup; the audio stays, and nothing else is left.
func TestRestate(t *testing.T) {
	backup := t.TempDir()
	a := open(t, Config{Backup: backup})
	place := mustFile(t, a, testName, "audio", "first")
	copied, err := a.Backup(t.Context(), place)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []recording.Place{place, copied, place} {
		if err := a.Restate(t.Context(), p, []byte("second")); err != nil {
			t.Fatal(err)
		}
		wantPair(t, a, p, "audio", "second")
	}
	if again, err := a.Backup(t.Context(), place); again != copied || err != nil {
		t.Errorf("the backup of what was restated in both: %s, %v", again, err)
	}
	for _, dir := range []string{backup, filepath.Join(a.config.Path, "2026_11")} {
		if list, err := os.ReadDir(dir); err != nil || len(list) != 2 {
			t.Errorf("%s holds %v, %v", dir, list, err)
		}
	}
}

func TestRestateFaults(t *testing.T) {
	a := open(t, Config{})
	place := mustFile(t, a, testName, "audio", "first")
	if err := a.Restate(t.Context(), "file:2026_11/none.wav", []byte("x")); !errors.Is(err, recording.ErrNotFound) {
		t.Errorf("of nothing: %v", err)
	}
	for _, p := range []recording.Place{"", "file:../x.wav", "backup:x.wav", "s3:x"} {
		if err := a.Restate(t.Context(), p, []byte("x")); err == nil {
			t.Errorf("%q was restated", p)
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := a.Restate(ctx, place, []byte("x")); err == nil {
		t.Error("restated after the end")
	}
	wantPair(t, a, place, "audio", "first")
}
