// Package ledger makes the lines of the every-call ledger: one for each agent's
// part in each conference, with what became of it and why. It is pure: what is
// known of a call is handed to it, and the same is said every time. It reads no
// catalog and no archive; the service does, and saves what comes out.
package ledger

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"callreel/internal/recording"
)

// Case is all that is known of one conference, or of one capture that names none.
type Case struct {
	Conf recording.ConfID
	Cast recording.Cast
	// Verdict is what the rules say of a capture of this call, where none is here.
	Verdict    recording.Verdict
	Recordings []recording.Recording // of the conference, oldest first
	// Elsewhere are recordings that are kept of the other conferences the agents'
	// own CDRs name.
	Elsewhere []recording.Recording
	Live      bool      // an agent's leg lives
	Ended     time.Time // when the last that is known of it came: its end, or its CDR
	Before    []recording.Entry
	Facts     Facts
}

// Facts holds for all calls.
type Facts struct {
	Now       time.Time
	Settle    time.Duration // until it counts as told that nobody answered
	NoCapture time.Duration // until a capture that has not come is missed
	// Listed is up to when all inboxes have been looked through; Unlisted names one
	// that cannot be just now.
	Listed   time.Time
	Unlisted string
	AtTrunk  bool // captures are made at trunks only, so that there is none of an internal call
}

// Of makes the entries of a case, one for each agent. A line of before of which
// nothing is known any more (old events are deleted) stays as it was.
func Of(c Case) []recording.Entry {
	var out []recording.Entry
	for _, p := range c.Cast.Parts {
		out = add(out, c.entry(p))
	}
	for i := range c.Recordings {
		r := &c.Recordings[i]
		if named(r.Verdict.Owner) && (kept(r.State) || r.State == recording.Decided || r.State.Ended()) {
			out = add(out, c.entry(partOf(*r)))
		}
	}
	out = append(out, c.nobodys(len(out) == 0)...)
	for _, e := range c.Before {
		if c.Conf != "" && named(e.Agent) && !has(out, e.Agent) {
			if !e.Again.IsZero() {
				e.Again = c.Facts.Now.Add(lookAgain)
			}
			out = append(out, e)
		}
	}
	return out
}

func named(a recording.Agent) bool { return a.CN != "" || a.E164 != "" }

func has(list []recording.Entry, a recording.Agent) bool {
	return slices.ContainsFunc(list, func(e recording.Entry) bool { return e.Agent.Same(a) })
}

func add(list []recording.Entry, e recording.Entry) []recording.Entry {
	if has(list, e.Agent) {
		return list
	}
	return append(list, e)
}

// kept reports whether a recording in this state has its file.
func kept(s recording.State) bool {
	return s == recording.Filed || s == recording.BackedUp || s == recording.Done
}

// partOf is the owner's part where only the recording tells of him.
func partOf(r recording.Recording) recording.Part {
	return recording.Part{
		Agent: r.Verdict.Owner, Direction: r.Verdict.Direction, External: r.Verdict.External, Began: r.Started(), Spoke: true,
	}
}

// nobodys is the line of a capture of which nobody can tell whose call it is: one
// that is put aside, where no other line tells of it, or one that is kept all the same.
func (c Case) nobodys(alone bool) []recording.Entry {
	for i := range c.Recordings {
		r := &c.Recordings[i]
		aside := alone && (r.State == recording.Quarantined || r.State == recording.Unusable)
		if aside || kept(r.State) && !named(r.Verdict.Owner) {
			return []recording.Entry{c.of(partOf(*r), r)}
		}
	}
	return nil
}

// entry is the line of one agent's part.
func (c Case) entry(p recording.Part) recording.Entry {
	r := c.best(p)
	if r == nil {
		return c.withoutCapture(p)
	}
	return c.of(p, r)
}

// best is the recording of the conference that says most of what became of an
// agent's part: his own first, then what is kept, then what is still under way.
func (c Case) best(p recording.Part) *recording.Recording {
	var best *recording.Recording
	for i := range c.Recordings {
		r := &c.Recordings[i]
		if best == nil || rank(p, r) > rank(p, best) {
			best = r
		}
	}
	return best
}

func rank(p recording.Part, r *recording.Recording) int {
	n := 0
	switch {
	case kept(r.State):
		n = 8
	case r.State == recording.Discarded && r.Verdict.Rule == recording.SameFile:
		n = 0
	case r.State == recording.Discarded:
		n = 2
	case r.State.Ended():
		n = 4
	default:
		n = 6
	}
	if named(r.Verdict.Owner) && r.Verdict.Owner.Same(p.Agent) {
		n += 10
	}
	return n
}

// line begins an entry with what the part tells.
func (c Case) line(p recording.Part) recording.Entry {
	e := recording.Entry{
		Conf: c.Conf, Agent: p.Agent, Direction: p.Direction, External: p.External, Began: p.Began, Seconds: p.Seconds, Sources: sources(p, len(c.Recordings) > 0),
	}
	for _, b := range c.Before {
		if b.Agent.Same(p.Agent) && !b.Began.IsZero() {
			e.Accepted = b.Accepted
		}
	}
	return e
}

func sources(p recording.Part, captured bool) (out []string) {
	for _, row := range []struct {
		name string
		is   bool
	}{{"SOAP", p.Live}, {"CDR", p.Told}, {"capture", captured}} {
		if row.is {
			out = append(out, row.name)
		}
	}
	return out
}

// of is the line of a part in a call of which there is a capture.
func (c Case) of(p recording.Part, r *recording.Recording) recording.Entry {
	e := c.line(p)
	e.Recording = r.ID
	own := isOwner(r.Verdict.Owner, p.Agent)
	switch {
	case kept(r.State) && own:
		c.filed(&e, r)
	case kept(r.State) && p.Spoke:
		e.Outcome, e.Reason = recording.OutcomeWithOther, fmt.Sprintf("it is in recording %d, which is kept for agent %s", r.ID, Name(r.Verdict.Owner))
	case !p.Spoke && !own && named(p.Agent) && (kept(r.State) || r.State == recording.Discarded):
		e.Outcome, e.Reason = recording.OutcomeNotAnswered, "his telephone rang, and he did not answer; recording "+fmt.Sprint(r.ID)+" tells of the call"
	case r.State == recording.Discarded:
		e.Outcome, e.Rule, e.Reason = discarded(r.Verdict.Rule), r.Verdict.Rule, r.Verdict.Reason
	case r.State == recording.Quarantined:
		e.Outcome, e.Reason = recording.OutcomeNoCDR, r.Retry.Reason
	case r.State == recording.Unusable:
		e.Outcome, e.Reason = recording.OutcomeUnusable, r.Retry.Reason
		if r.Capture.Spool == "" && r.Capture.SourceGone && r.Place == "" {
			e.Outcome = recording.OutcomeVanished
		}
		e.Accepted = e.Accepted || r.Retry.Accepted
	default:
		e.Outcome, e.Reason = recording.OutcomeOpen, "recording "+fmt.Sprint(r.ID)+" is under way: "+cmp.Or(r.Retry.Reason, words(r.State))
	}
	return e
}

// isOwner reports whether an agent is the owner; nobody is that of what is nobody's.
func isOwner(owner, a recording.Agent) bool {
	return owner.Same(a) || !named(owner) && !named(a)
}

// filed fills in the files that are kept for the agent.
func (c Case) filed(e *recording.Entry, best *recording.Recording) {
	e.Outcome, e.Rule, e.Reason = recording.OutcomeFiled, best.Verdict.Rule, best.Verdict.Reason
	e.Direction, e.External = best.Verdict.Direction, best.Verdict.External
	e.Began, e.Seconds = best.Started(), int(best.Audio.DurationS)
	for i := range c.Recordings {
		r := &c.Recordings[i]
		if kept(r.State) && isOwner(r.Verdict.Owner, e.Agent) {
			e.Places = append(e.Places, r.Place)
		}
	}
}

// ruleNotMarked is the rule that does not keep what nobody marked.
const ruleNotMarked = "not-marked"

func discarded(rule string) recording.Outcome {
	switch rule {
	case ruleNotMarked:
		return recording.OutcomeNotMarked
	case recording.NoLicence:
		return recording.OutcomeNoLicence
	}
	return recording.OutcomeDiscarded
}

// words says what a recording in a state waits for that has not said it itself.
func words(s recording.State) string {
	if s == recording.Seen {
		return "its capture is being written, or is to be fetched"
	}
	return "its next step is due"
}

// withoutCapture is the line of a part in a call of which no capture has come.
func (c Case) withoutCapture(p recording.Part) recording.Entry {
	e := c.line(p)
	f := c.Facts
	owner := named(c.Verdict.Owner) && c.Verdict.Owner.Same(p.Agent)
	elsewhere := c.elsewhere(p)
	due := c.Ended.Add(f.NoCapture)
	switch {
	case c.Live:
		e.Outcome, e.Reason = recording.OutcomeOpen, "the call is going on"
	case !p.Spoke && !p.Uncertain && !(owner && c.Cast.Answered):
		e.Outcome, e.Reason = recording.OutcomeNotAnswered, "nobody answered"
		if c.Cast.Answered {
			e.Reason = "his telephone rang, and another took the call"
		}
		if told := c.Ended.Add(f.Settle); !p.Told && f.Now.Before(told) {
			e.Outcome, e.Reason, e.Again = recording.OutcomeOpen, "waiting for CDRs: by the PBX's events it was not answered", told
		}
	case elsewhere != nil:
		c.leadsOn(&e, elsewhere)
	case c.Cast.Internal && f.AtTrunk:
		e.Outcome, e.Reason = recording.OutcomeInternal, "nobody outside took part, and captures are made at the trunk"
	case f.Now.Before(due):
		e.Outcome, e.Reason, e.Again = recording.OutcomeOpen, "waiting for its capture", due
	case !f.Listed.After(due):
		e.Outcome, e.Again = recording.OutcomeOpen, f.Now.Add(min(max(f.Now.Sub(due), lookSoon), lookAgain))
		e.Reason = fmt.Sprintf("waiting for its capture: inbox %s could not be looked through since", f.Unlisted)
	case c.Verdict.Decision == recording.Discard:
		e.Outcome, e.Rule = discarded(c.Verdict.Rule), c.Verdict.Rule
		e.Reason = "no capture came, and none would have been kept: " + c.Verdict.Reason
	default:
		e.Outcome, e.Reason = recording.OutcomeNoCapture, fmt.Sprintf("the call ended, and no capture of conference %s came within %s", c.Conf, f.NoCapture)
		if p.Uncertain {
			e.Reason += "; the PBX link was down for a part of it, so that it may not have been answered"
		}
	}
	return e
}

// lookAgain is the pause before a call is looked at again whose capture may lie in
// an inbox that cannot be read, lookSoon the first one: most are listed a moment later.
const (
	lookAgain = 30 * time.Second
	lookSoon  = time.Second
)

// elsewhere is the recording of another conference that the agent's own CDRs of this
// one name, and of which most is known.
func (c Case) elsewhere(p recording.Part) (best *recording.Recording) {
	for i := range c.Elsewhere {
		r := &c.Elsewhere[i]
		if slices.Contains(p.Also, r.Capture.Conf) && (best == nil || rank(p, r) > rank(p, best)) {
			best = r
		}
	}
	return best
}

// leadsOn is what becomes of a part whose call went on, or came from, where there is
// a capture.
func (c Case) leadsOn(e *recording.Entry, r *recording.Recording) {
	where := fmt.Sprintf("his CDR of it leads into conference %s, of which recording %d", r.Capture.Conf, r.ID)
	switch {
	case r.State == recording.Discarded:
		e.Outcome, e.Rule, e.Reason = discarded(r.Verdict.Rule), r.Verdict.Rule, where+" was not kept: "+r.Verdict.Reason
	case r.State.Ended() || kept(r.State):
		e.Outcome, e.Reason = recording.OutcomeWithOther, where+" is "+string(r.State)
	default:
		e.Outcome, e.Reason, e.Again = recording.OutcomeOpen, where+" is under way", c.Facts.Now.Add(lookAgain)
	}
}

// Name is how an agent is called in reasons: by his long name, else his number.
func Name(a recording.Agent) string { return cmp.Or(a.CN, a.E164, "unknown") }
