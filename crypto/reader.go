package crypto

import (
	"bufio"
	"crypto/cipher"
	"errors"
	"fmt"
	"io"
	"sync"
)

// NewReader opens a sealed file from its start to its end. It gives only bytes
// of segments that are proved; after an error it gives no more. io.EOF comes only
// after the last segment was proved to be the last.
func NewReader(r io.Reader, ring *Ring) (io.Reader, error) {
	h, data, err := readHeader(r, ring)
	if err != nil {
		return nil, fmt.Errorf("open sealed file: %w", err)
	}
	gcm, err := aead(&data.secret)
	if err != nil {
		return nil, fmt.Errorf("open sealed file: %w", err)
	}
	return &reader{r: bufio.NewReaderSize(r, sealedSegment+1), gcm: gcm, head: h}, nil
}

type reader struct {
	r     *bufio.Reader
	gcm   cipher.AEAD
	head  header
	index int64
	total int64
	buf   []byte // clear bytes of one segment
	rest  []byte // what of buf was not given yet
	err   error
}

func (s *reader) Read(p []byte) (int, error) {
	for len(s.rest) == 0 {
		if s.err != nil {
			return 0, s.err
		}
		if len(p) == 0 {
			return 0, nil
		}
		s.next()
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// next opens one segment. It peeks one byte further: a segment is the last when
// nothing follows it.
func (s *reader) next() {
	sealed, err := s.r.Peek(sealedSegment + 1)
	last := errors.Is(err, io.EOF)
	if err != nil && !last {
		s.err = fmt.Errorf("read segment %d: %w", s.index, err)
		return
	}
	sealed = sealed[:min(len(sealed), sealedSegment)]
	s.buf, s.err = openSegment(s.gcm, &s.head, s.buf[:0], sealed, s.index, last)
	if s.err != nil {
		return
	}
	s.rest = s.buf
	s.total += int64(len(s.buf))
	s.index++
	_, _ = s.r.Discard(len(sealed))
	if last {
		s.err = s.finish()
	}
}

func (s *reader) finish() error {
	if s.head.clearLen >= 0 && s.total != s.head.clearLen {
		return fmt.Errorf("%d bytes, %d announced: %w", s.total, s.head.clearLen, ErrTampered)
	}
	return io.EOF
}

// openSegment appends the clear bytes of a sealed segment to dst. Where the file
// ends but the segment was not sealed as its last, the file is cut.
func openSegment(gcm cipher.AEAD, h *header, dst, sealed []byte, index int64, last bool) ([]byte, error) {
	if len(sealed) < Overhead {
		return nil, fmt.Errorf("segment %d: %w", index, ErrTruncated)
	}
	clear, err := gcm.Open(dst, nil, sealed, h.segmentData(index, last))
	if err == nil {
		return clear, nil
	}
	if last {
		if _, err := gcm.Open(dst, nil, sealed, h.segmentData(index, false)); err == nil {
			return nil, fmt.Errorf("segment %d is not the last: %w", index, ErrTruncated)
		}
	}
	return nil, fmt.Errorf("segment %d: %w", index, ErrTampered)
}

// ReaderAt is a sealed file that is open at any place. It keeps the segment that
// was read last. It is safe for concurrent use.
type ReaderAt struct {
	r    io.ReaderAt
	gcm  cipher.AEAD
	head header
	size int64 // clear bytes
	last int64 // index of the last segment

	mu     sync.Mutex
	held   int64 // index of the segment in buf, -1 = none
	buf    []byte
	sealed []byte
}

// OpenAt opens a sealed file of size bytes for reading at any place. It proves
// the header and the last segment at once, so that a file which has lost its end
// does not open.
func OpenAt(r io.ReaderAt, size int64, ring *Ring) (*ReaderAt, error) {
	h, data, err := readHeader(io.NewSectionReader(r, 0, min(size, HeaderSize)), ring)
	if err != nil {
		return nil, fmt.Errorf("open sealed file: %w", err)
	}
	clear, possible := clearSize(size)
	switch {
	case h.clearLen >= 0 && clear < h.clearLen:
		return nil, fmt.Errorf("open sealed file: %d bytes, want %d: %w", size, SealedSize(h.clearLen), ErrTruncated)
	case !possible:
		return nil, fmt.Errorf("open sealed file: %d bytes is no possible length: %w", size, ErrTruncated)
	case h.clearLen >= 0 && clear != h.clearLen:
		return nil, fmt.Errorf("open sealed file: %d bytes, want %d: %w", size, SealedSize(h.clearLen), ErrTampered)
	}
	gcm, err := aead(&data.secret)
	if err != nil {
		return nil, fmt.Errorf("open sealed file: %w", err)
	}
	a := &ReaderAt{r: r, gcm: gcm, head: h, size: clear, held: -1}
	a.last = max((clear+SegmentSize-1)/SegmentSize, 1) - 1
	if err := a.load(a.last); err != nil {
		return nil, fmt.Errorf("open sealed file: %w", err)
	}
	return a, nil
}

// Size is the number of clear bytes.
func (a *ReaderAt) Size() int64 { return a.size }

// KeyName is the name of the ring key that the file names.
func (a *ReaderAt) KeyName() string { return a.head.name }

// ReadAt reads clear bytes. It proves every segment it touches.
func (a *ReaderAt) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("read sealed file at %d: negative offset", off)
	}
	n := 0
	for n < len(p) && off < a.size {
		k, err := a.readOne(p[n:], off)
		if err != nil {
			return n, err
		}
		n += k
		off += int64(k)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (a *ReaderAt) readOne(p []byte, off int64) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.load(off / SegmentSize); err != nil {
		return 0, err
	}
	return copy(p, a.buf[off%SegmentSize:]), nil
}

// load puts a segment into buf, unless it is there.
func (a *ReaderAt) load(index int64) error {
	if a.held == index {
		return nil
	}
	clear := min(a.size-index*SegmentSize, SegmentSize)
	if a.sealed == nil {
		a.sealed = make([]byte, min(a.size, SegmentSize)+Overhead)
	}
	sealed := a.sealed[:clear+Overhead]
	if n, err := a.r.ReadAt(sealed, HeaderSize+index*sealedSegment); n < len(sealed) {
		if errors.Is(err, io.EOF) {
			err = ErrTruncated
		}
		return fmt.Errorf("read segment %d: %w", index, err)
	}
	a.held = -1
	buf, err := openSegment(a.gcm, &a.head, a.buf[:0], sealed, index, index == a.last)
	if err != nil {
		return err
	}
	a.buf, a.held = buf, index
	return nil
}
