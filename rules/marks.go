package rules

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"callreel/internal/recording"
)

// A file's time has whole seconds: what was marked in a call's first moments may seem
// to be from before it.
const markSlack = 2 * time.Second

// dialWithin is how long after its set-up a call that an agent made himself may be the
// one by which he marks another: the script's own.
const dialWithin = 30 * time.Second

// Span is an agent's part in another conference than the capture's.
type Span struct {
	Agent recording.Agent
	Conf  recording.ConfID
	From  time.Time
	To    time.Time // zero while it lives
	Made  bool      // he made the call
	Peer  recording.Number
}

// marking is a mark that is of this call.
type marking struct {
	recording.Mark
	by *person // nil where only the capture's own SIP tells of him
}

// fit is how a mark is of a call.
type fit int

const (
	fitsNot  fit = iota
	fitsIn       // it was made in the call, or names it
	fitsPast     // it was made after the call
)

// marks finds which of the marks are of this call, oldest first.
func (q *question) marks() []marking {
	if q.found != nil {
		return *q.found
	}
	var out []marking
	for _, m := range q.facts.Marks {
		p, how := q.marked(m)
		if how == fitsPast {
			m.After = callOf(*q.rec)
		}
		if how != fitsNot {
			out = append(out, marking{m, p})
		}
	}
	slices.SortStableFunc(out, func(a, b marking) int { return a.At.Compare(b.At) })
	q.found = &out
	return out
}

// said gives the last keep mark that counts, and the last skip mark of the agent for
// whom the call is kept; nil where there is none.
func (q *question) said() (keep, skip *recording.Mark) {
	for _, m := range q.marks() {
		switch {
		case !q.counts(m):
		case m.Kind == recording.MarkSkip:
			skip = &m.Mark
		case m.Kind == recording.MarkKeep:
			keep = &m.Mark
		}
	}
	return keep, skip
}

// counts reports whether the agent may say this of the call: the one for whom it is
// kept may say anything, another in it may ask to keep it. A number that two agents
// have throws nobody's call away.
func (q *question) counts(m marking) bool {
	if m.Kind == recording.MarkSkip && m.Conf == "" && q.shared(m.Number) {
		return false
	}
	return m.by == nil || samePerson(m.by.who, q.owner) || m.Kind == recording.MarkKeep && !q.mustBeCalled()
}

// shared reports whether two agents have a mark's number, at two PBXes for instance.
func (q *question) shared(number string) bool {
	var first *recording.Agent
	for _, a := range q.facts.agents() {
		switch {
		case !NamesAgent(number, a):
		case first == nil:
			first = &a
		case a.GUID != "" && first.GUID != "" && !strings.EqualFold(a.GUID, first.GUID), a.CN != "" && first.CN != "" && a.CN != first.CN:
			return true
		}
	}
	return false
}

// callOf names the call of a recording, its conference or, without one, itself.
func callOf(rec recording.Recording) recording.ConfID {
	return cmp.Or(rec.Capture.Conf, recording.ConfID(fmt.Sprintf("recording %d", rec.ID)))
}

// mustBeCalled reports that the call is one between two agents: the called one, whose
// it is, must mark it.
func (q *question) mustBeCalled() bool {
	s := q.scene()
	agents := 0
	for i := range s.people {
		if s.tookPart(&s.people[i]) {
			agents++
		}
	}
	return agents > 1 && s.internal()
}

// marked reports how a mark is of this call, and of which agent in it.
func (q *question) marked(m recording.Mark) (*person, fit) {
	s := q.scene()
	for i := range s.people {
		p := &s.people[i]
		if !p.agent || !NamesAgent(m.Number, p.who) || !s.tookPart(p) && !samePerson(p.who, q.owner) {
			continue
		}
		return p, q.fits(m, p.who, q.spans(p))
	}
	if onlySIP(*q.rec) && NamesAgent(m.Number, q.owner) {
		return nil, q.fits(m, q.owner, q.sipSpans())
	}
	return nil, fitsNot
}

// NamesAgent reports whether a mark's number is this agent's: the very same, for a
// longer one that ends alike may be anybody's.
func NamesAgent(number string, a recording.Agent) bool {
	return number != "" && (number == a.E164 || strings.EqualFold(number, a.H323) || strings.EqualFold(number, a.CN))
}

// fits reports how a mark that an agent made is of this call, in which he had these
// parts: it names the conference; or he was in it then; or, to keep it, it was the last
// one that he was in before, and goes on without him or ended no longer than the time
// for marks ago. Until then the call is told to wait for a mark, so until then one counts.
func (q *question) fits(m recording.Mark, who recording.Agent, parts []Span) fit {
	switch {
	case slices.ContainsFunc(parts, func(part Span) bool { return q.isScript(part.Peer) }):
		return fitsNot // it is the call by which he marks
	case m.Conf != "" && m.Conf == q.rec.Capture.Conf:
		return fitsIn
	case m.Conf != "" && !q.namesScript(m, who):
		return fitsNot
	}
	var end time.Time
	for _, part := range parts {
		if part.holds(m.At) {
			return when(m.Kind == recording.MarkKeep || !q.elsewhere(m, who, time.Time{}), fitsIn)
		}
		end = latest(end, part.To, m.At)
	}
	if m.Kind != recording.MarkKeep || end.IsZero() || m.At.After(end.Add(q.markTime)) && m.At.After(q.deadline()) {
		return fitsNot
	}
	return when((m.After == "" || m.After == callOf(*q.rec)) && !q.elsewhere(m, who, end), fitsPast)
}

func when(holds bool, f fit) fit {
	if holds {
		return f
	}
	return fitsNot
}

// namesScript reports whether the conference that a mark names may be that of the call to
// the script: a script knows its own call for certain, and may know no other. Of one of
// which nothing else is known that is so for a keep mark only.
func (q *question) namesScript(m recording.Mark, who recording.Agent) bool {
	if m.From != recording.MarkByScript {
		return false
	}
	known := false
	for _, o := range q.facts.Others {
		if o.Conf != m.Conf || !samePerson(o.Agent, who) {
			continue
		}
		if known = true; q.isScript(o.Peer) || len(q.facts.Scripts) == 0 && o.dials(m.At) {
			return true
		}
	}
	return !known && m.Kind == recording.MarkKeep
}

// elsewhere reports whether the agent was in another call when he made the mark, or,
// with an end, in one that ended after it. The call to the script that takes the mark
// does not count, nor one that may be it.
func (q *question) elsewhere(m recording.Mark, who recording.Agent, end time.Time) bool {
	return slices.ContainsFunc(q.facts.Others, func(o Span) bool {
		if o.Conf == q.rec.Capture.Conf || !samePerson(o.Agent, who) || q.isScript(o.Peer) || o.From.After(m.At) {
			return false
		}
		if o.holds(m.At) {
			return !o.dials(m.At) || len(q.facts.Scripts) > 0
		}
		return !end.IsZero() && o.To.After(end)
	})
}

// dials reports whether the agent made the call so shortly before a time that it may be
// the one to the script.
func (s Span) dials(t time.Time) bool { return s.Made && s.From.After(t.Add(-dialWithin)) }

// holds reports whether the agent was in the call at a time.
func (s Span) holds(t time.Time) bool {
	return !s.From.After(t.Add(markSlack)) && (s.To.IsZero() || !t.After(s.To))
}

func (q *question) isScript(n recording.Number) bool {
	return slices.ContainsFunc(q.facts.Scripts, func(script string) bool {
		return n.E164 != "" && n.E164 == script || n.H323 != "" && strings.EqualFold(n.H323, script) || n.CN != "" && strings.EqualFold(n.CN, script)
	})
}

// spans are a person's parts in this call: by his own records, by what the PBX showed,
// and where neither tells, from when another's record names him to the call's end.
func (q *question) spans(p *person) []Span {
	var out []Span
	d := q.ahead()
	for _, v := range p.own {
		if v.cdr.Dir != recording.DirForwarded {
			out = append(out, spanOf(v, p.who).sooner(d))
		}
	}
	for _, leg := range q.rec.Call.Live {
		if samePerson(leg.Agent, p.who) {
			out = append(out, SpanOfLeg(leg))
		}
	}
	if len(out) == 0 {
		out = append(out, Span{Agent: p.who, From: q.scene().since(p), To: Ended(*q.rec, q.facts.Now)})
	}
	return out
}

// ahead is how far the clock of the records is ahead of ours at least: none can come before
// its call has ended.
func (q *question) ahead() time.Duration {
	var last, came time.Time
	for i := range q.rec.Call.CDRs {
		if t := lastAt(&q.rec.Call.CDRs[i]); t.After(last) {
			last = t
		}
	}
	for _, r := range q.rec.Call.Raw {
		if r.Received.After(came) {
			came = r.Received
		}
	}
	return ahead(last, came)
}

// ahead is how far the clock is ahead at least by which a call ended whose record came then;
// 0 where that is no more than clocks of whole seconds may differ.
func ahead(ended, came time.Time) time.Duration {
	if d := ended.Sub(came); !came.IsZero() && d > markSlack {
		return d
	}
	return 0
}

// sooner is a part by a clock that is so far behind.
func (s Span) sooner(d time.Duration) Span {
	s.From, s.To = s.From.Add(-d), s.To.Add(-d)
	return s
}

// sipSpans is the call as the capture's own SIP tells it.
func (q *question) sipSpans() []Span {
	s := q.rec.Call.SIP.Parties
	span := Span{Agent: q.owner, From: earlier(s.Invite, q.rec.Call.SIP.First), To: s.Bye}
	if span.To.IsZero() {
		span.To = Ended(*q.rec, q.facts.Now)
	}
	return []Span{span}
}

func spanOf(v view, who recording.Agent) Span {
	s := Span{Agent: who, Conf: "", From: at(v.cdr, v.from), To: lastAt(v.cdr), Made: direction(v.cdr) == recording.Out}
	for i := v.from; i < len(v.cdr.Events) && s.Peer == (recording.Number{}); i++ {
		if e := &v.cdr.Events[i]; farEnd(e.Msg) {
			s.Peer = recording.Number{E164: e.E164, H323: e.H323}
		}
	}
	return s
}

// SpanOfLeg is an agent's part as the PBX showed it.
func SpanOfLeg(l recording.Leg) Span {
	return Span{Agent: l.Agent, Conf: l.Conf, From: l.Began, To: l.Ended, Made: !l.ToAgent, Peer: l.Peer}
}

// SpanOfCDR is the part that a record which came then tells of its own agent, in the first
// conference that it names; false if it is no agent's.
func SpanOfCDR(c recording.CDR, came time.Time, f Facts) (Span, bool) {
	if !isPerson(&c) || len(c.Events) == 0 || c.Dir == recording.DirForwarded {
		return Span{}, false
	}
	who, agent := agentOf(&c, &f)
	s := spanOf(view{cdr: &c}, who)
	s.Conf = c.Events[0].Conf
	return s.sooner(ahead(s.To, came)), agent
}

// Ended is when a call ended: by the last event of its records, else by what the PBX
// showed, else when its capture stood still. A time ahead of now is none.
func Ended(rec recording.Recording, now time.Time) time.Time {
	var end time.Time
	for i := range rec.Call.CDRs {
		end = latest(end, lastAt(&rec.Call.CDRs[i]), now)
	}
	for _, l := range rec.Call.Live {
		if len(rec.Call.CDRs) == 0 {
			end = latest(end, l.Ended, now)
		}
	}
	if end.IsZero() {
		end = rec.Capture.StillAt
	}
	return end
}

// lastAt is the time of a record's last event.
func lastAt(c *recording.CDR) time.Time { return at(c, max(len(c.Events)-1, 0)) }

// over is when the call had ended for certain: of the clocks that tell it, the latest
// counts.
func (q *question) over() time.Time {
	end := latest(Ended(*q.rec, q.facts.Now), q.rec.Capture.StillAt, q.facts.Now)
	for _, l := range q.rec.Call.Live {
		end = latest(end, l.Ended, q.facts.Now)
	}
	return end
}

// deadline is until when the call may be marked.
func (q *question) deadline() time.Time { return q.over().Add(q.markTime) }

// lookAgain is the pause before a verdict is asked for again that waits for folders of
// marks to be looked at.
const lookAgain = 500 * time.Millisecond

// untilLooked waits, within reason, until every place of marks was looked at after the
// call: a skip mark of its last seconds may lie there.
func (q *question) untilLooked() (recording.Verdict, bool) {
	end := q.over()
	if !q.facts.MarksSeen.Before(end) || !q.facts.Now.Before(end.Add(q.facts.MarkPatience)) {
		return recording.Verdict{Reason: "no skip mark of this call's agent"}, false
	}
	return recording.Verdict{
		Decision: recording.Wait, Until: q.facts.Now.Add(lookAgain), For: "the folders of marks to be looked at",
		Reason: "a mark of the call's last seconds may lie there",
	}, true
}

// untilMarked waits until the call can be marked no more, and until every place where
// a mark may lie was looked at after that.
func (q *question) untilMarked(reason string) (recording.Verdict, bool) {
	end := q.deadline()
	wait := recording.Verdict{Decision: recording.Wait, Until: end, For: "a mark until " + q.clock(end), Reason: reason}
	if q.facts.Now.Before(end) {
		return wait, true
	}
	if !q.facts.MarksSeen.Before(end) {
		return recording.Verdict{}, false
	}
	wait.Until = q.facts.Now.Add(lookAgain)
	wait.For = "the folders of marks to be looked at"
	wait.Reason = fmt.Sprintf("%s, and since %s not all of them could be", reason, q.clock(end))
	return wait, true
}

// clock writes a time of day for people.
func (q *question) clock(t time.Time) string {
	if q.facts.Zone != nil {
		t = t.In(q.facts.Zone)
	}
	return t.Format("15:04")
}
