package rules

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"callreel/internal/recording"
)

// These rules are for captures of which nothing is known but what their own SIP
// says: no PBX named their call.

// onlySIP reports whether the capture's own SIP is all there is.
func onlySIP(rec recording.Recording) bool {
	s := rec.Call.SIP
	return rec.Capture.Conf == "" && len(rec.Call.CDRs) == 0 && s != nil && s.Parties != nil
}

// bySignalling makes a row of a rule that needs no scene.
func bySignalling(test func(recording.Recording, Facts) (recording.Verdict, bool)) func(*question) (recording.Verdict, bool) {
	return func(q *question) (recording.Verdict, bool) { return test(*q.rec, *q.facts) }
}

func sipAgent(rec recording.Recording, f Facts) (recording.Verdict, bool) {
	if !onlySIP(rec) {
		return recording.Verdict{Reason: "CDRs tell more than the capture's own SIP"}, false
	}
	s := rec.Call.SIP.Parties
	agent, called, ok := agentBySIP(s, f)
	if !ok {
		return recording.Verdict{Reason: "neither party of the capture's SIP is an agent"}, false
	}
	v := bySIP(s, called)
	v.Decision, v.Owner = recording.Keep, agent
	if agent.E164 != "" {
		v.Internal = agent.E164
	}
	v.Reason = fmt.Sprintf("by the capture's own SIP agent %s took part; no CDR tells more", name(agent))
	return v, true
}

func sipNoAgent(rec recording.Recording, f Facts) (recording.Verdict, bool) {
	if !onlySIP(rec) {
		return recording.Verdict{Reason: "CDRs tell more than the capture's own SIP"}, false
	}
	v := bySIP(rec.Call.SIP.Parties, true)
	v.Decision, v.Reason = recording.Discard, "by the capture's own SIP none of the parties is an agent; no CDR tells more"
	if agent, called, ok := agentBySIP(rec.Call.SIP.Parties, Facts{Agents: f.Unlicensed}); ok {
		v = bySIP(rec.Call.SIP.Parties, called)
		v.Decision, v.Rule, v.Owner = recording.Discard, recording.NoLicence, agent
		v.Reason = fmt.Sprintf("by the capture's own SIP agent %s took part, for whom there is no licence; no CDR tells more", name(agent))
	}
	return v, true
}

func name(a recording.Agent) string {
	return cmp.Or(a.CN, a.E164, "of no name")
}

// agentBySIP finds the agent among the parties, the called one first (SPEC §4.2
// case 32). Numbers must be equal: a longer one that ends with an agent's may be
// anybody's. Where every user is an agent, the shorter number is the inside one,
// and nobody's call is thrown away because its SIP names nobody.
func agentBySIP(s *recording.SIPParties, f Facts) (agent recording.Agent, called, ok bool) {
	for _, party := range []struct {
		number string
		called bool
	}{{s.To, true}, {s.From, false}} {
		n := party.number
		if a := f.find(lookup{e164: n, h323: n, cn: n}, func(a *recording.Agent) bool { return is(a, n) }); a != nil {
			return *a, party.called, true
		}
	}
	if !f.All {
		return recording.Agent{}, false, false
	}
	called = s.From == "" || s.To != "" && len(s.To) <= len(s.From)
	number := s.From
	if called {
		number = s.To
	}
	return recording.Agent{CN: number, E164: number}, called, true
}

func is(a *recording.Agent, party string) bool {
	return party != "" && (a.E164 == party || strings.EqualFold(a.H323, party) || a.CN == party)
}

// MayBeAgent finds an agent whom a party of the capture's SIP may be though it is
// written in another way: the one's number ends with the other's, as where there is a
// country and a city before it, or the name differs in its letters' case only. That is
// not enough to file the call for him, and too much to throw it away.
func MayBeAgent(rec recording.Recording, f Facts) (recording.Agent, bool) {
	if !onlySIP(rec) {
		return recording.Agent{}, false
	}
	s := rec.Call.SIP.Parties
	for _, party := range []string{s.To, s.From} {
		for _, a := range f.agents() {
			if endsAlike(a.E164, party) || a.CN != "" && strings.EqualFold(a.CN, party) {
				return a, true
			}
		}
	}
	return recording.Agent{}, false
}

// endsAlike reports whether one of two numbers ends with the other, however they are
// spaced.
func endsAlike(a, b string) bool {
	a, b = digits(a), digits(b)
	return a != "" && b != "" && (strings.HasSuffix(a, b) || strings.HasSuffix(b, a))
}

// digits is a number without what RFC 3966 §5.1.1 allows between its digits and
// without the + before them; empty if it is none.
func digits(number string) string {
	number = strings.NewReplacer("-", "", ".", "", "(", "", ")", "", " ", "").Replace(strings.TrimPrefix(number, "+"))
	if strings.Trim(number, "0123456789") != "" {
		return ""
	}
	return number
}

// bySIP is what follows from the signalling about the call of one of its parties.
func bySIP(s *recording.SIPParties, called bool) recording.Verdict {
	v := recording.Verdict{Direction: recording.Out, Internal: s.From, External: s.To, Started: s.Answer}
	if called {
		v.Direction, v.Internal, v.External = recording.In, s.To, s.From
	}
	if v.Started.IsZero() {
		v.Started = s.Invite
	}
	if !s.Ring.IsZero() && s.Answer.After(s.Ring) {
		v.Ring = int(s.Answer.Sub(s.Ring) / time.Second)
	}
	return v
}
