// Package crypto owns callreel's keys and its sealed file: AES-256-GCM in
// segments, after the STREAM construction, under a header of 512 bytes. A sealed
// file opens at any place without being decrypted from the start, and a file that
// was cut, edited, reordered or mixed with another is refused.
//
// Each file (or each capture, when several files share one) has a data key of its
// own; the header carries it, wrapped by a key of the Ring. Changing the ring key
// of a file rewrites the header only (Rewrap). The package speaks io.Reader and
// io.Writer and knows neither recordings nor file names. doc/format.md describes
// the file byte by byte.
package crypto

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
)

const (
	// HeaderSize is the length of the header of a sealed file in bytes.
	HeaderSize = 512
	// SegmentSize is the number of clear bytes in each segment but the last.
	SegmentSize = 64 << 10
	// Overhead is what sealing adds to each segment: a nonce of 12 bytes and a
	// tag of 16.
	Overhead = 12 + 16

	sealedSegment = SegmentSize + Overhead
	maxSegments   = 1 << 32 // the limit for random nonces under one key
)

var (
	// ErrTampered says that a file is not as it was sealed.
	ErrTampered = errors.New("sealed file was changed or damaged")
	// ErrTruncated says that a sealed file has lost its end. It is an ErrTampered.
	ErrTruncated = fmt.Errorf("sealed file is cut short: %w", ErrTampered)
	// ErrUnknownKey says that the ring does not hold the key that a file names.
	// The error's text has the name.
	ErrUnknownKey = errors.New("key is not in the ring")
	// ErrNotSealed says that the bytes do not begin like a sealed file.
	ErrNotSealed = errors.New("not a sealed file")
	// ErrLength says that a writer was told another length than it was given.
	ErrLength = errors.New("length is not the one announced")
)

// DataKey is the key that the segments of one or more files are sealed with. The
// zero value is not a key.
type DataKey struct {
	secret [32]byte
	set    bool
}

// NewDataKey makes a random data key.
func NewDataKey() DataKey {
	k := DataKey{set: true}
	_, _ = rand.Read(k.secret[:]) // never fails; it ends the program instead
	return k
}

// String hides the key from logs.
func (DataKey) String() string { return "data key (hidden)" }

// GoString hides the key from %#v.
func (DataKey) GoString() string { return "crypto.DataKey{hidden}" }

// aead gives AES-256-GCM that puts a random nonce before what it seals.
func aead(key *[32]byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// SealedSize is the length of a sealed file with clear bytes of content.
func SealedSize(clear int64) int64 {
	segments := max((clear+SegmentSize-1)/SegmentSize, 1)
	return HeaderSize + clear + segments*Overhead
}

// clearSize is the reverse of SealedSize. It reports false for a length that no
// sealed file can have.
func clearSize(sealed int64) (int64, bool) {
	body := sealed - HeaderSize
	if body < Overhead {
		return 0, false
	}
	segments := (body + sealedSegment - 1) / sealedSegment
	clear := body - segments*Overhead
	return clear, SealedSize(clear) == sealed
}
