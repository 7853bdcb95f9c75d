package rules

import (
	"errors"
	"strings"

	"callreel/internal/recording"
	"callreel/internal/tomlfile"
)

// Manual are the numbers by which a telephone's key records a call with an
// announcement: it calls a trunk object, where the capture is written, and through it
// the announcement. The zero value is for setups that do not do so.
type Manual struct {
	Trunk        string `toml:"trunk"`
	Announcement string `toml:"announcement"`
}

var errManual = errors.New("manual.trunk and manual.announcement are set together or not at all")

func (m Manual) check(l *problems) {
	for key, n := range map[string]string{"trunk": m.Trunk, "announcement": m.Announcement} {
		if strings.Trim(n, digitsOf) != "" {
			l.add("manual", key, "%q is not allowed; allowed: a number of digits, *, # and +", n)
		}
	}
	if (m.Trunk == "") != (m.Announcement == "") {
		*l = append(*l, tomlfile.Problem{Section: "manual", Index: -1, Key: "trunk", Err: errManual})
	}
}

// Own reports whether a number is of the recording itself: the trunk's, the
// announcement's, or both one after the other, as the telephone dials them.
func (m Manual) Own(number string) bool {
	return m.Trunk != "" && (number == m.Trunk || number == m.Announcement || number == m.Trunk+m.Announcement)
}

// Manual are the numbers of recordings that are begun by hand.
func (s Set) Manual() Manual { return s.manual }

// manual reports whether the capture is one that a telephone's key has begun: a person
// called the trunk for it.
func (s *scene) manual() bool {
	if s.facts.Manual.Trunk == "" {
		return false
	}
	for _, v := range s.views {
		if !isPerson(v.cdr) || direction(v.cdr) != recording.Out {
			continue
		}
		for i := v.from; i < len(v.cdr.Events); i++ {
			if s.facts.Manual.Own(v.cdr.Events[i].E164) {
				return true
			}
		}
	}
	return false
}
