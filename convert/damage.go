package convert

import (
	"errors"
	"fmt"
	"math"

	"callreel/internal/media/pcap"
)

// hole is a time of which the capture's records could not be read: nanoseconds
// since its first packet, from the last record before to the first one behind.
type hole struct{ from, to int64 }

const noEnd = math.MaxInt64

// damage is what the first pass could not read.
type damage struct {
	first  string // the first place, in words
	places int
	end    string // where reading was given up, in words
	holes  []hole
}

// skip passes over a place that cannot be read, and reports whether there is
// anything behind it. The fault is given back where there is nothing at all.
func (s *scan) skip(r *pcap.Reader, fault error) (more bool, err error) {
	more, err = r.Resync()
	if err != nil {
		return false, err
	}
	s.damage.holes = append(s.damage.holes, hole{s.latest + s.shift, noEnd})
	if r.GaveUp() {
		s.damage.end = fmt.Sprintf("; given up at offset %d of %d", r.Offset(), s.file.Size())
	}
	if !more && errors.Is(fault, pcap.ErrCut) && !r.GaveUp() {
		s.passed["cut"]++
		return false, nil
	}
	if !more && s.frames == 0 && errors.Is(fault, pcap.ErrDamaged) {
		return false, fmt.Errorf("%w%s", fault, s.damage.end)
	}
	s.passed["damaged"]++
	s.damage.places++
	if s.damage.first == "" {
		s.damage.first = fault.Error()
		switch {
		case more:
			s.damage.first += fmt.Sprintf("; read on at offset %d", r.Offset())
		case !r.GaveUp():
			s.damage.first += "; nothing behind it can be read"
		}
	}
	return more, nil
}

// close ends the hole that is open, at a packet's arrival.
func (d *damage) close(arrival int64) {
	if n := len(d.holes); n > 0 && d.holes[n-1].to == noEnd {
		d.holes[n-1].to = arrival
	}
}

// beside adds the damage to what else is to be said.
func (d *damage) beside(reason string) string {
	places := d.end
	if d.places > 1 {
		places = fmt.Sprintf("; %d places in all%s", d.places, d.end)
	}
	switch {
	case d.first == "":
		return reason
	case reason == "":
		return "the capture is " + d.first + places
	}
	return reason + "; the capture is " + d.first + places
}

// markHoles turns what is missing because the capture could not be read into
// cut: a loss that touches a hole, and the part of a silence that lies in one.
func (p *plan) markHoles(spans []span) []span {
	for _, h := range p.holes {
		spans = p.mark(spans, h, func(s *span) kind {
			if s.kind == kindLost {
				s.kind = kindCut
			}
			return kindCut
		})
	}
	return spans
}

// mark turns the part of a silence that lies in a time into what kindOf says, which
// may change any span that touches it.
func (p *plan) mark(spans []span, h hole, kindOf func(*span) kind) []span {
	from, to := p.position(h.from), p.position(h.to)
	var marked []span
	at := int64(0)
	for _, s := range spans {
		if begin, end := max(at, from), min(s.to, to); begin < end {
			if k := kindOf(&s); s.kind == kindSilence {
				marked = extend(extend(marked, begin, kindSilence), end, k)
			}
		}
		marked = extend(marked, s.to, s.kind)
		at = s.to
	}
	return marked
}

// position is a moment's place on the timeline, in samples.
func (p *plan) position(arrival int64) int64 {
	if arrival == noEnd {
		return noEnd
	}
	return arrival/(1e9/rate) - p.zero
}
