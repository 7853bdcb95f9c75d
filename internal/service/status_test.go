package service_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"callreel/internal/pbx"
	"callreel/internal/pbxsim"
	"callreel/internal/service"
)

// metrics are the figures as Prometheus' own parser reads them.
func (r *rig) metrics(t *testing.T) map[string]*dto.MetricFamily {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+r.s.Addr("status")+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	p := expfmt.NewTextParser(model.LegacyValidation)
	all, err := p.TextToMetricFamilies(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%d: %v", resp.StatusCode, err)
	}
	return all
}

// figure is one figure; label is name=value, empty for one without.
func figure(t *testing.T, all map[string]*dto.MetricFamily, name, label string) float64 {
	t.Helper()
	for _, m := range all[name].GetMetric() {
		if label == "" && len(m.GetLabel()) == 0 || len(m.GetLabel()) > 0 && m.GetLabel()[0].GetName()+"="+m.GetLabel()[0].GetValue() == label {
			return m.GetGauge().GetValue() + m.GetCounter().GetValue() // one of them is not there
		}
	}
	t.Errorf("no figure %s{%s}", name, label)
	return -1
}

// TestStatusAndMetrics records two calls, one not to be kept, and one that goes on, and
// holds what other commands and Prometheus are told against it.
func TestStatusAndMetrics(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(cfg *service.Config) { cfg.Keys.EncryptAudio = true })
	r.light(t, service.LampPBX, service.Green)
	r.call(t, pbxsim.ExternalToAgent)
	r.call(t, pbxsim.ExternalToUser)
	r.allFiled(t)
	r.talking(t, pbxsim.Plan{Scenario: pbxsim.AgentToExternal, Talk: time.Minute})
	st := r.status(t)
	if st.Filed != (service.Tally{Start: 1, Today: 1, Month: 1}) || st.Discarded != 1 || st.Channels != 1 || st.Quarantined != 0 {
		t.Errorf("filed %+v, discarded %d, channels %d, quarantined %d", st.Filed, st.Discarded, st.Channels, st.Quarantined)
	}
	if st.Mode != "standard" || !strings.HasPrefix(st.Encryption, "audio and sidecars; key ") || st.Version != "test" || !st.Normal || st.Checks == 0 {
		t.Errorf("mode %q, encryption %q, version %q, normal %v, check %d", st.Mode, st.Encryption, st.Version, st.Normal, st.Checks)
	}
	if len(st.Open) != 1 || st.Open[0].Why != "in recording" || len(st.PBXes) != 1 || !st.PBXes[0].Up || st.Disk == nil || st.Disk.Free <= 0 {
		t.Errorf("open %+v, PBXes %+v, disk %+v", st.Open, st.PBXes, st.Disk)
	}
	if text := strings.Join(st.Messages, "\n"); !strings.Contains(text, `msg="recording filed"`) || strings.Contains(text, "00390471") {
		t.Errorf("messages:\n%s", text)
	}
	screen := st.Text(time.UTC, 5)
	for _, want := range []string{"Normal operation", "REPORTING green", "PBX sim: up, ACT", "filed      1 since the start, 1 today, 1 this month", "channels in recording 1", "in recording", "last messages"} {
		if !strings.Contains(screen, want) {
			t.Errorf("the screen lacks %q:\n%s", want, screen)
		}
	}

	all := r.metrics(t)
	for name, want := range map[string]float64{
		"callreel_filed_total": 1, "callreel_discarded_total": 1, "callreel_quarantined_total": 0, "callreel_channels_recording": 1,
	} {
		if got := figure(t, all, name, ""); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	if figure(t, all, "callreel_checks_total", "") < 1 || figure(t, all, "callreel_start_time_seconds", "") < 1.7e9 {
		t.Error("no checks, or no start")
	}
	for label, want := range map[string]float64{"lamp=PBX": 0, "lamp=DISK": 0} {
		if got := figure(t, all, "callreel_lamp_red", label); got != want {
			t.Errorf("lamp %s is %v", label, got)
		}
	}
	figure(t, all, "callreel_disk_free_bytes", "disk=archive")
	lag := all["callreel_filing_lag_seconds"].GetMetric()[0].GetHistogram()
	if lag.GetSampleCount() != 1 || lag.GetSampleSum() <= 0 || lag.GetSampleSum() > 30 {
		t.Errorf("lag %v of %d", lag.GetSampleSum(), lag.GetSampleCount())
	}
	within := 0
	for _, b := range lag.GetBucket() {
		if b.GetUpperBound() >= lag.GetSampleSum() && b.GetCumulativeCount() == 1 {
			within++
		}
	}
	if within == 0 || lag.GetBucket()[0].GetCumulativeCount() == 1 && lag.GetSampleSum() > 1 {
		t.Errorf("buckets %v", lag.GetBucket())
	}

	r.sim.Fault(pbxsim.InboxDown, true)
	r.light(t, service.LampPCAP, service.Red)
	if all = r.metrics(t); figure(t, all, "callreel_lamp_red", "lamp=PCAP") != 1 || figure(t, all, "callreel_lamp_errors_total", "lamp=PCAP") < 1 {
		t.Error("the figures do not know that PCAP is red")
	}
	if st = r.status(t); st.Normal || !strings.Contains(st.Text(time.UTC, 5), "PCAP since ") || len(st.Errors) == 0 {
		t.Errorf("the status does not know it:\n%s", st.Text(time.UTC, 5))
	}
}

// status asks as another command does.
func (r *rig) status(t *testing.T) (st service.Status) {
	t.Helper()
	until(t, "status", func() error {
		c, err := service.Running(r.cfg)
		if err == nil {
			err = c.Ask(t.Context(), service.AskStatus, &st)
		}
		return err
	})
	return st
}

// TestLogFiles has the error log hold the errors and the event log all, without numbers
// of people; the trace is off until it is switched on, ends by hand or by itself, and
// holds everything.
func TestLogFiles(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.light(t, service.LampPBX, service.Green)
	r.call(t, pbxsim.ExternalToAgent)
	r.allFiled(t)
	r.sim.Fault(pbxsim.InboxDown, true)
	r.light(t, service.LampPCAP, service.Red)
	until(t, "the fault is logged", func() error { // a moment after the lamp
		if !holds(r.log(t, "error"), "inbox cannot be read") || !holds(r.log(t, "event"), "inbox cannot be read") {
			return errors.New("it is not")
		}
		return nil
	})
	errs, events, trace := r.log(t, "error"), r.log(t, "event"), r.log(t, "trace")
	for _, l := range errs {
		if !strings.Contains(l, "level=WARN") && !strings.Contains(l, "level=ERROR") {
			t.Errorf("in the error log: %s", l)
		}
	}
	if !holds(errs, "inbox cannot be read") || holds(errs, "recording filed") || !holds(events, "recording filed") || !holds(events, "inbox cannot be read") {
		t.Errorf("errors:\n%s\nevents:\n%s", strings.Join(errs, "\n"), strings.Join(events, "\n"))
	}
	if holds(events, "00390471") || holds(events, ".pcap") || holds(events, "level=DEBUG") || len(trace) != 0 {
		t.Errorf("events:\n%s\ntrace:\n%s", strings.Join(events, "\n"), strings.Join(trace, "\n"))
	}
	r.sim.Fault(pbxsim.InboxDown, false)
	r.light(t, service.LampPCAP, service.Green)

	c, err := service.Running(r.cfg)
	if err != nil {
		t.Fatal(err)
	}
	var end time.Time
	if err := c.Do(t.Context(), service.DoTrace, url.Values{"for": {"25h"}}, &end); err == nil {
		t.Error("a trace of 25 hours is allowed")
	}
	if err := c.Do(t.Context(), service.DoTrace, url.Values{"for": {"1h"}}, &end); err != nil || time.Until(end) < 59*time.Minute {
		t.Fatalf("until %v, %v", end, err)
	}
	if got := r.status(t).Trace; !got.Equal(end) {
		t.Errorf("the status says %v, want %v", got, end)
	}
	r.call(t, pbxsim.ExternalToAgent)
	r.allFiled(t)
	if trace = r.log(t, "trace"); !holds(trace, "level=DEBUG") || !holds(trace, "step completed") {
		t.Errorf("trace:\n%s", strings.Join(trace, "\n"))
	}
	if err := c.Do(t.Context(), service.DoTrace, url.Values{"for": {"0s"}}, &end); err != nil || !end.IsZero() {
		t.Errorf("off: %v, %v", end, err)
	}
	if err := c.Do(t.Context(), service.DoTrace, url.Values{"for": {"1s"}}, &end); err != nil {
		t.Fatal(err)
	}
	until(t, "the trace ends by itself", func() error {
		if got := r.status(t).Trace; !got.IsZero() {
			return fmt.Errorf("it is on until %v", got)
		}
		return nil
	})
}

// log are the lines of a log.
func (r *rig) log(t *testing.T, kind string) (all []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(filepath.Dir(r.cfg.Catalog), "logs", "callreel-"+kind+"-*.log"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		for lines := bufio.NewScanner(io.LimitReader(f, 10<<20)); lines.Scan(); {
			all = append(all, lines.Text())
		}
		_ = f.Close()
	}
	return all
}

func holds(lines []string, what string) bool {
	return strings.Contains(strings.Join(lines, "\n"), what)
}

// TestStatusWithoutCatalog: what is known without the catalog is told all the same.
func TestStatusWithoutCatalog(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	gone, cancel := context.WithCancel(t.Context())
	cancel() // no question to the catalog succeeds
	st := r.s.Status(gone)
	if st.Fault == "" || len(st.Lamps) != 6 || st.Version != "test" {
		t.Errorf("status %+v", st)
	}
	if text := st.Text(time.UTC, 3); !strings.Contains(text, "the catalog cannot be asked, its figures are missing: ") {
		t.Errorf("the screen does not say so:\n%s", text)
	}
}

// TestNoCDRIsNoError: with no_cdr = false a capture without CDR is put aside and counted,
// and no lamp tells of it.
func TestNoCDRIsNoError(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(cfg *service.Config) {
		cfg.Alarm.NoCDR, cfg.CDR.LastWait = false, pbx.Duration(300*time.Millisecond)
	})
	r.sim.SetCDRTarget("http://127.0.0.1:1/")
	r.light(t, service.LampPBX, service.Green)
	r.call(t, pbxsim.ExternalToAgent)
	until(t, "quarantine", func() error {
		if st := r.status(t); st.Quarantined != 1 || st.Counts["quarantined"] != 1 {
			return fmt.Errorf("%d, %v", st.Quarantined, st.Counts)
		}
		return nil
	})
	if st := r.s.Lamp(service.LampReporting); st.Light != service.Green || st.Count != 0 {
		t.Errorf("lamp REPORTING is %s after %d errors: %s", st.Light, st.Count, st.Error)
	}
}
