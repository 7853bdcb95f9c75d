package logfile_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"callreel/internal/logfile"
)

// files are the log files there are, with what they hold.
func files(t *testing.T, dir string) (names []string, text string) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.log"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		names, text = append(names, filepath.Base(p)), text+string(b)
	}
	return names, text
}

func write(t *testing.T, w *logfile.Writer, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		if _, err := fmt.Fprintf(w, "line %04d\n", i); err != nil {
			t.Fatal(err)
		}
	}
}

// 1,000 lines of 10 bytes into files of 1,000 bytes: three files, full of the last lines,
// also over a restart.
func TestBounded(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "logs")
	cfg := logfile.Config{Folder: dir, Name: "callreel-error", Size: 1000, Number: 3}
	w := logfile.New(cfg)
	write(t, w, 0, 555)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	w = logfile.New(cfg)
	defer w.Close()
	write(t, w, 555, 1000)
	names, text := files(t, dir)
	if got := strings.Join(names, " "); got != "callreel-error-000008.log callreel-error-000009.log callreel-error-000010.log" {
		t.Errorf("files %s", got)
	}
	if !strings.HasPrefix(text, "line 0700\n") || !strings.HasSuffix(text, "line 0999\n") || len(text) != 3000 {
		t.Errorf("they hold %d bytes, from %.10q", len(text), text)
	}
}

// Somebody who reads a file keeps what he reads: it is not renamed or cut under him.
func TestReaderKeepsHisFile(t *testing.T) {
	dir := t.TempDir()
	w := logfile.New(logfile.Config{Folder: dir, Name: "n", Size: 100, Number: 2})
	defer w.Close()
	write(t, w, 0, 5)
	f, err := os.Open(filepath.Join(dir, "n-000001.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	write(t, w, 5, 15)
	b := make([]byte, 200)
	n, err := f.Read(b)
	if err != nil || string(b[:10]) != "line 0000\n" || n != 100 {
		t.Errorf("he reads %d bytes, %q, %v", n, b[:10], err)
	}
}

// What others put into the folder is neither written to nor deleted, and a line longer
// than a file is written all the same.
func TestLeavesOthersAlone(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"n-1.log", "n-x.log", "n-000002.txt", "other-000009.log", "n-error-000007.log"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w := logfile.New(logfile.Config{Folder: dir, Name: "n", Size: 50, Number: 1})
	defer w.Close()
	write(t, w, 0, 20)
	if _, err := fmt.Fprintln(w, strings.Repeat("x", 500)); err != nil {
		t.Fatal(err)
	}
	names, text := files(t, dir)
	if got := strings.Join(names, " "); got != "n-000005.log n-1.log n-error-000007.log n-x.log other-000009.log" {
		t.Errorf("files %s", got)
	}
	if strings.Count(text, "mine") != 4 || !strings.Contains(text, strings.Repeat("x", 500)) {
		t.Errorf("they hold %q", text)
	}
}

// While the folder is away the fault is told; when it is back the log goes on.
func TestFolderAway(t *testing.T) {
	dir := t.TempDir()
	blocked := filepath.Join(dir, "logs")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	w := logfile.New(logfile.Config{Folder: blocked, Name: "n", Size: 100, Number: 2})
	defer w.Close()
	if _, err := w.Write([]byte("lost\n")); err == nil || w.Fault() == nil {
		t.Error("no fault")
	}
	if err := os.Remove(blocked); err != nil {
		t.Fatal(err)
	}
	write(t, w, 1, 2)
	if _, text := files(t, blocked); text != "line 0001\n" || w.Fault() != nil {
		t.Errorf("holds %q, fault %v", text, w.Fault())
	}
}

func TestTogether(t *testing.T) {
	dir := t.TempDir()
	w := logfile.New(logfile.Config{Folder: dir, Name: "n", Size: 1000, Number: 100})
	defer w.Close()
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 250 {
				_, _ = w.Write([]byte("line 0000\n"))
			}
		})
	}
	all.Wait()
	names, text := files(t, dir)
	if len(names) != 10 || text != strings.Repeat("line 0000\n", 1000) {
		t.Errorf("%d files, %d bytes", len(names), len(text))
	}
}
