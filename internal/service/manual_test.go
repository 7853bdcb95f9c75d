package service_test

import (
	"errors"
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
	if text, _ := told(t, r.cfg, own); strings.Contains(text, "would say something else") {
		t.Errorf("explained as if the rules had not decided so:\n%s", text)
	}
}

// TestManualRecordingInACall: it ends before the call does that it is of. No record of
// that call is here then, but the PBX has shown whom the agent speaks to.
func TestManualRecordingInACall(t *testing.T) {
	t.Parallel()
	r := foreign(t, func(c *service.Config) {
		c.CDR.FirstWait = pbx.Duration(time.Minute)
		c.Rules.File = writeRules(t, "[manual]\ntrunk = \"57\"\nannouncement = \"76\"\n")
	})
	// Live calls of a PBX that is not set up are ended at the start: it must be over.
	until(t, "the inbox is watched", func() error {
		if page := string(fetch(t, "http://"+r.s.Addr("player")+"/api/status", "")); strings.Contains(page, `"checks":0,`) {
			return errors.New(page)
		}
		return nil
	})
	const own = "0badc0de0badc0de0badc0de0badc0de"
	now := time.Now()
	leg := func(conf, number string, began time.Time) {
		r.s.Leg(t.Context(), "main", recording.Leg{
			Agent: recording.Agent{CN: "Anna Rossi", E164: "24", PBX: "main"}, Conf: recording.ConfID(conf), ToAgent: true,
			Peer: recording.Number{E164: number}, Began: began, Connected: began,
		})
	}
	leg("11111111111111111111111111111111", "0999888", now.Add(-time.Minute))
	leg(own, "5776", now)
	r.s.Leg(t.Context(), "main", recording.Leg{
		Agent: recording.Agent{CN: "Luca Bianchi", E164: "27", PBX: "main"}, Conf: "22222222222222222222222222222222",
		Peer: recording.Number{E164: "0777"}, Began: now.Add(-time.Hour), Connected: now.Add(-time.Hour),
	})
	r.drop(t, own+".pcap", pcapOf(now, sipCall("24", "5776")...))
	post(t, r.s, fmt.Sprintf(`log-msg<cdr cn="Anna Rossi" e164="24" dir="from" utc="%d"><user/><event msg="setup-from" time="0" e164="5776" conf="%s"/>`+
		`<event msg="connected" time="1"/><event msg="rel-from" time="90"/></cdr>`, now.Unix(), own))
	rec := theOnly(t, r.cfg)
	if rec.State != recording.Done || !strings.Contains(rec.Name, "_24_o_0999888_") {
		t.Errorf("%s as %q: %s %s", rec.State, rec.Name, rec.Verdict.Reason, rec.Retry.Reason)
	}
}
