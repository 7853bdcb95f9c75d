package rules_test

import (
	"testing"
	"time"

	"callreel/internal/recording"
	"callreel/rules"
)

// TestManual: a telephone's key calls the trunk 57, and by it the announcement 76. The
// recording is the agent's, out, and neither number is anybody's.
func TestManual(t *testing.T) {
	set, err := rules.Parse("rules.toml", []byte("[manual]\ntrunk = \"57\"\nannouncement = \"76\"\n"))
	if err != nil {
		t.Fatal(err)
	}
	facts := rules.Facts{Now: noon.Add(time.Minute), Agents: []recording.Agent{rossi}}
	in := func(number string) []recording.CDREvent {
		return []recording.CDREvent{ev("setup-to", 0, number), ev("alert-from", 0, number), ev("conn-from", 2, number), ev("rel-to", 60, "")}
	}
	key := func(number string) []recording.CDREvent {
		return []recording.CDREvent{ev("setup-from", 0, number), ev("conn-to", 1, number), ev("rel-from", 60, "")}
	}
	for _, row := range []struct {
		what     string
		cdrs     []recording.CDR
		manual   bool
		external string
		want     recording.Direction
	}{
		{"dialled as one number", []recording.CDR{user(rossi, "from", key("5776")...), trunk("to", ev("setup-to", 0, "24"), ev("conn-from", 1, "24"))}, true, "", recording.Out},
		{"to the trunk alone", []recording.CDR{user(rossi, "from", key("57")...)}, true, "", recording.Out},
		{"where the far party is told", []recording.CDR{user(rossi, "from", append(key("57"), extEv("connected", 2, "0012345"))...)}, true, "0012345", recording.Out},
		{"a call that came", []recording.CDR{user(rossi, "to", in("0012345")...)}, false, "0012345", recording.In},
		{"a call from the number itself", []recording.CDR{user(rossi, "to", in("76")...)}, false, "", recording.In},
	} {
		rec := recording.Recording{Capture: recording.Capture{Conf: conf, FetchedAt: noon}, Call: recording.Call{CDRs: row.cdrs}}
		v := set.Decide(rec, facts)
		if v.Decision != recording.Keep || v.Owner.CN != rossi.CN || v.Manual != row.manual || v.External != row.external || v.Direction != row.want {
			t.Errorf("%s: %s for %q, manual %v, %s %q: %s", row.what, v.Decision, v.Owner.CN, v.Manual, v.Direction, v.External, v.Reason)
		}
		if v := rules.First().Decide(rec, facts); v.Manual {
			t.Errorf("%s: manual without the numbers in the rules", row.what)
		}
	}
}
