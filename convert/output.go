package convert

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"callreel/internal/media/lanes"
	"callreel/internal/media/mp3"
	"callreel/internal/media/wav"
	"callreel/internal/recording"
)

const (
	peaksPerSecond = 50
	peakTicks      = rate / peaksPerSecond
	chunk          = 400 * peakTicks // 8 s: ticks made at a time
)

// output is the shape of the file.
type output struct {
	law      law // lawA or lawMu; noLaw means 16-bit samples
	factor   int // samples a tick: 2 for 16 kHz
	channels int
	sides    [][]side   // of each channel
	mp3      mp3.Format // zero: a WAV file
}

// chooseOutput: µ-law only if every packet is, for A-law holds both; 16 kHz if
// any packet is wide and that is not to be lost.
func (p *plan) chooseOutput() output {
	o := output{law: lawMu, factor: 1}
	for _, s := range p.streams {
		if s.uses(func(c *codec) bool { return c.law != lawMu }) {
			o.law = lawA
		}
		if s.uses((*codec).wide) && p.o.Wideband != WideG711 {
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
	if p.o.Format == MP3 {
		o.law, o.mp3 = noLaw, p.o.mp3Format(o.rate(), o.channels)
	}
	return o
}

// uses reports whether any packet of the stream has voice of such a codec.
func (s *stream) uses(such func(*codec) bool) bool {
	for t, n := range s.counts {
		if c := &s.codecs[t]; n > 0 && c.voice() && such(c) {
			return true
		}
	}
	return false
}

func (o output) rate() int { return rate * o.factor }

func (o output) samples(ticks int64) int64 { return ticks * int64(o.factor) }

func (o output) isMP3() bool { return o.mp3.Channels > 0 }

func (o output) file() Format {
	if o.isMP3() {
		return MP3
	}
	return WAV
}

func (o output) codecName() string {
	if o.isMP3() {
		return "mp3"
	}
	return [...]string{noLaw: "pcm16", lawA: "pcma", lawMu: "pcmu"}[o.law]
}

func (o output) format() wav.Format {
	coding := [...]wav.Coding{noLaw: wav.PCM16, lawA: wav.ALaw, lawMu: wav.MuLaw}[o.law]
	return wav.Format{Coding: coding, Rate: o.rate(), Channels: o.channels}
}

// write is the second pass: the whole file from front to back.
func (p *plan) write(ctx context.Context, dst io.Writer, a *recording.Audio) error {
	tracks, to := p.tracks(), p.writeWAV
	if p.out.isMP3() {
		to = p.writeMP3
	}
	defer readAhead(p.file)()
	if err := to(ctx, dst, tracks, a); err != nil {
		return err
	}
	for _, t := range tracks {
		if t.drawn {
			a.Peaks = append(a.Peaks, t.peaks)
		}
	}
	return nil
}

func (p *plan) writeWAV(ctx context.Context, dst io.Writer, tracks []*track, a *recording.Audio) error {
	header, err := p.out.format().Header(a.Samples)
	if err != nil {
		return err
	}
	if _, err := dst.Write(header); err != nil {
		return fmt.Errorf("write header: %w", err)
	}
	size := len(tracks) * p.out.format().Coding.Bytes() * p.out.factor * int(min(chunk, p.ticks))
	frame := make([]byte, 0, size)
	err = p.frames(ctx, tracks, func(parts []*part) error {
		return put(dst, interleave(frame, p.out.law, parts))
	})
	if err != nil {
		return err
	}
	return put(dst, make([]byte, p.out.format().Pad(a.Samples)))
}

func put(dst io.Writer, b []byte) error {
	if len(b) == 0 {
		return nil
	}
	if _, err := dst.Write(b); err != nil {
		return fmt.Errorf("write audio: %w", err)
	}
	return nil
}

// frames makes the audio, eight seconds at a time, and calls take with each. Each
// channel is made by itself, a little ahead of what is being taken.
func (p *plan) frames(ctx context.Context, tracks []*track, take func([]*part) error) error {
	ctx, cancel := context.WithCancel(ctx)
	var group sync.WaitGroup
	defer group.Wait()
	defer cancel()
	for _, t := range tracks {
		group.Go(func() { t.run(ctx, p.ticks) })
	}
	parts := make([]*part, len(tracks))
	for from := int64(0); from < p.ticks; from += chunk {
		for i, t := range tracks {
			parts[i] = <-t.made
			if p := parts[i].panicked; p != nil {
				panic(p)
			}
			if parts[i].err != nil {
				return parts[i].err
			}
		}
		if err := take(parts); err != nil {
			return err
		}
		for i, t := range tracks {
			t.free <- parts[i]
		}
	}
	return nil
}

// together runs the jobs at the same time and waits for all. It panics where one of
// them does.
func together(jobs []func() error) error {
	errs, panics := make([]error, len(jobs)), make([]any, len(jobs))
	var group sync.WaitGroup
	for i, job := range jobs[1:] {
		group.Go(func() {
			defer func() { panics[i+1] = recover() }()
			errs[i+1] = job()
		})
	}
	errs[0] = jobs[0]()
	group.Wait()
	for _, p := range panics {
		if p != nil {
			panic(p)
		}
	}
	return errors.Join(errs...)
}

// interleave puts what the tracks have made side by side.
func interleave(frame []byte, l law, parts []*part) []byte {
	switch {
	case l == noLaw:
		return interleave16(frame, parts)
	case len(parts) == 1:
		return parts[0].bytes
	}
	left, right := parts[0].bytes, parts[1].bytes
	frame = frame[:2*len(left)]
	lanes.Weave(frame, left, right)
	return frame
}

// interleave16 puts samples side by side.
func interleave16(frame []byte, parts []*part) []byte {
	if len(parts) == 2 {
		right := parts[1].linear
		for i, l := range parts[0].linear {
			frame = binary.LittleEndian.AppendUint32(frame, uint32(uint16(l))|uint32(uint16(right[i]))<<16)
		}
		return frame
	}
	for _, x := range parts[0].linear {
		frame = binary.LittleEndian.AppendUint16(frame, uint16(x))
	}
	return frame
}
