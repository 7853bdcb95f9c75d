package casefile

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"callreel/internal/recording"
	"callreel/naming"
	"callreel/rules"
)

// Outcome is a verdict as cases write it: "keep 24 i 0012345 ring 3 by agent-took-part",
// with the internal number, the direction, the external number and the rule; or
// "discard by no-agent".
func Outcome(v recording.Verdict) string {
	if v.Decision != recording.Keep {
		return fmt.Sprintf("%s by %s", v.Decision, v.Rule)
	}
	return fmt.Sprintf("keep %s %s %s ring %d by %s", cmp.Or(v.Internal, "unknown"), v.Direction, cmp.Or(v.External, "unknown"), v.Ring, v.Rule)
}

// checkOutcome refuses what no verdict can ever be.
func checkOutcome(s string) error {
	facts, rule, told := strings.Cut(s, " by ")
	w := strings.Fields(facts)
	bad := func(what string) error {
		return fmt.Errorf("%q %s; an outcome is \"keep 24 i 0012345 ring 3 by RULE\", of which what stands behind the number may be left out, or \"discard by RULE\", or \"discard\"", clip(s), what)
	}
	switch {
	case told && strings.TrimSpace(rule) == "":
		return bad("names no rule behind \"by\"")
	case len(w) == 0 || !slices.Contains([]string{"keep", "discard", "wait"}, w[0]):
		return bad("begins with neither keep nor discard")
	case w[0] != "keep" && len(w) > 1, len(w) > 6, len(w) == 5:
		return bad("has something that does not belong there")
	case len(w) > 2 && w[2] != "i" && w[2] != "o":
		return bad("must say i (the agent was called) or o (he called) behind the number")
	case len(w) == 6 && (w[4] != "ring" || strings.Trim(w[5], "0123456789") != ""):
		return bad("must say \"ring\" and seconds behind the external number")
	}
	return nil
}

// Fits reports whether an outcome is what is expected: in all that the expectation says.
func Fits(outcome, expect string) bool {
	facts, rule, told := strings.Cut(expect, " by ")
	is, by, _ := strings.Cut(outcome, " by ")
	if told && strings.TrimSpace(rule) != by {
		return false
	}
	want, got := strings.Fields(facts), strings.Fields(is)
	return len(want) <= len(got) && slices.Equal(want, got[:len(want)])
}

// Known are the agents as a PBX names them, with the GUIDs of their objects, else as a
// setup names them.
func (c Case) Known(byPBX bool) []recording.Agent {
	agents := slices.Clone(c.Agents)
	for i := range agents {
		for _, r := range c.CDRs {
			if byPBX && r.CN == agents[i].CN {
				agents[i].GUID, agents[i].H323 = r.GUID, r.H323
			}
		}
	}
	return agents
}

// Ask hands rules these records in this order, long after the last came. They are asked
// whose call it is, and not about their mode: a case has no marks and no counters.
func (c Case) Ask(set rules.Set, cdrs []recording.CDR, legs []recording.Leg) recording.Verdict {
	rec := recording.Recording{Capture: c.Capture, Call: recording.Call{CDRs: cdrs, Live: legs}}
	return set.Whose().Decide(rec, rules.Facts{Now: c.Capture.SeenAt, Agents: c.Known(len(legs) > 0), All: c.All})
}

// Miss is an expectation that was not met.
type Miss struct {
	When string // what was left out; empty: nothing
	Want string
	Got  string
	Why  string // the verdict's own reason
}

// Run holds everything the case expects against rules, and returns what they do not
// meet. A record that never comes is left out together with the PBX's live events, which
// tell the same.
func (c Case) Run(set rules.Set) (out []Miss) {
	v := c.Ask(set, c.CDRs, c.Legs)
	if got := Outcome(v); !Fits(got, c.Expect) {
		out = append(out, Miss{"", c.Expect, got, v.Reason})
	}
	if name := naming.Name(recording.Recording{Capture: c.Capture, Verdict: v}, time.UTC); c.Name != "" && v.Decision == recording.Keep && name != c.Name {
		out = append(out, Miss{"", c.Name, name, "its name"})
	}
	for _, n := range slices.Sorted(maps.Keys(c.Without)) {
		v := c.Ask(set, slices.Delete(slices.Clone(c.CDRs), n-1, n), nil)
		if got := Outcome(v); !Fits(got, c.Without[n]) {
			out = append(out, Miss{fmt.Sprintf("without record %d", n), c.Without[n], got, v.Reason})
		}
	}
	return out
}
