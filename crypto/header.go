package crypto

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"io"
	"unicode/utf8"
)

const (
	version   = 1
	maxName   = 64
	wrappedAt = 144
	wrapped   = 12 + 32 + 16 // nonce, data key, tag
)

// magic begins every sealed file. Its first byte is no text in any encoding in
// use, and the line ends show a transfer that has changed them.
var magic = [8]byte{0x8C, 'C', 'R', 'S', '\r', '\n', 0x1A, '\n'} //nolint:gochecknoglobals // a constant

// IsSealed reports whether a file that begins with first (8 bytes or more) is a
// sealed one.
func IsSealed(first []byte) bool {
	return len(first) >= len(magic) && bytes.Equal(first[:len(magic)], magic[:])
}

// header is the parsed form of the first 512 bytes. All numbers are big-endian:
//
//	0   8 magic
//	8   2 version
//	10  2 kind of the ring key: 0 random, 1 passphrase (Argon2id)
//	12  4 clear bytes in a segment
//	16  8 clear length of the file, all ones if it was not known
//	24 16 file id, random
//	40 64 name of the ring key, UTF-8, padded with zeros
//	104 8 id of the ring key
//	112 16 salt
//	128 4 Argon2id passes
//	132 4 Argon2id memory in KiB
//	136 4 Argon2id lanes
//	140 4 zero
//	144 60 the data key, wrapped: nonce, ciphertext, tag
//	204 308 zero
//
// Bytes 0–9 and 12–39 stay the same for the life of the file: they are associated
// data of every segment. The whole header, its wrapped key replaced by zeros, is
// associated data of the wrapping.
type header struct {
	clearLen int64 // -1 = unknown
	fileID   [16]byte
	name     string
	keyID    [8]byte
	derive   derivation
	wrapped  [wrapped]byte
}

func newHeader(clearLen int64) header {
	h := header{clearLen: clearLen}
	_, _ = rand.Read(h.fileID[:])
	return h
}

func (h *header) encode() [HeaderSize]byte {
	var b [HeaderSize]byte
	copy(b[:], magic[:])
	be := binary.BigEndian
	be.PutUint16(b[8:], version)
	be.PutUint16(b[10:], uint16(h.derive.kind))
	be.PutUint32(b[12:], SegmentSize)
	be.PutUint64(b[16:], uint64(h.clearLen))
	copy(b[24:40], h.fileID[:])
	copy(b[40:104], h.name)
	copy(b[104:112], h.keyID[:])
	copy(b[112:128], h.derive.salt[:])
	be.PutUint32(b[128:], h.derive.passes)
	be.PutUint32(b[132:], h.derive.memory)
	be.PutUint32(b[136:], uint32(h.derive.lanes))
	copy(b[wrappedAt:], h.wrapped[:])
	return b
}

func decodeHeader(b *[HeaderSize]byte) (header, error) {
	if !IsSealed(b[:]) {
		return header{}, ErrNotSealed
	}
	be := binary.BigEndian
	if v := be.Uint16(b[8:]); v != version {
		return header{}, fmt.Errorf("sealed file of version %d, this program knows %d: %w", v, version, ErrTampered)
	}
	h := header{clearLen: int64(be.Uint64(b[16:]))}
	copy(h.fileID[:], b[24:40])
	h.name = string(bytes.TrimRight(b[40:104], "\x00"))
	copy(h.keyID[:], b[104:112])
	h.derive = derivation{kind: keyKind(be.Uint16(b[10:])), passes: be.Uint32(b[128:]), memory: be.Uint32(b[132:])}
	lanes := be.Uint32(b[136:])
	h.derive.lanes = uint8(min(lanes, 255))
	copy(h.derive.salt[:], b[112:128])
	copy(h.wrapped[:], b[wrappedAt:])
	// What this program would not have written was not written by it.
	if h.clearLen < -1 || !validName(h.name) || h.encode() != *b {
		return header{}, fmt.Errorf("header: %w", ErrTampered)
	}
	return h, nil
}

// segmentData is the associated data of one segment.
func (h *header) segmentData(index int64, last bool) []byte {
	b := h.encode()
	b[10], b[11] = 0, 0 // the kind of key changes when the file is rewrapped
	data := binary.BigEndian.AppendUint64(b[:40:40], uint64(index))
	if last {
		return append(data, 1)
	}
	return append(data, 0)
}

// wrapData is the associated data of the wrapped key.
func (h *header) wrapData() []byte {
	bare := *h
	bare.wrapped = [wrapped]byte{}
	b := bare.encode()
	return b[:]
}

func (h *header) wrap(k *ringKey, data DataKey) error {
	h.name, h.keyID, h.derive = k.name, k.id(), k.derive
	gcm, err := aead(&k.secret)
	if err != nil {
		return err
	}
	copy(h.wrapped[:], gcm.Seal(nil, nil, data.secret[:], h.wrapData()))
	return nil
}

func (h *header) unwrap(k *ringKey) (DataKey, error) {
	gcm, err := aead(&k.secret)
	if err != nil {
		return DataKey{}, err
	}
	clear, err := gcm.Open(nil, nil, h.wrapped[:], h.wrapData())
	if err != nil {
		return DataKey{}, fmt.Errorf("header: %w", ErrTampered)
	}
	data := DataKey{set: true}
	copy(data.secret[:], clear)
	return data, nil
}

func validName(s string) bool {
	if s == "" || len(s) > maxName || !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if r < 0x20 || r == 0x7F {
			return false
		}
	}
	return true
}

// readHeader reads and opens the header at the start of r.
func readHeader(r io.Reader, ring *Ring) (header, DataKey, error) {
	var b [HeaderSize]byte
	n, err := io.ReadFull(r, b[:])
	switch {
	case err == nil:
	case n >= len(magic) && !IsSealed(b[:]), n < len(magic) && isEnd(err):
		return header{}, DataKey{}, ErrNotSealed
	case isEnd(err):
		return header{}, DataKey{}, fmt.Errorf("header ends after %d bytes: %w", n, ErrTruncated)
	default:
		return header{}, DataKey{}, fmt.Errorf("read header: %w", err)
	}
	return openHeader(&b, ring)
}

func openHeader(b *[HeaderSize]byte, ring *Ring) (header, DataKey, error) {
	h, err := decodeHeader(b)
	if err != nil {
		return header{}, DataKey{}, err
	}
	k, err := ring.find(h.name, h.keyID)
	if err != nil {
		return header{}, DataKey{}, err
	}
	data, err := h.unwrap(&k)
	return h, data, err
}

func isEnd(err error) bool { return err == io.EOF || err == io.ErrUnexpectedEOF } //nolint:errorlint // io.ReadFull gives them bare

// KeyName tells which key of the ring a header names, without opening it.
func KeyName(b [HeaderSize]byte) (string, error) {
	h, err := decodeHeader(&b)
	return h.name, err
}

// DataKeyOf opens a header and gives the data key of its file, so that further
// files of the same capture can be sealed with it after a restart.
func DataKeyOf(b [HeaderSize]byte, ring *Ring) (DataKey, error) {
	_, data, err := openHeader(&b, ring)
	return data, err
}

// Rewrap gives the header that names toKey instead of the key it names now. The
// segments stay as they are. Both keys must be in the ring; toKey may not be
// retired.
func Rewrap(b [HeaderSize]byte, ring *Ring, toKey string) ([HeaderSize]byte, error) {
	h, data, err := openHeader(&b, ring)
	if err != nil {
		return b, fmt.Errorf("rewrap: %w", err)
	}
	k, err := ring.sealing(toKey)
	if err != nil {
		return b, fmt.Errorf("rewrap: %w", err)
	}
	if err := h.wrap(&k, data); err != nil {
		return b, fmt.Errorf("rewrap: %w", err)
	}
	return h.encode(), nil
}
