package rules_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"callreel/cdr"
	"callreel/internal/recording"
	"callreel/naming"
	"callreel/rules"
)

// TestCases asks every case in every order of its records, each once and each
// twice, with and without what SOAP showed.
func TestCases(t *testing.T) {
	for _, c := range trials(t) {
		t.Run(c.file, func(t *testing.T) {
			for _, legs := range [][]recording.Leg{nil, c.legs} {
				for _, cdrs := range orders(c.cdrs) {
					for _, list := range [][]recording.CDR{cdrs, append(slices.Clone(cdrs), cdrs...)} {
						v := c.ask(list, legs)
						if got := outcome(v); got != c.expect {
							t.Fatalf("%d records in the order %s, %d legs\ngot  %s (%s)\nwant %s", len(list), objects(list), len(legs), got, v.Reason, c.expect)
						}
						if v.Decision == recording.Keep && v.Owner.E164 != v.Internal {
							t.Fatalf("kept for %q under the number %s", v.Owner.E164, v.Internal)
						}
					}
				}
			}
		})
	}
}

// TestCasesNamed holds the names that the cases are filed under.
func TestCasesNamed(t *testing.T) {
	for _, c := range trials(t) {
		v := c.ask(c.cdrs, c.legs)
		kept := v.Decision == recording.Keep
		if got := naming.Name(recording.Recording{Capture: c.capture, Verdict: v}, time.UTC); kept && got != c.name || !kept && c.name != "" {
			t.Errorf("%s:\ngot  %s\nwant %s", c.file, got, c.name)
		}
	}
}

// TestCasesWithOneRecordMissing: what is to be kept is kept for the same agent, or
// waited for; what is not to be kept may be kept for want of a record. The heads say
// where a missing record changes anything; numbered as they stand in the file.
func TestCasesWithOneRecordMissing(t *testing.T) {
	for _, c := range trials(t) {
		t.Run(c.file, func(t *testing.T) {
			for i := range c.cdrs {
				rest := slices.Delete(slices.Clone(c.cdrs), i, i+1)
				want, told := c.without[i+1]
				if !told {
					want = c.expect
				}
				for _, cdrs := range orders(rest) {
					v := c.ask(cdrs, nil)
					if got := outcome(v); got != want {
						t.Fatalf("without %d: %s\n(%s; in the order %s; the head says %s)", i+1, got, v.Reason, objects(cdrs), want)
					}
					c.noneLost(t, v, i+1)
					c.noneLost(t, c.ask(cdrs, c.legs), i+1)
				}
			}
		})
	}
}

// noneLost fails if a call that is to be kept is thrown away or given to another.
func (c trial) noneLost(t *testing.T, v recording.Verdict, without int) {
	t.Helper()
	owner, kept := strings.CutPrefix(c.expect, "keep ")
	owner, _, _ = strings.Cut(owner, " ")
	if kept && v.Decision != recording.Wait && (v.Decision != recording.Keep || v.Internal != owner) {
		t.Fatalf("without %d: %s (%s); the call is %s's", without, outcome(v), v.Reason, owner)
	}
}

// TestCasesWhileRecordsCome: with every record that comes the rules wait again.
func TestCasesWhileRecordsCome(t *testing.T) {
	for _, c := range trials(t) {
		for n := 1; n <= len(c.cdrs); n++ {
			rec := recording.Recording{Capture: c.capture, Call: recording.Call{CDRs: c.cdrs[:n], Live: c.legs, Raw: []recording.RawCDR{{Received: noon}}}}
			f := rules.Facts{Now: noon.Add(time.Second), Agents: c.agents, All: c.all, Settle: 5 * time.Second, DiscardSettle: 30 * time.Second}
			if v := rules.First().Decide(rec, f); v.Decision != recording.Wait {
				t.Errorf("%s, %d of %d records: %s a second after the last", c.file, n, len(c.cdrs), outcome(v))
			}
			f.Now = noon.Add(20 * time.Second)
			if v := rules.First().Decide(rec, f); v.Decision == recording.Discard {
				t.Errorf("%s, %d of %d records: discarded 20 s after the last", c.file, n, len(c.cdrs))
			}
		}
	}
}

// inOrder is a cdr.Source with a case's records as they came.
type inOrder struct {
	raw  []recording.RawCDR
	legs []recording.Leg
}

func (s inOrder) ByConf(context.Context, recording.ConfID) ([]recording.RawCDR, error) {
	return s.raw, nil
}

func (s inOrder) Legs(context.Context, recording.ConfID) ([]recording.Leg, error) { return s.legs, nil }

// TestCasesFromTheCatalog takes the way of the product: records are stored in the
// order in which they came, matched, parsed and decided.
func TestCasesFromTheCatalog(t *testing.T) {
	for _, c := range trials(t) {
		for _, list := range orders(c.raw) {
			src := inOrder{legs: c.legs}
			for i, xml := range append(list, list[0]) {
				src.raw = append(src.raw, recording.RawCDR{ID: int64(i + 1), XML: xml})
			}
			call, err := cdr.Correlator{Source: src, Now: time.Now}.Correlate(t.Context(), recording.Recording{Capture: c.capture})
			if err != nil || len(call.CDRs) != len(c.cdrs) {
				t.Fatalf("%s: %d of %d records, %v", c.file, len(call.CDRs), len(c.cdrs), err)
			}
			if v := c.ask(call.CDRs, call.Live); outcome(v) != c.expect {
				t.Fatalf("%s: %s, want %s", c.file, outcome(v), c.expect)
			}
		}
	}
}

// orders are all orders of up to five things, of more 120 drawn by lot.
func orders[T any](list []T) [][]T {
	if len(list) > 5 {
		var some [][]T
		lot := rand.New(rand.NewPCG(1, 2))
		for range 120 {
			mixed := slices.Clone(list)
			lot.Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
			some = append(some, mixed)
		}
		return some
	}
	if len(list) < 2 {
		return [][]T{slices.Clone(list)}
	}
	var all [][]T
	for i := range list {
		rest := slices.Delete(slices.Clone(list), i, i+1)
		for _, o := range orders(rest) {
			all = append(all, append([]T{list[i]}, o...))
		}
	}
	return all
}

func objects(cdrs []recording.CDR) string {
	var names []string
	for _, c := range cdrs {
		names = append(names, c.CN+"/"+string(c.Dir))
	}
	return strings.Join(names, " ")
}

// FuzzDecide asks about whatever parses as records, forwards and backwards: the same
// comes out, with a reason.
func FuzzDecide(f *testing.F) {
	for _, c := range trials(f) {
		f.Add(strings.Join(c.raw, "\n"))
	}
	f.Fuzz(func(t *testing.T, body string) {
		c := trial{capture: recording.Capture{Conf: conf, SeenAt: noon, RegName: "verdi"}, agents: []recording.Agent{rossi, verdi}}
		parsed, _ := cdr.Parse(body)
		if len(parsed) > 100 {
			return
		}
		for _, p := range parsed {
			c.cdrs = append(c.cdrs, p.CDR)
		}
		v := c.ask(c.cdrs, nil)
		slices.Reverse(c.cdrs)
		if back := c.ask(c.cdrs, nil); outcome(back) != outcome(v) || v.Reason == "" {
			t.Errorf("%s (%s), backwards %s", outcome(v), v.Reason, outcome(back))
		}
	})
}
