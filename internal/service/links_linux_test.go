package service_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"callreel/ingest"
	checks "callreel/internal/setup"
)

// smallDisk mounts a disk in memory; that needs root.
func smallDisk(t *testing.T, dir string, flags uintptr, size string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", flags, "size="+size); err != nil {
		t.Skipf("mounting a small disk needs root: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, 0) })
}

func TestFaultsOfDisks(t *testing.T) {
	for _, row := range []struct {
		name, check, why, do string
		breaks               func(*testing.T, *linkBench)
	}{
		{"archive read-only", "archive", "it can only be read: it is mounted read-only", "Mount it for writing", func(t *testing.T, b *linkBench) {
			smallDisk(t, b.cfg.Archive.Path, syscall.MS_RDONLY, "1m")
		}},
		{"archive nearly full", "archive", "it can be written to; 8.0 MB of 8.0 MB are free, room for some 0 hours", "It is nearly full", func(t *testing.T, b *linkBench) {
			smallDisk(t, b.cfg.Archive.Path, 0, "8m")
		}},
		{"backup full", "backup", "the disk, or this user's share of it, is full", "Make room", func(t *testing.T, b *linkBench) {
			smallDisk(t, b.cfg.Archive.Backup, 0, "64k")
			if err := os.WriteFile(filepath.Join(b.cfg.Archive.Backup, "fill"), make([]byte, 64<<10), 0o600); err != nil {
				t.Fatal(err)
			}
		}},
		{"inbox folder read-only", "inbox phones", "not be written to, so captures can most likely not be deleted either: it can only be read", "Mount it for writing", func(t *testing.T, b *linkBench) {
			dir := filepath.Join(b.dir, "card")
			smallDisk(t, dir, syscall.MS_RDONLY, "1m")
			b.cfg.Inbox = []ingest.Config{{Name: "phones", Path: dir}}
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			b := newLinkBench(t)
			row.breaks(t, b)
			f := b.run(t)[row.check]
			if f.Level != checks.Fault || !strings.Contains(f.Why, row.why) || !strings.Contains(f.Do, row.do) {
				t.Errorf("got  %s\nwant FAULT … %s … %s", f.Line(), row.why, row.do)
			}
		})
	}
}
