package convert

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"callreel/internal/media/foreign"
)

// Outside decodes what is not built in, by another program. Whoever wires the
// recorder hands one in where there is such a program. It may be used by several
// conversions at the same time.
type Outside interface {
	// Decodes reports whether it can decode a file format of that name: amr, amrwb,
	// g723_1, ilbc.
	Decodes(format string) bool
	// Decode gives the samples of such a file, one channel at rate Hz. It ends in
	// bounded time and gives at most limit samples. The error is
	// foreign.ErrUndecodable only where the file is at fault; after any other it may
	// succeed later.
	Decode(ctx context.Context, format string, file []byte, rate, limit int) ([]int16, error)
}

const (
	// outsidePackets is how many packets go through the other program at a time: of
	// 20 ms those of nearly three minutes.
	outsidePackets = 8192
	// outsideSamples bounds what they are to sound like, in samples: in a packet there
	// is room for frames of minutes that were not sent.
	outsideSamples = outsidePackets * 320
	// outsideWarm is how many frames before them go in again, and what they sound
	// like is dropped, so that the decoder is as far as it was.
	outsideWarm = 32
)

// errOutside is for what the other program cannot decode.
var errOutside = errors.New("not decoded")

// decodeOutside is Outside's Decode for one conversion.
type decodeOutside func(format string, file []byte, rate, limit int) ([]int16, error)

// bind readies the options for one conversion.
func (o Options) bind(ctx context.Context) Options {
	if o.Outside != nil {
		o.decode = func(format string, file []byte, rate, limit int) ([]int16, error) {
			return o.Outside.Decode(ctx, format, file, rate, limit)
		}
	}
	return o
}

// outsideKit is that of a codec that the other program decodes; nil where there is
// none or it cannot.
func (p *plan) outsideKit(name string, clock, channels int, parameters string) *kit {
	if p.o.Outside == nil {
		return nil
	}
	f, ok := foreign.Of(name, clock, channels, parameters)
	if !ok || !p.o.Outside.Decodes(f.Name) {
		return nil
	}
	decode := p.o.decode
	return &kit{
		wide:    f.Rate > rate,
		dense:   true,
		outside: true,
		lasts: func(e *entry, c *codec) int64 {
			if e.cut() {
				return 0
			}
			return int64(f.Count(e.head, int(e.length()))) * int64(f.Samples) * c.clock / int64(f.Rate)
		},
		quiet: func(e *entry) int64 {
			return int64(f.Quiet(e.head, int(e.length()))) * int64(f.Samples) * rate / int64(f.Rate)
		},
		start: func(c *codec, _ int) decoder { return &decoderOutside{format: f, run: decode, codec: c} },
	}
}

// looksLikeAMR tells AMR and AMR-WB by the packets of a dynamic type that nobody
// describes: all that are followed by the next must look like it.
func looksLikeAMR(s *stream, t uint8) (name string, clock int) {
	for _, name := range []string{"AMR", "AMR-WB"} {
		clock := map[string]int{"AMR": rate, "AMR-WB": wideRate}[name]
		fit, all := s.paced(t, func(e *entry) int64 {
			if foreign.LooksLikeAMR(e.head, int(e.length()), clock/50) == name {
				return int64(clock / 50)
			}
			return -1
		})
		if all >= pacedLeast && 20*fit >= 19*all {
			return name, clock
		}
	}
	return "", 0
}

// decoderOutside decodes the packets of a segment many at a time, and keeps the
// samples until their turn comes.
type decoderOutside struct {
	format foreign.Format
	run    decodeOutside
	codec  *codec
	pl     *player
	warm   []foreign.Frame // the last frames of speech that were decoded
	due    []int16         // of the packets from the next one on
	err    error
}

func (d *decoderOutside) factor() int { return d.format.Rate / rate }

func (d *decoderOutside) decode(dst []int16, _ []byte) []int16 {
	n := int(d.codec.ticks(&d.pl.c.entry)) * d.factor()
	if len(d.due) == 0 && d.err == nil {
		d.err = d.fetch()
	}
	if len(d.due) < n {
		n = 0 // it failed, which is told
	}
	dst = append(dst, d.due[:n]...)
	d.due = d.due[n:]
	return dst
}

// fetch decodes the packets from the player's on.
func (d *decoderOutside) fetch() error {
	packets, err := d.gather()
	if err != nil {
		return err
	}
	d.due, err = d.voice(packets)
	return err
}

// bundle is what one packet holds.
type bundle struct {
	frames []foreign.Frame
	n      int // samples it is to have
}

// gather takes the next packets apart.
func (d *decoderOutside) gather() (out []bundle, err error) {
	c, kind := d.pl.c.hold(), d.pl.c.entry.kind
	var last entry
	samples := 0
	for left := d.pl.left + 1; left > 0 && len(out) < outsidePackets && samples < outsideSamples && c.next(); left-- {
		e := &c.entry
		again := len(out) > 0 && e.ts == last.ts && e.seq == last.seq
		last = *e
		if n := d.codec.ticks(e); e.kind == kind && !again && n > 0 {
			b, err := d.pl.read.payload(d.pl.g.stream, e)
			if err != nil {
				return nil, err
			}
			out = append(out, bundle{kept(d.format.Split(b)), int(n) * d.factor()})
			samples += int(n) * d.factor()
		}
	}
	return out, nil
}

// kept are the frames with memory of their own.
func kept(frames []foreign.Frame) []foreign.Frame {
	for i := range frames {
		frames[i].Data = append([]byte(nil), frames[i].Data...)
	}
	return frames
}

// voice is what the packets sound like: each exactly as long as it says, with
// silence where there is no speech in it.
func (d *decoderOutside) voice(packets []bundle) (out []int16, err error) {
	file, frames := []byte(d.format.Magic), 0
	add := func(fs []foreign.Frame) {
		for _, f := range fs {
			if len(f.Data) > 0 {
				file, frames = append(file, f.Data...), frames+1
				d.warm = append(d.warm, f)
			}
		}
	}
	warm := d.warm[max(0, len(d.warm)-outsideWarm):]
	d.warm = nil
	add(warm)
	for _, p := range packets {
		add(p.frames)
	}
	d.warm = d.warm[max(0, len(d.warm)-outsideWarm):]
	size := d.format.Samples
	var samples []int16
	if frames > 0 {
		switch samples, err = d.run(d.format.Name, file, d.format.Rate, frames*size); {
		case errors.Is(err, foreign.ErrUndecodable):
			return nil, fmt.Errorf("%w: %s: %w", errOutside, d.format.Name, err)
		case err != nil:
			return nil, fmt.Errorf("decode %s: %w", d.format.Name, err)
		}
	}
	if len(samples) != frames*size {
		return nil, fmt.Errorf("%w: %d samples of %d frames of %s", errOutside, len(samples), frames, d.format.Name)
	}
	samples = samples[len(warm)*size:]
	for _, p := range packets {
		begin := len(out)
		for _, f := range p.frames {
			if len(f.Data) == 0 {
				out = append(out, make([]int16, size)...)
				continue
			}
			out, samples = append(out, samples[:size]...), samples[size:]
		}
		if have := len(out) - begin; have < p.n {
			out = append(out, make([]int16, p.n-have)...)
		}
		out = out[:begin+p.n]
	}
	return out, nil
}

// tryOutside has the other program decode the beginning of each segment of voice
// that it is to decode, before anything is written: what it cannot is refused.
func (p *plan) tryOutside() error {
	for _, g := range slices.Concat(p.sides[left], p.sides[right]) {
		if !g.stream.uses(func(c *codec) bool { return c.kit != nil && c.kit.outside }) {
			continue
		}
		pl := newPlayer(g, p.reader(), 1)
		for more := true; more && !pl.outside(); {
			var err error
			if more, err = pl.next(); err != nil {
				return err
			}
		}
	}
	return nil
}

// outside reports whether the other program has decoded something.
func (pl *player) outside() bool {
	for _, d := range pl.decoders {
		if _, ok := d.(*decoderOutside); ok {
			return true
		}
	}
	return false
}
