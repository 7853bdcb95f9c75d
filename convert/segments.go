package convert

import (
	"bytes"

	"callreel/internal/media/packet"
	"callreel/internal/media/sip"
)

// Limits of what is kept of messages that are not whole yet.
const (
	maxPartial = 64 << 10 // bytes of one
	maxPartly  = 256
)

// partial is the beginning of a message that comes in several segments of TCP.
type partial struct {
	b    []byte
	next uint32 // number of the byte behind it
	flow packet.Flow
	at   int64 // when it came, nanoseconds since the first packet
}

// segment looks for signalling in TCP: several messages may be in a segment, and one
// in several, if they come in order.
func (s *scan) segment(d *packet.Datagram) {
	if len(d.Payload) == 0 {
		s.passed["tcp"]++
		return
	}
	b := s.goOn(d)
	for found := false; ; found = true {
		n, ok := sip.Length(b)
		switch {
		case !ok && !found:
			s.passed["tcp"]++
			return
		case !ok:
			return
		case n > len(b) && len(b) < maxPartial && len(s.partly) < maxPartly:
			s.partly[d.Flow] = &partial{bytes.Clone(b), d.Seq + uint32(len(d.Payload)), d.Flow, s.latest + s.shift}
			return
		}
		n = min(n, len(b))
		if m, ok := sip.Parse(b[:n]); ok {
			s.signalled(&m, d.Flow, s.latest+s.shift)
		}
		b = bytes.TrimLeft(b[n:], "\r\n")
	}
}

// goOn is a segment behind what came of its message before. A beginning of which
// the rest never comes is taken as it is.
func (s *scan) goOn(d *packet.Datagram) []byte {
	p := s.partly[d.Flow]
	if p == nil {
		return d.Payload
	}
	switch ahead := int32(d.Seq - p.next); {
	case ahead < 0: // again
		return nil
	case ahead == 0:
		delete(s.partly, d.Flow)
		return append(p.b, d.Payload...)
	}
	s.giveUp(p)
	return d.Payload
}

// giveUp takes a message as it is.
func (s *scan) giveUp(p *partial) {
	delete(s.partly, p.flow)
	if m, ok := sip.Parse(p.b); ok {
		s.signalled(&m, p.flow, p.at)
	}
}
