package convert

import (
	"bytes"

	"callreel/internal/media/g711"
	"callreel/internal/media/pcap"
)

// track makes one channel of the file, eight seconds at a time.
type track struct {
	law    law
	factor int // samples a tick
	voices []*voice
	bytes  []byte  // the samples in G.711
	idle   []byte  // a chunk of silence
	linear []int16 // or as numbers, while mixing or for PCM

	madeBytes  []byte // the same of the eight seconds before, to be written
	madeLinear []int16

	peaks     []byte
	peakBytes [256]int8
}

func (p *plan) tracks() []*track {
	tracks := make([]*track, p.out.channels)
	for i, sides := range p.out.sides {
		t := &track{law: p.out.law, factor: p.out.factor, peaks: make([]byte, 0, 2*(p.ticks/peakTicks+1))}
		for code, sample := range t.law.decode() {
			t.peakBytes[code] = int8(sample >> 8)
		}
		for _, s := range sides {
			t.voices = append(t.voices, p.voice(s))
		}
		t.idle = bytes.Repeat([]byte{t.law.idle()}, chunk)
		t.bytes, t.linear = make([]byte, chunk), make([]int16, chunk*t.factor)
		t.madeBytes, t.madeLinear = make([]byte, 0, chunk), make([]int16, 0, chunk*t.factor)
		tracks[i] = t
	}
	return tracks
}

// voice is a side's, with a band of its own where it has wide voice or the file
// is wide.
func (p *plan) voice(s side) *voice {
	v := &voice{segments: p.sides[s], arena: p.arena, win: pcap.NewWindow(p.src, p.src.Size(), sideWindow)}
	for _, g := range v.segments {
		if p.out.factor == 2 || g.stream.uses(lawWide) {
			v.wide = newWide(p.out.factor)
			break
		}
	}
	return v
}

// make fills the track with n ticks from position from on. Where only one
// segment sounds its bytes are copied; else the samples are added.
func (t *track) make(from int64, n int) error {
	t.bytes, t.linear = t.bytes[:n], t.linear[:n*t.factor]
	var sounding []*segment
	var owner *voice
	linear := t.law == noLaw
	for _, v := range t.voices {
		linear = linear || v.wide != nil
		for _, g := range v.sounding(from, int64(n)) {
			sounding, owner = append(sounding, g), v
		}
	}
	if !linear && len(sounding) <= 1 {
		err := t.copy(owner, sounding, from)
		t.peaksOfBytes()
		return err
	}
	clear(t.linear)
	for _, v := range t.voices {
		if err := v.mix(t.linear, from, n, t.law); err != nil {
			return err
		}
	}
	t.peaksOfSamples()
	t.encode()
	return nil
}

// turn hands over what was made, and takes the room of what was written.
func (t *track) turn() {
	t.bytes, t.madeBytes = t.madeBytes[:cap(t.madeBytes)], t.bytes
	t.linear, t.madeLinear = t.madeLinear[:cap(t.madeLinear)], t.linear
}

func (t *track) copy(v *voice, sounding []*segment, from int64) error {
	copy(t.bytes, t.idle)
	if len(sounding) == 0 {
		return nil
	}
	return v.copy(sounding[0], t.bytes, from, t.law)
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
	case noLaw, lawWide:
	}
}
