package main_test

import (
	"context"
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"callreel/internal/callcheck"
)

// TestMoveAsWritten moves a recorder as doc/operations.md says: stop, copy setup, key
// ring, catalog and archive, go on there. The ledger agrees on the new place, the files
// open, and more calls are recorded; with a catalog of before it does not agree, and names
// what is missing.
func TestMoveAsWritten(t *testing.T) {
	t.Parallel()
	r := newRig(t, "")
	traffic := r.talk(t, 200*time.Millisecond)
	<-time.After(2 * time.Second) // of calls
	first := traffic()
	r.runToTheEnd(t, first)
	old := t.TempDir()
	copyAll(t, r.dir, old, "callreel.db*")

	traffic = r.talk(t, 200*time.Millisecond)
	<-time.After(2 * time.Second)
	all := append(first, traffic()...)
	r.runToTheEnd(t, all)

	there := t.TempDir()
	copyAll(t, r.dir, there, "callreel.toml", "callreel.keys", "callreel.db*", "archive", "backup")
	if out, code := r.say(t, there, "ledger"); code != 0 {
		t.Errorf("the ledger of what was moved: exit code %d\n%s", code, out)
	}
	restored := t.TempDir()
	copyAll(t, r.dir, restored, "callreel.toml", "callreel.keys", "archive", "backup")
	copyAll(t, old, restored, "callreel.db*")
	if out, code := r.say(t, restored, "ledger"); code != 4 || !strings.Contains(out, "archive") {
		t.Errorf("the ledger of a catalog of before: exit code %d\n%s", code, out)
	}

	traffic = r.talk(t, 200*time.Millisecond)
	<-time.After(time.Second)
	all = append(all, traffic()...)
	inbox := r.dir
	r.dir, r.config = there, filepath.Join(there, "callreel.toml")
	r.runToTheEnd(t, all)
	r.check(t, all)
	if err := callcheck.Empty(filepath.Join(inbox, "inbox"), ".pcap"); err != nil {
		t.Error(err)
	}
}

// copyAll copies what the patterns name, as an administrator would.
func copyAll(t *testing.T, from, to string, patterns ...string) {
	t.Helper()
	for _, p := range patterns {
		files, err := filepath.Glob(filepath.Join(from, p))
		if err != nil || len(files) == 0 {
			t.Fatalf("copy %s: %v, %v", p, files, err)
		}
		out, err := exec.CommandContext(t.Context(), "cp", append(append([]string{"-a"}, files...), to)...).CombinedOutput()
		if err != nil {
			t.Fatalf("copy %s: %v\n%s", p, err, out)
		}
	}
}

// say runs a command of the program with the setup in a folder.
func (r *rig) say(t *testing.T, dir, command string) (string, int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, r.binary, command, "--config", filepath.Join(dir, "callreel.toml")).CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if exit != nil {
		return string(out), exit.ExitCode()
	}
	return string(out), 0
}
