package pcap

import (
	"errors"
	"fmt"
	"io"
)

// Window reads from an io.ReaderAt through one buffer, for callers that go
// forward most of the time. It is not safe for concurrent use.
type Window struct {
	src   io.ReaderAt
	size  int64
	buf   []byte
	start int64 // offset of buf[0]
	have  int   // valid bytes in buf
}

// NewWindow makes a window over the first size bytes of src with a buffer of
// length bytes.
func NewWindow(src io.ReaderAt, size int64, length int) *Window {
	return &Window{src: src, size: size, buf: make([]byte, length)}
}

// At returns the n bytes at offset off. They are valid until the next call. It
// returns io.ErrUnexpectedEOF when they do not lie within the file; any other
// error is the source's.
func (w *Window) At(off int64, n int) ([]byte, error) {
	if i := off - w.start; i >= 0 && i+int64(n) <= int64(w.have) {
		return w.buf[i : i+int64(n)], nil
	}
	return w.load(off, n)
}

func (w *Window) load(off int64, n int) ([]byte, error) {
	if off < 0 || n < 0 || int64(n) > w.size-off {
		return nil, io.ErrUnexpectedEOF
	}
	if n > len(w.buf) {
		w.buf = make([]byte, n)
	}
	want := int(min(int64(len(w.buf)), w.size-off))
	got, err := w.src.ReadAt(w.buf[:want], off)
	w.start, w.have = off, got
	if got < n {
		if err == nil || errors.Is(err, io.EOF) {
			err = fmt.Errorf("the file ends at %d, %d bytes were announced", off+int64(got), w.size)
		}
		return nil, fmt.Errorf("read capture at %d: %w", off, err)
	}
	return w.buf[:n], nil
}
