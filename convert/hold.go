package convert

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

// holds lists the times in which the call was on hold, as its signalling says:
// after the answer, while at least one of the parties' last description says so that
// had another one first.
func (p *plan) holds() []hole {
	type party struct {
		call     *call
		byCaller bool
	}
	held, oneWay := map[party]bool{}, map[party]bool{}
	var out []hole
	for i := range p.sip.descriptions {
		d := &p.sip.descriptions[i]
		who := party{d.call, d.byCaller}
		if _, known := oneWay[who]; !known {
			oneWay[who] = d.held() // from the start on: that is no hold
		}
		mine := p.call == nil || d.call.first() == p.call
		if !mine || oneWay[who] || d.call.answer < 0 || d.arrival <= d.call.answer {
			continue
		}
		before := len(held) > 0
		if d.held() {
			held[who] = true
		} else {
			delete(held, who)
		}
		switch now := len(held) > 0; {
		case now && !before:
			out = append(out, hole{d.arrival, noEnd})
		case before && !now:
			out[len(out)-1].to = d.arrival
		}
	}
	return out
}

// markHolds tells the silence of a call on hold from other silence.
func (p *plan) markHolds(spans []span) []span {
	for _, h := range p.holds() {
		spans = p.mark(spans, h, func(*span) kind { return kindHold })
	}
	return spans
}
