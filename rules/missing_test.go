package rules_test

import (
	"testing"
	"time"

	"callreel/internal/recording"
	"callreel/rules"
)

// TestWaitsForWhomThePBXShowed: while no record of an agent has come whom the PBX showed
// in the call, the others' do not decide whose it is before discard_settle.
func TestWaitsForWhomThePBXShowed(t *testing.T) {
	in := []recording.CDREvent{extEv("setup-to", 0, "0012345"), ev("alert-from", 1, "0012345"), ev("conn-from", 4, "0012345"), ev("rel-from", 9, "")}
	leg := func(a recording.Agent, after time.Duration) recording.Leg {
		return recording.Leg{Agent: a, Conf: conf, ToAgent: true, Began: noon, Connected: noon.Add(after), Ended: noon.Add(time.Minute)}
	}
	legs := []recording.Leg{leg(rossi, time.Second), leg(verdi, 30*time.Second)}
	ask := func(after time.Duration, cdrs ...recording.CDR) recording.Verdict {
		rec := recording.Recording{Capture: recording.Capture{Conf: conf, FetchedAt: noon}, Call: recording.Call{CDRs: cdrs, Live: legs}}
		return rules.First().Decide(rec, rules.Facts{
			Now: noon.Add(after), Agents: []recording.Agent{rossi, verdi}, Settle: 5 * time.Second, DiscardSettle: 30 * time.Second,
		})
	}
	if v := ask(10*time.Second, user(verdi, "to", in...)); v.Decision != recording.Wait || v.Rule != "cdrs-still-coming" {
		t.Errorf("one of two records: %s by %s", v.Decision, v.Rule)
	}
	if v := ask(10*time.Second, user(verdi, "to", in...), user(rossi, "to", in...)); v.Decision != recording.Keep || v.Owner.CN != "Rossi" {
		t.Errorf("both records: %s by %s for %s", v.Decision, v.Rule, v.Owner.CN)
	}
	if v := ask(time.Minute, user(verdi, "to", in...)); v.Decision != recording.Keep {
		t.Errorf("it never comes: %s by %s", v.Decision, v.Rule)
	}
}
