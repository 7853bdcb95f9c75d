package convert

import (
	"cmp"
	"slices"

	"callreel/internal/media/rtp"
	"callreel/internal/recording"
)

// maxDigits bounds the list; nobody presses that many keys.
const maxDigits = 4096

// pressed is a telephone event on the way to a digit.
type pressed struct {
	code     uint8
	kind     uint8  // payload type
	began    uint32 // RTP time of its beginning, as all its packets say
	ts       uint32
	duration uint16
	arrival  int64
	ended    bool
}

// digits lists the keys pressed, from the telephone events that takeEvents has
// kept. An event is sent many times over; its timestamp makes it one.
func (p *plan) digits() []recording.Digit {
	var out []recording.Digit
	for _, s := range p.streams {
		for _, e := range s.events {
			key, ok := rtp.Digit(e.code)
			if !ok || len(out) == maxDigits {
				continue
			}
			out = append(out, recording.Digit{Digit: key, AtS: seconds(max(0, p.pressedAt(s, &e))), Side: p.name(s.side)})
		}
	}
	slices.SortStableFunc(out, func(a, b recording.Digit) int { return cmp.Compare(a.AtS, b.AtS) })
	return out
}

// pressedAt is where an event begins on the timeline: on the RTP clock of the voice
// around it, for its packets can come late; where there is none, at its arrival.
func (p *plan) pressedAt(s *stream, e *pressed) int64 {
	at, near := e.arrival-p.zero, int64(apart)
	clock := s.codecs[e.kind].clock // 0 where nobody describes it
	for _, g := range p.sides[s.side] {
		voice := s.codec(&g.first)
		if g.stream != s || clock != 0 && voice.clock != clock {
			continue
		}
		position := g.drift.at(voice.scale(int64(int32(e.began - g.first.ts))))
		if off := e.arrival - g.begin - position; max(off, -off) < near && position >= 0 && position <= g.length+apart {
			at, near = g.start+position, max(off, -off)
		}
	}
	return at
}

// takeEvents reads a stream's telephone events, in the order of arrival.
func (p *plan) takeEvents(s *stream) error {
	if s.has(roleEvent) == 0 {
		return nil
	}
	for c := s.packets.begins(); c.next(); {
		e := c.entry
		if s.codec(&e).role != roleEvent {
			continue
		}
		b, err := p.payload(s, &e)
		if err != nil {
			return err
		}
		if event, ok := rtp.ParseEvent(b); ok && len(s.events) < maxDigits {
			s.event(e, event)
		}
	}
	return nil
}

// event adds one packet's event: a new one, a repetition, or the next part of
// one that is too long for its duration field (RFC 4733 §2.5.1.3).
func (s *stream) event(e entry, event rtp.Event) {
	for i := len(s.events) - 1; i >= 0 && i >= len(s.events)-8; i-- {
		p := &s.events[i]
		continued := !p.ended && e.ts == p.ts+uint32(p.duration) && p.duration > 0
		if p.code == event.Code && (p.ts == e.ts || continued) {
			p.ts, p.duration = e.ts, max(event.Duration, min(p.duration, event.Duration))
			p.ended = p.ended || event.End
			return
		}
	}
	s.events = append(s.events, pressed{event.Code, e.kind, e.ts, e.ts, event.Duration, e.arrival, event.End})
}
