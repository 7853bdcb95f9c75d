package atomicfile_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"callreel/internal/atomicfile"
)

func TestFullDiskLeavesOldFile(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("mounting a small disk needs root: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, 0) })
	path := filepath.Join(dir, "f")
	if err := atomicfile.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	err := atomicfile.WriteFile(path, make([]byte, 128<<10), 0o600)
	if !atomicfile.IsFull(err) {
		t.Fatalf("got %v, want an error that says the disk is full", err)
	}
	if got, _ := os.ReadFile(path); string(got) != "old" {
		t.Fatalf("target is %q, want the old content", got)
	}
	noLeftovers(t, dir)
	if err := atomicfile.WriteFile(path, []byte("new"), 0o600); err != nil {
		t.Fatalf("after the failure the space was not given back: %v", err)
	}
}
