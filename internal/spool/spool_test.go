package spool_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"callreel/internal/recording"
	"callreel/internal/spool"
)

// xor is a sealer that can be seen through: one byte in front, the rest turned.
type xor struct{ fail error }

func (x xor) Seal(w io.Writer) (io.WriteCloser, error) {
	if x.fail != nil {
		return nil, x.fail
	}
	_, err := w.Write([]byte("!"))
	return turned{w}, err
}

type turned struct{ w io.Writer }

func (t turned) Write(p []byte) (int, error) { return t.w.Write(turn(p)) }
func (t turned) Close() error                { _, err := t.w.Write([]byte("$")); return err }

func turn(p []byte) []byte {
	out := bytes.Clone(p)
	for i := range out {
		out[i] ^= 0x55
	}
	return out
}

func (x xor) Unseal(r io.ReaderAt, size int64) (spool.Clear, error) {
	b := make([]byte, size)
	if _, err := r.ReadAt(b, 0); err != nil && err != io.EOF {
		return nil, err
	}
	if size < 2 || b[0] != '!' || b[size-1] != '$' {
		return nil, errors.New("not sealed by us")
	}
	return bytes.NewReader(turn(b[1 : size-1])), nil
}

func open(t *testing.T, s spool.Sealer) (*spool.Dir, string) {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "spool [1]")
	d, err := spool.Open(folder, s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d, folder
}

func put(t *testing.T, d *spool.Dir, name, content string) {
	t.Helper()
	w, err := d.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	if _, err := io.WriteString(w, content); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, d *spool.Dir, name string) string {
	t.Helper()
	r, err := d.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(io.NewSectionReader(r, 0, r.Size()))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestPlainAndSealed(t *testing.T) {
	for name, sealer := range map[string]spool.Sealer{"plain": nil, "sealed": xor{}} {
		d, folder := open(t, sealer)
		put(t, d, "17.pcap", "first try")
		put(t, d, "17.pcap", "the voice of a caller")
		if got := get(t, d, "17.pcap"); got != "the voice of a caller" {
			t.Errorf("%s: %q", name, got)
		}
		disk, err := os.ReadFile(filepath.Join(folder, "17.pcap"))
		if err != nil || bytes.Contains(disk, []byte("voice")) != (sealer == nil) {
			t.Errorf("%s: on the disk lies %q, %v", name, disk, err)
		}
		if names, err := d.List(); err != nil || !slices.Equal(names, []string{"17.pcap"}) {
			t.Errorf("%s: %v, %v", name, names, err)
		}
		if err := errors.Join(d.Remove("17.pcap"), d.Remove("17.pcap")); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := d.Open("17.pcap"); !errors.Is(err, recording.ErrNotFound) {
			t.Errorf("%s: after Remove: %v", name, err)
		}
	}
}

func TestAbortAndSweep(t *testing.T) {
	d, folder := open(t, xor{})
	w, err := d.Create("1")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(w, "half")
	w.Abort()
	if _, err := d.Create("2"); err != nil { // a crash: neither Commit nor Abort
		t.Fatal(err)
	}
	put(t, d, "3", "whole")
	if err := d.Sweep(); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(folder)
	if err != nil || len(entries) != 1 || entries[0].Name() != "3" {
		t.Errorf("left: %v, %v", entries, err)
	}
}

func TestHostileNames(t *testing.T) {
	d, _ := open(t, nil)
	for _, name := range []string{"", ".", "..", "../x", "a/b", `a\b`, "a:b", "a\x00", ".hidden", strings.Repeat("x", 101)} {
		_, err1 := d.Create(name)
		_, err2 := d.Open(name)
		for _, err := range []error{err1, err2, d.Remove(name)} {
			if !errors.Is(err, spool.ErrName) {
				t.Errorf("%.20q: %v", name, err)
			}
		}
	}
}

func TestSealerFaults(t *testing.T) {
	boom := errors.New("no key")
	d, folder := open(t, xor{boom})
	if _, err := d.Create("1"); !errors.Is(err, boom) {
		t.Errorf("got %v", err)
	}
	if err := os.WriteFile(filepath.Join(folder, "2"), []byte("clear"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Open("2"); err == nil {
		t.Error("a file that the sealer refuses was opened")
	}
}
