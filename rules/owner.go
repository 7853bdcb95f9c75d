package rules

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"callreel/internal/recording"
)

// owner finds the agent a call is kept for, and says why; nil if none had a part in
// it. The principle (doc/rules.md): the telephone that wrote the capture; else the
// agent who was in the call first, by calling, by being connected, or because his
// telephone rang before another took the call. Of an internal call it is the one who
// was called.
func (s *scene) owner() (*person, string) {
	if p := s.writer(); p != nil {
		if s.unnamed(s.rec.Capture) {
			return p, fmt.Sprintf("agent %s was connected when the capture of a phone began, at %s: his phone wrote it", name(p.who), s.rec.Capture.Begins.Format(time.TimeOnly)+" UTC")
		}
		return p, fmt.Sprintf("the capture is from the phone of agent %s", name(p.who))
	}
	best := s.firstOf(s.tookPart)
	if best == nil {
		return nil, fmt.Sprintf("%d CDRs, none of an agent who took part", len(s.views))
	}
	if s.internal() {
		if p := s.firstOf(func(p *person) bool { return s.tookPart(p) && p.wasCalled() }); p != nil {
			return p, fmt.Sprintf("agent %s was called by another user", name(p.who))
		}
	}
	return best, best.part(s)
}

// part says in words what made the person the first.
func (p *person) part(s *scene) string {
	since := s.since(p)
	switch {
	case p.untold():
		return fmt.Sprintf("the PBX showed agent %s connected", name(p.who))
	case !p.called.IsZero() && since.Equal(p.called):
		return fmt.Sprintf("agent %s called, and was the first agent in the call", name(p.who))
	case p.spoke.IsZero() && p.passed.IsZero():
		return fmt.Sprintf("agent %s was called, another answered for him", name(p.who))
	default:
		return fmt.Sprintf("agent %s spoke, and was the first agent in the call", name(p.who))
	}
}

// writer is the agent whose phone wrote the capture, by the capture's name. Where no
// record of his tells the phone, its registration does.
func (s *scene) writer() *person { return s.wrote }

// writerOf is the same of any capture of the call.
func (s *scene) writerOf(c recording.Capture) *person {
	for i := range s.people {
		p := &s.people[i]
		mine := func(v view) bool { return byDevice(c, v.cdr) }
		if p.agent && (slices.ContainsFunc(p.own, mine) || c.RegName != "" && len(p.own) == 0 && strings.EqualFold(c.RegName, p.h323())) {
			return p
		}
	}
	if s.unnamed(c) {
		return s.connectedAt(c.Begins)
	}
	return nil
}

// tookPart reports whether a person is an agent who had a part in the call.
func (s *scene) tookPart(p *person) bool {
	return p.agent && !s.since(p).IsZero() && (!p.untold() || !p.spoke.IsZero() || s.shownRinging(p))
}

// shownRinging reports whether it was the PBX alone that showed a person's telephone
// ringing before another took the call, and no record says that it came through a
// group: it was picked up, or diverted as nobody answered.
func (s *scene) shownRinging(p *person) bool {
	taken := slices.ContainsFunc(s.people, func(o person) bool { return o.spoke.After(p.rang) && !o.untold() })
	return !p.rang.IsZero() && taken && s.group.IsZero() && !slices.ContainsFunc(s.views, s.fromUnknown)
}

// fromUnknown reports whether a record shows that the call came from, or was for, an
// object of which nothing is known: a group, as likely as not.
func (s *scene) fromUnknown(v view) bool {
	if len(v.cdr.Events) == 0 {
		return false
	}
	e := &v.cdr.Events[0]
	dialled := isTrunk(v.cdr) && direction(v.cdr) == recording.Out
	return dialled && s.stranger(recording.Number{E164: e.E164, H323: e.H323}) || s.sentOn(v)
}

// sentOn reports whether a record shows that an unknown object sent the call on.
func (s *scene) sentOn(v view) bool {
	return len(v.cdr.Events) > 0 && slices.ContainsFunc(v.cdr.Events[0].CF, s.stranger)
}

// stranger reports whether nothing is known of who has a number.
func (s *scene) stranger(n recording.Number) bool {
	return s.numbered(n.E164, n.H323) == nil && !s.machine(n.E164, n.H323)
}

// since is when the person came into the call; zero if he was not in it.
func (s *scene) since(p *person) time.Time {
	t := earlier(earlier(p.called, p.spoke), p.passed)
	if s.ringCounts(p) {
		t = earlier(t, p.rang)
	}
	return t
}

// shown is since by what the PBX showed of the person; zero if that is nothing of it.
func (s *scene) shown(p *person) time.Time {
	t := p.live.Connected
	if s.ringCounts(p) {
		t = earlier(t, p.live.Alerted)
	}
	return t
}

// ringCounts reports whether a telephone that rang makes a part in the call. In a
// group many ring, and only who answers counts; if nobody does, all count. Where it is
// not known what sent the call here, an agent who answered goes first.
func (s *scene) ringCounts(p *person) bool {
	switch {
	case !s.group.IsZero() && !p.rang.Before(s.group):
		return !slices.ContainsFunc(s.people, func(o person) bool { return o.answeredCall() })
	case s.sentByUnknown(p):
		return !slices.ContainsFunc(s.people, func(o person) bool { return o.agent && !o.spoke.IsZero() })
	default:
		return true
	}
}

// sentByUnknown reports whether the call came to the person from an object of which
// there is no record: a diversion, or a group.
func (s *scene) sentByUnknown(p *person) bool {
	return slices.ContainsFunc(p.own, s.sentOn)
}

// firstOf is who of those that are wanted came first into the call, in the same
// second the one whose record is older, then the one who passed the call to the other.
func (s *scene) firstOf(want func(*person) bool) *person {
	var best *person
	for i := range s.people {
		if p := &s.people[i]; want(p) && (best == nil || s.before(p, best)) {
			best = p
		}
	}
	return best
}

// before is the order of firstOf. Of two at different PBXes, whose clocks may differ, the
// one who handed the call to the other came first, whatever their records' times. Of whom no record tells, and another, the PBX's own
// times say who came first, where they have both: the records' clock may differ.
func (s *scene) before(a, b *person) bool {
	if gave, got := a.handedTo(b), b.handedTo(a); gave != got {
		return gave
	}
	if (a.partUntold() || b.partUntold()) && a.live != nil && b.live != nil {
		if x, y := s.shown(a), s.shown(b); !x.IsZero() && !y.IsZero() && !x.Equal(y) {
			return x.Before(y)
		}
	}
	return cmp.Or(s.since(a).Compare(s.since(b)), a.begun().Compare(b.begun()), cmp.Compare(b.gave(), a.gave()),
		cmp.Compare(a.who.E164, b.who.E164), cmp.Compare(a.who.CN, b.who.CN)) < 0
}

// internal reports whether it is certain that nobody outside took part: no trunk, no
// number that the PBX marks as external, and every far end a person known here, or a
// queue or a group.
func (s *scene) internal() bool {
	if s.trunk {
		return false
	}
	known := false
	for _, v := range s.views {
		for i := range v.cdr.Events {
			e := &v.cdr.Events[i]
			if e.Type == "ext" || farEnd(e.Msg) && e.E164 != "" && s.numbered(e.E164, e.H323) == nil && !s.ofGroup(e.E164, e.H323) {
				return false
			}
			known = known || e.E164 != ""
		}
	}
	return known
}

// agentOf tells whether a CDR's object is an agent: by GUID where both sides know it,
// else by long name, else by number, which may be that of another from whom the call was
// diverted (Asterisk). Only users and executives can be agents.
func agentOf(c *recording.CDR, f *Facts) (recording.Agent, bool) {
	if a := f.find(lookup{cn: c.CN}, func(a *recording.Agent) bool { return a.CN != "" && a.CN == c.CN && a.Owns(c) }); a != nil {
		return *a, true
	}
	keys := lookup{guid: c.GUID, cn: c.CN, e164: c.E164}
	if a := f.find(keys, func(a *recording.Agent) bool { return a.Owns(c) }); a != nil {
		return *a, true
	}
	if f.All && c.CN != "" {
		return recording.Agent{CN: c.CN, E164: c.E164, H323: c.H323, GUID: c.GUID, PBX: c.PBX}, true
	}
	return recording.Agent{}, false
}

// byDevice reports whether the capture's name says that this object's phone
// wrote it (SPEC §4.2, last paragraph).
func byDevice(c recording.Capture, r *recording.CDR) bool {
	if r.Dir == recording.DirForwarded || r.Dir == recording.DirTransferred {
		return false
	}
	if c.RegName != "" && (strings.EqualFold(c.RegName, r.H323) || strings.EqualFold(c.RegName, r.Device)) {
		return true
	}
	return c.MAC != "" && sameMAC(c.MAC, r.Device)
}

// sameMAC compares two addresses of 12 hex digits, however they are separated.
func sameMAC(a, b string) bool {
	digits := 0
	for {
		a, b = strings.TrimLeft(a, "-:"), strings.TrimLeft(b, "-:")
		if a == "" || b == "" {
			return a == b && digits == 12
		}
		if !strings.EqualFold(a[:1], b[:1]) {
			return false
		}
		a, b, digits = a[1:], b[1:], digits+1
	}
}
