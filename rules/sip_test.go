package rules_test

import (
	"testing"
	"time"

	"callreel/internal/recording"
	"callreel/rules"
)

func TestMayBeAgent(t *testing.T) {
	agents := []recording.Agent{{CN: "Anna Rossi", E164: "24"}, {E164: "+49 (123) 25"}}
	for _, row := range []struct {
		from, to, want string
	}{
		{"0123456", "+4912324", "24"},
		{"+49-123-24", "0123456", "24"},
		{"0123456", "25", "+49 (123) 25"},
		{"0123456", "anna rossi", "24"},
		{"0123456", "77", ""},
		{"", "", ""},
		{"anna24", "x24", ""},
	} {
		rec := recording.Recording{}
		rec.Call.SIP = &recording.Signalling{Parties: &recording.SIPParties{From: row.from, To: row.to}}
		a, ok := rules.MayBeAgent(rec, rules.Facts{Agents: agents})
		if a.E164 != row.want || ok != (row.want != "") {
			t.Errorf("%s to %s: %q, %v; want %q", row.from, row.to, a.E164, ok, row.want)
		}
	}
	told := recording.Recording{Call: recording.Call{CDRs: []recording.CDR{{E164: "77"}}}}
	told.Call.SIP = &recording.Signalling{Parties: &recording.SIPParties{To: "+4912324"}}
	if _, ok := rules.MayBeAgent(told, rules.Facts{Agents: agents}); ok {
		t.Error("a CDR tells more")
	}
}

func TestSIPAlone(t *testing.T) {
	start := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	anna := recording.Agent{CN: "Anna", E164: "24", H323: "anna"}
	bruno := recording.Agent{CN: "Bruno", E164: "25"}
	for _, row := range []struct {
		name     string
		from, to string
		facts    rules.Facts
		decision recording.Decision
		owner    string
		dir      recording.Direction
		internal string
		external string
	}{
		{"an agent is called", "0123456", "24", rules.Facts{Agents: []recording.Agent{anna}}, recording.Keep, "Anna", recording.In, "24", "0123456"},
		{"an agent calls", "24", "0123456", rules.Facts{Agents: []recording.Agent{anna}}, recording.Keep, "Anna", recording.Out, "24", "0123456"},
		{"by name", "0123456", "Anna", rules.Facts{Agents: []recording.Agent{anna}}, recording.Keep, "Anna", recording.In, "24", "0123456"},
		{"an agent calls an agent", "25", "24", rules.Facts{Agents: []recording.Agent{bruno, anna}}, recording.Keep, "Anna", recording.In, "24", "25"},
		{"no agent", "0123456", "77", rules.Facts{Agents: []recording.Agent{anna}}, recording.Discard, "", recording.In, "77", "0123456"},
		{"the number only ends like an agent's", "0123424", "77", rules.Facts{Agents: []recording.Agent{anna}}, recording.Discard, "", recording.In, "77", "0123424"},
		{"all are agents, called from outside", "0123456", "77", rules.Facts{All: true}, recording.Keep, "77", recording.In, "77", "0123456"},
		{"all are agents, calling out", "77", "0123456", rules.Facts{All: true}, recording.Keep, "77", recording.Out, "77", "0123456"},
		{"all are agents, nobody is named", "", "", rules.Facts{All: true}, recording.Keep, "", recording.In, "", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			rec := recording.Recording{}
			rec.Call.SIP = &recording.Signalling{Parties: &recording.SIPParties{
				From: row.from, To: row.to, Invite: start, Ring: start.Add(time.Second), Answer: start.Add(4500 * time.Millisecond),
			}}
			v := rules.First().Decide(rec, row.facts)
			if v.Decision != row.decision || v.Owner.CN != row.owner || v.Direction != row.dir || v.Internal != row.internal || v.External != row.external {
				t.Errorf("%s for %q, %s, %q with %q", v.Decision, v.Owner.CN, v.Direction, v.Internal, v.External)
			}
			if v.Ring != 3 || !v.Started.Equal(start.Add(4500*time.Millisecond)) || len(v.Trace) == 0 || v.Reason == "" {
				t.Errorf("ring %d, started %s, %q", v.Ring, v.Started, v.Reason)
			}
		})
	}
}
