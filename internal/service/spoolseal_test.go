package service

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"callreel/crypto"
	"callreel/internal/recording"
	"callreel/internal/shred"
	"callreel/internal/spool"
)

// onceSpool is a spool as the mode tcr has it, with clear audio set up.
type onceSpool struct {
	*spool.Dir
	seal         spoolSealing
	folder, keys string
}

func newOnceSpool(t *testing.T) onceSpool {
	t.Helper()
	ring := crypto.NewRing()
	if err := ring.Generate("default"); err != nil {
		t.Fatal(err)
	}
	o := onceSpool{folder: filepath.Join(t.TempDir(), "spool"), keys: filepath.Join(t.TempDir(), "keys")}
	keys, err := shred.Open(o.keys, ring)
	if err != nil {
		t.Fatal(err)
	}
	o.seal = spoolSealing{sealing{ring: ring}, keys, true}
	if o.Dir, err = spool.Open(o.folder, o.seal); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = errors.Join(o.Close(), keys.Close()) })
	return o
}

const voice = "the voice of a caller"

func (o onceSpool) put(t *testing.T, content string) {
	t.Helper()
	w, err := o.Create("17.pcap")
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	_, err = io.WriteString(w, content)
	if err = errors.Join(err, w.Commit()); err != nil {
		t.Fatal(err)
	}
}

func (o onceSpool) read(t *testing.T) (string, error) {
	t.Helper()
	r, err := o.Open("17.pcap")
	if err != nil {
		return "", err
	}
	defer r.Close()
	b := make([]byte, r.Size())
	_, err = r.ReadAt(b, 0)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return string(b), err
}

func (o onceSpool) keyFiles(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir(o.keys)
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// TestCopyOfADroppedCapture takes a copy of the spool's file, drops the capture, and puts
// the copy back: it does not open, with the key ring and all that is left.
func TestCopyOfADroppedCapture(t *testing.T) {
	o := newOnceSpool(t)
	o.put(t, voice)
	file := filepath.Join(o.folder, "17.pcap")
	taken, err := os.ReadFile(file)
	if err != nil || bytes.Contains(taken, []byte(voice)) {
		t.Fatalf("on the disk lies %q, %v", taken, err)
	}
	if got, err := o.read(t); got != voice || err != nil {
		t.Fatalf("read %q, %v", got, err)
	}
	if err := o.Remove("17.pcap"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, taken, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := o.read(t); !errors.Is(err, shred.ErrDestroyed) {
		t.Errorf("the copy opens: %q, %v", got, err)
	}
	if clear, err := crypto.OpenAt(bytes.NewReader(taken), int64(len(taken)), o.seal.ring); !errors.Is(err, crypto.ErrUnknownKey) {
		t.Errorf("the key ring opens the copy: %v, %v", clear, err)
	}
	if n := o.keyFiles(t); n != 0 {
		t.Errorf("%d keys are left", n)
	}
	if err := o.Remove("17.pcap"); err != nil {
		t.Errorf("remove it with its key gone: %v", err)
	}
}

// TestKilledBetweenKeyAndFile stops when the key is destroyed and the file still lies
// there: it does not open, and the next try removes it.
func TestKilledBetweenKeyAndFile(t *testing.T) {
	o := newOnceSpool(t)
	o.put(t, voice)
	killed := errors.New("killed")
	half, err := spool.Open(o.folder, killedAfter{o.seal, killed})
	if err != nil {
		t.Fatal(err)
	}
	defer half.Close()
	if err := half.Remove("17.pcap"); !errors.Is(err, killed) {
		t.Fatalf("got %v", err)
	}
	if _, err := os.Stat(filepath.Join(o.folder, "17.pcap")); err != nil {
		t.Fatalf("the file went first: %v", err)
	}
	if got, err := o.read(t); !errors.Is(err, shred.ErrDestroyed) {
		t.Errorf("it opens: %q, %v", got, err)
	}
	if err := o.Remove("17.pcap"); err != nil {
		t.Error(err)
	}
	if _, err := o.read(t); !errors.Is(err, recording.ErrNotFound) {
		t.Error(err)
	}
}

// killedAfter ends when it has destroyed a key.
type killedAfter struct {
	spoolSealing
	with error
}

func (k killedAfter) Forget(key string) error { return errors.Join(k.spoolSealing.Forget(key), k.with) }

// TestNextCopyHasAnotherKey fetches a capture again: the copy of before opens until the
// new one is whole, and its key goes then. What was begun in vain leaves no key.
func TestNextCopyHasAnotherKey(t *testing.T) {
	o := newOnceSpool(t)
	o.put(t, "first")
	w, err := o.Create("17.pcap")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := o.read(t); got != "first" || err != nil {
		t.Errorf("while the next is written: %q, %v", got, err)
	}
	w.Abort()
	if got, err := o.read(t); got != "first" || err != nil || o.keyFiles(t) != 1 {
		t.Errorf("after it was given up: %q, %v, %d keys", got, err, o.keyFiles(t))
	}
	o.put(t, "second")
	if got, err := o.read(t); got != "second" || err != nil || o.keyFiles(t) != 1 {
		t.Errorf("after it was replaced: %q, %v, %d keys", got, err, o.keyFiles(t))
	}
	if used, err := o.Keys(); err != nil || len(used) != 1 || !shred.Ours(used[0]) {
		t.Errorf("keys in use: %v, %v", used, err)
	}
}

// TestModeIsChanged opens what each mode wrote under the other.
func TestModeIsChanged(t *testing.T) {
	o := newOnceSpool(t)
	for _, row := range []struct{ encrypt, once bool }{{false, false}, {true, false}, {false, true}, {true, true}} {
		seal := spoolSealing{sealing{o.seal.ring, row.encrypt}, o.seal.keys, row.once}
		writer, err := spool.Open(o.folder, seal)
		if err != nil {
			t.Fatal(err)
		}
		onceSpool{writer, seal, o.folder, o.keys}.put(t, voice)
		for _, again := range []bool{false, true} {
			other, err := spool.Open(o.folder, spoolSealing{sealing{ring: o.seal.ring}, o.seal.keys, again})
			if err != nil {
				t.Fatal(err)
			}
			if got, err := (onceSpool{Dir: other}).read(t); got != voice || err != nil {
				t.Errorf("%+v, read with once=%v: %q, %v", row, again, got, err)
			}
			if err := other.Close(); err != nil {
				t.Error(err)
			}
		}
		if err := errors.Join(writer.Remove("17.pcap"), writer.Close()); err != nil {
			t.Error(err)
		}
	}
	if n := o.keyFiles(t); n != 0 {
		t.Errorf("%d keys are left", n)
	}
}
