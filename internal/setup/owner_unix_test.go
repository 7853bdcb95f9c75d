//go:build !windows

package setup_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"callreel/internal/secret"
)

// TestRootGivesAway: what root sets up can be read by the recorder's user.
func TestRootGivesAway(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	const recorder = 4711
	dir := t.TempDir()
	calls, file := filepath.Join(dir, "calls"), filepath.Join(dir, "callreel.toml")
	if err := errors.Join(os.Mkdir(calls, 0o750), os.Chown(calls, recorder, recorder), os.Chown(dir, recorder, recorder)); err != nil {
		t.Fatal(err)
	}
	for range 2 { // a new setup, and one that is changed
		s := session(t, dir)
		s.Draft().Set("archive", -1, "path", "calls")
		if err := errors.Join(s.Unlock("first password"), s.SetPassword("first password")); err != nil {
			t.Fatal(err)
		}
		save(t, s)
	}
	for _, path := range []string{file, file + ".bak", secret.KeyFile(file), filepath.Join(calls, "TMP"), filepath.Join(calls, "TMP", "callreel-setup.hash"), filepath.Join(calls, "TMP", "callreel-setup.log")} {
		info, err := os.Stat(path)
		if err != nil {
			t.Error(err)
			continue
		}
		if owner := info.Sys().(*syscall.Stat_t).Uid; owner != recorder {
			t.Errorf("%s belongs to %d", path, owner)
		}
	}
}
