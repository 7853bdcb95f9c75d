// Package shred keeps keys that are made for one file each and can be destroyed, so
// that no copy of the file opens any more, wherever it lies. A key lies in a file of its
// own, sealed with the ring, in a folder apart from what it opens. To destroy it, its file
// is overwritten, synced and removed.
//
// It cannot undo a copy that somebody has made of the key's file itself, nor what a disk
// or a file system keeps of overwritten blocks (doc/format.md).
package shred

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"callreel/crypto"
	"callreel/internal/atomicfile"
)

// prefix begins the names of the keys, so that a file's header tells one from the ring's.
const prefix = "once-"

const ext = ".key"

// maxKeyFile bounds the file of a key in bytes; one has about 1 kB.
const maxKeyFile = 64 << 10

// ErrDestroyed says that a key is not there: it was destroyed, or its folder is another.
var ErrDestroyed = errors.New("its own key is not there any more")

// Keys are the keys in a folder. It is safe for concurrent use.
type Keys struct {
	root *os.Root
	ring *crypto.Ring
}

// Open opens the folder, which it makes if it is not there.
func Open(folder string, ring *crypto.Ring) (*Keys, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("open the folder of keys: %w", err)
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, fmt.Errorf("open the folder of keys: %w", err)
	}
	return &Keys{root, ring}, nil
}

// Close gives the folder back.
func (k *Keys) Close() error { return k.root.Close() }

// Ours reports whether a key of this name is one of these, there or not.
func Ours(name string) bool {
	id, ours := strings.CutPrefix(name, prefix)
	b, err := hex.DecodeString(id)
	return ours && err == nil && len(b) == 16 && id == strings.ToLower(id)
}

// Make makes a key and returns a ring that holds it alone. It is durable.
func (k *Keys) Make() (name string, ring *crypto.Ring, err error) {
	var id [16]byte
	_, _ = rand.Read(id[:])
	name, ring = prefix+hex.EncodeToString(id[:]), crypto.NewRing()
	if err := ring.Generate(name); err != nil {
		return "", nil, fmt.Errorf("make a key: %w", err)
	}
	plain, err := ring.Encode()
	if err != nil {
		return "", nil, fmt.Errorf("make a key: %w", err)
	}
	sealed, err := crypto.SealBytes(k.ring, plain)
	if err != nil {
		return "", nil, fmt.Errorf("make a key: %w", err)
	}
	f, err := atomicfile.Create(k.root, name+ext, 0o600)
	if err != nil {
		return "", nil, fmt.Errorf("make a key: %w", err)
	}
	defer f.Abort()
	if _, err := f.Write(sealed); err != nil {
		return "", nil, fmt.Errorf("make a key: %w", err)
	}
	if err := f.Commit(); err != nil {
		return "", nil, fmt.Errorf("make a key: %w", err)
	}
	return name, ring, nil
}

// Ring returns a ring that holds one key alone, or ErrDestroyed.
func (k *Keys) Ring(name string) (*crypto.Ring, error) {
	if !Ours(name) {
		return nil, fmt.Errorf("%.80q is no key for one file", name)
	}
	info, err := k.root.Stat(name + ext)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrDestroyed
	}
	if err != nil {
		return nil, fmt.Errorf("read a key: %w", err)
	}
	if info.Size() > maxKeyFile {
		return nil, fmt.Errorf("read a key: %s has %d bytes, more than any key", name+ext, info.Size())
	}
	sealed, err := k.root.ReadFile(name + ext)
	if err != nil {
		return nil, fmt.Errorf("read a key: %w", err)
	}
	plain, err := crypto.OpenBytes(k.ring, sealed)
	if err != nil {
		return nil, fmt.Errorf("read the key %s: %w", name, err)
	}
	ring, err := crypto.DecodeRing(plain)
	if err != nil {
		return nil, fmt.Errorf("read the key %s: %w", name, err)
	}
	return ring, nil
}

// Destroy destroys a key durably. That it is not there is success.
func (k *Keys) Destroy(name string) error {
	if !Ours(name) {
		return fmt.Errorf("%.80q is no key for one file", name)
	}
	return k.wipe(name + ext)
}

// wipe overwrites a file where it lies, and removes it.
func (k *Keys) wipe(file string) error {
	f, err := k.root.OpenFile(file, os.O_WRONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return atomicfile.SyncIn(k.root, ".") // a removal that was not synced yet
	}
	if err != nil {
		return fmt.Errorf("destroy a key: %w", err)
	}
	if err := errors.Join(overwrite(f), f.Close()); err != nil {
		return fmt.Errorf("destroy a key: %w", err)
	}
	if err := k.root.Remove(file); err != nil {
		return fmt.Errorf("destroy a key: %w", err)
	}
	return atomicfile.SyncIn(k.root, ".")
}

func overwrite(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	noise := make([]byte, info.Size())
	_, _ = rand.Read(noise)
	_, err = f.WriteAt(noise, 0)
	return errors.Join(err, f.Sync())
}

// Keep destroys all keys but those named, and what a crash left of any. It returns how
// many keys it destroyed. Call it before anything makes one.
func (k *Keys) Keep(names []string) (int, error) {
	dir, err := k.root.Open(".")
	if err != nil {
		return 0, fmt.Errorf("list the keys: %w", err)
	}
	entries, err := dir.ReadDir(-1)
	if err = errors.Join(err, dir.Close()); err != nil {
		return 0, fmt.Errorf("list the keys: %w", err)
	}
	n := 0
	for _, e := range entries {
		name, key := strings.CutSuffix(e.Name(), ext)
		half := strings.HasPrefix(e.Name(), atomicfile.Prefix)
		if !e.Type().IsRegular() || !half && (!key || !Ours(name) || slices.Contains(names, name)) {
			continue
		}
		if err := k.wipe(e.Name()); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}
