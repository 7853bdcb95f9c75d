package rules

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"callreel/internal/recording"
)

// The modes of recording. What the rules would keep, a mode may still not keep.
const (
	ModeStandard = "standard" // all of it is kept
	ModeTCR      = "tcr"      // what an agent has marked
	ModeRandom   = "random"   // each so manieth
	ModePCAP     = "pcap"     // all of it is kept, as captures that are not converted
)

// The rules of the modes.
const (
	SkipMark     = "skip-mark"
	NotMarked    = "not-marked"
	RandomSystem = "random-system"
	RandomAgent  = "random-agent"
)

// orderPatience is how long after its own end a call waits for the verdict on one that
// ended before it.
const orderPatience = 2 * time.Minute

// limit is a row that is asked about a call which the rules keep. It fires to take
// that back; it may add to the verdict either way.
type limit struct {
	name string
	test func(*question, *recording.Verdict) (recording.Verdict, bool)
}

// standardLimits hold in every mode.
func standardLimits() []limit { return []limit{{SkipMark, skipMark}} }

// limits are the rows of the file's mode.
func (f file) limits() []limit {
	all := standardLimits()
	switch f.Mode {
	case ModeTCR:
		all = append(all, limit{NotMarked, notMarked})
	case ModeRandom:
		all = append(all, limit{RandomSystem, f.Random.ofAll}, limit{RandomAgent, f.Random.ofAgent})
	}
	return all
}

// Mode is the mode of recording.
func (s Set) Mode() string { return cmp.Or(s.mode, ModeStandard) }

// MarkTime is how long after its end a call may be marked.
func (s Set) MarkTime() time.Duration { return s.markTime }

// limited asks the mode's rows about a call that is to be kept, whose trace ends with
// the rule that keeps it. They are not asked about what a filter keeps: what an operator
// has named he wants in every mode; an agent's skip mark counts all the same.
func (s Set) limited(q *question, v recording.Verdict) recording.Verdict {
	if q.mode = s.Mode(); q.mode != ModeStandard {
		v.Mode = q.mode
	}
	q.markTime, q.owner = s.markTime, v.Owner
	q.note(&v)
	trace, last := v.Trace[:len(v.Trace)-1], v.Trace[len(v.Trace)-1]
	for i, r := range s.limits {
		if isFilter(v.Rule) && r.name != SkipMark {
			trace = append(trace, recording.Tried{Rule: r.name, Why: fmt.Sprintf("not asked: %s keeps the call in every mode", v.Rule)})
			continue
		}
		back, fires := r.test(q, &v)
		if fires {
			last.Fired = false
			trace = append(slices.Insert(trace, len(trace)-i, last), recording.Tried{Rule: r.name, Fired: true, Why: back.Reason})
			v.Decision, v.Rule, v.Reason, v.Star = back.Decision, r.name, back.Reason, false
			v.Until, v.For, v.Trace, v.NextMark = back.Until, back.For, trace, q.facts.LastMark+1
			return v
		}
		trace = append(trace, recording.Tried{Rule: r.name, Why: back.Reason})
	}
	v.Trace = append(trace, last)
	return v
}

// note puts down what the marks say of a call that is kept.
func (q *question) note(v *recording.Verdict) {
	keep, skip := q.said()
	for _, m := range q.marks() {
		if q.counts(m) {
			v.Marks = append(v.Marks, m.Mark)
		}
	}
	v.Star = q.mode != ModeTCR && keep != nil && (skip == nil || overrules(keep, skip))
}

// overrules reports whether a keep mark came after a skip mark, or in the same second: a
// file's time tells whole ones only.
func overrules(keep, skip *recording.Mark) bool {
	return !keep.At.Truncate(time.Second).Before(skip.At.Truncate(time.Second))
}

// skipMark drops what its agent asked not to keep, unless a keep mark came after it.
func skipMark(q *question, _ *recording.Verdict) (recording.Verdict, bool) {
	keep, skip := q.said()
	switch {
	case skip == nil:
		return q.untilLooked()
	case keep != nil && overrules(keep, skip):
		return recording.Verdict{Reason: fmt.Sprintf("a keep mark at %s came after the skip mark at %s", q.clock(keep.At), q.clock(skip.At))}, false
	}
	if q.mode == ModeTCR {
		if wait, waits := q.untilMarked("the call has a skip mark, and a keep mark may follow it"); waits {
			return wait, true
		}
	}
	if wait, waits := quiet(*q.rec, *q.facts, q.facts.DiscardSettle); waits {
		return wait, true
	}
	return recording.Verdict{
		Decision: recording.Discard,
		Reason:   fmt.Sprintf("agent %s asked at %s that the call be not kept", skip.Number, q.clock(skip.At)),
	}, true
}

// notMarked drops what nobody has marked by the end of the time for it.
func notMarked(q *question, v *recording.Verdict) (recording.Verdict, bool) {
	keep, _ := q.said()
	if keep != nil && keep.After != "" && q.facts.Now.Before(keep.At.Add(q.facts.DiscardSettle)) {
		return recording.Verdict{
			Decision: recording.Wait, Until: keep.At.Add(q.facts.DiscardSettle), For: "CDRs of calls before the mark",
			Reason: fmt.Sprintf("agent %s marked his last call at %s, and it may be another", keep.Number, q.clock(keep.At)),
		}, true
	}
	if keep != nil {
		reason := fmt.Sprintf("agent %s marked the call at %s", keep.Number, q.clock(keep.At))
		return recording.Verdict{Reason: reason}, false
	}
	if wait, waits := q.untilMarked("nobody has marked the call"); waits {
		return wait, true
	}
	if wait, waits := quiet(*q.rec, *q.facts, q.facts.DiscardSettle); waits {
		return wait, true
	}
	reason := fmt.Sprintf("nobody marked the call by %s", q.clock(q.deadline()))
	if q.mustBeCalled() {
		reason = fmt.Sprintf("agent %s, who was called, did not mark the call by %s", name(v.Owner), q.clock(q.deadline()))
	}
	return recording.Verdict{Decision: recording.Discard, Reason: reason}, true
}

// ofAll keeps each so manieth of all calls.
func (r random) ofAll(q *question, v *recording.Verdict) (recording.Verdict, bool) {
	if wait, waits := q.turn(); waits {
		return wait, true
	}
	v.Draw = q.draw(r, *v)
	if r.System == 0 {
		return recording.Verdict{Reason: "calls of the system are not counted"}, false
	}
	reason := fmt.Sprintf("call %d of the system, counted from 0; each %d. is kept", v.Draw.System, r.System)
	return recording.Verdict{Decision: recording.Discard, Reason: reason}, !r.passes(*v.Draw)
}

// passes reports whether the system's counter keeps the call.
func (r random) passes(d recording.Draw) bool { return r.System == 0 || d.System%int64(r.System) == 0 }

// ofAgent keeps each so manieth of the agent's that the system's counter passed.
func (r random) ofAgent(_ *question, v *recording.Verdict) (recording.Verdict, bool) {
	if r.Agent == 0 {
		return recording.Verdict{Reason: "calls of an agent are not counted"}, false
	}
	reason := fmt.Sprintf("call %d of agent %s, counted from 0; each %d. is kept", v.Draw.Own, name(v.Owner), r.Agent)
	return recording.Verdict{Decision: recording.Discard, Reason: reason}, v.Draw.Own%int64(r.Agent) != 0
}

// draw is the number of the call: that which it, or another capture of it, has taken
// already, else the next.
func (q *question) draw(r random, v recording.Verdict) *recording.Draw {
	agent := q.counter(v.Owner)
	for _, d := range q.facts.Drawn {
		if d.Agent == agent {
			return &d
		}
	}
	d := recording.Draw{Agent: agent, System: q.facts.Counters[""], Own: q.facts.Counters[agent], Counts: r.System > 0}
	d.CountsOwn = r.Agent > 0 && r.passes(d)
	return &d
}

// counter names an agent's counter, which is never the system's: of a call that is kept
// though nothing names its owner there is one too. Two agents of one name, at two PBXes,
// have one each.
func (q *question) counter(a recording.Agent) string {
	if a.PBX != "" && q.shared(a.CN) {
		return a.CN + " at " + a.PBX
	}
	return name(a)
}

// turn waits until the call's number is certain: its owner is known for good, and no
// call that ended before it is still without a verdict.
func (q *question) turn() (recording.Verdict, bool) {
	if wait, waits := quiet(*q.rec, *q.facts, q.facts.DiscardSettle); waits {
		return wait, true
	}
	before, until := q.facts.Before, Ended(*q.rec, q.facts.Now).Add(orderPatience)
	if before == 0 || !q.facts.Now.Before(until) || len(q.facts.Drawn) > 0 {
		return recording.Verdict{}, false
	}
	return recording.Verdict{
		Decision: recording.Wait, Until: earlier(q.facts.Now.Add(time.Second), until), For: "its turn to be counted",
		Reason: fmt.Sprintf("recording %d is of a call that ended before and is not decided yet", before),
	}, true
}
