package convert

import (
	"bytes"
	"slices"

	"callreel/internal/media/pcap"
)

// decoder turns payloads of one stream into samples. It keeps the state between
// packets; lost ones are told to it by conceal.
type decoder interface {
	// decode appends the samples of a payload to dst.
	decode(dst []int16, payload []byte) []int16
	// factor is its samples a tick: 1 for 8 kHz, 2 for 16 kHz.
	factor() int
}

// sound is a stretch of a segment: either G.711 octets or samples.
type sound struct {
	at      int64 // on the timeline
	n       int64 // ticks
	law     law   // of codes; noLaw: samples
	codes   []byte
	samples []int16
	factor  int64 // samples a tick
}

// from drops the first n ticks.
func (s *sound) from(n int64) {
	s.at, s.n = s.at+n, s.n-n
	if s.law != noLaw {
		s.codes = s.codes[n:]
	} else {
		s.samples = s.samples[n*s.factor:]
	}
}

// first is the sound without all but the first n ticks.
func (s sound) first(n int64) sound {
	s.n = n
	if s.law != noLaw {
		s.codes = s.codes[:n]
	} else {
		s.samples = s.samples[:n*s.factor]
	}
	return s
}

// player gives the sound of a segment from its start to its end.
type player struct {
	g       *segment
	read    *reader
	factor  int // of the file
	c       cursor
	left    int
	ts      uint32 // of the last packet
	seq     uint16
	any     bool // there was a packet
	voiceTS uint32
	started bool  // there was a packet of voice
	rtp     int64 // position of the last of voice, in units of the RTP clock
	done    int64 // where the sound given last ended
	span    int   // of the segment, where done is

	filler *filler // nil where nothing of the segment is concealed
	kind   uint8   // payload type of the last packet of voice
	pause  int64   // ticks of a pause of the sender that are left
	held   bool    // behind the pause comes the packet that was read last

	rest     sound   // begun, not wholly given
	due      []sound // what follows it
	codes    []byte
	samples  []int16
	decoders map[uint8]decoder // by payload type
}

func newPlayer(g *segment, r *reader, factor int) *player {
	pl := &player{g: g, read: r, factor: factor, c: g.c, left: g.n, done: g.start, decoders: map[uint8]decoder{}}
	if slices.ContainsFunc(g.spans, func(s span) bool { return s.kind == kindConcealed }) {
		pl.filler = newFiller()
	}
	return pl
}

// each calls do for every stretch of sound in the n ticks from position from on.
func (pl *player) each(from, n int64, do func(at int64, s *sound)) error {
	to := from + n
	for {
		for pl.rest.n == 0 {
			more, err := pl.next()
			if err != nil || !more {
				return err
			}
		}
		r := &pl.rest
		switch end := r.at + r.n; {
		case r.at < from: // never, unless the chunks do not follow one another
			r.from(min(r.n, from-r.at))
		case end <= to:
			do(r.at-from, r)
			r.n = 0
		case r.at >= to:
			pl.keep()
			return nil
		default:
			part := r.first(to - r.at)
			do(part.at-from, &part)
			r.from(part.n)
		}
	}
}

// keep holds what is left of a sound, and what is due behind it, until the next
// chunk: the reader is the whole side's.
func (pl *player) keep() {
	for i := range pl.due {
		pl.due[i].codes = bytes.Clone(pl.due[i].codes)
	}
	r := &pl.rest
	if r.law != noLaw && (len(pl.codes) == 0 || len(r.codes) > 0 && !endsIn(pl.codes, r.codes)) {
		pl.codes = append(pl.codes[:0], r.codes...)
		r.codes = pl.codes
	}
}

// endsIn reports whether part is the end of whole's memory.
func endsIn(whole, part []byte) bool {
	return len(part) > 0 && len(whole) >= len(part) && &whole[len(whole)-1] == &part[len(part)-1]
}

// next finds the next sound: what is due, or the next packet's.
func (pl *player) next() (more bool, err error) {
	if len(pl.due) > 0 {
		pl.rest, pl.due = pl.due[0], pl.due[1:]
		return true, nil
	}
	if pl.pause > 0 {
		pl.rustle()
		return true, nil
	}
	if pl.held {
		pl.held = false
		return true, pl.take(&pl.c.entry, pl.g.stream.codec(&pl.c.entry))
	}
	for ; pl.left > 0 && pl.c.next(); pl.left-- {
		e := &pl.c.entry
		again := e.ts == pl.ts && e.seq == pl.seq && pl.any
		pl.ts, pl.seq, pl.any = e.ts, e.seq, true
		c := pl.g.stream.codec(e)
		if again {
			continue
		}
		if !c.voice() || c.ticks(e) <= 0 {
			continue
		}
		pl.left--
		return true, pl.take(e, c)
	}
	return false, nil
}

func (pl *player) take(e *entry, c *codec) error {
	if pl.started {
		pl.rtp += int64(int32(e.ts - pl.voiceTS))
	}
	at := pl.g.start + pl.g.drift.at(c.scale(pl.rtp))
	gap := at - pl.done
	if gap > 0 && pl.begins(gap, e) {
		return nil
	}
	if gap > 0 && pl.filler != nil && pl.spanAt(pl.done-pl.g.start) == kindConcealed {
		if err := pl.conceal(gap, e); err != nil {
			return err
		}
		gap = 0
	}
	pl.voiceTS, pl.started, pl.kind = e.ts, true, e.kind
	b, err := pl.read.payload(pl.g.stream, e)
	if err != nil {
		return err
	}
	if c.law != noLaw {
		r := &pl.rest
		r.at, r.n, r.law, r.codes = at, int64(len(b)), c.law, b
	} else {
		d := pl.decoder(e.kind, c)
		pl.samples = d.decode(pl.samples[:0], b)
		if o, ok := d.(*decoderOutside); ok && o.err != nil {
			return o.err
		}
		f := int64(d.factor())
		pl.rest = sound{at: at, n: int64(len(pl.samples)) / f, samples: pl.samples, factor: f}
	}
	if over := pl.done - at; over > 0 {
		pl.rest.from(min(over, pl.rest.n))
	}
	if gap > 0 && gap <= slack && (pl.g.drift.any() || c.uneven()) {
		pl.stretch(gap)
	}
	pl.done = max(pl.done, at+pl.rest.n)
	if pl.filler != nil {
		pl.filler.heard(&pl.rest)
	}
	if len(pl.due) > 0 { // a gap was filled: it comes first
		pl.due = append(pl.due, pl.rest)
		pl.rest, pl.due = pl.due[0], pl.due[1:]
	}
	return nil
}

func (pl *player) decoder(payloadType uint8, c *codec) decoder {
	d := pl.decoders[payloadType]
	if d == nil {
		d = c.kit.start(c, pl.factor)
		if o, ok := d.(*decoderOutside); ok {
			o.pl = pl
		}
		pl.decoders[payloadType] = d
	}
	return d
}

// reader reads payloads, wherever they lie. It is for one goroutine.
type reader struct {
	window *pcap.Window
	arena  []byte
}

func (p *plan) reader() *reader { return &reader{p.file.Window(), p.arena} }

// payload is a packet's payload, valid until the next call.
func (r *reader) payload(s *stream, e *entry) ([]byte, error) { return s.payload(e, r.raw) }

// raw reads bytes of the capture or of the arena, valid until the next call.
func (r *reader) raw(offset int64, n int) ([]byte, error) {
	if offset&inArena != 0 {
		return fragment(r.arena, offset, n), nil
	}
	return r.window.At(offset, n)
}

// fragment is a part of a packet that came in fragments.
func fragment(arena []byte, offset int64, n int) []byte {
	return arena[offset&^inArena:][:n:n]
}

// voice is one side of the call.
type voice struct {
	segments []*segment
	read     *reader
	factor   int
	begun    int       // segments before it are over
	players  []*player // of the segments from begun on
	wide     *wide     // nil where all is narrow and so is the file
}

// sounding lists the players of the segments that touch the n ticks from
// position from on, and forgets those that are over.
func (v *voice) sounding(from, n int64) []*player {
	for v.begun < len(v.segments) {
		if g := v.segments[v.begun]; g.start+g.length > from {
			break
		}
		v.begun++
		if len(v.players) > 0 {
			v.players = slices.Delete(v.players, 0, 1)
		}
	}
	for next := v.begun + len(v.players); next < len(v.segments) && v.segments[next].start < from+n; next++ {
		v.players = append(v.players, newPlayer(v.segments[next], v.read, v.factor))
	}
	return v.players
}
