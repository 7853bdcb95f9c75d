// Package explain answers "why?": what has become of a call, what is known of it and
// from whom, which rules were asked and which one decided, and what would have changed
// the outcome. It is pure: it is handed what the catalog, the archive and the setup
// know, and asks the rules. It says nothing that is not in these or in their answers.
package explain

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"callreel/internal/recording"
	"callreel/internal/sidecar"
	"callreel/rules"
)

// Question is what is known of one recording, or of a conference without one.
type Question struct {
	// Rec is the recording as the catalog or its sidecar has it. Where no capture came,
	// its ID is 0 and only the conference and the call are filled in.
	Rec recording.Recording
	// Came are the CDRs that belong to the conference by now, in both forms.
	Came  recording.Call
	Twins []recording.Twin
	// Entries are the lines of the ledger, where no capture came.
	Entries []recording.Entry
	Set     rules.Set
	Facts   rules.Facts
	// AgentBy says why somebody counts as an agent; empty if he does not.
	AgentBy func(recording.Agent) string
	// Sidecar says that the catalog does not have the recording.
	Sidecar bool
	Zone    *time.Location // of the times in words
}

// Story is the answer. Times are UTC, but for those in words.
type Story struct {
	ID    recording.ID     `json:"id,omitempty"`
	UID   string           `json:"uid,omitempty"`
	Conf  recording.ConfID `json:"conf,omitempty"`
	State recording.State  `json:"state,omitempty"` // empty: no capture came
	Fate  string           `json:"fate"`            // the same in words, with file or reason
	File  string           `json:"file,omitempty"`  // under which it is filed, without extension
	Waits string           `json:"waits,omitempty"` // what for
	Until time.Time        `json:"until,omitzero"`
	Facts []Fact           `json:"facts"`

	// Rules are those that were asked, in order, and Verdict is what came out; Decided says
	// whether that was when it was decided, at Verdict.At, or just now.
	Rules   []recording.Tried `json:"rules"`
	Verdict recording.Verdict `json:"verdict"`
	Decided bool              `json:"decided"`
	// Today is what the rules in use say to what is known by now, if that is not what
	// was decided.
	Today   *recording.Verdict `json:"today,omitempty"`
	Changes []rules.Change     `json:"changes"`
}

// Fact is one thing that is known, with its source.
type Fact struct {
	Source string    `json:"source"` // capture, SOAP, CDR, SIP, agents, …
	At     time.Time `json:"at,omitzero"`
	What   string    `json:"what"`
}

// Tell answers a question.
func Tell(q Question) Story {
	rec := q.Rec
	s := Story{ID: rec.ID, UID: rec.Capture.UID, Conf: rec.Capture.Conf, State: rec.State, File: rec.Name, Until: rec.Retry.Until.UTC()}
	e := q.ask()
	s.Changes, s.Verdict = append([]rules.Change{}, e.Changes...), e.Verdict
	if s.Decided = decided(rec); s.Decided {
		s.Verdict = rec.Verdict
		if rules.Differs(e.Verdict, rec.Verdict) && rec.Verdict.Rule != recording.SameFile {
			s.Today = &e.Verdict
		}
	}
	s.Rules, s.Verdict.Trace = append([]recording.Tried{}, s.Verdict.Trace...), nil
	s.Fate, s.Waits = q.fate(e)
	s.Facts = q.facts(e)
	return s
}

// decided reports whether the recording's verdict is the last word on it.
func decided(rec recording.Recording) bool {
	return slices.Contains([]recording.State{
		recording.Decided, recording.Filed, recording.BackedUp, recording.Done, recording.Discarded, recording.Unusable,
	}, rec.State) && rec.Verdict.Rule != ""
}

// ask asks the rules about what is known by now.
func (q Question) ask() rules.Explanation {
	rec := q.Rec
	rec.Call.CDRs, rec.Call.Raw, rec.Call.Live = q.Came.CDRs, q.Came.Raw, q.Came.Live
	rec.Call.Twins = q.Twins
	switch {
	case rec.Verdict.Early:
		return q.Set.ExplainEarly(rec, q.Facts)
	case rec.Verdict.Rule == recording.SameFile:
		return rules.Explanation{Verdict: rec.Verdict}
	case decided(rec) || rec.ID == 0:
		q.Facts.Settle, q.Facts.DiscardSettle = 0, 0 // that wait is over
	}
	return q.Set.Explain(rec, q.Facts)
}

// fate says in words what has become of it, and what it waits for.
func (q Question) fate(e rules.Explanation) (fate, waits string) {
	rec := q.Rec
	waits = rec.Retry.Reason
	switch rec.State {
	case "":
		for _, l := range q.Entries {
			switch l.Outcome {
			case recording.OutcomeOpen:
				return "no capture has come yet; if one does, the rules say: " + Outcome(e.Verdict), l.Reason
			case recording.OutcomeWithOther:
				return "no capture of this conference came; " + l.Reason, ""
			default:
			}
		}
		return "no capture came, so that nothing of this call was recorded; if one had, the rules would say: " + Outcome(e.Verdict), ""
	case recording.Seen:
		return "seen in its inbox, and not fetched yet", cmp.Or(waits, "the end of the call, or until its size stands still")
	case recording.Spooled:
		return "fetched; whose call it is, is not known yet", cmp.Or(waits, "its turn")
	case recording.Correlated:
		return "fetched, its CDRs are here; the rules have not decided yet", cmp.Or(waits, "its turn")
	case recording.Decided:
		return Outcome(rec.Verdict) + "; not filed yet", cmp.Or(waits, "its turn")
	case recording.Filed, recording.BackedUp:
		return filed(rec), cmp.Or(waits, "its turn")
	case recording.Done:
		return filed(rec), ""
	case recording.Discarded:
		return Outcome(rec.Verdict) + unfetched(rec), ""
	case recording.Quarantined:
		return "in quarantine, kept until a CDR comes: " + waits, "a CDR that names its conference"
	case recording.Unusable:
		fate = "set aside, because it cannot become a recording: " + waits
		if decided(rec) {
			fate += "; by the rules it is " + Outcome(rec.Verdict)
		}
		return fate, "somebody who looks at it; see \"callreel aside\""
	}
	return string(rec.State), waits
}

func filed(rec recording.Recording) string {
	return fmt.Sprintf("%s; filed as %s", Outcome(rec.Verdict), rec.Name)
}

func unfetched(rec recording.Recording) string {
	if rec.Verdict.Early {
		return "; the capture was deleted without being fetched"
	}
	return ""
}

// Outcome says a verdict in one line.
func Outcome(v recording.Verdict) string {
	switch v.Decision {
	case recording.Keep:
		way := "in"
		if v.Direction == recording.Out {
			way = "out"
		}
		return fmt.Sprintf("kept for %s, %s, external %s, by rule %q: %s", party(v.Owner), way, cmp.Or(v.External, "unknown"), v.Rule, v.Reason)
	case recording.Discard:
		return fmt.Sprintf("not kept, by rule %q: %s", v.Rule, v.Reason)
	case recording.Wait:
		return fmt.Sprintf("waits for %s, by rule %q: %s", v.For, v.Rule, v.Reason)
	}
	return "not decided"
}

func party(a recording.Agent) string {
	n := cmp.Or(a.CN, a.DN, a.H323)
	switch {
	case n == "" || n == a.E164:
		return cmp.Or(a.E164, "somebody without a name")
	case a.E164 == "":
		return n
	}
	return fmt.Sprintf("%s (%s)", a.E164, n)
}

// marks tells of the marks that are of the call, and of its numbers in random recording.
func marks(v recording.Verdict) (out []Fact) {
	for _, m := range v.Marks {
		says := "asked to keep the call"
		if m.Kind == recording.MarkSkip {
			says = "asked not to keep the call"
		}
		out = append(out, Fact{"mark", m.At.UTC(), fmt.Sprintf("agent %s %s, by %s", m.Number, says, cmp.Or(m.From, "a mark"))})
	}
	if d := v.Draw; d != nil {
		out = append(out, Fact{Source: "counters", What: fmt.Sprintf("before the call the system's stood at %d, that of %s at %d", d.System, d.Agent, d.Own)})
	}
	return out
}

// facts lists everything with its source.
func (q Question) facts(e rules.Explanation) []Fact {
	var out []Fact
	if q.Rec.ID != 0 || q.Sidecar {
		out = append(out, q.capture()...)
	}
	for _, l := range q.Came.Live {
		out = append(out, q.leg(l))
	}
	for i := range q.Came.CDRs {
		out = append(out, q.record(i))
	}
	if len(q.Came.CDRs) == 0 {
		out = append(out, Fact{Source: "CDR", What: "none of this conference is here"})
	}
	out = append(out, q.signalling()...)
	for _, p := range e.Parties {
		out = append(out, q.member(p))
	}
	for _, l := range q.Entries {
		out = append(out, Fact{"ledger", l.Began.UTC(), fmt.Sprintf("of %s, %s: %s", party(l.Agent), l.Outcome, l.Reason)})
	}
	out = append(out, marks(e.Verdict)...)
	for _, t := range q.Twins {
		out = append(out, Fact{"recorded twice", t.Start.UTC(), fmt.Sprintf("recording %d of a %s is %s %s", t.ID, cmp.Or(string(t.RecordedOn), "device"), t.State, t.Name)})
	}
	return out
}

func (q Question) capture() []Fact {
	c := q.Rec.Capture
	what := fmt.Sprintf("%s in inbox %s, %d bytes", c.Source.Name, c.Source.Inbox, c.Stamp.Size)
	if q.Sidecar {
		what += "; the catalog does not have it, this is from its sidecar"
	}
	out := []Fact{{"capture", c.SeenAt.UTC(), "first seen: " + what}}
	if c.RecordedOn != "" {
		out[0].What += fmt.Sprintf(", recorded on a %s by the setup", c.RecordedOn)
	}
	if d := strings.Trim(c.MAC+" "+c.RegName, " "); d != "" {
		out[0].What += ", its name says device " + d
	}
	if !c.Begins.IsZero() {
		out = append(out, Fact{"capture", c.Begins.UTC(), "its first packet of voice, by the device's clock"})
	}
	if !c.StillAt.IsZero() && q.Rec.State != recording.Seen { // of one that grows it is not saved
		out = append(out, Fact{"capture", c.StillAt.UTC(), "has not changed since"})
	}
	if !c.FetchedAt.IsZero() {
		out = append(out, Fact{"capture", c.FetchedAt.UTC(), "fetched"})
	}
	if q.Rec.Call.Found != "" {
		out = append(out, Fact{"capture", time.Time{}, "its conference was found: " + q.Rec.Call.Found})
	}
	if c.SourceGone {
		out = append(out, Fact{"capture", time.Time{}, "no longer in its inbox"})
	}
	return out
}

func (q Question) leg(l recording.Leg) Fact {
	words := sidecar.Flow(recording.Recording{Call: recording.Call{Live: []recording.Leg{l}}}, q.Zone)
	what := strings.Join(words, "; ")
	if l.Agent.PBX != "" {
		what = "PBX " + l.Agent.PBX + ": " + what
	}
	if l.Ended.IsZero() {
		what += "; has not ended"
	}
	if l.Uncertain {
		what += "; the link was down for a part of it"
	}
	return Fact{"SOAP", l.Began.UTC(), what}
}

// record tells a CDR in words, and whether it came after the decision.
func (q Question) record(i int) Fact {
	c := q.Came.CDRs[i]
	flow := sidecar.Flow(recording.Recording{Call: recording.Call{CDRs: []recording.CDR{c}}}, q.Zone)
	kind := ""
	if c.Pseudo != "" {
		kind = ", " + c.Pseudo
	}
	f := Fact{"CDR", c.UTC.UTC(), fmt.Sprintf("of %s%s (%s): %s", party(recording.Agent{CN: c.CN, E164: c.E164, H323: c.H323}), kind, c.Dir, strings.Join(flow, "; "))}
	if i >= len(q.Came.Raw) {
		return f
	}
	raw := q.Came.Raw[i]
	f.What += fmt.Sprintf("; received %s", raw.Received.In(q.Zone).Format(time.DateTime))
	same := func(o recording.RawCDR) bool { return o.XML == raw.XML }
	if decided(q.Rec) && !slices.ContainsFunc(q.Rec.Call.Raw, same) {
		f.Source = "CDR, not known when it was decided"
	}
	return f
}

func (q Question) signalling() []Fact {
	p := q.Rec.Audio.SIP
	if s := q.Rec.Call.SIP; s != nil && s.Parties != nil {
		p = s.Parties
	}
	if p == nil {
		return nil
	}
	flow := sidecar.Flow(recording.Recording{Audio: recording.Audio{SIP: p}}, q.Zone)
	return []Fact{{"SIP of the capture", p.Invite.UTC(), fmt.Sprintf("from %s to %s: %s", cmp.Or(p.From, "nobody"), cmp.Or(p.To, "nobody"), strings.Join(flow, "; "))}}
}

func (q Question) member(p rules.Party) Fact {
	what := fmt.Sprintf("%s is no agent", party(p.Who))
	if p.Agent {
		what = fmt.Sprintf("%s is an agent", party(p.Who))
		if by := q.AgentBy(p.Who); by != "" {
			what += ": " + by
		}
	}
	if p.Since.IsZero() {
		what += "; had no part in this call"
	}
	return Fact{"who took part, by " + p.Known, p.Since.UTC(), what}
}
