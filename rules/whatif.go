package rules

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"callreel/internal/recording"
)

// This file answers "why": who is in the call as the rules see it, and what would have
// changed the outcome. The latter is never told by heart: the rules are asked again with
// one thing changed.

// Explanation is a verdict with what would have made it another one.
type Explanation struct {
	Verdict recording.Verdict `json:"verdict"`
	Parties []Party           `json:"parties"`
	Changes []Change          `json:"changes"`
}

// Party is one user or executive of the call.
type Party struct {
	Who   recording.Agent `json:"who"`
	Agent bool            `json:"agent"`
	// Known says what tells of him: "CDR", "another's CDR", "SOAP" or "the capture's name".
	Known string    `json:"known"`
	Since time.Time `json:"since,omitzero"` // when he came into the call; zero: he was not in it
}

// Change is one fact or rule that might have been another.
type Change struct {
	What    string            `json:"what"`    // a condition in words
	Changes bool              `json:"changes"` // fate, owner, direction or external number would be others
	Verdict recording.Verdict `json:"verdict"` // what the rules say then
}

// Explain decides, and decides again with each thing changed that a call hangs on.
// Waiting for late CDRs is one of these things; the others are asked as if it were over.
func (s Set) Explain(rec recording.Recording, f Facts) Explanation {
	f.Manual = s.manual
	settled := f
	settled.Settle, settled.DiscardSettle, settled.MarkPatience, settled.Before = 0, 0, 0, 0
	sc := look(&rec, &settled)
	e := Explanation{Verdict: s.Decide(rec, f), Parties: sc.parties()}
	base := s.Decide(rec, settled)
	if e.Verdict.Decision == recording.Wait && base.Decision != recording.Wait {
		e.Changes = append(e.Changes, Change{"nothing more comes", true, base})
	}
	a := asked{set: s, rec: rec, facts: settled, scene: sc, base: base}
	for _, vary := range variations() {
		for _, v := range vary(a) {
			got := v.set.Decide(v.rec, v.facts)
			e.Changes = append(e.Changes, Change{v.what, differs(got, base), got})
		}
	}
	return e
}

// Differs reports whether fate or owner of a call, its direction or its external number
// are others in one verdict than in the other. The number of a recording that was begun by
// hand is found when it is filed, and no rule's.
func Differs(a, b recording.Verdict) bool { return differs(a, b) }

func differs(a, b recording.Verdict) bool {
	if a.Decision != b.Decision {
		return true
	}
	number := a.External != b.External && !(a.Manual && b.Manual)
	return a.Decision == recording.Keep &&
		(a.Owner.CN != b.Owner.CN || a.Owner.E164 != b.Owner.E164 || a.Direction != b.Direction || number)
}

// asked is a question with its answer.
type asked struct {
	set   Set
	rec   recording.Recording
	facts Facts
	scene *scene
	base  recording.Verdict
}

// variant is the same question with one thing changed.
type variant struct {
	what  string
	set   Set
	rec   recording.Recording
	facts Facts
}

// with makes a variant of which nothing is changed yet.
func (a asked) with(what string, args ...any) variant {
	return variant{fmt.Sprintf(what, args...), a.set, a.rec, a.facts}
}

// variations lists the kinds of things that are changed. What is a new kind of fact gets
// a row.
func variations() []func(asked) []variant {
	return []func(asked) []variant{otherAgents, sipAgents, lessRecords, moreRecords, otherExceptions, withoutDecider, unnamedCapture, otherTwins, otherMarks}
}

func (s *scene) parties() []Party {
	out := make([]Party, 0, len(s.people))
	for i := range s.people {
		p := &s.people[i]
		known := "the capture's name"
		switch {
		case len(p.own) > 0:
			known = "CDR"
		case p.seen.cdr != nil:
			known = "another's CDR"
		case p.live != nil:
			known = "SOAP"
		}
		out = append(out, Party{Who: p.who, Agent: p.agent, Known: known, Since: s.since(p)})
	}
	return out
}

// label names a person with his number.
func label(a recording.Agent) string {
	switch n := cmp.Or(a.CN, a.DN, a.H323); {
	case n == "" || n == a.E164:
		return cmp.Or(a.E164, "somebody without a name")
	case a.E164 == "":
		return n
	default:
		return a.E164 + " (" + n + ")"
	}
}

// otherAgents makes each user an agent, and each agent a user.
func otherAgents(a asked) (out []variant) {
	for i := range a.scene.people {
		p := &a.scene.people[i]
		if !p.agent {
			v := a.with("%s were an agent", label(p.who))
			v.facts.Agents = append(slices.Clip(v.facts.Agents), p.who)
			out = append(out, v)
			continue
		}
		v := a.with("%s were no agent", label(p.who))
		v.facts = a.dismiss(p)
		v.rec.Call.Live = slices.DeleteFunc(slices.Clone(v.rec.Call.Live), func(l recording.Leg) bool { return samePerson(l.Agent, p.who) })
		out = append(out, v)
	}
	return out
}

// dismiss returns the facts with a person who is no agent. Where every user is one, that
// leaves the others of the call.
func (a asked) dismiss(p *person) Facts {
	f := a.facts
	h323 := p.h323()
	him := func(o recording.Agent) bool {
		return samePerson(o, p.who) || o.E164 != "" && o.E164 == p.who.E164 || h323 != "" && strings.EqualFold(o.H323, h323)
	}
	f.Agents = slices.DeleteFunc(f.agents(), him)
	f.Roster = nil
	if f.All {
		f.All = false
		for i := range a.scene.people {
			if o := &a.scene.people[i]; o != p {
				f.Agents = append(f.Agents, o.who)
			}
		}
	}
	return f
}

// sipAgents does the same with the parties of a capture of which only its SIP tells.
func sipAgents(a asked) (out []variant) {
	if !onlySIP(a.rec) {
		return nil
	}
	for _, party := range []string{a.rec.Call.SIP.Parties.To, a.rec.Call.SIP.Parties.From} {
		if party == "" {
			continue
		}
		v := a.with("%s were an agent", party)
		v.facts.Agents = append(slices.Clip(v.facts.Agents), recording.Agent{CN: party, E164: party})
		if one := (Facts{Agents: a.facts.agents()}); one.find(lookup{}, func(o *recording.Agent) bool { return is(o, party) }) != nil {
			v = a.with("%s were no agent", party)
			v.facts.Agents = slices.DeleteFunc(one.Agents, func(o recording.Agent) bool { return is(&o, party) })
			v.facts.Roster = nil
		}
		out = append(out, v)
	}
	return out
}

// lessRecords takes each record away.
func lessRecords(a asked) (out []variant) {
	cdrs := a.rec.Call.CDRs
	for i := range cdrs {
		c := &cdrs[i]
		who := label(recording.Agent{CN: c.CN, E164: c.E164, H323: c.H323})
		v := a.with("the CDR of %s, which begins at %s UTC, had not come", who, c.UTC.UTC().Format(time.TimeOnly))
		v.rec.Call.CDRs = slices.Delete(slices.Clone(cdrs), i, i+1)
		out = append(out, v)
	}
	return out
}

// moreRecords puts the record there that an agent should have: as others tell of him.
func moreRecords(a asked) (out []variant) {
	for i := range a.scene.people {
		p := &a.scene.people[i]
		if !p.agent || len(p.own) > 0 {
			continue
		}
		v := a.with("the CDR of %s had come, and said the same as what is known of him", label(p.who))
		v.rec.Call.CDRs = append(slices.Clip(v.rec.Call.CDRs), a.supposed(p))
		out = append(out, v)
	}
	return out
}

// supposed is the record that a person's own would be by all that is known of him. Of
// whom only the capture's name tells is supposed to have been called and to have spoken.
func (a asked) supposed(p *person) recording.CDR {
	rang, called, spoke, peer := p.rang, p.called, p.spoke, a.base.External
	if l := p.live; l != nil {
		rang, spoke = earlier(rang, l.Alerted), earlier(spoke, l.Connected)
		peer = cmp.Or(l.Peer.E164, peer)
	}
	begin := earlier(earlier(rang, called), spoke)
	if begin.IsZero() {
		begin, spoke = a.rec.Capture.SeenAt, a.rec.Capture.SeenAt
	}
	c := recording.CDR{CN: p.who.CN, E164: p.who.E164, H323: p.who.H323, GUID: p.who.GUID, IsUser: true, UTC: begin, Dir: recording.DirTo}
	setup, alert, conn := "setup-to", "alert-from", "conn-from"
	if p.direction() == recording.Out {
		c.Dir, setup, alert, conn = recording.DirFrom, "setup-from", "alert-to", "conn-to"
	}
	add := func(msg string, t time.Time) {
		if !t.IsZero() {
			c.Events = append(c.Events, recording.CDREvent{Msg: msg, Time: int64(t.Sub(begin) / time.Second), E164: peer, Conf: a.rec.Capture.Conf})
		}
	}
	add(setup, begin)
	add(alert, rang)
	add(conn, spoke)
	return c
}

// otherExceptions leaves the manual's exceptions out, or brings them in.
func otherExceptions(a asked) []variant {
	if slices.ContainsFunc(a.set.rules, func(r rule) bool { return r.excepts }) {
		v := a.with(`the rules had exceptions = "keep"`)
		v.set.rules = slices.DeleteFunc(slices.Clone(a.set.rules), func(r rule) bool { return r.excepts })
		return []variant{v}
	}
	behind := slices.IndexFunc(a.set.rules, func(r rule) bool { return r.name == stillComing }) + 1
	v := a.with(`the rules had exceptions = "manual"`)
	for _, r := range slices.Backward(First().rules) {
		if r.excepts {
			v.set.rules = slices.Insert(slices.Clone(v.set.rules), behind, r)
		}
	}
	return []variant{v}
}

// withoutDecider leaves out the rule that decided, if it is one that an operator may
// leave out.
func withoutDecider(a asked) []variant {
	name := a.base.Rule
	if name == "no-rule" || slices.ContainsFunc(First().rules, func(r rule) bool { return r.name == name && !r.excepts }) {
		return nil
	}
	v := a.with("there were no rule %q", name)
	v.set = a.set.without(name)
	return []variant{v}
}

// without is the set without a rule, or without one of the operator's filters.
func (s Set) without(name string) Set {
	rows := make([]rule, 0, len(s.rules))
	for _, r := range s.rules {
		if r.filters != nil {
			r.filters = slices.DeleteFunc(slices.Clone(r.filters), func(f Filter) bool { return "filter "+f.Name == name })
			r.test = r.filters.decide
		}
		if r.name != name {
			rows = append(rows, r)
		}
	}
	s.rules = rows
	s.limits = slices.DeleteFunc(slices.Clone(s.limits), func(l limit) bool { return l.name == name })
	return s
}

// otherMarks takes each mark that counts away, and marks a call that nobody has marked.
func otherMarks(a asked) (out []variant) {
	for _, m := range a.base.Marks {
		v := a.with("agent %s had not marked the call (%s)", m.Number, m.Kind)
		v.facts.Marks = slices.DeleteFunc(slices.Clone(a.facts.Marks), func(o recording.Mark) bool { return o.ID == m.ID })
		out = append(out, v)
	}
	if a.base.Rule == NotMarked {
		agent := cmp.Or(a.base.Owner.E164, a.base.Owner.CN)
		v := a.with("agent %s had marked the call", agent)
		v.facts.Marks = append(slices.Clip(a.facts.Marks), recording.Mark{
			Kind: recording.MarkKeep, Number: agent, At: Ended(a.rec, a.facts.Now), Conf: a.rec.Capture.Conf,
		})
		out = append(out, v)
	}
	return out
}

// unnamedCapture takes from the capture's name what tells whose phone wrote it.
func unnamedCapture(a asked) []variant {
	if a.scene.writer() == nil {
		return nil
	}
	v := a.with("the capture's name did not tell whose phone wrote it")
	v.rec.Capture.MAC, v.rec.Capture.RegName = "", ""
	return []variant{v}
}

// otherTwins takes each other recording of the call away.
func otherTwins(a asked) (out []variant) {
	for i, t := range a.rec.Call.Twins {
		v := a.with("the call had not been recorded twice (recording %d)", t.ID)
		v.rec.Call.Twins = slices.Delete(slices.Clone(a.rec.Call.Twins), i, i+1)
		out = append(out, v)
	}
	return out
}

// ExplainEarly does for a capture that was discarded unfetched what Explain does for
// others. The coverage of that moment is not kept; what must have held for the verdict is
// taken as it. The CDRs of rec are those that have come by now.
func (s Set) ExplainEarly(rec recording.Recording, f Facts) Explanation {
	f.Now, f.Settle, f.DiscardSettle = rec.Verdict.At, 0, 0
	f.Live = Coverage{Linked: true, Since: rec.Capture.NotBefore}
	unfetched := rec
	unfetched.Call.CDRs, unfetched.Call.Raw = nil, nil
	e := Explanation{Verdict: rec.Verdict, Parties: look(&rec, &f).parties()}
	for _, row := range []struct {
		what   string
		change func(*recording.Recording, *Facts)
	}{
		{"a PBX link had been down", func(_ *recording.Recording, f *Facts) { f.Live.Linked = false }},
		{"a PBX link had come up after the capture appeared", func(r *recording.Recording, f *Facts) { f.Live.Since = r.Capture.NotBefore.Add(time.Second) }},
		{"the PBX had shown an agent in this conference", func(r *recording.Recording, _ *Facts) { r.Call.Live = []recording.Leg{{Conf: r.Capture.Conf}} }},
		{"an agent's call had changed its conference id meanwhile", func(_ *recording.Recording, f *Facts) { f.Live.ConfChanged = true }},
		{"the file had been whole when it appeared", func(r *recording.Recording, _ *Facts) { r.Capture.StillAt = r.Capture.SeenAt }},
		{"every user were an agent", func(_ *recording.Recording, f *Facts) { f.All = true }},
	} {
		r, facts := unfetched, f
		row.change(&r, &facts)
		v, sure := s.Early(r, facts)
		if !sure {
			why := v.Reason
			r.Call = rec.Call
			v = s.Decide(r, facts)
			v.Reason = fmt.Sprintf("fetched, because %s; then, by the CDRs that have come: %s", why, v.Reason)
		}
		e.Changes = append(e.Changes, Change{row.what, !sure, v})
	}
	return e
}
