// Package rules decides whether a recording is kept, and for whom. It is pure:
// everything it looks at is in the recording and in the facts it is handed, so
// the same question always has the same answer, and callreel can say why.
//
// A call in which an agent took part is kept for the agent who was in it first; any
// other is not, and neither are those that the manual excepts (doc/rules.md). A rule
// is one named function of a list; more rules are more rows.
package rules

import (
	"cmp"
	"fmt"
	"strconv"
	"time"

	"callreel/internal/recording"
)

// Facts is what the rules may look at beside the recording itself.
type Facts struct {
	Now    time.Time
	Roster *Roster           // who is to be recorded, as last known
	Agents []recording.Agent // who else is, who was seen as one during the call for instance; these count first
	All    bool              // agents = "all": every user is an agent
	// Unlicensed are those who would be agents, had there been licences for them.
	Unlicensed []recording.Agent
	Settle     time.Duration // quiet after the last CDR before a call is kept
	// DiscardSettle is the quiet before a call is not kept: a CDR that comes
	// late may still name an agent.
	DiscardSettle time.Duration
	Live          Coverage // what the PBX links have seen of the call
	Manual        Manual   // the Set's; Decide fills it in

	Zone *time.Location // for times of day in reasons; nil is UTC

	Marks     []recording.Mark // those that may be of this call
	LastMark  int64            // the newest of all that are known
	MarksSeen time.Time        // up to when every place of marks has been looked at
	// MarkPatience is how long after its end a call waits for them to be looked at
	// before it is kept without a mark.
	MarkPatience time.Duration
	Others       []Span   // what the marks' agents did in other conferences
	Scripts      []string // numbers and names of the objects that take marks

	Counters map[string]int64 // of random recording, by agent; "" is the system's
	Drawn    []recording.Draw // numbers that this call, or another capture of it, has
	Before   recording.ID     // a call that ended before this one and is not decided yet; 0: none
}

// Coverage says whether silence on the PBX links means anything.
type Coverage struct {
	// Linked is true when at least one PBX is set up and every link is up.
	Linked bool
	// Since is when the youngest of the links came up, with its agents known.
	Since time.Time
	// ConfChanged is true when an agent's call changed its conference id while
	// the capture was being written: he may be in this one under another id.
	ConfChanged bool
}

// Set is an ordered list of rules; the first that fires decides.
// What it keeps is held against the mode's limits.
type Set struct {
	rules    []rule
	limits   []limit
	mode     string // empty: standard
	manual   Manual
	markTime time.Duration // how long after its end a call may be marked
}

// defaultMinutes is how long after its end a call may be marked.
const defaultMinutes = 5

// rule is one row. test returns false, with the reason, when it does not fire.
type rule struct {
	name    string
	test    func(*question) (recording.Verdict, bool)
	excepts bool    // one of the manual's exceptions
	filters filters // those that it asks, of the operator's filters' row
}

// question is what the rules are asked about.
type question struct {
	rec   *recording.Recording
	facts *Facts
	known *scene

	// of a call that is kept
	owner    recording.Agent
	mode     string
	markTime time.Duration
	found    *[]marking
}

// scene is made once, when the first rule needs it.
func (q *question) scene() *scene {
	if q.known == nil {
		q.known = look(q.rec, q.facts)
	}
	return q.known
}

// AgentWithoutCDR is the rule that keeps a call for want of a CDR.
const AgentWithoutCDR = "agent-without-cdr"

// agentTakesPart is the rule that keeps what is an agent's, cdrLate the one that waits
// before anything is thrown away, stillComing the one that waits before anything else.
const (
	agentTakesPart = "agent-took-part"
	cdrLate        = "cdr-may-be-late"
	stillComing    = "cdrs-still-coming"
)

// First returns the built-in rules.
func First() Set {
	return Set{limits: standardLimits(), markTime: defaultMinutes * time.Minute, rules: []rule{
		{name: "sip-agent-took-part", test: bySignalling(sipAgent)},
		{name: "sip-no-agent", test: bySignalling(sipNoAgent)},
		{name: "no-cdr", test: noCDR},
		{name: stillComing, test: cdrsStillComing},
		{name: "queue-answered-by-user", test: exception(queueAnsweredByUser).drop, excepts: true},
		{name: "queue-announced-to-user", test: exception(queueAnnouncedToUser).drop, excepts: true},
		{name: "passed-outside-by-user", test: exception(passedOutsideByUser).drop, excepts: true},
		{name: agentTakesPart, test: agentTookPart},
		{name: cdrLate, test: cdrMayBeLate},
		{name: AgentWithoutCDR, test: agentWithoutCDR},
		{name: recording.NoLicence, test: noLicence},
		{name: "no-agent", test: noAgent},
	}}
}

// Whose is the set without its mode: it tells whose a call is, and not whether the mode
// keeps it.
func (s Set) Whose() Set {
	s.limits = nil
	return s
}

// Decide asks the rules in order. The verdict names the rule that fired and
// carries the trace of all that were asked. A recording that no rule fires for
// is kept: what is not understood is not thrown away.
func (s Set) Decide(rec recording.Recording, f Facts) recording.Verdict {
	f.Manual = s.manual
	q := &question{rec: &rec, facts: &f}
	trace := make([]recording.Tried, 0, len(s.rules))
	for _, r := range s.rules {
		v, fired := r.test(q)
		v.Rule = cmp.Or(v.Rule, r.name) // a filter has a name of its own
		trace = append(trace, recording.Tried{Rule: v.Rule, Fired: fired, Why: v.Reason})
		if !fired {
			continue
		}
		if v.Trace, v.At = trace, f.Now; v.Decision == recording.Keep {
			v = s.limited(q, v)
		}
		return v
	}
	v := q.scene().describe(nil)
	v.Decision, v.Rule, v.Reason = recording.Keep, "no-rule", "no rule fired: kept, for somebody to look at"
	v.Trace, v.At = trace, f.Now
	return v
}

// Early is asked before a capture is downloaded. It returns a verdict and true
// only when the PBX links watched the whole life of the capture and no agent
// took part (SPEC §2.6); else the recording goes on.
func (s Set) Early(rec recording.Recording, f Facts) (recording.Verdict, bool) {
	reason, sure := unseenByAgents(rec, f)
	if !sure {
		return recording.Verdict{Reason: reason}, false
	}
	return recording.Verdict{
		Decision: recording.Discard, Rule: "early-no-agent", Reason: reason, Early: true, At: f.Now,
		Trace: []recording.Tried{{Rule: "early-no-agent", Fired: true, Why: reason}},
	}, true
}

// unseenByAgents says whether it is certain that no agent took part, and why or
// why not.
func unseenByAgents(rec recording.Recording, f Facts) (string, bool) {
	c := rec.Capture
	switch {
	case f.All:
		return "every user is an agent", false
	case c.Conf == "":
		return "the file's name is no conference id", false
	case !f.Live.Linked:
		return "not every PBX link is up", false
	case len(rec.Call.Live) > 0:
		return "an agent took part", false
	case len(rec.Call.CDRs) > 0:
		return "CDRs are here already: they decide", false
	case c.NotBefore.IsZero() || f.Live.Since.After(c.NotBefore):
		return "the capture may have begun before the PBX link was up", false
	case f.Now.Before(c.SeenAt):
		return "the clock has been set back since the capture was seen", false
	case !seenGrowing(c):
		return "the capture was not seen while it was written: its call may be older than the link", false
	case f.Live.ConfChanged:
		return "an agent's call changed its conference id meanwhile", false
	}
	return fmt.Sprintf("PBX link up since %s, before the capture appeared; no agent had a call with this conference id",
		f.Live.Since.UTC().Format(time.RFC3339)), true
}

// fastest is the most that one call's capture grows by, in bytes a second: both
// sides in 16 bit at 16 kHz, with headers. What grows faster is an old file that
// is copied.
const fastest = 100_000

// seenGrowing reports whether the capture was seen growing as a call makes it
// grow. A file that was whole when it appeared (a server that shows uploads only
// when they end, a card that is put back, a file moved by hand) may be of a call
// from before the link was up.
func seenGrowing(c recording.Capture) bool {
	if c.StillAt.IsZero() {
		return true // not known; the other facts decide
	}
	span := c.StillAt.Sub(c.NotBefore).Seconds() + 1
	return c.StillAt.After(c.SeenAt) && float64(c.Stamp.Size) <= span*fastest
}

func noCDR(q *question) (recording.Verdict, bool) {
	if n := len(q.rec.Call.CDRs); n > 0 {
		return recording.Verdict{Reason: strconv.Itoa(n) + " CDRs belong to the conference"}, false
	}
	return recording.Verdict{
		Decision: recording.Wait, Until: q.facts.Now, For: "a CDR of conference " + string(q.rec.Capture.Conf),
		Reason: "no CDR names this conference",
	}, true
}

// cdrsStillComing waits longer while the PBX showed somebody of whom no record is here:
// the others' alone may make the call another's.
func cdrsStillComing(q *question) (recording.Verdict, bool) {
	v, wait := quietAfter(*q.rec, *q.facts, written(q.rec.Capture), q.facts.Settle)
	if wait || len(q.rec.Call.Live) == 0 {
		return v, wait
	}
	p := q.scene().firstOf(func(p *person) bool { return p.live != nil && len(p.own) == 0 })
	if p == nil {
		return v, false
	}
	return quiet(*q.rec, *q.facts, q.facts.DiscardSettle)
}

// cdrMayBeLate stands behind agentTookPart: no CDR here names an agent.
func cdrMayBeLate(q *question) (recording.Verdict, bool) {
	return quiet(*q.rec, *q.facts, q.facts.DiscardSettle)
}

// quiet waits until no CDR of the conference has come for d, and the capture has
// been here for d: the CDRs of a call's last part come after its capture ends. A
// time ahead of now was written while the clock was wrong and says nothing.
func quiet(rec recording.Recording, f Facts, d time.Duration) (recording.Verdict, bool) {
	return quietAfter(rec, f, rec.Capture.FetchedAt, d)
}

// written is when the capture had been written to its end, by what the listings of its
// inbox showed: a keeper need not wait for the fetch as well, only for late CDRs.
func written(c recording.Capture) time.Time {
	if c.StillAt.IsZero() || c.StillAt.After(c.FetchedAt) {
		return c.FetchedAt
	}
	return c.StillAt
}

func quietAfter(rec recording.Recording, f Facts, end time.Time, d time.Duration) (recording.Verdict, bool) {
	last := latest(time.Time{}, end, f.Now.Add(d))
	for _, r := range rec.Call.Raw {
		last = latest(last, r.Received, f.Now.Add(d))
	}
	reason := "the capture or its last CDR came at " + last.UTC().Format(time.RFC3339)
	until := last.Add(d)
	if last.IsZero() || d <= 0 || !until.After(f.Now) {
		return recording.Verdict{Reason: reason}, false
	}
	return recording.Verdict{Decision: recording.Wait, Until: until, For: "further CDRs", Reason: reason}, true
}

// latest is the later of two times, but for one that is after limit.
func latest(a, b, limit time.Time) time.Time {
	if b.After(limit) || a.After(b) {
		return a
	}
	return b
}

// agentWithoutCDR keeps a call in which the PBX showed an agent of whom no CDR
// has come: what became of him is not known.
func agentWithoutCDR(q *question) (recording.Verdict, bool) {
	s := q.scene()
	p := s.firstOf(func(p *person) bool { return p.live != nil && len(p.own) == 0 && !s.toldUnlicensed(p) })
	if p == nil {
		return recording.Verdict{Reason: "there is a CDR of every agent whom the PBX showed"}, false
	}
	v := s.describe(p)
	v.Decision = recording.Keep
	v.Reason = fmt.Sprintf("the PBX showed agent %s in this call, and no CDR of his has come", name(p.who))
	return v, true
}

// agentTookPart keeps a call for its owner. Where the record of how he came into the
// call is missing, it is waited for as long as for any that may be late: others' do not
// tell as much.
func agentTookPart(q *question) (recording.Verdict, bool) {
	s := q.scene()
	p, why := s.owner()
	if p == nil {
		return recording.Verdict{Reason: why}, false
	}
	v := s.describe(p)
	v.Decision, v.Reason = recording.Keep, why
	if p.leg(false) == nil {
		if wait, waits := quiet(*q.rec, *q.facts, q.facts.DiscardSettle); waits {
			wait.Rule = cdrLate
			return wait, true
		}
		v.Rule, v.Reason = AgentWithoutCDR, why+"; his own CDR of it has not come"
	}
	return v, true
}

// noAgent describes the call of the user who was in it first.
func noAgent(q *question) (recording.Verdict, bool) {
	s := q.scene()
	v := s.describe(s.firstOf(func(p *person) bool { return !s.since(p).IsZero() }))
	v.Owner = recording.Agent{}
	v.Decision, v.Reason = recording.Discard, "none of the parties is an agent"
	return v, true
}
