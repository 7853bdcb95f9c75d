package rules

import (
	"slices"
	"time"

	"callreel/internal/recording"
)

// phoneSlack is by how much a telephone's clock may differ from the records': these are
// whole seconds.
const phoneSlack = 2 * time.Second

// unnamed reports whether a capture is a phone's, and nothing tells whose but the time at
// which it begins: its name has the device alone, and no record here knows that device. A
// time after the file was seen is of a clock that is wrong, and a phone whose sides are
// turned round may be a gateway.
func (s *scene) unnamed(c recording.Capture) bool {
	if c.RecordedOn != recording.OnPhone || c.Swap || c.MAC == "" || c.RegName != "" || c.Begins.IsZero() {
		return false
	}
	wrong := !c.SeenAt.IsZero() && c.Begins.After(c.SeenAt.Add(phoneSlack))
	return !wrong && !slices.ContainsFunc(s.views, func(v view) bool { return byDevice(c, v.cdr) })
}

// connectedAt is the agent who was connected at t, of several the one who was connected
// last: a phone begins to write when it is (SPEC §4.2). Nil if there is none, or two were
// connected at once, as in a call between both.
func (s *scene) connectedAt(t time.Time) *person {
	if off := s.clockOffset(); off.Abs() > phoneSlack {
		t = t.Add(off)
	}
	var best *person
	var latest, second time.Time
	for i := range s.people {
		p := &s.people[i]
		if from := p.connectedBefore(t); p.agent && from.After(latest) {
			best, latest, second = p, from, latest
		} else if p.agent && from.After(second) {
			second = from
		}
	}
	if best == nil || !second.IsZero() && latest.Sub(second) <= phoneSlack {
		return nil
	}
	return best
}

// connectedBefore is since when the person was connected who was so at t; zero if he was
// not. His own records tell it, else what the PBX showed.
func (p *person) connectedBefore(t time.Time) (since time.Time) {
	take := func(from, to time.Time) {
		open := to.IsZero() || !t.After(to.Add(phoneSlack))
		if !from.IsZero() && !t.Before(from.Add(-phoneSlack)) && open && from.After(since) {
			since = from
		}
	}
	for _, v := range p.own {
		c := v.cdr
		i := first(c, 0, "conn-from", "conn-to", "connected")
		if i >= 0 && c.Dir != recording.DirForwarded && c.Dir != recording.DirTransferred && !v.consulted() {
			take(at(c, max(i, v.from)), parted(c))
		}
	}
	if p.live != nil && len(p.own) == 0 {
		take(p.live.Connected, p.live.Ended)
	}
	return since
}

// parted is when a record's object was no longer in the talk: it passed it on, or hung up.
func parted(c *recording.CDR) time.Time {
	if i := first(c, 0, "transfer-from"); i >= 0 {
		return at(c, i)
	}
	return at(c, len(c.Events)-1)
}
