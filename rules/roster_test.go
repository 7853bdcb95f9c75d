package rules_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"callreel/internal/recording"
	"callreel/rules"
)

// TestRosterDecidesLikeAList asks every case with its agents in a list, and in a roster
// among others who share names and numbers with them.
func TestRosterDecidesLikeAList(t *testing.T) {
	chance := rand.New(rand.NewPCG(1, 2))
	for _, c := range trials(t) {
		agents := c.known(true)
		for i := range 40 {
			a := recording.Agent{CN: fmt.Sprint("Agent ", i), E164: fmt.Sprint(3000 + i), H323: fmt.Sprint("agent", i), GUID: fmt.Sprintf("%032x", i)}
			if len(c.agents) > 0 && i%4 == 0 {
				a.H323 = strings.ToUpper(agents[i%len(c.agents)].H323)
			}
			if len(c.agents) > 0 && i%5 == 0 {
				a.E164, a.GUID = agents[i%len(c.agents)].E164, ""
			}
			agents = append(agents, a)
		}
		chance.Shuffle(len(agents), func(i, j int) { agents[i], agents[j] = agents[j], agents[i] })
		rec := recording.Recording{Capture: c.capture, Call: recording.Call{CDRs: c.cdrs, Live: c.legs}}
		list := rules.First().Decide(rec, rules.Facts{Now: c.capture.SeenAt, Agents: agents, All: c.all})
		roster := rules.First().Decide(rec, rules.Facts{Now: c.capture.SeenAt, Roster: rules.NewRoster(agents), All: c.all})
		half := rules.First().Decide(rec, rules.Facts{
			Now: c.capture.SeenAt, Agents: agents[:20], Roster: rules.NewRoster(agents[20:]), All: c.all,
		})
		if !reflect.DeepEqual(list, roster) || !reflect.DeepEqual(list, half) {
			t.Errorf("%s:\nby list   %+v\nby roster %+v\nby both   %+v", c.file, list, roster, half)
		}
	}
}

// TestRosterBySIP looks an agent up by the spellings that a capture's SIP may have.
func TestRosterBySIP(t *testing.T) {
	roster := rules.NewRoster([]recording.Agent{{CN: "Rossi", E164: "24", H323: "Kraft"}})
	for _, row := range []struct {
		party string
		want  recording.Decision
	}{
		{"24", recording.Keep},
		{"Rossi", recording.Keep},
		{"rossi", recording.Discard},
		{"\u212aRAFT", recording.Keep}, // the Kelvin sign is a k
		{"25", recording.Discard},
	} {
		rec := recording.Recording{Call: recording.Call{SIP: &recording.Signalling{Parties: &recording.SIPParties{From: "0012345", To: row.party}}}}
		if v := rules.First().Decide(rec, rules.Facts{Roster: roster}); v.Decision != row.want {
			t.Errorf("%q: %s, want %s", row.party, v.Decision, row.want)
		}
	}
	if !(rules.Facts{}).Nobody() || !(rules.Facts{Roster: rules.NewRoster(nil)}).Nobody() || (rules.Facts{Roster: roster}).Nobody() || (rules.Facts{All: true}).Nobody() {
		t.Error("Nobody is wrong")
	}
}
