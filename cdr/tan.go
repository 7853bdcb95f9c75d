package cdr

import (
	"strings"
	"time"

	"callreel/internal/recording"
)

// tanDigits is how long a transaction number (TAN) is.
const tanDigits = 6

// IsTAN reports whether a text is a TAN.
func IsTAN(s string) bool { return len(s) == tanDigits && digits(s) }

// TAN is the transaction number that an agent gave his call from one time to another:
// he dialled a prefix and six digits in it, which stand as a number in a record of his
// own, under whatever conference id. The last one counts; empty if there is none.
func TAN(raw []recording.RawCDR, prefix string, owner recording.Agent, from, to time.Time) (tan string) {
	var last time.Time
	for _, r := range raw {
		parsed, _ := Parse(r.XML)
		for _, p := range parsed {
			if first, end := Span(p.CDR); !owner.Owns(&p.CDR) || first.After(to) || end.Before(from) {
				continue
			}
			for _, e := range p.CDR.Events {
				t := at(p.CDR, e)
				if n := tanOf(e, prefix); n != "" && !t.Before(last) && !t.Before(from) && !t.After(to) {
					tan, last = n, t
				}
			}
		}
	}
	return tan
}

// tanOf is the number behind the prefix in any number of an event.
func tanOf(e recording.CDREvent, prefix string) string {
	for _, n := range append([]recording.Number{{E164: e.E164}, {E164: e.Root}}, e.To...) {
		if tan, ok := strings.CutPrefix(n.E164, prefix); ok && IsTAN(tan) {
			return tan
		}
	}
	return ""
}
