package service

import (
	"encoding/hex"
	"errors"
	"hash"
	"io"

	"callreel/crypto"
	"callreel/internal/spool"
)

// sealing seals spool files with the ring, one data key per file, if the setup
// says so. It opens sealed and plain ones, so that the setting can be changed
// while captures wait.
type sealing struct {
	ring *crypto.Ring
	seal bool
}

type plainWriter struct{ io.Writer }

func (plainWriter) Close() error { return nil }

// Seal returns a writer that seals into w, or w itself.
func (k sealing) Seal(w io.Writer) (io.WriteCloser, error) {
	if !k.seal {
		return plainWriter{w}, nil
	}
	return crypto.NewWriter(w, k.ring, -1)
}

// Unseal opens what Seal wrote.
func (k sealing) Unseal(r io.ReaderAt, size int64) (spool.Clear, error) {
	sealed, err := isSealed(r)
	if err != nil {
		return nil, err
	}
	if !sealed {
		return io.NewSectionReader(r, 0, size), nil
	}
	return crypto.OpenAt(r, size, k.ring)
}

// isSealed looks at the first bytes of a file.
func isSealed(r io.ReaderAt) (bool, error) {
	first := make([]byte, 8)
	n, err := r.ReadAt(first, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	return crypto.IsSealed(first[:n]), nil
}

// audioOut hands the clear audio on, sealed or not. What is sealed it digests first; what
// is not, its taker does.
type audioOut struct {
	io.Writer
	sum  hash.Hash
	seal io.Closer
}

// Close writes the seal's end; without a seal it does nothing.
func (o *audioOut) Close() error {
	if o.seal == nil {
		return nil
	}
	return o.seal.Close()
}

// Sum is the SHA-256 of the clear audio in lower-case hex; empty where nothing is sealed.
func (o *audioOut) Sum() string {
	if o.sum == nil {
		return ""
	}
	return hex.EncodeToString(o.sum.Sum(nil))
}
