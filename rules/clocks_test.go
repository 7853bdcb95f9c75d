package rules_test

import (
	"slices"
	"testing"
	"time"

	"callreel/internal/recording"
	"callreel/rules"
)

// TestTwoClocks: the agent to whom a call is passed is at another PBX, whose clock is off.
// The call stays with the one who had it first.
func TestTwoClocks(t *testing.T) {
	for _, row := range []struct{ file, moved, want string }{
		{"08-agent-transfers-to-agent-blind", "Verdi", "24"},
		{"08-agent-transfers-to-agent", "Verdi", "24"},
		{"19-agent-transfers-to-agent-blind", "Verdi", "24"},
		{"20-agent-transfers-back", "Rossi", "25"},
		{"31-cfnr-to-agent", "Verdi", "24"},
		{"29-cfu-to-agent", "Verdi", "25"},
	} {
		c := trialOf(t, row.file)
		for _, off := range []time.Duration{-10 * time.Minute, -time.Minute, 0, time.Minute} {
			cdrs := slices.Clone(c.cdrs)
			for i := range cdrs {
				if cdrs[i].PBX = "master"; cdrs[i].CN == row.moved {
					cdrs[i].PBX, cdrs[i].UTC = "branch", cdrs[i].UTC.Add(off)
				}
			}
			for _, legs := range [][]recording.Leg{nil, c.legs} {
				if v := c.read.Ask(rules.First(), cdrs, legs); v.Decision != recording.Keep || v.Internal != row.want {
					t.Errorf("%s, %s's clock off by %v: %s (%s), want %s's", row.file, row.moved, off, outcome(v), v.Reason, row.want)
				}
			}
		}
	}
}
