package shred_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"callreel/crypto"
	"callreel/internal/shred"
)

func folder(t *testing.T) (*shred.Keys, string) {
	t.Helper()
	ring := crypto.NewRing()
	if err := ring.Generate("default"); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "keys")
	k, err := shred.Open(dir, ring)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.Close() })
	return k, dir
}

// TestDestroy seals with a key of its own, opens, destroys, and opens no more; and what
// was the key's file holds nothing of it, not even in the place where it lay.
func TestDestroy(t *testing.T) {
	k, dir := folder(t)
	name, ring, err := k.Make()
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := crypto.SealBytes(ring, []byte("the voice of a caller"))
	if err != nil {
		t.Fatal(err)
	}
	again, err := k.Ring(name)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := crypto.OpenBytes(again, sealed); err != nil || string(got) != "the voice of a caller" {
		t.Fatalf("opened %q, %v", got, err)
	}
	file := filepath.Join(dir, name+".key")
	held := filepath.Join(dir, "held") // the same blocks under another name
	if err := os.Link(file, held); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(held)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(k.Destroy(name), k.Destroy(name)); err != nil {
		t.Fatal(err)
	}
	after, err := os.ReadFile(held)
	if err != nil || len(after) != len(before) || bytes.Contains(after, before[:32]) || bytes.Contains(after, before[len(before)-64:]) {
		t.Errorf("where the key lay there are %d bytes, %v; before %d", len(after), err, len(before))
	}
	if _, err := k.Ring(name); !errors.Is(err, shred.ErrDestroyed) {
		t.Errorf("the key after its end: %v", err)
	}
}

// TestKeep destroys what nobody needs and what a crash left half-written.
func TestKeep(t *testing.T) {
	k, dir := folder(t)
	kept, _, err1 := k.Make()
	lost, _, err2 := k.Make()
	err3 := os.WriteFile(filepath.Join(dir, "readme.txt"), nil, 0o600)
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	if n, err := k.Keep([]string{kept}); n != 1 || err != nil {
		t.Errorf("destroyed %d, %v", n, err)
	}
	if _, err := k.Ring(kept); err != nil {
		t.Error(err)
	}
	if _, err := k.Ring(lost); !errors.Is(err, shred.ErrDestroyed) {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "readme.txt")); err != nil {
		t.Error("what is no key was removed")
	}
}

func TestHostileKeys(t *testing.T) {
	k, dir := folder(t)
	for _, name := range []string{"", "default", "once-", "once-..", "once-../../x", "once-0123456789ABCDEF0123456789ABCDEF", "once-0123"} {
		_, err := k.Ring(name)
		if shred.Ours(name) || err == nil || k.Destroy(name) == nil {
			t.Errorf("%q is taken for a key's name", name)
		}
	}
	name, _, err := k.Make()
	if err != nil {
		t.Fatal(err)
	}
	for what, content := range map[string][]byte{"nothing": {}, "text": []byte("no key"), "too much": make([]byte, 70<<10)} {
		if err := os.WriteFile(filepath.Join(dir, name+".key"), content, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := k.Ring(name); err == nil || errors.Is(err, shred.ErrDestroyed) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
