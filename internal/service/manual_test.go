package service_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"callreel/internal/pbx"
	"callreel/internal/recording"
	"callreel/internal/service"
)

// TestManualRecording: a telephone's key records a call that goes on under another
// conference id. The file has one channel, is called "out", and has the far party of
// that call.
func TestManualRecording(t *testing.T) {
	t.Parallel()
	r := foreign(t, func(c *service.Config) {
		c.CDR.FirstWait = pbx.Duration(time.Minute)
		c.Rules.File = writeRules(t, "[manual]\ntrunk = \"57\"\nannouncement = \"76\"\n")
	})
	const own, other = "0badc0de0badc0de0badc0de0badc0de", "11111111111111111111111111111111"
	now := time.Now()
	record := func(began time.Time, dir, first, number, conf string) string {
		return fmt.Sprintf(`log-msg<cdr cn="Anna Rossi" e164="24" dir="%s" utc="%d"><user/><event msg="%s" time="0" e164="%s" conf="%s"/>`+
			`<event msg="connected" time="1"/><event msg="rel-from" time="90"/></cdr>`, dir, began.Unix(), first, number, conf)
	}
	r.drop(t, own+".pcap", pcapOf(now, sipCall("24", "5776")...))
	post(t, r.s, record(now.Add(-time.Minute), "to", "setup-to", "0999888", other))
	post(t, r.s, record(now, "from", "setup-from", "5776", own))
	rec := theOnly(t, r.cfg)
	if rec.State != recording.Done || !strings.Contains(rec.Name, "_24_o_0999888_") || rec.Audio.Channels != 1 || !rec.Verdict.Manual {
		t.Errorf("%s as %q, %d channels: %s %s", rec.State, rec.Name, rec.Audio.Channels, rec.Verdict.Reason, rec.Retry.Reason)
	}
}
