package convert

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"callreel/internal/media/packet"
	"callreel/internal/media/sip"
)

// ErrNoCall says that a capture holds fewer calls than were asked for.
var ErrNoCall = errors.New("no such call in the capture")

const (
	// hop is how long after an INVITE an exchange may send its own for the same
	// call, in nanoseconds.
	hop = 2e9
	// transferred is the same for the INVITE that a REFER asked for.
	transferred = 30e9
)

// pick leaves of the streams those of one call, and returns how many calls there
// are. Number 0 is the first, unless all are wanted together.
func (p *plan) pick() (calls int, err error) {
	groups := p.byCall()
	if len(groups) == 1 {
		p.call = groups[0].call // of other dialogues there may be no voice here
	}
	if p.o.Together {
		return 1, nil
	}
	n := max(p.o.Call, 1)
	if n > max(len(groups), 1) {
		return len(groups), fmt.Errorf("%w: number %d of %d", ErrNoCall, n, max(len(groups), 1))
	}
	if len(groups) < 2 {
		return 1, nil
	}
	if p.sip.full {
		return 0, fmt.Errorf("%w: more than %d calls or %d session descriptions, so that whose voice is whose cannot be told",
			errUnsupported, maxCalls, maxDescriptions)
	}
	for i, g := range groups {
		for _, s := range g.streams {
			if i != n-1 {
				p.count("other_call", s.packets.n)
			}
		}
	}
	p.streams, p.call, p.guessed = groups[n-1].streams, groups[n-1].call, groups[n-1].guessed
	return len(groups), nil
}

// group is the streams of one call.
type group struct {
	call    *call
	streams []*stream
	guessed int // of these that only the time says are of it
}

// byCall sorts the streams by the calls that their signalling tells of, in the
// order in which they are first heard. Without signalling, and on the fixed ports
// of a device, all is one call.
func (p *plan) byCall() []*group {
	if p.ofDevice() {
		return nil
	}
	var groups []*group
	var rest []*stream
	for _, s := range p.streams {
		if !s.match.found {
			rest = append(rest, s)
			continue
		}
		groups = addTo(groups, s)
	}
	groups = slices.DeleteFunc(groups, func(g *group) bool {
		voiceless := !slices.ContainsFunc(g.streams, func(s *stream) bool { return s.has(roleVoice)+s.has(roleUnknown) > 0 })
		if voiceless {
			rest = append(rest, g.streams...)
		}
		return voiceless
	})
	if len(groups) == 0 {
		return nil
	}
	for _, s := range rest {
		g := slices.MaxFunc(groups, func(a, b *group) int { return a.nearness(s) - b.nearness(s) })
		if g.nearness(s) < sameWay/2 {
			g.guessed++
		}
		g.streams = append(g.streams, s)
	}
	for _, g := range groups {
		slices.SortStableFunc(g.streams, func(a, b *stream) int { return a.born - b.born })
	}
	return groups
}

func addTo(groups []*group, s *stream) []*group {
	c := s.match.call.first()
	for _, g := range groups {
		if g.call == c {
			g.streams = append(g.streams, s)
			return groups
		}
	}
	return append(groups, &group{call: c, streams: []*stream{s}})
}

// sameWay is more nearness than any time that is heard together: a stream's ports
// are those of one that is known.
const sameWay = 1 << 40

// nearness is how likely a stream that no signalling tells of is a part of the
// group: by its ports first, then by the time both are heard.
func (g *group) nearness(s *stream) (points int) {
	best := -sameWay
	for _, t := range g.streams {
		near := int(overlap(s, t))
		if t.key.flow == s.key.flow || t.key.flow == s.key.flow.Reverse() {
			near += sameWay
		}
		best = max(best, near)
	}
	return best
}

// besideGuesses adds to what else is to be said how many streams are in this call
// and not in another only because they were heard at its time.
func (p *plan) besideGuesses(reason string) string {
	if p.guessed == 0 {
		return reason
	}
	guess := fmt.Sprintf("streams that no signalling describes and that only their time assigns to this call: %d", p.guessed)
	return strings.TrimPrefix(reason+"; "+guess, "; ")
}

// first is the call that this one is a part of: itself, or the one that an
// exchange has made it for.
func (c *call) first() *call {
	for c.of != nil {
		c = c.of
	}
	return c
}

// join makes two dialogues one call.
func join(a, b *call) {
	if a == nil || b == nil {
		return
	}
	a, b = a.first(), b.first()
	switch {
	case a == b:
	case a.number < b.number:
		b.of = a
	default:
		a.of = b
	}
}

// relate finds the call that a new dialogue is a part of: the other half of a call
// through an exchange, or what became of a call that was transferred.
func (l *sipLog) relate(c *call, m *sip.Message) {
	l.replace(m, c)
	var half *call
	for _, other := range l.order[:c.number] {
		since := c.invite - other.invite
		chained := c.way.Src.IP == other.way.Dst.IP && c.way.Dst.IP != other.way.Src.IP && other.way.Src.IP != other.way.Dst.IP
		switch {
		case chained && since >= 0 && since < hop && other.answer < 0:
			if half == nil || other.alike(c) >= half.alike(c) {
				half = other
			}
		case other.referTo != "" && other.referTo == c.to && c.invite-other.referred < transferred:
			join(other, c)
		}
	}
	join(half, c)
}

// alike is how many parties two dialogues have in common: of several calls that
// came to an exchange at the same moment, they tell which one goes on here; else
// the last does.
func (c *call) alike(other *call) (n int) {
	if c.from == other.from {
		n++
	}
	if c.to == other.to {
		n++
	}
	return n
}

// refer notes that a party is asked to call another.
func (l *sipLog) refer(c *call, m *sip.Message, arrival int64) {
	if m.ReferTo == "" {
		return
	}
	c.referTo, c.referred = m.ReferTo, arrival
	l.replace(m, c)
}

// replace joins a dialogue with the one whose place a message says it takes.
func (l *sipLog) replace(m *sip.Message, c *call) {
	if m.Replaces != "" {
		join(l.calls[m.Replaces], c)
	}
}

// newCall is the dialogue that an INVITE begins.
func newCall(m *sip.Message, way packet.Flow, arrival int64, number int) *call {
	return &call{
		id: m.CallID, from: m.From, to: m.To, callerTag: m.FromTag, way: way, number: number,
		invite: arrival, ring: -1, answer: -1, bye: -1,
	}
}
