package rules

import (
	"slices"
	"strings"
	"time"

	"callreel/internal/recording"
)

// describe fills in what follows from whose call it is: direction, numbers, ring
// time and start (SPEC §4.3). What no record of his own tells comes from what the PBX
// showed of him, then from another's record that names him. Without a person it
// describes the oldest record.
func (s *scene) describe(p *person) recording.Verdict {
	v := recording.Verdict{Direction: recording.In}
	if p == nil {
		if len(s.views) == 0 {
			return v
		}
		c := s.views[0].cdr
		p = &person{who: recording.Agent{CN: c.CN, E164: c.E164, H323: c.H323, GUID: c.GUID}, own: s.views[:1]}
		p.spoke = answered(c)
	}
	v.Owner, v.Internal = p.who, p.who.E164
	if v.Internal == "" && len(p.own) > 0 {
		v.Internal = p.own[0].cdr.E164
	}
	v.Direction = p.direction()
	if v.Manual = s.manual(); v.Manual {
		v.Direction = recording.Out
	}
	v.External, v.ExternalName = s.external(p, v.Internal)
	v.Ring = s.ring(p)
	if v.Started = p.spoke; v.Started.IsZero() {
		v.Started = s.answer(p.rang)
	}
	return v
}

// direction is that of the record's first set-up: towards the object is in.
func direction(c *recording.CDR) recording.Direction {
	for i := range c.Events {
		switch c.Events[i].Msg {
		case "setup-from":
			return recording.Out
		case "setup-to":
			return recording.In
		}
	}
	if c.Dir == recording.DirFrom {
		return recording.Out
	}
	return recording.In
}

// external is the far party: what the PBX itself marks as external, in the person's
// records first; else the longest number of anybody else, of equals the far end of his
// first leg. Queues, menus and the digits dialled into them do not count, nor in a
// call with an outside the users inside: a trunk's own record names only those.
func (s *scene) external(p *person, own string) (number, name string) {
	for _, list := range [][]view{p.own, s.views} {
		for _, v := range list {
			if e := marked(v); e != nil && !s.facts.Manual.Own(e.E164) {
				return e.E164, e.DN
			}
		}
	}
	best, outside := recording.Number{}, s.trunk || s.marksOutside()
	take := func(n recording.Number) {
		his, ours := n.E164 == own || p.is(n.E164, n.H323), s.machine(n.E164, n.H323) || s.ofGroup(n.E164, n.H323)
		if len(n.E164) > len(best.E164) && !his && !ours && !s.facts.Manual.Own(n.E164) && (!outside || !s.inHouse(n)) {
			best = n
		}
	}
	farEnds(p.own, take)
	if p.live != nil {
		take(p.live.Peer)
	}
	farEnds(s.views, take)
	for i := range s.people {
		take(recording.Number{E164: s.people[i].who.E164, DN: s.people[i].who.CN})
	}
	return best.E164, best.DN
}

// inHouse reports whether a number is that of a person here.
func (s *scene) inHouse(n recording.Number) bool {
	return s.numbered(n.E164, "") != nil || s.numbered(n.E164, n.H323) != nil
}

// marksOutside reports whether the PBX marks anybody as external, with a number or without.
func (s *scene) marksOutside() bool {
	external := func(e recording.CDREvent) bool { return e.Type == "ext" }
	return slices.ContainsFunc(s.views, func(v view) bool { return slices.ContainsFunc(v.cdr.Events, external) })
}

func marked(v view) *recording.CDREvent {
	for i := v.from; i < len(v.cdr.Events); i++ {
		if e := &v.cdr.Events[i]; e.Type == "ext" && e.E164 != "" {
			return e
		}
	}
	return nil
}

func farEnds(views []view, take func(recording.Number)) {
	for _, v := range views {
		if isTrunk(v.cdr) {
			continue
		}
		for i := v.from; i < len(v.cdr.Events); i++ {
			e := &v.cdr.Events[i]
			if farEnd(e.Msg) && !prefixed(v.cdr, i) {
				take(recording.Number{E164: e.E164, H323: e.H323, DN: e.DN})
			}
			if e.Msg == "transfer-from" && isPerson(v.cdr) {
				for _, n := range e.To {
					take(n)
				}
			}
		}
	}
}

// prefixed reports whether the number that was dialled is the one that was reached
// with a prefix before it, to get out.
func prefixed(c *recording.CDR, dialled int) bool {
	number := c.Events[dialled].E164
	return c.Events[dialled].Msg == "setup-from" && slices.ContainsFunc(c.Events[dialled+1:], func(e recording.CDREvent) bool {
		return e.E164 != "" && len(e.E164) < len(number) && (e.Msg == "alert-to" || e.Msg == "conn-to") && strings.HasSuffix(number, e.E164)
	})
}

// farEnd reports whether an event's number is that of the other party. Events
// of the object's own (digits dialled after the connect come as info events)
// do not count.
func farEnd(msg string) bool {
	switch msg {
	case "setup-from", "setup-to", "alert-from", "alert-to", "conn-from", "conn-to", "connected", "transfer-to", "cf-to":
		return true
	default:
		return false
	}
}

// ring is the whole seconds from the person's first alert (else set-up) to his answer
// in the same record; where he never answered, to the call's first answer after it.
func (s *scene) ring(p *person) int {
	if c := p.leg(true); c != nil {
		from := first(c, 0, "alert-from", "alert-to")
		if from < 0 {
			from = max(0, first(c, 0, "setup-from", "setup-to"))
		}
		if to := first(c, from, "conn-from", "conn-to", "connected"); to >= 0 {
			return seconds(c.Events[to].Time - c.Events[from].Time)
		}
		return 0
	}
	if l := p.live; len(p.own) == 0 && l != nil && !l.Alerted.IsZero() && l.Connected.After(l.Alerted) {
		return int(l.Connected.Sub(l.Alerted) / time.Second)
	}
	alert, answer := p.rang, time.Time{}
	if alert.IsZero() {
		alert = p.called
	}
	if p.seen.cdr != nil {
		answer = p.spoke
	}
	if answer.IsZero() {
		answer = s.answer(alert)
	}
	if alert.IsZero() || answer.IsZero() {
		return 0
	}
	return seconds(int64(answer.Sub(alert) / time.Second))
}

// answer is when anybody, or the trunk for him, was first connected at or after t;
// zero if nobody was, or t is.
func (s *scene) answer(t time.Time) time.Time {
	var best time.Time
	for _, v := range s.views {
		c := v.cdr
		if a := answered(c); !t.IsZero() && !a.Before(t) && !s.machine(c.E164, c.H323) {
			best = earlier(best, a)
		}
	}
	return best
}

func seconds(d int64) int { return int(max(d, 0)) }

func first(c *recording.CDR, from int, msgs ...string) int {
	for i := from; i < len(c.Events); i++ {
		if slices.Contains(msgs, c.Events[i].Msg) {
			return i
		}
	}
	return -1
}

// at is the time of one event: the record's UTC is that of its first event,
// and only differences of event times mean anything (FACTS §2a).
func at(c *recording.CDR, i int) time.Time {
	if i >= len(c.Events) {
		return c.UTC
	}
	return c.UTC.Add(time.Duration(c.Events[i].Time-c.Events[0].Time) * time.Second)
}

// answered is when the record's object was first connected; zero if never.
func answered(c *recording.CDR) time.Time {
	if i := first(c, 0, "conn-from", "conn-to", "connected"); i >= 0 {
		return at(c, i)
	}
	return time.Time{}
}
