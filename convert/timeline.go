package convert

import (
	"cmp"
	"slices"
)

const (
	// apart is the disagreement between RTP time and arrival from which arrival
	// is believed, in ticks: a second.
	apart = rate
	// pause is a shorter one that lasts: the sender's RTP clock stood still.
	pause      = rate / 4
	pauseAhead = 1000 // most packets looked at for whether it lasts: those of a second
	pauseLeast = 10
	// chain is how near a segment must begin to the end of the one before it to
	// be its direct continuation, in ticks: arrival is not exacter.
	chain = rate / 10
)

// segment is a part of one side whose packets lie on one RTP clock.
type segment struct {
	stream  *stream
	entries []entry // voice only, sorted; arrival holds the position from the segment's start
	begin   int64   // arrival of the first packet, in ticks since base
	start   int64   // on the timeline, in ticks from its zero
	length  int64
	spans   []span // of the segment, from its start
	next    int    // writing: first entry not wholly written
	done    int64  // writing: where the last written sample ended
}

// lay puts all voice on the timeline.
func (p *plan) lay() {
	laid := p.cutUp()
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
	}
}

// cutUp makes the segments of all streams, two streams at the same time.
func (p *plan) cutUp() [][]*segment {
	laid := make([][]*segment, len(p.streams))
	one := func(i int) func() error {
		return func() error {
			for _, r := range p.streams[i].split() {
				laid[i] = append(laid[i], p.streams[i].segments(r)...)
			}
			return nil
		}
	}
	for i := 0; i < len(laid); i += 2 {
		jobs := []func() error{one(i)}
		if i+1 < len(laid) {
			jobs = append(jobs, one(i+1))
		}
		_ = together(jobs) // none fails
	}
	return laid
}

// chainUp gives each segment its start and returns the end of the last. One that
// begins where its predecessor ends, give or take the jitter, follows it without
// a gap.
func chainUp(segments []*segment, zero int64) (end int64) {
	for _, g := range segments {
		g.start = g.begin - zero
		if d := g.start - end; end > 0 && d > -chain && d < chain {
			g.start = end
		}
		end = max(end, g.start+g.length)
	}
	return end
}

// split cuts a stream's packets, in the order of the file, where they cannot be
// on one RTP clock: arrival and timestamp disagree by more than a second and the
// sequence numbers do not say that nothing is missing.
func (s *stream) split() []run {
	s.measure()
	var runs []run
	begin, last := 0, -1 // last: index of the last packet that is no event
	for i, e := range s.entries {
		if s.codecs[e.payloadType()].role == roleEvent {
			continue
		}
		if last >= 0 && i > begin && breaks(s.entries[last], e) {
			runs = append(runs, run{s.entries[begin:i]})
			begin = i
		}
		last = i
	}
	return append(runs, run{s.entries[begin:]})
}

// breaks reports whether e begins a new run after last.
func breaks(last, e entry) bool {
	step, ticks := e.at()-last.at(), int64(int32(e.ts-last.ts))
	if d := step - ticks; d < apart && d > -apart {
		return false
	}
	ahead := int64(int16(e.seq - last.seq))
	return ahead <= 0 || ticks != ahead*last.length()
}

// measure takes what must be counted in the order of arrival.
func (s *stream) measure() {
	highest, transit := s.entries[0].seq, int64(0)
	voice := 0
	for i, e := range s.entries {
		if i > 0 {
			if d := int16(e.seq - highest); d > 0 || d < -1000 {
				highest = e.seq
			} else {
				s.summary.late++ // duplicates are taken off later
			}
		}
		if s.codecs[e.payloadType()].law == noLaw {
			continue
		}
		now := e.at() - int64(e.ts)
		if d := int64(int32(now - transit)); voice > 0 && max(d, -d) < apart {
			s.summary.jitter += (float64(max(d, -d)) - s.summary.jitter) / 16
		}
		transit = now
		voice++
	}
}

// segments sorts a run, drops duplicates and all that is no voice, and cuts it
// where the sender's clock stood still.
func (s *stream) segments(r run) []*segment {
	r.sort()
	r.entries = s.unique(r.entries)
	s.countLost(r.entries)
	var out []*segment
	begin := 0
	for begin < len(r.entries) {
		end := s.untilPause(r.entries, begin)
		if g := s.segment(r.entries[begin:end]); g != nil {
			out = append(out, g)
		}
		begin = end
	}
	return out
}

// sort orders the packets by RTP time and sequence number.
func (r run) sort() {
	zero := r.entries[0]
	order := func(a, b entry) int {
		return cmp.Or(
			cmp.Compare(int32(a.ts-zero.ts), int32(b.ts-zero.ts)),
			cmp.Compare(int16(a.seq-zero.seq), int16(b.seq-zero.seq)),
		)
	}
	if !slices.IsSortedFunc(r.entries, order) {
		slices.SortStableFunc(r.entries, order)
	}
}

// unique drops duplicates in place: the same time and sequence number.
func (s *stream) unique(entries []entry) []entry {
	kept := entries[:1]
	for _, e := range entries[1:] {
		if last := kept[len(kept)-1]; e.ts == last.ts && e.seq == last.seq {
			s.summary.duplicates++
			s.summary.late = max(0, s.summary.late-1)
			continue
		}
		kept = append(kept, e)
	}
	return kept
}

// countLost compares the packets that came with the sequence numbers they span.
func (s *stream) countLost(entries []entry) {
	highest, expected := entries[0].seq, 1
	low := 0 // how far numbers went below the first
	for _, e := range entries[1:] {
		d := int(int16(e.seq - highest))
		if d > 0 {
			expected += d
			highest = e.seq
		} else if below := -d - (expected - 1); below > low {
			low = below
		}
	}
	s.summary.lost += max(0, expected+low-len(entries))
}

// untilPause returns the end of the part of entries from begin on that has no
// lasting jump of arrival against RTP time.
func (s *stream) untilPause(entries []entry, begin int) int {
	zero := entries[begin]
	delay := func(e entry) int64 { return e.at() - zero.at() - int64(int32(e.ts-zero.ts)) }
	level := int64(0)
	for i := begin + 1; i < len(entries); i++ {
		if s.codecs[entries[i].payloadType()].law == noLaw {
			continue
		}
		d := delay(entries[i])
		if d > level+pause && s.lasts(entries[i:], delay, level+pause) {
			return i
		}
		level = min(d, level+1)
	}
	return len(entries)
}

// lasts reports whether the next packets' delay stays above the bound for a
// second, so that a burst behind a stall of the network is none.
func (s *stream) lasts(entries []entry, delay func(entry) int64, bound int64) bool {
	n := 0
	for _, e := range entries[:min(len(entries), pauseAhead)] {
		if e.at() > entries[0].at()+rate {
			break
		}
		if s.codecs[e.payloadType()].law == noLaw {
			continue
		}
		if delay(e) <= bound {
			return false
		}
		n++
	}
	return n >= pauseLeast
}

// segment places the voice packets of sorted entries; nil if there are none.
func (s *stream) segment(entries []entry) *segment {
	g := &segment{stream: s}
	var zero, before entry
	between := 0 // packets that are no voice since before
	kept := entries[:0]
	for _, e := range entries {
		if s.codecs[e.payloadType()].law == noLaw || e.length() == 0 {
			between++
			continue
		}
		if len(kept) == 0 {
			zero = e
			g.begin = e.at()
		}
		position := int64(int32(e.ts - zero.ts))
		g.place(position, e, before, between)
		before, between = e, 0
		e.arrival = position
		kept = append(kept, e)
	}
	if len(kept) == 0 {
		return nil
	}
	s.summary.packets += len(kept)
	g.entries = kept
	return g
}

// place adds a packet's span, and before it the gap's, if there is one.
func (g *segment) place(position int64, e, before entry, between int) {
	if gap := position - g.length; gap > 0 {
		kind := kindSilence
		switch {
		case before.cut():
			kind = kindCut
		case int(e.seq-before.seq) > between+1:
			kind = kindLost
		}
		g.spans = extend(g.spans, position, kind)
	}
	g.length = max(g.length, position+e.length())
	g.spans = extend(g.spans, g.length, kindReceived)
}
