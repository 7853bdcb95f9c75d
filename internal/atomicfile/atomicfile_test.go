package atomicfile_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"callreel/internal/atomicfile"
)

func TestWriteFileMakesAndReplaces(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a name [with] spaces.txt")
	for _, want := range []string{"first", "second, longer", ""} {
		if err := atomicfile.WriteFile(path, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil || string(got) != want {
			t.Fatalf("got %q, %v; want %q", got, err, want)
		}
	}
	noLeftovers(t, filepath.Dir(path))
}

func TestFailedFillLeavesOldFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	boom := errors.New("boom")
	err := atomicfile.Write(path, 0o600, func(w io.Writer) error {
		_, _ = io.WriteString(w, "half of the new")
		return boom
	})
	if !errors.Is(err, boom) {
		t.Fatalf("got %v, want boom", err)
	}
	if got, _ := os.ReadFile(path); string(got) != "old" {
		t.Fatalf("target is %q, want the old content", got)
	}
	noLeftovers(t, filepath.Dir(path))
}

func TestTargetIsInvisibleUntilCommit(t *testing.T) {
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	f, err := atomicfile.Create(root, "x", 0o600)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(f, "content")
	if _, err := root.Stat("x"); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("before Commit: %v, want not exist", err)
	}
	if err := f.Commit(); err != nil {
		t.Fatal(err)
	}
	f.Abort()
	if _, err := root.Stat("x"); err != nil {
		t.Fatalf("Abort after Commit removed the file: %v", err)
	}
	if _, err := f.Write([]byte("more")); !errors.Is(err, fs.ErrClosed) {
		t.Fatalf("Write after Commit: %v, want closed", err)
	}
	if err := f.Commit(); !errors.Is(err, fs.ErrClosed) {
		t.Fatalf("second Commit: %v, want closed", err)
	}
}

func TestRenameOntoFolderFailsAndCleansUp(t *testing.T) {
	dir := t.TempDir()
	target := filepath.Join(dir, "t")
	if err := os.MkdirAll(filepath.Join(target, "inner"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := atomicfile.WriteFile(target, []byte("x"), 0o600); err == nil {
		t.Fatal("writing a file over a folder succeeded")
	}
	noLeftovers(t, dir)
}

func TestNoEscapeFromRoot(t *testing.T) {
	root, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for _, name := range []string{"../x", "/etc/x", "no/such/folder/x"} {
		if f, err := atomicfile.Create(root, name, 0o600); err == nil {
			f.Abort()
			t.Errorf("Create(%q) succeeded", name)
		}
	}
}

func TestSyncDir(t *testing.T) {
	if err := atomicfile.SyncDir(t.TempDir()); err != nil {
		t.Error(err)
	}
	if err := atomicfile.SyncDir(filepath.Join(t.TempDir(), "gone")); err == nil {
		t.Error("a missing folder was synced")
	}
}

func noLeftovers(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), atomicfile.Prefix) {
			t.Errorf("left behind: %s", e.Name())
		}
	}
}
