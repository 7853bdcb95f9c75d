package convert

import (
	"bytes"
	"context"

	"callreel/internal/media/g711"
)

// track makes one channel of the file, eight seconds at a time.
type track struct {
	law    law
	factor int // samples a tick
	voices []*voice
	idle   []byte // a piece of silence
	*part         // being made
	made   chan *part
	free   chan *part

	drawn     bool // peaks are wanted
	peaks     []byte
	peakBytes [256]int8
}

// part is eight seconds of a channel.
type part struct {
	bytes    []byte  // the samples in G.711
	linear   []int16 // or as numbers, while mixing or for PCM
	err      error   // why it could not be made
	panicked any     // the same, for whoever waits to go on with
}

// silence is the length of a piece of silence, in bytes.
const silence = 4096

// partsAhead is how many parts of a channel there are at the same time.
const partsAhead = 3

func (p *plan) tracks() []*track {
	tracks := make([]*track, p.out.channels)
	for i, sides := range p.out.sides {
		t := &track{law: p.out.law, factor: p.out.factor, drawn: !p.o.NoPeaks}
		if t.drawn {
			t.peaks = make([]byte, 0, 2*(p.ticks/peakTicks+1))
		}
		for code, sample := range t.law.decode() {
			t.peakBytes[code] = int8(sample >> 8)
		}
		for _, s := range sides {
			t.voices = append(t.voices, p.voice(s))
		}
		t.idle = bytes.Repeat([]byte{t.law.idle()}, silence)
		t.made, t.free = make(chan *part, partsAhead+1), make(chan *part, partsAhead)
		for range partsAhead {
			t.free <- &part{}
		}
		tracks[i] = t
	}
	return tracks
}

// voice is a side's, with a band of its own where it has wide voice or the file
// is wide.
func (p *plan) voice(s side) *voice {
	v := &voice{segments: p.sides[s], read: p.reader(), factor: p.out.factor}
	for _, g := range v.segments {
		if p.out.factor == 2 || g.stream.uses((*codec).wide) {
			v.wide = newWide(p.out.factor)
			break
		}
	}
	return v
}

// run makes all parts in turn, as there is room, until ctx is done.
func (t *track) run(ctx context.Context, ticks int64) {
	defer func() {
		if p := recover(); p != nil {
			t.made <- &part{panicked: p}
		}
	}()
	for from := int64(0); from < ticks; from += chunk {
		select {
		case t.part = <-t.free:
		case <-ctx.Done():
			t.made <- &part{err: ctx.Err()}
			return
		}
		t.err = t.make(from, int(min(chunk, ticks-from)))
		t.made <- t.part
		if t.err != nil {
			return
		}
	}
}

// make fills the track with n ticks from position from on. Where only one
// segment sounds its bytes are copied; else the samples are added.
func (t *track) make(from int64, n int) error {
	t.bytes = resized(t.bytes, n)
	sounding, linear := 0, t.law == noLaw
	for _, v := range t.voices {
		linear = linear || v.wide != nil
		sounding += len(v.sounding(from, int64(n)))
	}
	if !linear && sounding <= 1 {
		err := t.copy(from)
		t.peaksOfBytes()
		return err
	}
	t.linear = resized(t.linear, n*t.factor)
	clear(t.linear)
	for _, v := range t.voices {
		if err := v.mix(t.linear, from, int64(n), t.law); err != nil {
			return err
		}
	}
	t.peaksOfSamples()
	t.encode()
	return nil
}

// resized is b with n elements; what is in them does not matter.
func resized[T any](b []T, n int) []T {
	if cap(b) < n {
		return make([]T, n)
	}
	return b[:n]
}

func (t *track) copy(from int64) error {
	for b := t.bytes; len(b) > 0; {
		b = b[copy(b, t.idle):]
	}
	for _, v := range t.voices {
		if err := v.copy(t.bytes, from, t.law); err != nil {
			return err
		}
	}
	return nil
}

func (t *track) encode() {
	switch t.law {
	case lawA:
		for i, x := range t.linear {
			t.bytes[i] = g711.EncodeA(x)
		}
	case lawMu:
		for i, x := range t.linear {
			t.bytes[i] = g711.EncodeMu(x)
		}
	case noLaw:
	}
}
