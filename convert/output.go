package convert

import (
	"bufio"
	"context"
	"fmt"
	"io"

	"callreel/internal/media/g711"
	"callreel/internal/media/pcap"
	"callreel/internal/media/wav"
	"callreel/internal/recording"
)

const (
	peakSamples = rate / 50         // 20 ms
	chunk       = 100 * peakSamples // 2 s: samples made at a time
	sideWindow  = 256 << 10
)

// output is the shape of the file.
type output struct {
	law      law // noLaw means 16-bit samples
	channels int
	sides    [][]side // of each channel
}

// chooseOutput: µ-law only if every packet is, for A-law holds both.
func (p *plan) chooseOutput() output {
	o := output{law: lawMu}
	for _, s := range p.streams {
		for t, n := range s.counts {
			if n > 0 && s.codecs[t].law == lawA {
				o.law = lawA
			}
		}
	}
	if p.o.PCM {
		o.law = noLaw
	}
	switch p.o.Channels {
	case Mono:
		o.sides = [][]side{{left, right}}
	case Internal:
		o.sides = [][]side{{right}}
	case External:
		o.sides = [][]side{{left}}
	case Stereo, "":
		o.sides = [][]side{{left}, {right}}
	}
	o.channels = len(o.sides)
	return o
}

func (o output) codecName() string {
	return [...]string{noLaw: "pcm16", lawA: "pcma", lawMu: "pcmu"}[o.law]
}

func (o output) format() wav.Format {
	coding := [...]wav.Coding{noLaw: wav.PCM16, lawA: wav.ALaw, lawMu: wav.MuLaw}[o.law]
	return wav.Format{Coding: coding, Rate: rate, Channels: o.channels}
}

// write is the second pass: the whole file from front to back.
func (p *plan) write(ctx context.Context, dst io.Writer, a *recording.Audio) error {
	header, err := p.out.format().Header(p.samples)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(dst, 128<<10)
	if _, err := w.Write(header); err != nil {
		return fmt.Errorf("write header: %w", err)
	}
	tracks := p.tracks()
	frame := make([]byte, 0, 2*len(tracks)*chunk)
	for from := int64(0); from < p.samples; from += chunk {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := int(min(chunk, p.samples-from))
		for _, t := range tracks {
			if err := t.make(from, n); err != nil {
				return err
			}
		}
		if _, err := w.Write(interleave(frame, tracks)); err != nil {
			return fmt.Errorf("write audio: %w", err)
		}
	}
	for _, t := range tracks {
		a.Peaks = append(a.Peaks, t.peaks)
	}
	if _, err := w.Write(make([]byte, p.out.format().Pad(p.samples))); err != nil {
		return fmt.Errorf("write audio: %w", err)
	}
	return w.Flush()
}

// track makes one channel of the file, two seconds at a time.
type track struct {
	law      law
	voices   []*voice
	bytes    []byte  // the samples in G.711
	linear   []int16 // or as numbers, while mixing or for PCM
	peaks    []byte
	peakByte [256]int8
}

// voice is one side of the call with its own view of the capture.
type voice struct {
	segments []*segment
	win      *pcap.Window
	arena    []byte
	begun    int // segments before it are over
}

func (p *plan) tracks() []*track {
	tracks := make([]*track, p.out.channels)
	for i, sides := range p.out.sides {
		t := &track{law: p.out.law, peaks: make([]byte, 0, 2*(p.samples/peakSamples+1))}
		for code, sample := range t.law.decode() {
			t.peakByte[code] = int8(sample >> 8)
		}
		for _, s := range sides {
			t.voices = append(t.voices, &voice{
				segments: p.sides[s], arena: p.arena, win: pcap.NewWindow(p.src, p.src.Size(), sideWindow),
			})
		}
		t.bytes, t.linear = make([]byte, chunk), make([]int16, chunk)
		tracks[i] = t
	}
	return tracks
}

// make fills the track with n samples from position from on. Where only one
// segment sounds its bytes are copied; else the samples are added.
func (t *track) make(from int64, n int) error {
	t.bytes, t.linear = t.bytes[:n], t.linear[:n]
	var sounding []*segment
	var owner *voice
	for _, v := range t.voices {
		for _, g := range v.sounding(from, int64(n)) {
			sounding, owner = append(sounding, g), v
		}
	}
	if t.law != noLaw && len(sounding) <= 1 {
		err := t.copy(owner, sounding, from)
		t.peaksOfBytes()
		return err
	}
	clear(t.linear)
	for _, v := range t.voices {
		for _, g := range v.sounding(from, int64(n)) {
			if err := v.add(g, t.linear, from, t.law); err != nil {
				return err
			}
		}
	}
	t.peaksOfSamples()
	t.encode()
	return nil
}

func (t *track) copy(v *voice, sounding []*segment, from int64) error {
	idle := t.law.idle()
	for i := range t.bytes {
		t.bytes[i] = idle
	}
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
	case noLaw:
	}
}

// sounding lists the segments that touch the n samples from position from on,
// and forgets those that are over.
func (v *voice) sounding(from, n int64) []*segment {
	for v.begun < len(v.segments) {
		if g := v.segments[v.begun]; g.start+g.length > from {
			break
		}
		v.begun++
	}
	end := v.begun
	for end < len(v.segments) && v.segments[end].start < from+n {
		end++
	}
	return v.segments[v.begun:end]
}

// each calls do for every stretch of packet that lies in the n samples from
// position from on: its payload bytes, their law, and where they go.
func (v *voice) each(g *segment, from int64, n int, do func(at int64, b []byte, l law)) error {
	to := from + int64(n)
	for ; g.next < len(g.entries); g.next++ {
		e := g.entries[g.next]
		start := g.start + e.arrival
		if start >= to {
			return nil
		}
		begin, end := max(start, from, g.done), min(start+e.length(), to)
		if begin < end {
			b, err := payload(v.win, v.arena, e, begin-start, end-start)
			if err != nil {
				return err
			}
			do(begin-from, b, g.stream.codecs[e.payloadType()].law)
			g.done = end
		}
		if start+e.length() > to {
			return nil
		}
	}
	return nil
}

// copy copies a segment's bytes, recoding only µ-law into an A-law file.
func (v *voice) copy(g *segment, dst []byte, from int64, out law) error {
	return v.each(g, from, len(dst), func(at int64, b []byte, l law) {
		if l == out {
			copy(dst[at:], b)
			return
		}
		for i, code := range b {
			dst[at+int64(i)] = g711.MuToA[code]
		}
	})
}

// add adds a segment's samples, held within 16 bits. A-law has no zero: in an
// A-law file its silence adds nothing, so that it is still silence after mixing.
func (v *voice) add(g *segment, dst []int16, from int64, out law) error {
	quiet := -1
	if out == lawA {
		quiet = g711.IdleA
	}
	return v.each(g, from, len(dst), func(at int64, b []byte, l law) {
		table := l.decode()
		for i, code := range b {
			if int(code) == quiet && l == lawA {
				continue
			}
			sum := int32(dst[at+int64(i)]) + int32(table[code])
			dst[at+int64(i)] = int16(max(-32768, min(32767, sum)))
		}
	})
}

// interleave puts the tracks' samples side by side.
func interleave(frame []byte, tracks []*track) []byte {
	switch {
	case tracks[0].law == noLaw:
		return interleave16(frame, tracks)
	case len(tracks) == 1:
		return tracks[0].bytes
	}
	l, r := tracks[0].bytes, tracks[1].bytes
	frame = frame[:2*len(l)]
	r = r[:len(l)]
	for i, x := range l {
		frame[2*i], frame[2*i+1] = x, r[i]
	}
	return frame
}

func interleave16(frame []byte, tracks []*track) []byte {
	for i := range tracks[0].linear {
		for _, t := range tracks {
			x := uint16(t.linear[i])
			frame = append(frame, byte(x), byte(x>>8))
		}
	}
	return frame
}

// peaksOfBytes and peaksOfSamples add one pair for each 20 ms, the last of what
// is left.
func (t *track) peaksOfBytes() {
	for b := t.bytes; len(b) > 0; b = b[min(len(b), peakSamples):] {
		low, high := int8(127), int8(-128)
		for _, code := range b[:min(len(b), peakSamples)] {
			v := t.peakByte[code]
			low, high = min(low, v), max(high, v)
		}
		t.peaks = append(t.peaks, byte(low), byte(high))
	}
}

func (t *track) peaksOfSamples() {
	for b := t.linear; len(b) > 0; b = b[min(len(b), peakSamples):] {
		low, high := int16(32767), int16(-32768)
		for _, v := range b[:min(len(b), peakSamples)] {
			low, high = min(low, v), max(high, v)
		}
		t.peaks = append(t.peaks, byte(low>>8), byte(high>>8))
	}
}
