package service_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"callreel/internal/catalog"
	"callreel/internal/pbxsim"
	"callreel/internal/recording"
	"callreel/internal/service"
)

// scenes are those ownership cases that a cast of two agents and a user can play to a
// trunk: all but an executive's, a phone's own capture and "everybody is an agent".
func scenes(t *testing.T) (list []*pbxsim.Scene) {
	t.Helper()
	files, err := filepath.Glob("../../rules/testdata/cases/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		sc, err := pbxsim.ReadScene(strings.TrimSuffix(filepath.Base(f), ".txt"), string(text))
		if err != nil {
			t.Log(err)
			continue
		}
		list = append(list, sc)
	}
	if len(list) < 55 {
		t.Fatalf("%d scenes of %d cases", len(list), len(files))
	}
	return list
}

// books holds the lines of a ledger against what was played.
type books struct {
	t      *testing.T
	lines  map[string]recording.Entry // by conference and agent, those not accounted for yet
	told   func(l pbxsim.Leg) bool    // the recorder was told that this agent was in this conference
	held   func(conf string) bool     // a record of it went to Reporting alone
	others map[string]bool            // conferences filed for another agent, as nobody told of the owner
	silent map[string]int             // parts of agents of whom nobody told it, by scenario
	lost   int                        // calls of which records were lost or went to Reporting alone
	counts map[string]int
}

// ledger waits until no line is open and wants exactly one for each agent's part that
// was played, with what was played, and none beside. It returns the conferences
// that are filed for another agent because nothing that came names the one whose they were.
func (s *soak) ledger(t *testing.T, c *catalog.Catalog, calls []*pbxsim.Call) (others map[string]bool) {
	t.Helper()
	until(t, "the ledger is written", func() error {
		// In this order: what is no more touched has its line, and that may be open.
		touched, err := c.LedgerTouched(t.Context(), time.Time{}, 10)
		if err == nil && len(touched) > 0 {
			err = fmt.Errorf("%d have to be made", len(touched))
		}
		open, err2 := c.LedgerOpen(t.Context())
		if err == nil && len(open) > 0 {
			err = fmt.Errorf("%d lines are open, one of %v", len(open), open[0])
		}
		if err == nil {
			err = err2
		}
		return err
	})
	list, err := c.LedgerBetween(t.Context(), time.Unix(0, 0), time.Now().AddDate(10, 0, 0))
	if err != nil {
		t.Fatal(err)
	}
	b := &books{t: t, lines: map[string]recording.Entry{}, counts: map[string]int{}, silent: map[string]int{}, others: map[string]bool{}, held: s.feed.held}
	b.told = func(part pbxsim.Leg) bool {
		if part.CN == "" {
			return false // a call of no agent
		}
		legs, err := c.Legs(t.Context(), recording.ConfID(part.Conf))
		cdrs, err2 := c.CDRs(t.Context(), recording.ConfID(part.Conf))
		if err != nil || err2 != nil || s.numbers[part.CN] == "" {
			t.Fatal(part.CN, err, err2)
		}
		return slices.ContainsFunc(legs, func(l recording.Leg) bool { return l.Agent.CN == part.CN }) ||
			slices.ContainsFunc(cdrs, func(r recording.RawCDR) bool { return tookPart(s.numbers[part.CN]).MatchString(r.XML) })
	}
	for _, e := range list {
		b.counts[string(e.Outcome)]++
		if e.Reason == "" {
			t.Errorf("%s of %s is %s without a reason", e.Conf, e.Agent.CN, e.Outcome)
		}
		if e.Agent.CN == "" {
			continue
		}
		key := string(e.Conf) + " " + e.Agent.CN
		if _, twice := b.lines[key]; twice {
			t.Errorf("%s has two lines", key)
		}
		b.lines[key] = e
	}
	for _, call := range calls {
		b.account(call)
	}
	for key, e := range b.lines {
		t.Errorf("%s has a line and was not played: %s, %s", key, e.Outcome, e.Reason)
	}
	s.sums(t)
	t.Logf("ledger of %d calls: %v; of %d some records were lost or went to Reporting alone; of these nobody told the recorder: %v", len(calls), b.counts, b.lost, b.silent)
	return b.others
}

// tookPart finds what of a record tells that the object with a number was in the call:
// that it was diverted from it may be a diversion that is always on.
func tookPart(number string) *regexp.Regexp {
	return regexp.MustCompile(`<(event|ct) [^>]*e164="` + number + `"|<cdr [^>]*e164="` + number + `"[^>]* dir="(from|to|ct)"`)
}

// account takes the lines of one call.
func (b *books) account(call *pbxsim.Call) {
	doubt := call.RecordsLost() || b.held(call.Conf)
	for _, leg := range call.Told {
		if slices.ContainsFunc(call.Legs, func(l pbxsim.Leg) bool { return l.Conf == leg.Conf && l.CN == leg.CN }) {
			continue
		}
		key := leg.Conf + " " + leg.CN
		e, ok := b.lines[key]
		inDoubt := doubt && !call.Kept // kept for want of a record
		if ok && e.Outcome != recording.OutcomeOpen && (e.Outcome != recording.OutcomeFiled || inDoubt) {
			delete(b.lines, key)
		}
	}
	if doubt {
		b.lost++
	}
	for _, leg := range once(call.Legs) {
		key := leg.Conf + " " + leg.CN
		e, ok := b.lines[key]
		delete(b.lines, key)
		want := wanted(call, leg)
		if doubt || b.held(leg.Conf) {
			want = doubted(call, leg)
		}
		switch {
		case !ok && !b.told(leg) && (doubt || b.held(leg.Conf) || call.Plan().NoCDR || leg.Conf != call.Conf):
			// The PBX was away, and his own record was among those that did not come; of some
			// consultations the scenes have none.
			b.silent[string(call.Scenario)]++
		case !ok:
			b.t.Errorf("%s of call %s (%s) of %s has no line; told of him: %v, records lost: %v, for Reporting alone: %v; %+v",
				key, call.Conf, call.Scenario, call.Setup, b.told(leg), call.RecordsLost(), b.held(leg.Conf), call.Plan())
		case e.Outcome == recording.OutcomeFiled && leg.CN != call.CN && doubt && !b.told(pbxsim.Leg{CN: call.CN, Conf: call.Conf}):
			b.silent[string(call.Scenario)]++ // nothing that came names its owner
			b.others[call.Conf] = true
		case !slices.Contains(strings.Fields(want), string(e.Outcome)):
			b.t.Errorf("%s of call %s (%s) is %s (%s), want %s; %+v", key, call.Conf, call.Scenario, e.Outcome, e.Reason, want, call.Plan())
		case e.Outcome == recording.OutcomeFiled && len(e.Places) != 1:
			b.t.Errorf("%s is filed as %v", key, e.Places)
		}
	}
}

// once are the parts of a call, one for each agent and conference: he may have been in
// it twice.
func once(legs []pbxsim.Leg) (out []pbxsim.Leg) {
	for _, l := range legs {
		known := false
		for i := range out {
			if out[i].CN == l.CN && out[i].Conf == l.Conf {
				out[i].Connected, known = out[i].Connected || l.Connected, true
			}
		}
		if !known {
			out = append(out, l)
		}
	}
	return out
}

// wanted is what may stand in the line of an agent's part.
func wanted(call *pbxsim.Call, leg pbxsim.Leg) string {
	p := call.Plan()
	switch {
	case leg.Conf != call.Conf:
		return "with-other discarded no-capture not-answered" // a consultation; no capture of it was played
	case call.Kept && leg.CN == call.CN:
		return "filed"
	case p.NoCapture:
		return "no-capture"
	case !leg.Connected && !p.NoCDR:
		return "not-answered"
	case p.NoCDR:
		return "no-cdr"
	case call.Kept:
		return "with-other"
	default:
		return "discarded"
	}
}

// doubted is what may stand there if records were lost: a call that is to be kept is
// kept for its own agent all the same, or put aside.
func doubted(call *pbxsim.Call, leg pbxsim.Leg) string {
	switch {
	case call.Kept && leg.Conf == call.Conf && leg.CN == call.CN:
		return "filed no-cdr"
	case call.Kept:
		return "with-other no-cdr not-answered no-capture discarded"
	default:
		return "filed with-other no-cdr not-answered no-capture discarded"
	}
}

// sums holds the ledger against archive and catalog as the command does.
func (s *soak) sums(t *testing.T) {
	t.Helper()
	l, err := service.OpenLedger(t.Context(), s.cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	day := time.Now().Truncate(24 * time.Hour)
	check, err := l.Check(t.Context(), day.AddDate(0, 0, -2), day.AddDate(1, 0, 0))
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range check.Differences {
		t.Errorf("sums: %s", d)
	}
}
