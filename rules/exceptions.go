package rules

import (
	"fmt"
	"slices"
	"time"

	"callreel/internal/recording"
)

// These rules are the manual's exceptions from the principle (SPEC §4.2 cases 13, 14
// and 17): calls in which an agent took part, and which are not kept all the same.
// Each speaks only where records of the persons themselves prove it; in doubt the
// call is kept.

// exception is one of them: it says in words what it found, or nothing.
type exception func(*scene) string

// drop makes a rule of an exception. It waits for late CDRs like every rule that
// throws a call away, and is silent about a call of which a phone's own capture or an
// agent without a CDR tells more.
func (x exception) drop(q *question) (recording.Verdict, bool) {
	s := q.scene()
	if s.writer() != nil || slices.ContainsFunc(s.people, func(p person) bool { return p.agent && p.untold() }) {
		return recording.Verdict{Reason: "an agent's own phone, or the PBX's live events, tell more"}, false
	}
	why := x(s)
	if why == "" {
		return recording.Verdict{Reason: "not such a call"}, false
	}
	if v, wait := quiet(*q.rec, *q.facts, q.facts.DiscardSettle); wait {
		return v, true
	}
	v := s.describe(s.firstOf(func(p *person) bool { return !p.agent }))
	v.Owner = recording.Agent{}
	v.Decision, v.Reason = recording.Discard, why
	return v, true
}

// queueAnsweredByUser is case 14: what comes through a waiting queue belongs to who
// takes it from there.
func queueAnsweredByUser(s *scene) string {
	u := s.firstOf(func(p *person) bool { return !p.agent && len(p.own) > 0 && p.answeredCall() })
	a := s.onlyAgent()
	if s.queue.IsZero() || u == nil || a == nil || s.since(a).Before(s.queue) || u.spoke.Before(s.queue) || !u.spoke.Before(s.since(a)) {
		return ""
	}
	return fmt.Sprintf("user %s took the call from the waiting queue before agent %s was in it", name(u.who), name(a.who))
}

// queueAnnouncedToUser is case 13: the agent who took the call from a waiting queue
// passed it to a user with whom he had spoken first.
func queueAnnouncedToUser(s *scene) string {
	a := s.onlyAgent()
	if s.queue.IsZero() || a == nil || !a.answeredCall() || s.since(a).Before(s.queue) {
		return ""
	}
	for i := range s.people {
		u := &s.people[i]
		if t := announced(a, u); !u.agent && !t.IsZero() && !a.returns(t) {
			return fmt.Sprintf("agent %s took the call from the waiting queue and passed it, announced, to user %s", name(a.who), name(u.who))
		}
	}
	return ""
}

// announced is when a passed the call to u after they had spoken with each other;
// zero if he did not. Either one's record of their talk shows it.
func announced(a, u *person) time.Time {
	if len(u.own) == 0 {
		return time.Time{}
	}
	for _, v := range a.own {
		if t := v.joined("transfer-from", u); !t.IsZero() {
			return t
		}
	}
	for _, v := range u.own {
		if t := v.joined("transfer-to", a); !t.IsZero() {
			return t
		}
	}
	return time.Time{}
}

// joined is when a transfer took the talk with p that this record is of into the
// capture's call; zero if none did, or if they had not spoken yet.
func (v view) joined(transfer string, p *person) time.Time {
	talk := first(v.cdr, 0, "conn-from", "conn-to")
	if talk < 0 || talk >= v.from {
		return time.Time{}
	}
	if e := &v.cdr.Events[v.from]; e.Msg != transfer || !names(e.E164, e.H323, p.who.E164, p.who.H323) {
		return time.Time{}
	}
	return at(v.cdr, v.from)
}

// returns reports whether the person came into the call again after t.
func (p *person) returns(t time.Time) bool {
	return slices.ContainsFunc(p.own, func(v view) bool { return v.cdr.UTC.After(t) })
}

// onlyAgent is the agent who took part, if he is the only one.
func (s *scene) onlyAgent() *person {
	a := s.firstOf(s.tookPart)
	if a == nil || s.firstOf(func(p *person) bool { return p != a && s.tookPart(p) }) != nil {
		return nil
	}
	return a
}

// passedOutsideByUser is case 17: a user brings an agent with whom he talks, and an
// external party that he called himself, together.
func passedOutsideByUser(s *scene) string {
	a := s.onlyAgent()
	if !s.out || a == nil {
		return ""
	}
	for i := range s.people {
		if u := &s.people[i]; !u.agent && onlyWith(a, u) && slices.ContainsFunc(u.own, func(v view) bool { return s.passes(v, a) }) {
			return fmt.Sprintf("user %s passed agent %s, with whom he was talking, to an external party that he called himself", name(u.who), name(a.who))
		}
	}
	return ""
}

// onlyWith reports whether the agent's records, if there are any, show no more than
// a call of his to this user, and the user's none to him.
func onlyWith(a, u *person) bool {
	return !slices.ContainsFunc(a.own, func(v view) bool { return !v.calls(u) }) &&
		!slices.ContainsFunc(u.own, func(v view) bool { return v.calls(a) })
}

// calls reports whether the record is of a call to this person, in the capture's
// conference from its beginning.
func (v view) calls(p *person) bool {
	i := first(v.cdr, 0, "conn-to", "alert-to")
	if direction(v.cdr) != recording.Out || i < 0 || v.from > 0 {
		return false
	}
	e := &v.cdr.Events[i]
	return e.Type != "ext" && names(e.E164, e.H323, p.who.E164, p.who.H323)
}

// passes reports whether a user's record shows how he brings the agent and an
// external party together: he called that party second and transfers it into the call
// of the agent, whose conference it gets, or he transfers the agent's call to a number
// outside. Had he called the agent second, it would be case 22.
func (s *scene) passes(v view, a *person) bool {
	i := first(v.cdr, 0, "transfer-from")
	if i < 0 {
		return false
	}
	e := &v.cdr.Events[i]
	if v.cdr.Dir == recording.DirTransferred {
		e0 := &v.cdr.Events[0]
		return e0.Msg == "setup-to" && names(e0.E164, e0.H323, a.who.E164, a.who.H323) && s.outside(e.To)
	}
	toAgent := slices.ContainsFunc(e.To, func(n recording.Number) bool { return names(n.E164, n.H323, a.who.E164, a.who.H323) })
	moved := e.Conf != "" && e.Conf != v.cdr.Events[0].Conf
	return direction(v.cdr) == recording.Out && moved && toAgent && s.numbered(e.E164, e.H323) == nil && !s.machine(e.E164, e.H323)
}

// outside reports whether a transfer goes to a number that nobody inside is known by.
func (s *scene) outside(to []recording.Number) bool {
	return len(to) > 0 && !slices.ContainsFunc(to, func(n recording.Number) bool {
		return n.E164 == "" || s.numbered(n.E164, n.H323) != nil || s.machine(n.E164, n.H323)
	})
}
