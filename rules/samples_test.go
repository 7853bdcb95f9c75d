package rules_test

import (
	"os"
	"slices"
	"testing"

	"callreel/cdr"
	"callreel/internal/recording"
	"callreel/rules"
)

// TestDocumentedRecords asks about the calls that the PBX's maker prints in its
// documentation, word for word: internal ones, A (100) calls B (101), and C (102) gets it.
func TestDocumentedRecords(t *testing.T) {
	text, err := os.ReadFile("../cdr/testdata/pbx_cdr_samples_sdk.xml")
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := cdr.Parse(string(text))
	if err != nil {
		t.Fatal(err)
	}
	const (
		basic, cfu, cfnr        = "e89277f0e909d31192e80090331032dd", "dd95b681e909d31192e80090331032dd", "f5092783e909d31192e80090331032dd"
		blind, ringing, consult = "9b24bc13e909d31192e80090331032dd", "18dbf93fe909d31192e80090331032dd", "1827b3c7e909d31192e80090331032dd"
	)
	a, b, c := recording.Agent{E164: "100"}, recording.Agent{E164: "101"}, recording.Agent{E164: "102"}
	for _, row := range []struct {
		name   string
		conf   recording.ConfID
		agents []recording.Agent
		want   string
	}{
		{"called", basic, []recording.Agent{b}, "keep 101 i 100 ring 1 by agent-took-part"},
		{"calling", basic, []recording.Agent{a}, "keep 100 o 101 ring 1 by agent-took-part"},
		{"both: the called one", basic, []recording.Agent{a, b}, "keep 101 i 100 ring 1 by agent-took-part"},
		{"neither", basic, []recording.Agent{c}, "discard by no-agent"},
		{"CFU: not who diverts", cfu, []recording.Agent{b}, "discard by no-agent"},
		{"CFU: who gets it", cfu, []recording.Agent{b, c}, "keep 102 i 100 ring 2 by agent-took-part"},
		{"CFNR: whose telephone rang", cfnr, []recording.Agent{b, c}, "keep 101 i 100 ring 7 by agent-took-part"},
		{"transferred, blind", blind, []recording.Agent{b, c}, "keep 101 i 100 ring 2 by agent-took-part"},
		{"transferred while it rang", ringing, []recording.Agent{b, c}, "keep 101 i 100 ring 2 by agent-took-part"},
		{"transferred, announced", consult, []recording.Agent{b, c}, "keep 101 i 100 ring 2 by agent-took-part"},
		{"transferred to the only agent: of equally long numbers his first far end", consult, []recording.Agent{c}, "keep 102 i 101 ring 2 by agent-took-part"},
	} {
		rec := recording.Recording{Capture: recording.Capture{Conf: row.conf}}
		for _, p := range parsed {
			if slices.Contains(cdr.Confs(p.CDR), row.conf) {
				rec.Call.CDRs = append(rec.Call.CDRs, p.CDR)
			}
		}
		for range 2 {
			if v := rules.First().Decide(rec, rules.Facts{Now: noon, Agents: row.agents}); outcome(v) != row.want {
				t.Errorf("%s: %s (%s), want %s", row.name, outcome(v), v.Reason, row.want)
			}
			slices.Reverse(rec.Call.CDRs)
		}
	}
}
