package service_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"callreel/ingest"
	"callreel/internal/recording"
	"callreel/internal/service"
)

func aside(t *testing.T, cfg service.Config) *service.Aside {
	t.Helper()
	a, err := service.OpenAside(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	return a
}

// TestUnusableComesBack: a recording that could not be used is filed when it can be
// and somebody says so, while the recorder runs; its lamp goes out.
func TestUnusableComesBack(t *testing.T) {
	t.Parallel()
	r := foreign(t, nil)
	r.drop(t, "a.pcap", pcapOf(time.Now(), unreadable(sipCall("0123456", "24"))...))
	rec := theOnly(t, r.cfg)
	if rec.State != recording.Unusable || !strings.Contains(rec.Retry.Reason, "codec not built in") {
		t.Fatalf("%s: %s", rec.State, rec.Retry.Reason)
	}
	if st := r.light(t, service.LampSoftware, service.Red); !strings.Contains(st.Error, "set aside") {
		t.Errorf("the lamp says %q", st.Error)
	}
	a := aside(t, r.cfg)
	if list, err := a.List(t.Context()); err != nil || len(list) != 1 || list[0].ID != rec.ID || list[0].Retry.Reason != rec.Retry.Reason {
		t.Errorf("%v, %v", list, err)
	}
	// It is in a codec that the next version has.
	if err := os.WriteFile(filepath.Join(r.cfg.Spool, rec.Capture.Spool), pcapOf(time.Now(), sipCall("0123456", "24")...), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := a.Again(t.Context(), rec.ID); err != nil {
		t.Fatal(err)
	}
	until(t, "it is filed", func() error {
		rec, err := firstRow(t, r.cfg)
		if err == nil && rec.State != recording.Done {
			err = fmt.Errorf("state %s: %s", rec.State, rec.Retry.Reason)
		}
		return err
	})
	r.light(t, service.LampSoftware, service.Green)
	if err := a.Again(t.Context(), rec.ID); !errors.Is(err, service.ErrNotAside) {
		t.Errorf("again, when it is done: %v", err)
	}
	if err := a.Again(t.Context(), 99); !errors.Is(err, recording.ErrNotFound) {
		t.Errorf("one that is not there: %v", err)
	}
}

// unreadable makes the voice one of a codec that nobody knows.
func unreadable(list []datagram) []datagram {
	for _, d := range list[3:] {
		d.body[1] = 77
	}
	return list
}

// TestQuarantineComesBack: the setup was wrong, and is put right; what nothing can be
// done about is accepted.
func TestQuarantineComesBack(t *testing.T) {
	t.Parallel()
	r := foreign(t, func(c *service.Config) { c.Inbox[0].Correlate = ingest.CorrelateConf })
	r.drop(t, "a.pcap", pcapOf(time.Now(), sipCall("0123456", "24")...))
	rec := theOnly(t, r.cfg)
	if rec.State != recording.Quarantined {
		t.Fatalf("%s: %s", rec.State, rec.Retry.Reason)
	}
	r.light(t, service.LampReporting, service.Red)
	a := aside(t, r.cfg)
	if err := errors.Join(a.Accept(t.Context(), rec.ID), a.Accept(t.Context(), rec.ID)); err != nil {
		t.Fatal(err)
	}
	r.light(t, service.LampReporting, service.Green)
	if rec := theOnly(t, r.cfg); rec.State != recording.Quarantined || !rec.Retry.Accepted {
		t.Errorf("%s, %+v", rec.State, rec.Retry)
	}
	cfg := r.cfg
	cfg.Inbox = append([]ingest.Config(nil), cfg.Inbox...)
	cfg.Inbox[0].Correlate = ingest.CorrelateSIP
	if err := aside(t, cfg).Again(t.Context(), rec.ID); err != nil {
		t.Fatal(err)
	}
	until(t, "it is filed", func() error {
		rec, err := firstRow(t, r.cfg)
		if err == nil && (rec.State != recording.Done || rec.Verdict.Rule != "sip-agent-took-part") {
			err = fmt.Errorf("state %s by %q: %s", rec.State, rec.Verdict.Rule, rec.Retry.Reason)
		}
		return err
	})
	if err := a.Accept(t.Context(), rec.ID); !errors.Is(err, service.ErrNotAside) {
		t.Errorf("accepted, when it is done: %v", err)
	}
}

// TestVanishedStays: of what vanished unfetched there is nothing to try again with,
// and it can be accepted.
func TestVanishedStays(t *testing.T) {
	t.Parallel()
	r := foreign(t, func(c *service.Config) { c.Inbox[0].Settle = ingest.Duration(time.Hour) })
	r.drop(t, "a.pcap", pcapOf(time.Now(), sipCall("0123456", "24")...))
	until(t, "it is seen", func() error { _, err := firstRow(t, r.cfg); return err })
	if err := os.Remove(filepath.Join(r.dir, "drop", "a.pcap")); err != nil {
		t.Fatal(err)
	}
	rec := theOnly(t, r.cfg)
	r.light(t, service.LampPCAP, service.Red)
	a := aside(t, r.cfg)
	if err := a.Again(t.Context(), rec.ID); err == nil || !strings.Contains(err.Error(), "no copy of its capture is left") {
		t.Errorf("%v", err)
	}
	if err := a.Accept(t.Context(), rec.ID); err != nil {
		t.Fatal(err)
	}
	r.light(t, service.LampPCAP, service.Green)
}
