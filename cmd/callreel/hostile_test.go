package main

import (
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// TestConvertASparseFile gives the command a real call, and a file header alone, that
// are made ten gigabytes long without anything in them.
func TestConvertASparseFile(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("files are not sparse there unless that is asked for")
	}
	whole := unzipped(t, realCall)
	for _, row := range []struct {
		name string
		head []byte
		code int
	}{
		{"a call", whole, exitDone},
		{"a header", whole[:24], exitNothing},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := t.TempDir()
			capture, out, report := filepath.Join(dir, "c.pcap"), filepath.Join(dir, "o.wav"), filepath.Join(dir, "r.json")
			if err := os.WriteFile(capture, row.head, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Truncate(capture, 10<<30); err != nil {
				t.Skip(err)
			}
			code, text := convertRun(t, capture, "-o", out, "--report", report)
			if code != row.code {
				t.Errorf("code %d, %s", code, text)
			}
			b, _ := os.ReadFile(report)
			if !strings.Contains(string(b), "given up at offset 134") {
				t.Errorf("report: %.300s", b)
			}
			if info, err := os.Stat(out); row.code == exitDone && (err != nil || info.Size() != 58+2*64847) {
				t.Errorf("%v, %v", info, err)
			}
		})
	}
}

func unzipped(t *testing.T, path string) []byte {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
