package convert

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"

	"callreel/internal/media/wav"
	"callreel/internal/recording"
)

const (
	peaksPerSecond = 50
	peakTicks      = rate / peaksPerSecond
	chunk          = 100 * peakTicks // 2 s: ticks made at a time
	sideWindow     = 256 << 10
)

// output is the shape of the file.
type output struct {
	law      law // lawA or lawMu; noLaw means 16-bit samples
	factor   int // samples a tick: 2 for 16 kHz
	channels int
	sides    [][]side // of each channel
}

// chooseOutput: µ-law only if every packet is, for A-law holds both; 16 kHz if
// any packet is wide and that is not to be lost.
func (p *plan) chooseOutput() output {
	o := output{law: lawMu, factor: 1}
	for _, s := range p.streams {
		if s.uses(lawA) || s.uses(lawWide) {
			o.law = lawA
		}
		if s.uses(lawWide) && p.o.Wideband != WideG711 {
			o.factor = 2
		}
	}
	if p.o.PCM || o.factor == 2 {
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

// uses reports whether any packet of the stream has the coding l.
func (s *stream) uses(l law) bool {
	for t, n := range s.counts {
		if n > 0 && s.codecs[t].law == l {
			return true
		}
	}
	return false
}

func (o output) rate() int { return rate * o.factor }

func (o output) samples(ticks int64) int64 { return ticks * int64(o.factor) }

func (o output) codecName() string {
	return [...]string{noLaw: "pcm16", lawA: "pcma", lawMu: "pcmu"}[o.law]
}

func (o output) format() wav.Format {
	coding := [...]wav.Coding{noLaw: wav.PCM16, lawA: wav.ALaw, lawMu: wav.MuLaw}[o.law]
	return wav.Format{Coding: coding, Rate: o.rate(), Channels: o.channels}
}

// write is the second pass: the whole file from front to back.
func (p *plan) write(ctx context.Context, dst io.Writer, a *recording.Audio) error {
	header, err := p.out.format().Header(a.Samples)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(dst, 128<<10)
	if _, err := w.Write(header); err != nil {
		return fmt.Errorf("write header: %w", err)
	}
	tracks := p.tracks()
	frame := make([]byte, 0, len(tracks)*p.out.format().Coding.Bytes()*p.out.factor*chunk)
	for from := int64(0); from < p.ticks; from += chunk {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := int(min(chunk, p.ticks-from))
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
	if _, err := w.Write(make([]byte, p.out.format().Pad(a.Samples))); err != nil {
		return fmt.Errorf("write audio: %w", err)
	}
	return w.Flush()
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
	return weave(frame[:2*len(l)], l, r)
}

// weave puts the bytes of l and r in turn into frame, four of each at a time.
func weave(frame, l, r []byte) []byte {
	le, out := binary.LittleEndian, frame
	for len(l) >= 4 && len(r) >= 4 && len(out) >= 8 {
		le.PutUint64(out, spread(le.Uint32(l))|spread(le.Uint32(r))<<8)
		out, l, r = out[8:], l[4:], r[4:]
	}
	for i, x := range l {
		out[2*i], out[2*i+1] = x, r[i]
	}
	return frame
}

// spread puts the four bytes of x into the even bytes of a word.
func spread(x uint32) uint64 {
	y := uint64(x)
	y = (y | y<<16) & 0x0000ffff0000ffff
	return (y | y<<8) & 0x00ff00ff00ff00ff
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
