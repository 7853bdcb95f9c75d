package service

import (
	"errors"
	"io"

	"callreel/crypto"
	"callreel/internal/shred"
	"callreel/internal/spool"
)

// onceFolder follows the name of the key ring: the folder of the keys that single copies
// have, apart from them.
const onceFolder = ".captures"

// spoolSealing seals the spool's copies. Where most calls are thrown away (TCR) each copy
// has a key of its own, which is destroyed before the copy is removed: then no copy of
// the copy opens either. It opens whatever was ever written, so that the mode can be
// changed while captures wait.
type spoolSealing struct {
	sealing
	keys *shred.Keys
	once bool // each copy has a key of its own
}

// Seal returns a writer that seals into w, or w itself.
func (k spoolSealing) Seal(w io.Writer) (io.WriteCloser, error) {
	if !k.once {
		return k.sealing.Seal(w)
	}
	name, ring, err := k.keys.Make()
	if err != nil {
		return nil, err
	}
	sealed, err := crypto.NewWriter(w, ring, -1)
	if err != nil {
		return nil, errors.Join(err, k.keys.Destroy(name))
	}
	return &onceWriter{WriteCloser: sealed, destroy: func() error { return k.keys.Destroy(name) }}, nil
}

// onceWriter is sealed with a key of its own.
type onceWriter struct {
	io.WriteCloser
	destroy func() error
}

// Abort destroys the key of what will never be read.
func (w *onceWriter) Abort() error { return w.destroy() }

// Unseal opens what Seal wrote.
func (k spoolSealing) Unseal(r io.ReaderAt, size int64) (spool.Clear, error) {
	name, err := k.KeyOf(r)
	if err != nil {
		return nil, err
	}
	if name == "" {
		return k.sealing.Unseal(r, size)
	}
	ring, err := k.keys.Ring(name)
	if err != nil {
		return nil, err
	}
	return crypto.OpenAt(r, size, ring)
}

// KeyOf names the key of a copy that has one of its own, else "".
func (k spoolSealing) KeyOf(r io.ReaderAt) (string, error) {
	var b [crypto.HeaderSize]byte
	n, err := r.ReadAt(b[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	if n < len(b) || !crypto.IsSealed(b[:]) {
		return "", nil
	}
	name, err := crypto.KeyName(b)
	if err != nil || !shred.Ours(name) {
		return "", nil //nolint:nilerr // a header that cannot be read names no key of ours
	}
	return name, nil
}

// Forget destroys a key that KeyOf named.
func (k spoolSealing) Forget(key string) error { return k.keys.Destroy(key) }
