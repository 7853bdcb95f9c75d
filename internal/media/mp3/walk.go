package mp3

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
)

// ErrNotWhole says that a stream is not one that this package made, or not all of
// it.
var ErrNotWhole = errors.New("MP3 stream is not whole")

// Stream is what a walk has proved.
type Stream struct {
	Format
	Samples int64 // of a channel, without delay and padding
}

// Walker proves a stream that is written to it, in pieces of any size: its header
// frame, byte for byte, then each frame's header and that its side information
// does not promise more than the frame holds, then their number. It keeps one
// frame. The zero value is ready for use.
type Walker struct {
	stream Stream
	size   int   // of a frame; 0 until the first header is here
	frames int64 // those that were whole
	frame  []byte
	err    error
}

// Write never fails: End tells what is wrong.
func (w *Walker) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 && w.err == nil {
		missing := max(headerBytes, w.size) - len(w.frame)
		take := min(missing, len(p))
		w.frame, p = append(w.frame, p[:take]...), p[take:]
		if take == missing {
			w.next()
		}
	}
	return n, nil
}

// next looks at what is in frame: the first header, or a whole frame.
func (w *Walker) next() {
	if w.size == 0 {
		f, ok := formatOf(binary.BigEndian.Uint32(w.frame))
		if !ok {
			w.err = fmt.Errorf("%w: it does not begin with a frame of this encoder's", ErrNotWhole)
			return
		}
		w.stream.Format, w.size = f, f.FrameBytes()
		return
	}
	defer func() { w.frame = w.frame[:0] }()
	if w.frames == 0 {
		samples, ok := w.stream.told(w.frame)
		if !ok {
			w.err = fmt.Errorf("%w: its header frame is damaged", ErrNotWhole)
		}
		w.stream.Samples = samples
	} else if !w.stream.sound(w.frame) {
		w.err = fmt.Errorf("%w: frame %d is damaged", ErrNotWhole, w.frames)
	}
	w.frames++
}

// End returns what was proved, or an error that is ErrNotWhole and says where the
// stream is wrong.
func (w *Walker) End() (Stream, error) {
	want := w.stream.Frames(w.stream.Samples) + 1
	switch {
	case w.err != nil:
		return Stream{}, w.err
	case w.frames == 0:
		return Stream{}, fmt.Errorf("%w: it has %d bytes", ErrNotWhole, len(w.frame))
	case w.frames != want || len(w.frame) != 0:
		return Stream{}, fmt.Errorf("%w: it has %d frames and %d bytes, its header frame says %d frames",
			ErrNotWhole, w.frames, len(w.frame), want)
	}
	return w.stream, nil
}

// Walk proves the stream of r from its first byte to its end. Beside ErrNotWhole
// it returns the errors of r.
func Walk(r io.Reader) (Stream, error) {
	var w Walker
	if _, err := io.Copy(&w, r); err != nil {
		return Stream{}, err
	}
	return w.End()
}

// formatOf is the format of a stream whose frames have the header h.
func formatOf(h uint32) (f Format, ok bool) {
	f = Format{Rate: 8000, Channels: 2, Kbps: bitRates[min(14, h>>12&15)]}
	if h>>19&3 == 2 {
		f.Rate = 16000
	}
	if h>>6&3 == 3 {
		f.Channels = 1
	}
	return f, slices.Contains(BitRates(f.Rate, f.Channels), f.Kbps) && f.header() == h
}

// sound reports whether a frame has the stream's header and its side information
// stays within it: no reservoir, no more pairs than lines, no more bits than
// there are.
func (f Format) sound(frame []byte) bool {
	if binary.BigEndian.Uint32(frame) != f.header() || frame[headerBytes] != 0 {
		return false
	}
	side, bits := frame[headerBytes:f.sideBytes()], 0
	for c := range f.Channels {
		at := 8 + f.Channels + 63*c
		length, pairs := field(side, at, 12), field(side, at+12, 9)
		if pairs > FrameSamples/2 {
			return false
		}
		bits += length
	}
	return bits <= 8*(f.FrameBytes()-f.sideBytes())
}

// field is the n-bit number that begins at a bit.
func field(b []byte, at, n int) (v int) {
	for i := at; i < at+n; i++ {
		v = v<<1 | int(b[i/8]>>(7-i%8)&1)
	}
	return v
}
