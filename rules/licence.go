package rules

import (
	"fmt"

	"callreel/internal/recording"
)

// noLicence stands behind all that keep a call and that wait for late CDRs: no agent
// took part, and CDRs prove that one did who would be one with a licence.
func noLicence(q *question) (recording.Verdict, bool) {
	s := q.scene()
	p := s.firstOf(func(p *person) bool { return s.toldUnlicensed(p) && !s.since(p).IsZero() })
	if p == nil {
		return recording.Verdict{Reason: "nobody took part for whom there is no licence"}, false
	}
	v := s.describe(p)
	v.Decision, v.Reason = recording.Discard, fmt.Sprintf("agent %s took part, for whom there is no licence", name(p.who))
	return v, true
}

// toldUnlicensed reports whether a person is an agent without a licence of whom CDRs
// tell. Where none does, it is not known what became of the call, and it is kept.
func (s *scene) toldUnlicensed(p *person) bool {
	return !p.agent && p.who.Unlicensed && !p.untold()
}

func (s *scene) unlicensedObject(c *recording.CDR) *recording.Agent {
	for i := range s.facts.Unlicensed {
		if a := &s.facts.Unlicensed[i]; a.Owns(c) {
			return a
		}
	}
	return nil
}

func (s *scene) unlicensedNumbered(e164, h323 string) *recording.Agent {
	for i := range s.facts.Unlicensed {
		if a := &s.facts.Unlicensed[i]; names(e164, h323, a.E164, a.H323) {
			return a
		}
	}
	return nil
}
