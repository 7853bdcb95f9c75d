package rules_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"callreel/internal/recording"
)

// TestCasesByWhatIsLeft asks each case that is to be kept about every part of its
// records, with what SOAP showed by a clock of its own: it is kept, and for the same
// agent. Where two records and more are missing at once it cannot always be known; of
// which cases that is so stands here, and with how many of the choices of records at
// most.
func TestCasesByWhatIsLeft(t *testing.T) {
	want := map[string]int{
		"08-agent-transfers-to-agent-ringing": 1, // of E's call nothing is left
		"11-queue-rings-others-then-transfer": 6, // of the agent who took it from the queue the consultation at most
		"17-user-called-agent-then-outside":   1, // of the user's first call nothing is left
		"32-agent-queue-agent":                2, // of B, who was called, nothing is left, or only that the queue sent him the call
		"33-two-recordings-phone":             3, // of him whose telephone wrote it nothing is left
	}
	for _, off := range []time.Duration{0, 7 * time.Minute, -7 * time.Minute} {
		for _, c := range trials(t) {
			if n := c.misjudged(moved(c.legs, off)); n > want[c.file] {
				t.Errorf("%s, clocks %v apart: %d choices of its records mislead, want %d", c.file, off, n, want[c.file])
			}
		}
	}
}

// misjudged counts the choices of records by which a call to be kept is thrown away or
// given to another.
func (c trial) misjudged(legs []recording.Leg) (n int) {
	owner, kept := strings.CutPrefix(c.expect, "keep ")
	owner, _, _ = strings.Cut(owner, " ")
	for choice := 1; kept && choice < 1<<len(c.cdrs); choice++ {
		var left []recording.CDR
		for i, r := range c.cdrs {
			if choice>>i&1 == 1 {
				left = append(left, r)
			}
		}
		if v := c.ask(left, legs); v.Decision == recording.Discard || v.Decision == recording.Keep && v.Internal != owner {
			n++
		}
	}
	return n
}

// moved are legs by a clock that is off.
func moved(legs []recording.Leg, by time.Duration) []recording.Leg {
	legs = slices.Clone(legs)
	for i := range legs {
		for _, t := range []*time.Time{&legs[i].Began, &legs[i].Alerted, &legs[i].Connected, &legs[i].Ended} {
			if !t.IsZero() {
				*t = t.Add(by)
			}
		}
	}
	return legs
}
