package catalog_test

import (
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"callreel/internal/catalog"
	"callreel/internal/recording"
)

// TestReadWithoutWriting: a catalog whose recorder has stopped is read also by who may
// write neither it nor its folder, as in a copy of a disk.
func TestReadWithoutWriting(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "c.db")
	c, err := catalog.Open(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Add(t.Context(), recording.Capture{UID: "u", SeenAt: t0}); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	for path, mode := range map[string]os.FileMode{file: 0o444, dir: 0o555, filepath.Dir(dir): 0o755} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { _ = os.Chmod(dir, 0o755) }) //nolint:gosec // so that it can be removed
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // for good: the thread ends with this
		if os.Geteuid() == 0 {
			if err := syscall.Setfsuid(65534); err != nil {
				t.Error(err)
			}
		}
		if f, err := os.Create(filepath.Join(dir, "x")); err == nil {
			_ = f.Close()
			t.Error("the folder can be written")
		}
		r, err := catalog.OpenReader(t.Context(), file)
		if err != nil {
			t.Error(err)
			return
		}
		defer r.Close()
		if list, err := r.ByUID(t.Context(), "u"); err != nil || len(list) != 1 {
			t.Errorf("%+v, %v", list, err)
		}
	}()
	<-done
}
