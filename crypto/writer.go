package crypto

import (
	"bytes"
	"crypto/cipher"
	"fmt"
	"io"
)

// Options say how a file is sealed. The zero value is the usual case, with
// ClearLen set.
type Options struct {
	Key      string  // name of the ring key, empty for the current one
	Data     DataKey // zero value: a new one
	ClearLen int64   // bytes that will be written, -1 if that is not known
}

// NewWriter begins a sealed file on w with the ring's current key and a data key
// of its own. clearLen is the number of bytes that will be written, or -1. Close
// writes the last segment; without it the file counts as cut. Close does not
// close w.
func NewWriter(w io.Writer, ring *Ring, clearLen int64) (io.WriteCloser, error) {
	return NewWriterWith(w, ring, Options{ClearLen: clearLen})
}

// NewWriterWith is NewWriter with a choice of keys. It returns ErrLength from
// Write or Close when the length is not the one announced.
func NewWriterWith(w io.Writer, ring *Ring, o Options) (io.WriteCloser, error) {
	if o.ClearLen < -1 {
		return nil, fmt.Errorf("seal: clear length %d: %w", o.ClearLen, ErrLength)
	}
	k, err := ring.sealing(o.Key)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	if !o.Data.set {
		o.Data = NewDataKey()
	}
	h := newHeader(o.ClearLen)
	if err := h.wrap(&k, o.Data); err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	gcm, err := aead(&o.Data.secret)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	head := h.encode()
	if _, err := w.Write(head[:]); err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return &writer{w: w, gcm: gcm, head: h, clear: make([]byte, 0, SegmentSize)}, nil
}

// writer holds one segment back, because only Close knows which is the last.
type writer struct {
	w     io.Writer
	gcm   cipher.AEAD
	head  header
	index int64
	total int64
	clear []byte
	out   []byte
	err   error // the first failure; it stays
	done  bool
}

func (s *writer) Write(p []byte) (int, error) {
	if s.done {
		return 0, fmt.Errorf("seal: written after Close")
	}
	if s.head.clearLen >= 0 && s.total+int64(len(p)) > s.head.clearLen && s.err == nil {
		s.err = fmt.Errorf("seal: more than the %d bytes announced: %w", s.head.clearLen, ErrLength)
	}
	n := 0
	for n < len(p) && s.err == nil {
		if len(s.clear) == SegmentSize {
			s.flush(false)
			continue
		}
		k := copy(s.clear[len(s.clear):SegmentSize], p[n:])
		s.clear = s.clear[:len(s.clear)+k]
		n += k
	}
	s.total += int64(n)
	return n, s.err
}

func (s *writer) Close() error {
	if s.done {
		return s.err
	}
	if s.err == nil && s.head.clearLen >= 0 && s.total != s.head.clearLen {
		s.err = fmt.Errorf("seal: %d bytes written, %d announced: %w", s.total, s.head.clearLen, ErrLength)
	}
	if s.err == nil {
		s.flush(true)
	}
	s.done = true
	clear(s.clear[:cap(s.clear)])
	return s.err
}

func (s *writer) flush(last bool) {
	if s.index >= maxSegments {
		s.err = fmt.Errorf("seal: file is too long")
		return
	}
	s.out = s.gcm.Seal(s.out[:0], nil, s.clear, s.head.segmentData(s.index, last))
	_, s.err = s.w.Write(s.out)
	s.clear = s.clear[:0]
	s.index++
}

// SealBytes seals a small document.
func SealBytes(ring *Ring, clear []byte) ([]byte, error) {
	var b bytes.Buffer
	b.Grow(int(SealedSize(int64(len(clear)))))
	w, err := NewWriter(&b, ring, int64(len(clear)))
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(clear); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// OpenBytes opens what SealBytes made.
func OpenBytes(ring *Ring, sealed []byte) ([]byte, error) {
	r, err := OpenAt(bytes.NewReader(sealed), int64(len(sealed)), ring)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.NewSectionReader(r, 0, r.Size()))
}
