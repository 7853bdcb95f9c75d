package convert

import (
	"bytes"
	"slices"
)

const (
	copySamples = 24       // packets compared
	copyWithin  = rate / 5 // ticks between a packet and its copy
	copyLeast   = 8        // packets that must be equal where not even the SSRC is
	copyMisses  = copySamples / 10
	// copyReads bounds the work on a capture of very many streams: so many packets
	// are compared with others, some seconds' work.
	copyReads = 1 << 22
)

// dropCopies leaves of streams that were captured more than once, before and
// behind a relay or by a forking switch, only one each, with all that any of them
// has.
func (p *plan) dropCopies() error {
	for i := 0; i < len(p.streams); i++ {
		for j := i + 1; j < len(p.streams); j++ {
			l, err := p.relayed(p.streams[i], p.streams[j])
			if err != nil {
				return err
			}
			if l.same && p.merge(i, j, l) {
				j = i // what is at i may have changed: compare with all again
			}
		}
	}
	return nil
}

// kinship is what two streams have in common.
type kinship struct {
	same    bool
	related bool  // SSRC, numbers and timestamps, too
	later   int64 // by how much the packets of the second came behind those of the first, in ticks
}

// merge leaves of a stream and its copy one, and of the copy what it had before and
// behind it; it reports whether anything was dropped. Of a copy that was not given
// other numbers all that was lost of the other is kept, packet by packet.
func (p *plan) merge(i, j int, l kinship) (dropped bool) {
	a, b := p.streams[i], p.streams[j]
	if better(b, a) {
		a, b, l.later = b, a, -l.later
	}
	had, more := b.packets.n, b.beyond(a, l)
	if more.n == had {
		return false
	}
	p.count("copy", had-more.n)
	join(a.match.call, b.match.call)
	if r := a.original(); b.original() != r {
		b.original().copyOf = r
	}
	p.streams[i], p.streams[j] = a, b
	switch {
	case l.related:
		a.complete(b, more)
	case more.n >= leastPackets:
		b.replace(more)
		return true
	}
	p.streams = slices.Delete(p.streams, j, j+1)
	return true
}

// better reports whether a is to be kept rather than its copy b.
func better(a, b *stream) bool {
	if a.known() != b.known() {
		return a.known()
	}
	return a.packets.n > b.packets.n
}

// relayed is compare for streams of which the signalling may say that they are of
// two calls. Those that hear the same music stay two; what is a relay's, with
// dialogues that nothing ties together, is equal in the other direction too.
func (p *plan) relayed(a, b *stream) (kinship, error) {
	l, err := p.compare(a, b)
	if err != nil || !l.same || !twoCalls(a, b) {
		return l, err
	}
	back := p.answers(b)
	for _, x := range p.answers(a) {
		for _, y := range back {
			if too, err := p.compare(x, y); err != nil || too.same {
				return l, err
			}
		}
	}
	return kinship{}, nil
}

// twoCalls reports whether the signalling tells of two streams that they are of
// different calls.
func twoCalls(a, b *stream) bool {
	return a.match.found && b.match.found && a.match.call.first() != b.match.call.first()
}

// answers are the streams that go the other way in the call of s.
func (p *plan) answers(s *stream) (out []*stream) {
	for _, x := range p.streams {
		if x.match.found && x.match.call.first() == s.match.call.first() && x.match.fromCall != s.match.fromCall {
			out = append(out, x)
		}
	}
	return out
}

// compare tells whether two streams carry the same packets while both are heard. The
// way back of an echo does not.
func (p *plan) compare(a, b *stream) (l kinship, err error) {
	if a.key.flow == b.key.flow.Reverse() || a.fixedPort() && b.fixedPort() || overlap(a, b) <= 0 {
		return l, nil
	}
	turned := a.packets.n < b.packets.n
	if turned {
		a, b = b, a
	}
	if a.key.ssrc == b.key.ssrc {
		l, err = p.sample(a, b, true)
	}
	if err == nil && !l.same {
		l, err = p.sample(a, b, false)
	}
	if turned {
		l.later = -l.later
	}
	return l, err
}

// sample looks in a for packets of b that came while both were heard.
func (p *plan) sample(a, b *stream, related bool) (l kinship, err error) {
	if !related && p.compared > copyReads {
		p.crowd.unlike = true
		return l, nil
	}
	from, to := max(a.first(), b.first()), min(a.last(), b.last())
	if to-from > 10*copyWithin { // at its edges only one of both may have been captured
		from, to = from+copyWithin, to-copyWithin
	}
	first, n := b.packets.between(from, to)
	tested := 0
	var later []int64
	for k := range min(n, copySamples) {
		e := b.packets.pick(first + k*n/min(n, copySamples))
		verdict, by, err := p.findCopy(a, copied{b, e}, related)
		if err != nil {
			return l, err
		}
		switch verdict {
		case isThere:
			tested, later = tested+1, append(later, by)
		case isMissing:
			tested++
		case tellsNothing:
		}
		if !related && tested-len(later) > copyMisses {
			return l, nil
		}
	}
	l.related, l.same = related, tested >= copyLeast && 10*len(later) >= 9*tested
	if related {
		l.same = tested > 0 && 10*len(later) >= 7*tested
	}
	if l.same {
		slices.Sort(later)
		l.later = later[len(later)/2]
	}
	return l, nil
}

type verdict int

const (
	tellsNothing verdict = iota // silence, which any stream may have
	isThere
	isMissing
)

// copied is a packet of a stream that may be a copy.
type copied struct {
	*stream
	entry
}

// findCopy looks in a for a packet like e, and tells by how much that came sooner.
// With related, streams of one SSRC, silence counts where the sequence number is the
// same.
func (p *plan) findCopy(a *stream, e copied, related bool) (v verdict, later int64, err error) {
	b, err := p.payload(e.stream, &e.entry)
	if err != nil {
		return 0, 0, err
	}
	want := bytes.Clone(b)
	flat := len(want) == 0 || bytes.Count(want, want[:1]) == len(want)
	if flat && !related {
		return tellsNothing, 0, nil
	}
	for c := a.packets.since(e.arrival - copyWithin); c.next(); {
		other := c.entry
		if other.arrival > e.arrival+copyWithin {
			break
		}
		if other.arrival < e.arrival-copyWithin || other.size != e.size || related && (other.seq != e.seq || other.ts != e.ts) {
			continue
		}
		p.compared++
		got, err := p.payload(a, &other)
		if err != nil {
			return 0, 0, err
		}
		if bytes.Equal(got, want) {
			return isThere, e.arrival - other.arrival, nil
		}
	}
	return isMissing, 0, nil
}

// overlap is how long two streams were heard at the same time, in ticks;
// negative is the gap between them.
func overlap(a, b *stream) int64 {
	return min(a.last(), b.last()) - max(a.first(), b.first())
}
