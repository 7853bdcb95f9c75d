package service_test

import (
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"callreel/internal/pbx"
	"callreel/internal/pbxsim"
	"callreel/internal/recording"
	"callreel/internal/service"
)

// office is a Reporting server: it takes the PBX's records and is asked for
// them by conference id.
type office struct {
	mu      sync.Mutex
	records []string
	down    bool
	asked   url.Values // last
}

// mostRecords is more than a soak has under way.
const mostRecords = 10_000

func (o *office) lastAsked() url.Values {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.asked
}

func (o *office) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if req.Method == http.MethodPost {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		o.records = append(o.records, strings.TrimPrefix(string(body), "log-msg"))
		if len(o.records) > mostRecords {
			o.records = slices.Delete(o.records, 0, mostRecords/2)
		}
		return
	}
	o.asked = req.URL.Query()
	if o.down {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	fmt.Fprint(w, "<report>")
	for _, r := range o.records {
		if strings.Contains(r, req.URL.Query().Get("conf")) {
			fmt.Fprintf(w, "<record>%s</record>", r)
		}
	}
	fmt.Fprint(w, "</report>")
}

func (o *office) set(down bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.down = down
}

// TestReporting asks a Reporting server for the records that the PBX does not
// send to us; while it gives no answer the countdown stands still.
func TestReporting(t *testing.T) {
	t.Parallel()
	o := &office{}
	server := httptest.NewServer(o)
	t.Cleanup(server.Close)
	r := newRig(t, func(c *service.Config) {
		c.Receiver.Listen = ""
		c.Reporting = []pbx.ReportingConfig{{Name: "ap", URL: server.URL + "/report?conf={conf}"}}
		// A countdown that would be over long before the test is.
		c.CDR.FirstWait, c.CDR.SecondWait, c.CDR.LastWait = pbx.Duration(400*time.Millisecond), 0, 0
	})
	r.sim.SetCDRTarget(server.URL + "/cdr")
	r.light(t, service.LampPBX, service.Green)
	r.call(t, pbxsim.ExternalToAgent)
	r.allFiled(t)

	o.set(true)
	r.call(t, pbxsim.AgentToExternal)
	if st := r.light(t, service.LampReporting, service.Red); !strings.Contains(st.Error, "502") {
		t.Errorf("lamp REPORTING says %q", st.Error)
	}
	<-time.After(time.Second) // longer than the whole countdown
	if err := r.count("quarantined", 1); err == nil {
		t.Error("the countdown went on without an answer")
	}
	o.set(false)
	r.allFiled(t)
	r.light(t, service.LampReporting, service.Green)
}

// TestReportingHasMore: of a call's records only the trunk's reached us. Before the
// call is thrown away Reporting is asked, and is waited for.
func TestReportingHasMore(t *testing.T) {
	t.Parallel()
	now := time.Now()
	const conf = "0badc0de0badc0de0badc0de0badc0de"
	o := &office{down: true, records: []string{strings.TrimPrefix(sipCDR(conf, "24", "0123456", now), "log-msg")}}
	server := httptest.NewServer(o)
	t.Cleanup(server.Close)
	r := foreign(t, func(c *service.Config) {
		c.Reporting = []pbx.ReportingConfig{{Name: "ap", URL: server.URL + "/report?conf={conf}"}}
	})
	trunk := strings.Replace(sipCDR(conf, "", "24", now), `cn="Anna Rossi"`, `cn="Trunk"`, 1)
	post(t, r.s, trunk)
	r.drop(t, conf+"-009033010203-17.pcap", pcapOf(now, sipCall("0123456", "24")...))
	until(t, "the decision waits for Reporting", func() error {
		rec, err := firstRow(t, r.cfg)
		if err == nil && (rec.State != recording.Correlated || !strings.Contains(rec.Retry.Reason, "502")) {
			err = fmt.Errorf("state %s: %s", rec.State, rec.Retry.Reason)
		}
		return err
	})
	o.set(false)
	if rec := theOnly(t, r.cfg); rec.State != recording.Done || rec.Verdict.Owner.CN != "Anna Rossi" {
		t.Errorf("%s for %q by %s: %s", rec.State, rec.Verdict.Owner.CN, rec.Verdict.Rule, rec.Retry.Reason)
	}
}

// TestReportingUnstored: Reporting has the record and the catalog cannot take it. That
// is no "no record" either: the countdown stands still, by conference and by SIP.
func TestReportingUnstored(t *testing.T) {
	t.Parallel()
	const conf = "0badc0de0badc0de0badc0de0badc0de"
	for name, file := range map[string]string{"by conference": conf + "-009033010203-17.pcap", "by SIP": "a.pcap"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			now := time.Now()
			o := &office{records: []string{strings.TrimPrefix(sipCDR(conf, "24", "0123456", now), "log-msg")}}
			server := httptest.NewServer(o)
			t.Cleanup(server.Close)
			r := foreign(t, func(c *service.Config) {
				c.Reporting = []pbx.ReportingConfig{{Name: "ap", URL: server.URL + "/report?number={number}"}}
				c.CDR.FirstWait, c.CDR.Tries = pbx.Duration(50*time.Millisecond), 1
			})
			r.sql(t, `CREATE TRIGGER broken BEFORE INSERT ON cdr BEGIN SELECT RAISE(ABORT, 'the disk is bad'); END`)
			r.drop(t, file, pcapOf(now, sipCall("0123456", "24")...))
			until(t, "the countdown stands still", func() error {
				rec, err := firstRow(t, r.cfg)
				if err == nil && (rec.State != recording.Spooled || rec.Retry.Tries > 0 || !strings.Contains(rec.Retry.Reason, "the countdown stands still")) {
					err = fmt.Errorf("state %s, %d looks: %s", rec.State, rec.Retry.Tries, rec.Retry.Reason)
				}
				return err
			})
			r.light(t, service.LampReporting, service.Red)
			r.sql(t, `DROP TRIGGER broken`)
			if rec := theOnly(t, r.cfg); rec.State != recording.Done || rec.Capture.Conf != conf {
				t.Errorf("%s, conference %s: %s", rec.State, rec.Capture.Conf, rec.Retry.Reason)
			}
		})
	}
}

// TestFaultIsNoLook: a fault while a CDR is looked for is tried again, and the
// countdown does not go on with it.
func TestFaultIsNoLook(t *testing.T) {
	t.Parallel()
	r := foreign(t, func(c *service.Config) {
		c.EarlyDiscard = false
		c.CDR.FirstWait, c.CDR.Tries = pbx.Duration(50*time.Millisecond), 1
	})
	r.sql(t, `ALTER TABLE cdr_conf RENAME TO gone`)
	r.drop(t, "0badc0de0badc0de0badc0de0badc0de-009033010203-17.pcap", pcapOf(time.Now(), sipCall("0123456", "24")...))
	var first time.Time
	until(t, "it was tried twice", func() error {
		rec, err := firstRow(t, r.cfg)
		if err == nil && (rec.State != recording.Spooled || rec.Retry.Since.IsZero() || rec.Retry.Until.Equal(first)) {
			err = fmt.Errorf("state %s, since %v: %s", rec.State, rec.Retry.Since, rec.Retry.Reason)
		}
		if err == nil && first.IsZero() {
			first = rec.Retry.Until
			err = errors.New("once")
		}
		if rec.Retry.Tries > 0 {
			t.Fatalf("%d looks: %s", rec.Retry.Tries, rec.Retry.Reason)
		}
		return err
	})
	r.sql(t, `ALTER TABLE gone RENAME TO cdr_conf`)
	if rec := theOnly(t, r.cfg); rec.State != recording.Quarantined || !strings.Contains(rec.Retry.Reason, "looked 2 times") {
		t.Errorf("%s: %s", rec.State, rec.Retry.Reason)
	}
}

// sql does something to the recorder's catalog behind its back.
func (r *rig) sql(t *testing.T, statement string) {
	t.Helper()
	sqlIn(t, r.cfg.Catalog, statement)
}

func sqlIn(t *testing.T, catalog, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", catalog+"?_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}
