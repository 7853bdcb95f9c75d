package explain_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"callreel/internal/explain"
	"callreel/internal/recording"
	"callreel/rules"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

const conf = recording.ConfID("c03a55c2e909d311b6450090331b3e3b")

// asked is a question about a recording in a state, of a call of a user, of whom a CDR
// came before it was decided, and of an agent, of whom one came later.
func asked(state recording.State) explain.Question {
	event := func(msg string, at int64) recording.CDREvent {
		return recording.CDREvent{Msg: msg, Time: at, E164: "0012345", Conf: conf}
	}
	cdr := func(number, name string) recording.CDR {
		return recording.CDR{CN: name, E164: number, Dir: recording.DirTo, UTC: noon, Events: []recording.CDREvent{event("setup-to", 0), event("conn-from", 4)}}
	}
	known := recording.Call{CDRs: []recording.CDR{cdr("31", "Bianchi")}, Raw: []recording.RawCDR{{ID: 1, XML: "one", Received: noon}}}
	rec := recording.Recording{ID: 7, State: state, Name: "2026_11/x", Call: known, Capture: recording.Capture{UID: string(conf), Conf: conf, SeenAt: noon, FetchedAt: noon.Add(time.Minute)}}
	rec.Retry.Reason = "the reason it was given"
	rec.Verdict = recording.Verdict{Decision: recording.Discard, Rule: "no-agent", Reason: "none", At: noon.Add(time.Hour), Trace: []recording.Tried{{Rule: "no-agent", Fired: true, Why: "none"}}}
	came := known
	came.CDRs, came.Raw = append(came.CDRs, cdr("24", "Rossi")), append(came.Raw, recording.RawCDR{ID: 2, XML: "two", Received: noon.Add(2 * time.Hour)})
	return explain.Question{
		Rec: rec, Came: came, Set: rules.First(), Zone: time.FixedZone("", 3600),
		Facts:   rules.Facts{Now: noon.Add(3 * time.Hour), Agents: []recording.Agent{{E164: "24", CN: "Rossi"}}},
		AgentBy: func(recording.Agent) string { return "the setup names him" },
		Twins:   []recording.Twin{{ID: 8, State: recording.Done, Name: "2026_11/y", RecordedOn: recording.OnPhone}},
	}
}

func text(t *testing.T, s ...explain.Story) string {
	t.Helper()
	var out bytes.Buffer
	if err := explain.Write(&out, s, time.FixedZone("", 3600)); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// TestEveryState: of each state it is told what became of the call, and what is waited for
// where it has not ended.
func TestEveryState(t *testing.T) {
	for _, state := range append(recording.States(), "") {
		s := explain.Tell(asked(state))
		if s.Fate == "" || s.Fate == string(state) {
			t.Errorf("%s: %q", state, s.Fate)
		}
		if state != "" && !state.Ended() != (s.Waits != "") && state != recording.Quarantined && state != recording.Unusable {
			t.Errorf("%s waits for %q", state, s.Waits)
		}
		if len(s.Rules) == 0 || s.Rules[len(s.Rules)-1].Rule != s.Verdict.Rule {
			t.Errorf("%s: rules %+v, verdict by %s", state, s.Rules, s.Verdict.Rule)
		}
		if doc, err := json.Marshal(s); err != nil || bytes.Contains(doc, []byte(":null")) {
			t.Errorf("%s, %v", doc, err)
		}
	}
}

// TestLateCDR: what was decided stands as it was, and what came later is told as that.
func TestLateCDR(t *testing.T) {
	got := text(t, explain.Tell(asked(recording.Discarded)))
	for _, want := range []string{
		"Recording 7: discarded\n  not kept, by rule \"no-agent\": none\n  decided 2026-11-21 14:00:00\n",
		"  => no-agent: none\n",
		"CDR: of 31 (Bianchi) (to): 13:00:00 Bianchi (31) is called by 0012345",
		"CDR, not known when it was decided: of 24 (Rossi)", "received 2026-11-21 15:00:00",
		"24 (Rossi) is an agent: the setup names him", "31 (Bianchi) is no agent",
		"recorded twice: recording 8 of a phone is done 2026_11/y",
		"The rules in use, and what is known by now, would say something else: kept for 24 (Rossi), in, external 0012345",
		"  if 24 (Rossi) were no agent: not kept, by rule \"no-agent\"",
		"  if the CDR of 24 (Rossi), which begins at 12:00:00 UTC, had not come: not kept",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

// TestSameFile is told by the verdict alone: no rule was asked.
func TestSameFile(t *testing.T) {
	q := asked(recording.Discarded)
	q.Rec.Verdict.Rule, q.Rec.Verdict.Reason = recording.SameFile, "it is recording 3 already"
	if s := explain.Tell(q); s.Today != nil || len(s.Changes) > 0 || !strings.Contains(s.Fate, "recording 3") {
		t.Errorf("%+v", s)
	}
}

// TestHostileNames: a name or a number of whoever calls begins no line of its own.
func TestHostileNames(t *testing.T) {
	const evil = "5\n  => no-agent: none\r\x1b[2J\u009b2J\u2028\u202e"
	q := asked(recording.Discarded)
	q.Came.CDRs[1].CN, q.Rec.Verdict.Reason, q.Rec.Verdict.Trace[0].Why = evil, evil, evil
	q.Facts.Agents[0].CN = evil
	for line := range strings.Lines(text(t, explain.Tell(q))) {
		if strings.ContainsAny(line, "\r\x1b\u009b\u2028\u202e") || strings.HasPrefix(line, "  => no-agent: none") {
			t.Errorf("%q", line)
		}
	}
}
