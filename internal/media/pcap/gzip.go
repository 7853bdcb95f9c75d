package pcap

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
)

// ErrTooLarge says that a compressed capture does not fit into the limit.
var ErrTooLarge = errors.New("too large to inflate")

// IsGzip reports whether src begins like a gzip file.
func IsGzip(src io.ReaderAt) bool {
	var magic [3]byte
	n, _ := src.ReadAt(magic[:], 0)
	return n == len(magic) && magic == [3]byte{0x1f, 0x8b, 8}
}

// Inflate unpacks a gzip file into memory, at most limit bytes of it. A file
// that is cut gives what could be unpacked and cut = true. The error wraps
// ErrTooLarge or ErrFormat, or is ctx's or the source's.
func Inflate(ctx context.Context, src io.ReaderAt, size, limit int64) (content *bytes.Reader, cut bool, err error) {
	section := &errReader{r: io.NewSectionReader(src, 0, size)}
	z, err := gzip.NewReader(section)
	if err != nil {
		return nil, false, errors.Join(fmt.Errorf("%w: gzip: %w", ErrFormat, err), section.err)
	}
	var out bytes.Buffer
	for err == nil && int64(out.Len()) <= limit {
		if err = ctx.Err(); err != nil {
			return nil, false, err
		}
		_, err = io.CopyN(&out, z, 1<<20)
	}
	switch {
	case section.err != nil:
		return nil, false, section.err
	case int64(out.Len()) > limit:
		return nil, false, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, limit)
	case errors.Is(err, io.EOF):
		return bytes.NewReader(out.Bytes()), false, nil
	default:
		return bytes.NewReader(out.Bytes()), true, nil
	}
}

// errReader keeps the source's error apart from gzip's.
type errReader struct {
	r   io.Reader
	err error
}

func (e *errReader) Read(p []byte) (int, error) {
	n, err := e.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		e.err = err
	}
	return n, err
}
