package service_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"callreel/internal/catalog"
	"callreel/internal/pbx"
	"callreel/internal/pbxsim"
	"callreel/internal/recording"
	"callreel/internal/service"
)

// books opens the ledger of a rig as the command does.
func (r *rig) books(t *testing.T) *service.Ledger {
	t.Helper()
	l, err := service.OpenLedger(t.Context(), r.cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// anyTime is a span of whole days around now.
func anyTime() (from, to time.Time) {
	now := time.Now()
	day := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, time.Local)
	return day.AddDate(0, 0, -2), day.AddDate(0, 0, 2)
}

// lines waits until the ledger has one line of each of the agents' calls, with the
// outcome that is wanted of it, and no other.
func (r *rig) lines(t *testing.T, want map[string]recording.Outcome) []recording.Entry {
	t.Helper()
	l := r.books(t)
	from, to := anyTime()
	var list []recording.Entry
	until(t, "the ledger", func() (err error) {
		if list, err = l.Between(t.Context(), from, to); err != nil {
			return err
		}
		got := map[string]recording.Outcome{}
		for _, e := range list {
			key := string(e.Conf)
			if _, twice := got[key]; twice {
				return fmt.Errorf("two lines of conference %s", key)
			}
			got[key] = e.Outcome
		}
		for conf, o := range want {
			if got[conf] != o {
				return fmt.Errorf("conference %s is %q, want %q", conf, got[conf], o)
			}
		}
		if len(got) != len(want) {
			return fmt.Errorf("%d lines, want %d", len(got), len(want))
		}
		return nil
	})
	return list
}

// TestLedgerOfALine plays calls of all kinds to the real line: each agent's has its
// line with what became of it, nobody else's has one, and archive and inbox agree.
func TestLedgerOfALine(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *service.Config) { c.Ledger.NoCapture = pbx.Duration(2 * time.Second) })
	r.light(t, service.LampPBX, service.Green)
	want := map[string]recording.Outcome{}
	for _, scenario := range []pbxsim.Scenario{pbxsim.ExternalToAgent, pbxsim.AgentToExternal, pbxsim.ExternalToUser} {
		if c := r.call(t, scenario); c.Kept {
			want[c.Conf] = recording.OutcomeFiled
		}
	}
	unanswered := r.place(t, pbxsim.Plan{Scenario: pbxsim.ExternalToAgent, Ring: time.Second})
	want[unanswered.Conf] = recording.OutcomeNotAnswered
	r.allFiled(t)
	list := r.lines(t, want)
	for _, e := range list {
		if e.Outcome == recording.OutcomeFiled && (len(e.Places) != 1 || e.Recording == 0 || e.Agent.E164 == "" || e.External == "" || !slices.Equal(e.Sources, []string{"SOAP", "CDR", "capture"})) {
			t.Errorf("%+v", e)
		}
	}
	l := r.books(t)
	from, to := anyTime()
	until(t, "the sources' deletion", func() error {
		check, err := l.Check(t.Context(), from, to)
		if err == nil && (len(check.Differences) != 0 || check.Captures[recording.Done] != 2 || check.Captures[recording.Discarded] != 1) {
			err = fmt.Errorf("%+v", check)
		}
		return err
	})
	if st := r.s.Lamp(service.LampPCAP); st.Light != service.Green {
		t.Errorf("lamp PCAP: %+v", st)
	}

	// What somebody takes out of the archive is named.
	place := strings.TrimPrefix(string(list[slices.IndexFunc(list, func(e recording.Entry) bool { return len(e.Places) > 0 })].Places[0]), "file:")
	file := filepath.Join(r.cfg.Archive.Path, filepath.FromSlash(place))
	if err := os.Rename(file, filepath.Join(r.dir, "away")); err != nil {
		t.Fatal(err)
	}
	if check, err := l.Check(t.Context(), from, to); err != nil || len(check.Differences) != 1 || !strings.Contains(check.Differences[0], place) {
		t.Errorf("%+v, %v; want %s missed", check, err, place)
	}
}

// TestCallWithoutCapture: a call of an agent whose capture never comes is waited for,
// then missed with a red lamp, until somebody accepts it.
func TestCallWithoutCapture(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *service.Config) { c.Ledger.NoCapture = pbx.Duration(3 * time.Second) })
	r.light(t, service.LampPBX, service.Green)
	c := r.place(t, pbxsim.Plan{Scenario: pbxsim.ExternalToAgent, Talk: 500 * time.Millisecond, NoCapture: true})
	r.lines(t, map[string]recording.Outcome{c.Conf: recording.OutcomeOpen})
	list := r.lines(t, map[string]recording.Outcome{c.Conf: recording.OutcomeNoCapture})
	if e := list[0]; e.Agent.CN != c.CN || e.External != c.External || e.Places != nil {
		t.Errorf("%+v", e)
	}
	if st := r.light(t, service.LampPCAP, service.Red); !strings.Contains(st.Error, "1 calls of agents have no audio") || st.Count != 1 {
		t.Errorf("%+v", st)
	}
	if n, err := r.books(t).Accept(t.Context(), recording.ConfID(c.Conf)); err != nil || n != 1 {
		t.Fatalf("%d accepted, %v", n, err)
	}
	r.light(t, service.LampPCAP, service.Green)
	r.lines(t, map[string]recording.Outcome{c.Conf: recording.OutcomeNoCapture})

	// It came late: found on a phone, put into the inbox by hand.
	late := r.place(t, pbxsim.Plan{Scenario: pbxsim.AgentToExternal, Talk: 500 * time.Millisecond, Late: 9 * time.Second})
	r.lines(t, map[string]recording.Outcome{c.Conf: recording.OutcomeNoCapture, late.Conf: recording.OutcomeNoCapture})
	r.light(t, service.LampPCAP, service.Red)
	r.lines(t, map[string]recording.Outcome{c.Conf: recording.OutcomeNoCapture, late.Conf: recording.OutcomeFiled})
	r.light(t, service.LampPCAP, service.Green)
}

// TestLedgerOutlivesItsSources: when events and CDRs are deleted, the lines stay, and
// what touches them later does not empty them.
func TestLedgerOutlivesItsSources(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.light(t, service.LampPBX, service.Green)
	c := r.call(t, pbxsim.ExternalToAgent)
	r.allFiled(t)
	want := map[string]recording.Outcome{c.Conf: recording.OutcomeFiled}
	r.lines(t, want)
	cat, err := catalog.OpenBeside(t.Context(), r.cfg.Catalog)
	if err != nil {
		t.Fatal(err)
	}
	defer cat.Close()
	if n, err := cat.PruneCDRs(t.Context(), time.Now().Add(time.Hour)); err != nil || n == 0 {
		t.Fatalf("%d pruned, %v", n, err)
	}
	// A record of the same call that comes months later.
	if err := r.s.CDR(t.Context(), fmt.Sprintf(`<cdr guid="1" dir="to" cn="Trunk" utc="1"><user pseudo="trunk"/><event msg="setup-to" time="0" conf="%s"/></cdr>`, c.Conf), time.Now()); err != nil {
		t.Fatal(err)
	}
	list := r.lines(t, want)
	if list[0].Agent.CN != c.CN {
		t.Errorf("%+v", list[0])
	}
}
