package service

import (
	"testing"
	"time"

	"callreel/internal/pbx"
	"callreel/internal/recording"
)

// TestReportingMayKnow: a call is not kept for one agent while the PBX showed another in
// it of whom no record is here, before Reporting was asked for it.
func TestReportingMayKnow(t *testing.T) {
	s := &Service{reporting: []*pbx.Reporting{nil}}
	rossi, verdi := recording.Agent{CN: "Rossi", GUID: "aa"}, recording.Agent{CN: "Verdi", GUID: "bb"}
	live := []recording.Leg{{Agent: rossi}, {Agent: verdi}}
	his := func(a recording.Agent) recording.CDR { return recording.CDR{CN: a.CN, GUID: a.GUID} }
	keep := recording.Verdict{Decision: recording.Keep, Owner: verdi}
	for _, row := range []struct {
		what string
		call recording.Call
		v    recording.Verdict
		want bool
	}{
		{"one has no record", recording.Call{Live: live, CDRs: []recording.CDR{his(verdi)}}, keep, true},
		{"each has one", recording.Call{Live: live, CDRs: []recording.CDR{his(verdi), his(rossi)}}, keep, false},
		{"it was asked", recording.Call{Live: live, CDRs: []recording.CDR{his(verdi)}, Asked: time.Now()}, keep, false},
		{"nobody was shown", recording.Call{CDRs: []recording.CDR{his(verdi)}}, keep, false},
		{"it only waits", recording.Call{Live: live, CDRs: []recording.CDR{his(verdi)}}, recording.Verdict{Decision: recording.Wait}, false},
		{"it is to be thrown away", recording.Call{CDRs: []recording.CDR{his(verdi)}}, recording.Verdict{Decision: recording.Discard}, true},
	} {
		rec := recording.Recording{Capture: recording.Capture{Conf: "c0"}, Call: row.call}
		if got := s.reportingMayKnow(rec, row.v); got != row.want {
			t.Errorf("%s: %v", row.what, got)
		}
	}
}
