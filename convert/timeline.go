package convert

import (
	"cmp"
	"errors"
	"slices"
)

const (
	// apart is the disagreement between RTP time and arrival from which arrival
	// is believed, in ticks: a second.
	apart = rate
	// chain is how near a segment must begin to the end of the one before it to
	// be its direct continuation, in ticks.
	chain = rate / 100
	// farthest is the longest run in its own RTP clock: timestamps are compared
	// by their difference, which has 32 bits.
	farthest = 1 << 30
	// misordered is how far a packet can come behind those of higher numbers; below
	// that the sender's numbers began anew.
	misordered = 1000
	// maxSegments is how many of them are laid: as many as words are spoken in half a
	// day. Where there are more the RTP clocks are none.
	maxSegments = 1 << 16
)

// errClocks says that there are too many segments.
var errClocks = errors.New("its RTP clocks make no sense: they jump more than 65,536 times")

// segment is a part of one side whose packets lie on one RTP clock.
type segment struct {
	stream *stream
	c      cursor // before its first packet
	n      int    // packets, also those that are no voice
	first  entry  // of voice
	begin  int64  // when its first sample was sent, by arrival: ticks since base
	start  int64  // on the timeline, in ticks from its zero
	length int64
	spans  []span // of the segment, from its start
	drift  drift
}

// lay puts all voice on the timeline. The error is errClocks.
func (p *plan) lay() error {
	laid, err := p.cutUp()
	if err != nil {
		return err
	}
	for i, s := range p.streams {
		p.sides[s.side] = append(p.sides[s.side], laid[i]...)
	}
	first := true
	for i := range p.sides {
		slices.SortStableFunc(p.sides[i], func(a, b *segment) int { return cmp.Compare(a.begin, b.begin) })
		if len(p.sides[i]) > 0 && (first || p.sides[i][0].begin < p.zero) {
			p.zero, first = p.sides[i][0].begin, false
		}
	}
	for _, segments := range p.sides {
		p.ticks = max(p.ticks, chainUp(segments, p.zero))
		slices.SortStableFunc(segments, func(a, b *segment) int { return cmp.Compare(a.start, b.start) })
	}
	return nil
}

// cutUp makes the segments of all streams, two streams at the same time.
func (p *plan) cutUp() (laid [][]*segment, err error) {
	laid = make([][]*segment, len(p.streams))
	one := func(i int) func() error {
		return func() error {
			for _, r := range p.streams[i].split() {
				laid[i] = append(laid[i], p.streams[i].segments(r)...)
			}
			if len(laid[i]) > maxSegments {
				return errClocks
			}
			return nil
		}
	}
	n := 0
	for i := 0; i < len(laid); i += 2 {
		jobs := []func() error{one(i)}
		if i+1 < len(laid) {
			jobs = append(jobs, one(i+1))
		}
		if together(jobs) != nil {
			return nil, errClocks
		}
		for _, segments := range laid[i : i+len(jobs)] {
			n += len(segments)
		}
		if n > maxSegments {
			return nil, errClocks
		}
	}
	return laid, nil
}

// chainUp gives each segment its start and returns the end of the last. One that
// begins where its predecessor ends, give or take the jitter, follows it without
// a gap. Nobody speaks twice at the same time: where a source begins anew before the
// end of what it said, that had come late.
func chainUp(segments []*segment, zero int64) (end int64) {
	latest := map[*stream]*segment{}
	room := map[*stream]int64{} // between that and the end of what was before it
	for _, g := range segments {
		g.start = g.begin - zero
		if d := g.start - end; end > 0 && d > -chain && d < chain {
			g.start = end
		}
		last := latest[g.stream]
		if last != nil {
			if over := last.start + last.length - g.start; over > 0 && over < apart {
				last.start -= max(0, min(over, room[g.stream]))
			}
			room[g.stream] = max(0, g.start-last.start-last.length)
		}
		latest[g.stream] = g
		end = max(end, g.start+g.length)
	}
	return end
}

// placer gives the packets of a segment their positions.
type placer struct {
	s        *stream
	first    entry // of voice
	last     entry // of voice
	any      bool
	between  int   // packets that are no voice since last
	cut      bool  // one of them would be but for its end
	packets  int   // of voice
	position int64 // of last, in units of its RTP clock
	delays   delays
}

// take adds a packet's span, and before it the gap's, if there is one.
func (pl *placer) take(g *segment, e *entry) {
	c := pl.s.codec(e)
	length := int64(0)
	if c.voice() {
		length = c.ticks(e)
	}
	if length <= 0 {
		if !c.strange() { // what cannot be decoded is lost
			pl.between++
		}
		pl.cut = pl.cut || c.voice() && e.cut()
		return
	}
	if !pl.any {
		pl.first, pl.last, pl.any = *e, *e, true
	}
	pl.position += int64(int32(e.ts - pl.last.ts))
	position := c.scale(pl.position)
	if gap := position - g.length; gap > 0 {
		g.spans = pl.gap(g.spans, position, gap, e)
	}
	g.length = max(g.length, c.scale(pl.position+c.lasts(e)))
	g.spans = extend(g.spans, g.length-c.quiet(e), kindReceived)
	g.spans = extend(g.spans, g.length, kindSilence)
	pl.delays.add(position, e.arrival-pl.first.arrival-position)
	pl.last, pl.between, pl.cut = *e, 0, false
	pl.packets++
}

// gap adds a gap before e of some ticks that ends at to. The ends of a long loss
// are concealed, what is between is not; only its beginning where the codec does
// not let look ahead.
func (pl *placer) gap(spans []span, to, ticks int64, e *entry) []span {
	kind := pl.missing(e, ticks)
	if kind != kindLost || !pl.s.conceal || pl.s.unread(pl.last.arrival, e.arrival) {
		return extend(spans, to, kind)
	}
	if c := pl.s.codec(e); !c.ahead() {
		head := int64(concealed)
		if c.hides() {
			head = 2 * concealed
		}
		spans = extend(spans, to-ticks+min(ticks, head), kindConcealed)
		return extend(spans, to, kindLost)
	}
	if ticks > 2*concealed {
		spans = extend(spans, to-ticks+concealed, kindConcealed)
		spans = extend(spans, to-concealed, kindLost)
	}
	return extend(spans, to, kindConcealed)
}

// missing is what a gap of some ticks before e is.
func (pl *placer) missing(e *entry, ticks int64) kind {
	switch {
	case pl.cut || pl.last.cut():
		return kindCut
	case int(e.seq-pl.last.seq) > pl.between+1:
		return kindLost
	case pl.s.codec(&pl.last).pauses(&pl.last, ticks) && !pl.s.unread(pl.last.arrival, e.arrival):
		return kindDTX
	}
	return kindSilence
}

// finish places the segment by its packets' arrival and reports whether there is
// any voice in it.
func (pl *placer) finish(g *segment) bool {
	if !pl.any {
		return false
	}
	pl.s.summary.packets += pl.packets
	g.first, g.drift = pl.first, pl.delays.drift()
	g.begin = pl.first.arrival + pl.delays.least(g.drift)
	g.length = g.drift.at(g.length)
	for i := range g.spans {
		g.spans[i].to = g.drift.at(g.spans[i].to)
	}
	return true
}
