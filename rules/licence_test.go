package rules_test

import (
	"testing"
	"time"

	"callreel/internal/recording"
	"callreel/rules"
)

// TestNoLicence: the call of an agent without a licence is not kept once CDRs prove
// that it is his alone, and is where they do not.
func TestNoLicence(t *testing.T) {
	bare := verdi
	bare.Unlicensed = true
	in := []recording.CDREvent{extEv("setup-to", 0, "0012345"), ev("alert-from", 1, "0012345"), ev("conn-from", 4, "0012345"), ev("rel-from", 9, "")}
	ring := []recording.CDREvent{extEv("setup-to", 0, "0012345"), ev("alert-from", 0, "0012345"), ev("rel-from", 9, "")}
	leg := []recording.Leg{{Agent: bare, Conf: conf, ToAgent: true, Began: noon, Connected: noon}}
	stranger := trunk("from", ev("setup-from", 0, "31"), ev("conn-to", 3, "31"))
	for _, row := range []struct {
		name  string
		cdrs  []recording.CDR
		live  []recording.Leg
		want  recording.Decision
		rule  string
		owner string
		quiet time.Duration // before a call is not kept
	}{
		{"his own record", []recording.CDR{user(verdi, "to", in...)}, leg, recording.Discard, "no-licence", "Verdi", 0},
		{"only the trunk names him", []recording.CDR{trunk("from", ev("setup-from", 0, "25"), ev("conn-to", 3, "25"))}, leg, recording.Discard, "no-licence", "Verdi", 0},
		{"another may be named late", []recording.CDR{user(verdi, "to", in...)}, nil, recording.Wait, "cdr-may-be-late", "", time.Hour},
		{"an agent with a licence spoke too", []recording.CDR{user(verdi, "to", in...), user(rossi, "to", in...)}, leg, recording.Keep, "agent-took-part", "Rossi", 0},
		{"an agent with a licence was rung first", []recording.CDR{user(verdi, "to", in...), user(rossi, "to", ring...)}, leg, recording.Keep, "agent-took-part", "Rossi", 0},
		{"shown live, and no record names him", []recording.CDR{stranger}, leg, recording.Keep, "agent-without-cdr", "Verdi", 0},
		{"he had no part in it", []recording.CDR{stranger}, nil, recording.Discard, "no-agent", "", 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			rec := recording.Recording{Capture: recording.Capture{Conf: conf, FetchedAt: noon}, Call: recording.Call{CDRs: row.cdrs, Live: row.live}}
			v := rules.First().Decide(rec, rules.Facts{
				Now: noon.Add(time.Minute), Agents: []recording.Agent{rossi}, Unlicensed: []recording.Agent{bare}, DiscardSettle: row.quiet,
			})
			if v.Decision != row.want || v.Rule != row.rule || row.want != recording.Wait && v.Owner.CN != row.owner {
				t.Errorf("%s by %s for %q: %s", v.Decision, v.Rule, v.Owner.CN, v.Reason)
			}
		})
	}
}

// TestNoLicenceBySIP: of a capture of which only its own SIP tells.
func TestNoLicenceBySIP(t *testing.T) {
	bare := verdi
	bare.Unlicensed = true
	rec := recording.Recording{Call: recording.Call{SIP: &recording.Signalling{Calls: 1, Parties: &recording.SIPParties{From: "0012345", To: "25", Invite: noon}}}}
	v := rules.First().Decide(rec, rules.Facts{Now: noon, Agents: []recording.Agent{rossi}, Unlicensed: []recording.Agent{bare}})
	if v.Decision != recording.Discard || v.Rule != "no-licence" || v.Owner.CN != "Verdi" || v.Internal != "25" {
		t.Errorf("%+v", v)
	}
}
