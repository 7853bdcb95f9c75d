package rules_test

import (
	"testing"
	"time"

	"callreel/internal/recording"
	"callreel/rules"
)

// TestPhoneByTime has captures of phones whose names tell a device that no record knows:
// whose telephone it was is told by who was connected when the capture begins.
func TestPhoneByTime(t *testing.T) {
	for _, row := range []struct {
		file   string        // the case
		begins time.Duration // the capture's first packet, behind noon
		on     recording.RecordedOn
		want   string // the owner's number
	}{
		{"08-agent-transfers-to-agent-blind", 3 * time.Second, recording.OnPhone, "24"},
		{"08-agent-transfers-to-agent-blind", 65 * time.Second, recording.OnPhone, "25"},
		{"08-agent-transfers-to-agent-blind", 65 * time.Second, recording.OnGateway, "24"},
		{"08-agent-transfers-to-agent-blind", time.Hour, recording.OnPhone, "24"}, // of a clock that is off
		{"08-agent-transfers-to-agent-blind", -time.Hour, recording.OnPhone, "24"},
		{"08-agent-transfers-to-agent", 60 * time.Second, recording.OnPhone, "25"},
		{"09-agent-picks-up-agents-call", 6 * time.Second, recording.OnPhone, "25"},
		{"31-cfnr-to-agent", 19 * time.Second, recording.OnPhone, "25"},
		{"07-user-transfers-to-agent-blind", 3 * time.Second, recording.OnPhone, "24"},  // the user's own telephone: the principle
		{"32-agent-to-agent", 3 * time.Second, recording.OnPhone, "25"},                 // both are connected at once: the one who was called
		{"13-queue-agent-to-user-announced", 13 * time.Second, recording.OnPhone, "24"}, // kept: no exception speaks of an agent's own phone
	} {
		c := trialOf(t, row.file)
		c.read.Capture.RecordedOn, c.read.Capture.MAC, c.read.Capture.RegName = row.on, "009033220b07", ""
		for _, off := range []time.Duration{0, time.Minute} { // by which telephones and we are ahead of the records
			legs := moved(c.legs, off)
			c.read.Capture.Begins = noon.Add(row.begins + off)
			for _, cdrs := range orders(c.cdrs)[:2] {
				v := c.read.Ask(rules.First(), cdrs, legs)
				if v.Decision != recording.Keep || v.Internal != row.want {
					t.Errorf("%s, of a %s, begins %v: %s (%s), want %s's", row.file, row.on, row.begins, outcome(v), v.Reason, row.want)
				}
			}
		}
	}
}

func trialOf(t *testing.T, file string) trial {
	t.Helper()
	for _, c := range trials(t) {
		if c.file == file {
			return c
		}
	}
	t.Fatalf("there is no case %s", file)
	return trial{}
}

// TestPhoneOfTurnedSides: an inbox of "phones" whose sides are turned round may be one of
// gateways, where who was first counts.
func TestPhoneOfTurnedSides(t *testing.T) {
	for swap, want := range map[bool]string{false: "25", true: "24"} {
		c := trialOf(t, "09-agent-picks-up-agents-call")
		c.read.Capture.RecordedOn, c.read.Capture.MAC, c.read.Capture.RegName = recording.OnPhone, "009033220b07", ""
		c.read.Capture.Begins, c.read.Capture.Swap = noon.Add(6*time.Second), swap
		if v := c.read.Ask(rules.First(), c.cdrs, c.legs); v.Internal != want {
			t.Errorf("turned round %v: %s (%s), want %s's", swap, outcome(v), v.Reason, want)
		}
	}
}
