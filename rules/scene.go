package rules

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"callreel/internal/recording"
)

// scene is the call of one capture as its records tell it: who of the PBX's users
// had which part in it, and when. It does not depend on the order in which the
// records came, nor on one that came twice.
type scene struct {
	rec    *recording.Recording
	facts  *Facts
	views  []view // oldest first
	people []person
	wrote  *person   // the agent whose phone wrote the capture; nil: nobody's known
	group  time.Time // when a waiting queue or a broadcast group came into the call; zero: none did
	queue  time.Time // the same of a waiting queue
	trunk  bool      // a trunk's record is here: the call has an outside
	out    bool      // it went out over a trunk
	nobody []string  // numbers that are no agent's, looked up once
}

// view is one record, with the first of its events that is of the capture's
// conference: what was before is another call, a consultation for instance.
type view struct {
	cdr  *recording.CDR
	from int
}

// look puts the scene together.
func look(rec *recording.Recording, f *Facts) *scene {
	s := &scene{rec: rec, facts: f, people: make([]person, 0, 8)}
	s.arrange()
	for _, v := range s.views {
		s.takeOwn(v)
	}
	for _, v := range s.views {
		s.takeOthers(v)
	}
	s.takeLive(rec.Call.Live)
	s.takeWriter()
	s.wrote = s.writerOf(rec.Capture)
	return s
}

// takeWriter adds the agent whose phone wrote the capture, if nothing else tells of him.
func (s *scene) takeWriter() {
	reg := s.rec.Capture.RegName
	if reg == "" {
		return
	}
	s.facts.find(lookup{h323: reg}, func(a *recording.Agent) bool {
		if strings.EqualFold(a.H323, reg) {
			s.person(*a, true)
		}
		return false // there may be more
	})
}

// arrange sorts the records by time, and those of the same second in an order that
// does not depend on how they came.
func (s *scene) arrange() {
	s.views = make([]view, 0, len(s.rec.Call.CDRs))
	for i := range s.rec.Call.CDRs {
		c := &s.rec.Call.CDRs[i]
		s.views = append(s.views, view{c, entry(c, s.rec.Capture.Conf)})
	}
	slices.SortFunc(s.views, func(a, b view) int { return compare(a.cdr, b.cdr) })
}

// compare is the order of two records: by time, else by anything that differs.
func compare(a, b *recording.CDR) int {
	if c := a.UTC.Compare(b.UTC); c != 0 {
		return c
	}
	if c := cmp.Or(cmp.Compare(a.Dir, b.Dir), cmp.Compare(a.CN, b.CN), cmp.Compare(a.GUID, b.GUID), cmp.Compare(a.E164, b.E164),
		cmp.Compare(a.H323, b.H323), cmp.Compare(a.Device, b.Device), cmp.Compare(a.Pseudo, b.Pseudo)); c != 0 {
		return c
	}
	return slices.CompareFunc(a.Events, b.Events, func(x, y recording.CDREvent) int {
		return cmp.Or(cmp.Compare(x.Time, y.Time), cmp.Compare(x.Msg, y.Msg), cmp.Compare(x.E164, y.E164), cmp.Compare(x.H323, y.H323),
			cmp.Compare(x.Type, y.Type), cmp.Compare(x.Conf, y.Conf), slices.CompareFunc(x.To, y.To, compareNumbers), slices.CompareFunc(x.CF, y.CF, compareNumbers))
	})
}

func compareNumbers(a, b recording.Number) int {
	return cmp.Or(cmp.Compare(a.E164, b.E164), cmp.Compare(a.H323, b.H323))
}

// entry is the first event of a conference: a transfer brings a record into it in
// the middle. Without a conference it is the first of all.
func entry(c *recording.CDR, conf recording.ConfID) int {
	for i := range c.Events {
		if conf != "" && c.Events[i].Conf == conf {
			return i
		}
	}
	return 0
}

// takeOwn takes from a record what its own object did.
func (s *scene) takeOwn(v view) {
	c := v.cdr
	switch {
	case isPerson(c):
		if p := s.object(c.GUID); p != nil {
			p.add(v)
			return
		}
		a, agent := agentOf(c, s.facts)
		if u := s.unlicensedObject(c); !agent && u != nil {
			a = *u
		} else if !agent {
			a = recording.Agent{CN: c.CN, E164: c.E164, H323: c.H323, GUID: c.GUID}
		}
		s.person(a, agent).add(v)
	case isTrunk(c):
		s.trunk = true
		s.out = s.out || direction(c) == recording.In // called, seen from the trunk
	case c.Pseudo == "waiting":
		s.queue, s.group = earlier(s.queue, c.UTC), earlier(s.group, c.UTC)
	case c.Pseudo == "broadcast":
		s.group = earlier(s.group, c.UTC)
	}
}

// object finds the person of whose object there is a record already.
func (s *scene) object(guid string) *person {
	for i := range s.people {
		if p := &s.people[i]; guid != "" && len(p.own) > 0 && p.own[0].cdr.GUID == guid {
			return p
		}
	}
	return nil
}

// isPerson tells users and executives from trunks, queues, voice mail and the like.
func isPerson(c *recording.CDR) bool { return c.Pseudo == "" || c.Pseudo == "executive" }

func isTrunk(c *recording.CDR) bool { return c.Pseudo == "trunk" || c.Pseudo == "gw" }

// takeOthers takes from a record what it says of the far ends: the only trace of a
// person whose own record is missing.
func (s *scene) takeOthers(v view) {
	c := v.cdr
	s.takePassed(v)
	s.takePickedUp(v)
	for i := v.from; i < len(c.Events); i++ {
		e := &c.Events[i]
		rings, talks := strings.HasPrefix(e.Msg, "alert-"), strings.HasPrefix(e.Msg, "conn")
		if !rings && !talks || external(c, e) || names(e.E164, e.H323, c.E164, c.H323) {
			continue
		}
		p := s.inside(v, e)
		if p == nil {
			continue
		}
		if p.seen.cdr == nil {
			p.seen = sighting{v, i}
		}
		switch {
		case talks:
			p.spoke = earlier(p.spoke, at(c, i))
		case direction(c) == recording.In && c.Dir != recording.DirForwarded:
			p.called = earlier(p.called, at(c, i)) // the caller hears it ring
		default:
			p.rang = earlier(p.rang, at(c, i))
		}
	}
}

// external reports whether an event's party is one that the record marks as external: the
// PBX marks the set-up and the connect, and not the ringing between them.
func external(c *recording.CDR, e *recording.CDREvent) bool {
	return e.Type == "ext" || slices.ContainsFunc(c.Events, func(o recording.CDREvent) bool {
		return o.Type == "ext" && o.E164 != "" && o.E164 == e.E164 && e.H323 == ""
	})
}

// takePassed takes from a record who brought its object into the call, by a transfer: he
// was in it before. Where he has records of his own they tell it better.
func (s *scene) takePassed(v view) {
	if v.from >= len(v.cdr.Events) {
		return
	}
	e := &v.cdr.Events[v.from]
	by := e.CT
	if e.Msg == "transfer-to" && v.from > 0 {
		by = append(by[:len(by):len(by)], recording.Number{E164: e.E164, H323: e.H323, DN: e.DN})
	}
	for _, n := range by {
		p := s.inside(v, &recording.CDREvent{E164: n.E164, H323: n.H323, DN: n.DN})
		if p == nil || len(p.own) > 0 {
			continue
		}
		if p.seen.cdr == nil {
			p.seen = sighting{v, v.from}
		}
		p.passed = earlier(p.passed, at(v.cdr, v.from).Add(-time.Second))
	}
}

// takePickedUp takes from a record that its object picked the call up: it was connected
// without having rung, and came from another, whose telephone rang then. Of a diversion
// that is always on, the other telephone rings.
func (s *scene) takePickedUp(v view) {
	c := v.cdr
	if len(c.Events) == 0 || len(c.Events[0].CF) == 0 || direction(c) != recording.In || c.Dir == recording.DirForwarded {
		return
	}
	talked, rang := first(c, 0, "conn-from", "conn-to"), first(c, 0, "alert-from", "alert-to")
	if talked < 0 || rang >= 0 {
		return
	}
	n := c.Events[0].CF[len(c.Events[0].CF)-1]
	p := s.inside(v, &recording.CDREvent{E164: n.E164, H323: n.H323, DN: n.DN})
	if p == nil || len(p.own) > 0 {
		return
	}
	if p.seen.cdr == nil {
		p.seen = sighting{v, 0}
	}
	p.rang = earlier(p.rang, at(c, 0).Add(-time.Second))
}

// inside finds the person whom an event names as its far end: one with a record of
// his own, or an agent. Where every user is an agent, what a trunk reaches inside is
// one too, unless it is known as something else.
func (s *scene) inside(v view, e *recording.CDREvent) *person {
	if p := s.numbered(e.E164, e.H323); p != nil {
		return p
	}
	if a := s.agentNumbered(e.E164, e.H323); a != nil {
		return s.person(*a, true)
	}
	if u := s.unlicensedNumbered(e.E164, e.H323); u != nil {
		return s.person(*u, false)
	}
	if s.facts.All && isTrunk(v.cdr) && e.E164 != "" && !s.machine(e.E164, e.H323) {
		return s.person(recording.Agent{CN: e.DN, E164: e.E164, H323: e.H323}, true)
	}
	return nil
}

// agentNumbered finds an agent of whom nothing else is known yet.
func (s *scene) agentNumbered(e164, h323 string) *recording.Agent {
	if h323 == "" && slices.Contains(s.nobody, e164) {
		return nil
	}
	a := s.facts.find(lookup{h323: h323, e164: e164}, func(a *recording.Agent) bool { return names(e164, h323, a.E164, a.H323) })
	if a != nil {
		return a
	}
	if h323 == "" {
		s.nobody = append(s.nobody, e164)
	}
	return nil
}

// numbered finds who is known already by number or name.
func (s *scene) numbered(e164, h323 string) *person {
	for i := range s.people {
		if p := &s.people[i]; p.is(e164, h323) {
			return p
		}
	}
	return nil
}

// machine reports whether a number is that of an object that is neither a person nor
// a trunk: a queue, a menu. Digits dialled into it make its number longer, not its name.
func (s *scene) machine(e164, h323 string) bool {
	for _, v := range s.views {
		if c := v.cdr; !isPerson(c) && !isTrunk(c) && names(e164, h323, c.E164, c.H323) {
			return true
		}
	}
	return false
}

// ofGroup reports whether a number is that of a waiting queue or a broadcast group: it has
// a record in the call, or another's says that it sent the call on.
func (s *scene) ofGroup(e164, h323 string) bool {
	sent := func(n recording.Number) bool { return names(e164, h323, n.E164, n.H323) }
	return slices.ContainsFunc(s.views, func(v view) bool {
		c := v.cdr
		return isGroup(c) && names(e164, h323, c.E164, c.H323) || len(c.Events) > 0 && slices.ContainsFunc(c.Events[0].CF, sent)
	})
}

func isGroup(c *recording.CDR) bool { return c.Pseudo == "waiting" || c.Pseudo == "broadcast" }

// names reports whether a party written with this number and H.323 name is the
// object with those. A name counts more than a number.
func names(e164, h323, ownE164, ownH323 string) bool {
	if h323 != "" && ownH323 != "" {
		return strings.EqualFold(h323, ownH323)
	}
	return e164 != "" && e164 == ownE164
}

// takeLive takes what the PBX showed of agents. It counts only where no record tells of
// them, and in the records' time.
func (s *scene) takeLive(legs []recording.Leg) {
	for i := range legs {
		if p := s.person(legs[i].Agent, !legs[i].Agent.Unlicensed); p.live == nil {
			p.live = &legs[i]
		}
	}
	behind := s.clockOffset()
	for i := range legs {
		leg := &legs[i]
		if p := s.person(leg.Agent, false); p.partUntold() {
			p.rang, p.spoke = earlier(p.rang, later(leg.Alerted, behind)), earlier(p.spoke, later(leg.Connected, behind))
			if !leg.ToAgent {
				p.called = earlier(p.called, later(leg.Connected, behind))
			}
		}
	}
}

// clockOffset is how far the clock of the records is before ours, by a person of whom
// both tell when he was connected or when his telephone rang, his own records first;
// 0 if there is none.
func (s *scene) clockOffset() time.Duration {
	for _, own := range []bool{true, false} {
		for i := range s.people {
			p := &s.people[i]
			switch {
			case p.live == nil || p.partUntold() || own && len(p.own) == 0:
			case !p.spoke.IsZero() && !p.live.Connected.IsZero():
				return p.spoke.Sub(p.live.Connected)
			case !p.rang.IsZero() && !p.live.Alerted.IsZero():
				return p.rang.Sub(p.live.Alerted)
			}
		}
	}
	return 0
}

// later is a time moved by d, of which zero stays none.
func later(t time.Time, d time.Duration) time.Time {
	if t.IsZero() {
		return t
	}
	return t.Add(d)
}

// person finds a person of the scene or adds him.
func (s *scene) person(who recording.Agent, agent bool) *person {
	for i := range s.people {
		if p := &s.people[i]; samePerson(p.who, who) {
			p.agent = p.agent || agent
			return p
		}
	}
	s.people = append(s.people, person{who: who, agent: agent})
	return &s.people[len(s.people)-1]
}

// earlier is the earlier of two times, of which zero is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
