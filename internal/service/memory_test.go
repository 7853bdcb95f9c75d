package service

import (
	"fmt"
	"testing"
	"time"

	"callreel/internal/recording"
	"callreel/rules"
)

// TestMarkByAnotherClock: the records' clock is a minute ahead, and by them the call before
// goes on when an agent marks his last one, or skips the one that he is in. What the PBX
// showed by our own clock counts.
func TestMarkByAnotherClock(t *testing.T) {
	t.Parallel()
	s, _ := folderService(t, func(*Config) {})
	ctx := t.Context()
	rossi := recording.Agent{PBX: "sim", CN: "Rossi", E164: "24", GUID: "aa"}
	noon := time.Now().Add(-time.Hour).Truncate(time.Second)
	at := func(seconds int) time.Time { return noon.Add(time.Duration(seconds) * time.Second) }
	confs := []recording.ConfID{"11111111e909d311b6450090331b3e3b", "22222222e909d311b6450090331b3e3b"}
	for i, conf := range confs { // from 0 to 60 s, and from 70 to 100 s
		leg := recording.Leg{Agent: rossi, Conf: conf, Began: at(70 * i), Connected: at(70 * i), Ended: at(60 + 40*i), ToAgent: true}
		if err := s.catalog.SaveLeg(ctx, leg); err != nil {
			t.Fatal(err)
		}
		body := fmt.Sprintf(`<cdr guid="aa" cn="Rossi" e164="24" dir="to" utc="%d"><user/><event msg="setup-to" time="0" e164="0012345" conf="%s"/>`+
			`<event msg="conn-from" time="0"/><event msg="rel-from" time="%d"/></cdr>`, at(70*i+60).Unix(), conf, 60-30*i)
		if err := s.CDR(ctx, body, at(60+40*i)); err != nil {
			t.Fatal(err)
		}
	}
	for _, row := range []struct {
		kind recording.MarkKind
		at   int
		want string
	}{{recording.MarkKeep, 105, "keep, star true"}, {recording.MarkSkip, 80, "discard, star false"}} {
		rec := recording.Recording{Capture: recording.Capture{Conf: confs[1], SeenAt: at(71), StillAt: at(100)}}
		call, err := s.correlator.Correlate(ctx, rec)
		if err != nil {
			t.Fatal(err)
		}
		rec.Call = call
		f := rules.Facts{Now: time.Now(), MarksSeen: time.Now(), Agents: []recording.Agent{rossi}}
		f.Marks = []recording.Mark{{ID: 1, Kind: row.kind, Number: "24", At: at(row.at)}}
		if err := s.memory().addOthers(ctx, at(0), at(200), &f); err != nil {
			t.Fatal(err)
		}
		v := rules.First().Decide(rec, f)
		if got := fmt.Sprintf("%s, star %v", v.Decision, v.Star); got != row.want {
			t.Errorf("a %s mark %d s after noon: %s (%s), want %s; his other calls: %+v", row.kind, row.at, got, v.Reason, row.want, f.Others)
		}
	}
}
