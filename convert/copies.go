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
// behind a relay or by a forking switch, only one each.
func (p *plan) dropCopies() error {
	for i := 0; i < len(p.streams); i++ {
		for j := i + 1; j < len(p.streams); j++ {
			same, err := p.isRelayed(p.streams[i], p.streams[j])
			if err != nil {
				return err
			}
			if !same {
				continue
			}
			if better(p.streams[j], p.streams[i]) {
				p.streams[i], p.streams[j] = p.streams[j], p.streams[i]
			}
			join(p.streams[i].match.call, p.streams[j].match.call)
			p.count("copy", p.streams[j].packets.n)
			p.streams = slices.Delete(p.streams, j, j+1)
			j = i // what is at i may have changed: compare with all again
		}
	}
	return nil
}

// better reports whether a is to be kept rather than its copy b.
func better(a, b *stream) bool {
	if a.known() != b.known() {
		return a.known()
	}
	return a.packets.n > b.packets.n
}

// isRelayed is isCopy for streams of which the signalling may say that they are of
// two calls. Those that hear the same music stay two; what is a relay's, with
// dialogues that nothing ties together, is equal in the other direction too.
func (p *plan) isRelayed(a, b *stream) (bool, error) {
	same, err := p.isCopy(a, b)
	if err != nil || !same || !twoCalls(a, b) {
		return same, err
	}
	back := p.answers(b)
	for _, x := range p.answers(a) {
		for _, y := range back {
			if same, err := p.isCopy(x, y); err != nil || same {
				return same, err
			}
		}
	}
	return false, nil
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

// isCopy reports whether b carries the packets of a at the same time. The way
// back of an echo is none.
func (p *plan) isCopy(a, b *stream) (bool, error) {
	if a.key.flow == b.key.flow.Reverse() || a.fixedPort() && b.fixedPort() || overlap(a, b) <= 0 {
		return false, nil
	}
	if a.packets.n < b.packets.n {
		a, b = b, a
	}
	related := a.key.ssrc == b.key.ssrc
	if !related && p.compared > copyReads {
		p.crowd.unlike = true
		return false, nil
	}
	tested, equal := 0, 0
	for k := range copySamples {
		e := b.packets.pick(k * b.packets.n / copySamples)
		verdict, err := p.findCopy(a, copied{b, e}, related)
		if err != nil {
			return false, err
		}
		switch verdict {
		case isThere:
			tested, equal = tested+1, equal+1
		case isMissing:
			tested++
		case tellsNothing:
		}
		if !related && tested-equal > copyMisses {
			return false, nil
		}
	}
	if related {
		return tested > 0 && 10*equal >= 7*tested, nil
	}
	return tested >= copyLeast && 10*equal >= 9*tested, nil
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

// findCopy looks in a for a packet like e. With related, streams of one SSRC,
// silence counts where the sequence number is the same.
func (p *plan) findCopy(a *stream, e copied, related bool) (verdict, error) {
	b, err := p.payload(e.stream, &e.entry)
	if err != nil {
		return 0, err
	}
	want := bytes.Clone(b)
	flat := len(want) == 0 || bytes.Count(want, want[:1]) == len(want)
	if flat && !related {
		return tellsNothing, nil
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
			return 0, err
		}
		if bytes.Equal(got, want) {
			return isThere, nil
		}
	}
	return isMissing, nil
}

// overlap is how long two streams were heard at the same time, in ticks;
// negative is the gap between them.
func overlap(a, b *stream) int64 {
	return min(a.last(), b.last()) - max(a.first(), b.first())
}
