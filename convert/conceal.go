package convert

import (
	"bytes"
	"slices"

	"callreel/internal/media/plc"
)

// concealed is how much of a long loss is concealed at each end, in ticks: 60 ms.
const concealed = 6 * rate / 100

// concealer is a decoder that knows best what was lost. It is given the loss from
// its beginning on, but no more of it than twice concealed.
type concealer interface {
	// conceal appends so many ticks of what was most likely said to dst.
	conceal(dst []int16, ticks int64) []int16
}

// recoverer is a concealer that looks ahead.
type recoverer interface {
	concealer
	// recover appends so many ticks of what was before a payload to dst: what that
	// says of them, else what was most likely said.
	recover(dst []int16, ticks int64, next []byte) []int16
}

// filler keeps what was heard last, to fill a gap behind it.
type filler struct {
	plc    map[int64]*plc.Filler // by samples a tick
	factor int64                 // of before
	before []int16
	after  []int16
}

func newFiller() *filler { return &filler{plc: map[int64]*plc.Filler{}, factor: 1} }

// heard takes what was just heard.
func (f *filler) heard(s *sound) {
	factor := int64(1)
	if s.law == noLaw {
		factor = s.factor
	}
	if factor != f.factor {
		f.factor, f.before = factor, f.before[:0]
	}
	f.before = appendSound(f.before, s)
	if most := plc.History * int(factor); len(f.before) > 2*most {
		f.before = f.before[:copy(f.before, f.before[len(f.before)-most:])]
	}
}

// appendSound adds a sound's samples.
func appendSound(dst []int16, s *sound) []int16 {
	if s.law == noLaw {
		return append(dst, s.samples...)
	}
	table := s.law.decode()
	for _, code := range s.codes {
		dst = append(dst, table[code])
	}
	return dst
}

// fill is a gap of some ticks between before and after.
func (f *filler) fill(ticks int64, before, after []int16) []int16 {
	p := f.plc[f.factor]
	if p == nil {
		p = plc.New(int(f.factor) * rate)
		f.plc[f.factor] = p
	}
	gap := make([]int16, ticks*f.factor)
	p.Fill(gap, before, after)
	return gap
}

// slack is how much a skew of the clocks can open between two packets, in ticks.
const slack = 8

// stretch fills a slit that the correction of a skew has opened before a packet,
// with the packet's first sample.
func (pl *player) stretch(slit int64) {
	r := &pl.rest
	if r.n == 0 {
		return
	}
	first := sound{at: r.at - slit, n: slit, law: r.law, factor: r.factor}
	if r.law != noLaw {
		first.codes = bytes.Repeat(r.codes[:1], int(slit))
	} else {
		first.samples = slices.Repeat(r.samples[:1], int(slit*r.factor))
	}
	pl.due = append(pl.due, first)
}

// spanAt is what the segment holds at a position that is never less than before.
func (pl *player) spanAt(position int64) kind {
	for pl.span < len(pl.g.spans) && pl.g.spans[pl.span].to <= position+1 {
		pl.span++
	}
	if pl.span == len(pl.g.spans) {
		return kindSilence
	}
	return pl.g.spans[pl.span].kind
}

// conceal fills the gap before e.
func (pl *player) conceal(gap int64, e *entry) error {
	c := pl.g.stream.codec(e)
	if c.kit != nil {
		switch d := pl.decoder(e.kind, c).(type) {
		case recoverer:
			return pl.recover(gap, e, d)
		case concealer:
			factor := int64(pl.decoder(e.kind, c).factor())
			samples := d.conceal(nil, min(gap, 2*concealed))
			if gap > 2*concealed {
				fade(samples[len(samples)-int(fadeOut*factor):])
			}
			pl.fill(pl.done, samples, factor)
			return nil
		}
	}
	f := pl.filler
	if !c.ahead() {
		pl.fill(pl.done, f.fill(min(gap, concealed), f.before, nil), f.factor)
		return nil
	}
	after, err := pl.ahead()
	if err != nil {
		return err
	}
	if gap <= 2*concealed {
		pl.fill(pl.done, f.fill(gap, f.before, after), f.factor)
		return nil
	}
	end := pl.done + gap
	pl.fill(pl.done, f.fill(concealed, f.before, nil), f.factor)
	pl.fill(end-concealed, f.fill(concealed, nil, after), f.factor)
	return nil
}

// recover fills the gap before e, or both ends of a long one, with what the decoder
// knows of it.
func (pl *player) recover(gap int64, e *entry, d recoverer) error {
	next, err := pl.read.payload(pl.g.stream, e)
	if err != nil {
		return err
	}
	factor := int64(pl.decoder(e.kind, pl.g.stream.codec(e)).factor())
	end := pl.done + gap
	if gap > 2*concealed {
		pl.fill(pl.done, d.conceal(nil, concealed), factor)
		gap = concealed
	}
	pl.fill(end-gap, d.recover(nil, gap, next), factor)
	return nil
}

// fadeOut is in ticks: 10 ms.
const fadeOut = rate / 100

// fade lets samples end in silence.
func fade(samples []int16) {
	n := len(samples)
	for i, x := range samples {
		samples[i] = int16(int(x) * (n - i) / (n + 1))
	}
}

// fill makes samples due at a position.
func (pl *player) fill(at int64, samples []int16, factor int64) {
	if n := int64(len(samples)) / factor; n > 0 {
		pl.due = append(pl.due, sound{at: at, n: n, samples: samples, factor: factor})
		pl.done = at + n
	}
}

// ahead is what is heard behind a gap in G.711, from the packet that was read
// last on. Decoders with a memory cannot look ahead.
func (pl *player) ahead() ([]int16, error) {
	f := pl.filler
	f.after = f.after[:0]
	c, due := pl.c.hold(), pl.c.entry.ts
	for left := pl.left + 1; left > 0 && len(f.after) < plc.History && c.next(); left-- {
		kind := pl.g.stream.codec(&c.entry)
		if kind.law == noLaw || c.entry.ts != due {
			break
		}
		b, err := pl.read.payload(pl.g.stream, &c.entry)
		if err != nil {
			return nil, err
		}
		f.after = appendSound(f.after, &sound{law: kind.law, codes: b})
		due += uint32(len(b))
	}
	return f.after, nil
}
