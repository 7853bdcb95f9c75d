package convert

import (
	"cmp"
	"slices"
)

// held reports whether a description says that its party does not want to hear the
// other, or not to be heard (RFC 3264 §8.4; RFC 2543 had an address of zeros for it).
func (d *description) held() bool {
	for i := range d.media {
		m := &d.media[i]
		if m.Kind == "audio" {
			return m.Direction != "sendrecv" || m.Addr.Addr().IsValid() && m.Addr.Addr().IsUnspecified()
		}
	}
	return false
}

// party is one side of a dialogue.
type party struct {
	call     *call
	byCaller bool
}

// wish is what a party wants from a moment on.
type wish struct {
	at   int64
	who  party
	hold bool
}

// holds lists the times in which the call was on hold, as its signalling says:
// after the answer, while at least one of the parties' last description says so that
// had another one first. The end of a dialogue ends what its parties wanted.
func (p *plan) holds() (out []hole) {
	held := map[party]bool{}
	for _, w := range p.wishes() {
		before := len(held) > 0
		if w.hold {
			held[w.who] = true
		} else {
			delete(held, w.who)
		}
		switch now := len(held) > 0; {
		case now && !before:
			out = append(out, hole{w.at, noEnd})
		case before && !now:
			out[len(out)-1].to = w.at
		}
	}
	return out
}

// wishes lists what the parties of the call wanted, in order.
func (p *plan) wishes() (list []wish) {
	oneWay := map[party]bool{}
	for i := range p.sip.descriptions {
		d := &p.sip.descriptions[i]
		who := party{d.call, d.byCaller}
		if _, known := oneWay[who]; !known {
			oneWay[who] = d.held() // from the start on: that is no hold
		}
		mine := p.call == nil || d.call.first() == p.call
		if mine && !oneWay[who] && d.call.answer >= 0 && d.arrival > d.call.answer {
			list = append(list, wish{d.arrival, who, d.held()})
		}
	}
	for _, c := range p.sip.order {
		if c.bye >= 0 {
			list = append(list, wish{c.bye, party{c, true}, false}, wish{c.bye, party{c, false}, false})
		}
	}
	slices.SortStableFunc(list, func(a, b wish) int { return cmp.Compare(a.at, b.at) })
	return list
}

// markHolds tells the silence of a call on hold from other silence.
func (p *plan) markHolds(spans []span) []span {
	for _, h := range p.holds() {
		spans = p.mark(spans, h, func(*span) kind { return kindHold })
	}
	return spans
}
