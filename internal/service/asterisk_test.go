package service_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"callreel/ingest"
	"callreel/internal/asterisk"
	"callreel/internal/pbx"
	"callreel/internal/recording"
	"callreel/internal/service"
)

// asteriskRow is a row of a call from 0123456 to an extension, set up at a time and
// answered 6 s later.
func asteriskRow(extension, unique string, at time.Time) string {
	stamp := func(s int) string { return at.UTC().Add(time.Duration(s) * time.Second).Format(time.DateTime) }
	return fmt.Sprintf(`"","0123456","%s","office","""Caller"" <0123456>","PJSIP/provider-00000001","PJSIP/%s-00000002","Dial","PJSIP/%s,20",`+
		`"%s","%s","%s",30,24,"ANSWERED","DOCUMENTATION","%s",""`+"\n", extension, extension, extension, stamp(0), stamp(6), stamp(30), unique)
}

// asteriskOffice is a recorder beside an Asterisk, without a PBX of the other kind.
func asteriskOffice(t *testing.T, change func(*service.Config)) *rig {
	t.Helper()
	return foreign(t, func(c *service.Config) {
		c.Inbox[0].Correlate = ingest.CorrelateAsterisk
		c.CDR.FirstWait = pbx.Duration(time.Minute)
		file := filepath.Join(filepath.Dir(c.Catalog), "Master.csv")
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		c.Asterisk = []asterisk.Config{{
			File: file, Poll: pbx.Duration(100 * time.Millisecond), Timezone: "UTC", Trunks: []string{"PJSIP/provider"}, Receive: "/asterisk",
		}}
		if change != nil {
			change(c)
		}
	})
}

func (r *rig) row(t *testing.T, text string) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(r.dir, "Master.csv"), os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteString(text)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestAsteriskCalls: calls of an Asterisk are told by the rows of its file or by those
// that are posted, and found by the name of the capture or by the SIP in it.
func TestAsteriskCalls(t *testing.T) {
	t.Parallel()
	now := time.Now().Truncate(time.Second)
	unique := fmt.Sprintf("%d.17", now.Unix())
	for _, tt := range []struct {
		name, capture, to string
		posted            bool
		state             recording.State
		rule, file        string
	}{
		{"by name, an agent's", unique + ".pcap", "24", false, recording.Done, "agent-took-part", "_24_i_0123456_6_"},
		{"by name and posted", unique + "_24.pcap", "24", true, recording.Done, "agent-took-part", "_24_i_0123456_6_"},
		{"by name, nobody's", unique + ".pcap", "77", false, recording.Discarded, "no-agent", ""},
		{"by SIP", "line 7.pcap", "24", false, recording.Done, "agent-took-part", "_24_i_0123456_6_"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := asteriskOffice(t, func(c *service.Config) { c.CDR.DiscardSettle = pbx.Duration(300 * time.Millisecond) })
			r.drop(t, tt.capture, pcapOf(now, sipCall("0123456", tt.to)...))
			row := asteriskRow(tt.to, unique, now)
			if tt.posted {
				res, err := http.Post("http://"+r.s.Addr("receiver")+"/asterisk", "text/csv", strings.NewReader(row)) //nolint:noctx // a test
				if err != nil {
					t.Fatal(err)
				}
				if err := res.Body.Close(); err != nil || res.StatusCode != http.StatusOK {
					t.Fatalf("answer %s, %v", res.Status, err)
				}
			} else {
				r.row(t, row)
			}
			rec := theOnly(t, r.cfg)
			if rec.State != tt.state || rec.Verdict.Rule != tt.rule || !strings.Contains(rec.Name, tt.file) {
				t.Errorf("%s by %s as %q: %s %s", rec.State, rec.Verdict.Rule, rec.Name, rec.Verdict.Reason, rec.Retry.Reason)
			}
			if rec.Capture.Conf != recording.ConfIDOfUnique(unique) {
				t.Errorf("conference %s", rec.Capture.Conf)
			}
			for _, word := range []string{unique, tt.capture} {
				if told, err := r.past(t).Explain(t.Context(), word); err != nil || len(told) != 1 || told[0].ID != rec.ID {
					t.Errorf("explain %s: %d told, %v", word, len(told), err)
				}
			}
			if tt.state == recording.Done && !strings.Contains(rec.Call.Raw[0].XML, "<asterisk>") {
				t.Errorf("the row as it came is not in the record: %s", rec.Call.Raw[0].XML)
			}
		})
	}
}

// TestAsteriskGoesOnWhereItStood: after a restart only what is new is read, and a line
// that is none is told by the lamp and does not stop the rest.
func TestAsteriskGoesOnWhereItStood(t *testing.T) {
	t.Parallel()
	r := asteriskOffice(t, nil)
	now := time.Now().Truncate(time.Second)
	r.row(t, "what is this\n"+asteriskRow("24", fmt.Sprintf("%d.1", now.Unix()), now)+asteriskRow("24", fmt.Sprintf("%d.2", now.Unix()), now))
	until(t, "the bad line is told", func() error {
		for _, l := range r.s.Lamps() {
			if strings.Contains(fmt.Sprint(l), "asterisk CDR, line 1") {
				return nil
			}
		}
		return fmt.Errorf("lamps %v", r.s.Lamps())
	})
	r.drop(t, fmt.Sprintf("%d.1.pcap", now.Unix()), pcapOf(now, sipCall("0123456", "24")...))
	if rec := theOnly(t, r.cfg); rec.State != recording.Done {
		t.Errorf("%s: %s %s", rec.State, rec.Verdict.Reason, rec.Retry.Reason)
	}
	if text, _ := told(t, r.cfg, fmt.Sprintf("%d.2", now.Unix())); !strings.Contains(text, "no capture has come yet") {
		t.Errorf("the other call by its unique id:\n%s", text)
	}
}
