package cdr

import (
	"time"

	"callreel/internal/recording"
)

// Beside is whom an agent spoke to in another call than that of a conference, from one
// time to another: the far party of the record of his own that covers most of it. Its
// number is empty if there is none. Numbers that not accepts are nobody's.
func Beside(raw []recording.RawCDR, owner recording.Agent, conf recording.ConfID, from, to time.Time, not func(string) bool) recording.Number {
	var best recording.Number
	var longest time.Duration
	for _, r := range raw {
		parsed, _ := Parse(r.XML)
		for _, p := range parsed {
			first, end := Span(p.CDR)
			if first.Before(from) {
				first = from
			}
			if end.After(to) {
				end = to
			}
			n := farParty(p.CDR, not)
			if covers := end.Sub(first); covers > longest && n.E164 != "" && owner.Owns(&p.CDR) && !inConf(p.CDR, conf) {
				best, longest = n, covers
			}
		}
	}
	return best
}

func inConf(c recording.CDR, conf recording.ConfID) bool {
	for _, e := range c.Events {
		if e.Conf == conf {
			return true
		}
	}
	return false
}

// farParty is the party that the PBX marks as external, else the longest number.
func farParty(c recording.CDR, not func(string) bool) (best recording.Number) {
	for _, e := range c.Events {
		if e.E164 == "" || e.E164 == c.E164 || not(e.E164) {
			continue
		}
		n := recording.Number{E164: e.E164, H323: e.H323, DN: e.DN}
		if e.Type == "ext" {
			return n
		}
		if len(n.E164) > len(best.E164) {
			best = n
		}
	}
	return best
}
