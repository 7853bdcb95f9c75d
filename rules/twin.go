package rules

import (
	"fmt"
	"slices"
	"time"

	"callreel/internal/recording"
)

// recordedTwice is the rule that leaves out one of two recordings of the same call.
const recordedTwice = "recorded-twice"

const (
	// twinPatience is how long a preferred recording that is on its way is waited for.
	twinPatience = time.Hour
	// twinAgain is the pause between two looks at it.
	twinAgain = 10 * time.Second
	// twinSlack is how far the preferred recording may begin behind the talk, or end
	// before it: device and PBX have clocks of their own.
	twinSlack = 10 * time.Second
)

// prefer is the kind of recording that is wanted where one call was recorded twice.
type prefer recording.RecordedOn

// decide leaves a recording of the other kind out once a wanted one is filed for the
// same agent and holds all of the talk. While that one is on its way it waits, and where
// it comes to nothing both were needed: the call is never lost with it.
func (w prefer) decide(q *question) (recording.Verdict, bool) {
	v, kept := agentTookPart(q)
	if !kept || v.Decision != recording.Keep {
		return recording.Verdict{Reason: v.Reason}, false
	}
	s := q.scene()
	if on := s.writtenBy(q.rec.Capture.RecordedOn, q.rec.Capture); on == "" || on == recording.RecordedOn(w) {
		return recording.Verdict{Reason: fmt.Sprintf("no other recording is wanted more than that of a %s", w)}, false
	}
	p, _ := s.owner()
	reason := fmt.Sprintf("no recording of a %s is here", w)
	var coming *recording.Twin
	for i := range q.rec.Call.Twins {
		t := &q.rec.Call.Twins[i]
		if s.writtenBy(t.RecordedOn, recording.Capture{MAC: t.MAC, RegName: t.RegName}) != recording.RecordedOn(w) {
			continue
		}
		if reason = s.replaces(t, p); reason == "" {
			return w.leaveOut(q, v, t), true
		}
		if onItsWay(t.State) {
			coming = t
		}
	}
	return w.wait(q, coming, reason)
}

// leaveOut waits for late CDRs like every rule that throws a call away: one may tell of
// more talk, or of another agent.
func (w prefer) leaveOut(q *question, v recording.Verdict, t *recording.Twin) recording.Verdict {
	if late, waits := quiet(*q.rec, *q.facts, q.facts.DiscardSettle); waits {
		return late
	}
	v.Owner = recording.Agent{}
	v.Decision, v.Rule = recording.Discard, recordedTwice
	v.Reason = fmt.Sprintf("the same call of the same agent is filed as recording %d, which is of a %s", t.ID, w)
	return v
}

// wait waits for a wanted recording: a while for one to appear, longer for one that is
// on its way.
func (w prefer) wait(q *question, coming *recording.Twin, reason string) (recording.Verdict, bool) {
	v, waits := quiet(*q.rec, *q.facts, q.facts.DiscardSettle)
	if coming != nil {
		left := q.rec.Capture.FetchedAt.Add(twinPatience).Sub(q.facts.Now)
		waits = left > 0 && left <= twinPatience
		v.Until = q.facts.Now.Add(min(left, twinAgain))
	}
	if !waits {
		return recording.Verdict{Reason: reason}, false
	}
	v.Decision, v.For, v.Reason = recording.Wait, fmt.Sprintf("the recording of the %s", w), reason
	return v, true
}

// onItsWay reports whether a recording in this state may be filed without anybody's help.
func onItsWay(st recording.State) bool {
	return slices.Contains([]recording.State{recording.Seen, recording.Spooled, recording.Correlated, recording.Decided}, st)
}

// replaces says why a recording does not stand for the other one of p's call; empty if
// it does: it is filed, for him, and holds everything from his first word to the last
// that any record tells of.
func (s *scene) replaces(t *recording.Twin, p *person) string {
	from := p.spoke
	if from.IsZero() {
		from = s.since(p)
	}
	until := from
	for _, v := range s.views {
		for i := v.from; i < len(v.cdr.Events); i++ {
			if end := at(v.cdr, i); end.After(until) {
				until = end
			}
		}
	}
	end := t.Start.Add(time.Duration(t.Seconds * float64(time.Second)))
	switch {
	case !t.Safe:
		return fmt.Sprintf("recording %d is not filed (%s)", t.ID, t.State)
	case !samePerson(t.Owner, p.who):
		return fmt.Sprintf("recording %d is filed for %s", t.ID, name(t.Owner))
	case t.Start.IsZero() || t.Start.After(from.Add(twinSlack)) || end.Before(until.Add(-twinSlack)):
		return fmt.Sprintf("recording %d does not hold all of the talk", t.ID)
	}
	return ""
}

// writtenBy is the kind of device that wrote a capture: a phone where its name is that of
// an agent's, else what the setup says of its inbox.
func (s *scene) writtenBy(setup recording.RecordedOn, c recording.Capture) recording.RecordedOn {
	if s.writerOf(c) != nil {
		return recording.OnPhone
	}
	return setup
}
