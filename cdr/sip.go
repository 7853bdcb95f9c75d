package cdr

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"callreel/internal/recording"
)

// leastSuffix is how many digits of a number must be the same where one of two
// is written with more digits in front: a prefix to get out, a country.
const leastSuffix = 3

// ambiguous is by how much the best conference must fit better in time than the
// next one.
const ambiguous = 2 * time.Second

// ErrAmbiguous says that more than one call fits.
var ErrAmbiguous = errors.New("more than one call fits")

// Fit is a conference that was found by a capture's own SIP.
type Fit struct {
	Conf recording.ConfID
	Why  string // in words
}

// BySIP looks among records for the call that a capture's own SIP tells of: both
// parties take part in it, and one of its set-ups is no further from the INVITE
// than within. It returns recording.ErrNotYet if there is none, and ErrAmbiguous,
// with the conferences, if two fit equally well: nobody is to get another's call.
func BySIP(raw []recording.RawCDR, sip recording.SIPParties, within time.Duration) (Fit, error) {
	best := map[recording.ConfID]time.Duration{}
	for _, r := range raw {
		parsed, _ := Parse(r.XML)
		for _, p := range parsed {
			conf, off, ok := near(p.CDR, sip, within)
			if old, known := best[conf]; ok && (!known || off < old) {
				best[conf] = off
			}
		}
	}
	if len(best) == 0 {
		return Fit{}, fmt.Errorf("no call detail record has both %s and %s near %s: %w", sip.From, sip.To,
			sip.Invite.UTC().Format(time.RFC3339), recording.ErrNotYet)
	}
	confs := make([]recording.ConfID, 0, len(best))
	for conf := range best {
		confs = append(confs, conf)
	}
	slices.SortFunc(confs, func(a, b recording.ConfID) int { return cmp.Or(cmp.Compare(best[a], best[b]), cmp.Compare(a, b)) })
	if len(confs) > 1 && best[confs[1]]-best[confs[0]] < ambiguous {
		return Fit{}, fmt.Errorf("%w: conferences %s and %s have both numbers of the capture's SIP, %.1f and %.1f s from its INVITE",
			ErrAmbiguous, confs[0], confs[1], best[confs[0]].Seconds(), best[confs[1]].Seconds())
	}
	return Fit{confs[0], fmt.Sprintf("conference %s found by the capture's SIP: both numbers, %.1f s from its INVITE",
		confs[0], best[confs[0]].Seconds())}, nil
}

// near tells how far the record's nearest set-up is from the INVITE, and of which
// conference that is; false if the parties are not the same or it is too far.
func near(c recording.CDR, sip recording.SIPParties, within time.Duration) (conf recording.ConfID, off time.Duration, ok bool) {
	if !hasParties(c, sip.From, sip.To) {
		return "", 0, false
	}
	off = within
	for _, e := range c.Events {
		if d := at(c, e).Sub(sip.Invite).Abs(); setsUp(e) && d <= off {
			conf, off, ok = e.Conf, d, true
		}
	}
	return conf, off, ok
}

// setsUp reports whether an event is of the beginning of a call that can be named.
func setsUp(e recording.CDREvent) bool { return e.Conf != "" && strings.HasPrefix(e.Msg, "setup") }

// Setups are the times at which a record's calls were set up: BySIP finds it near them
// only.
func Setups(c recording.CDR) (out []time.Time) {
	for _, e := range c.Events {
		if t := at(c, e); setsUp(e) && !slices.Contains(out, t) {
			out = append(out, t)
		}
	}
	return out
}

// at is when an event was: the record says the time of its first one.
func at(c recording.CDR, e recording.CDREvent) time.Time {
	return c.UTC.Add(time.Duration(e.Time-c.Events[0].Time) * time.Second)
}

// Span is the time of the first and of the last of a record's events.
func Span(c recording.CDR) (first, last time.Time) {
	first, last = c.UTC, c.UTC
	for _, e := range c.Events {
		if t := at(c, e); t.Before(first) {
			first = t
		} else if t.After(last) {
			last = t
		}
	}
	return first, last
}

// named is a party as a record writes it: its own object, or that of an event.
type named struct {
	e164, h323 string
	own        bool
}

func (n named) is(party string) bool { return SameParty(n.e164, party) || SameParty(n.h323, party) }

// hasParties reports whether a record names both parties, and not one that can be
// either: an extension may be the end of the number that it calls.
func hasParties(c recording.CDR, one, other string) bool {
	all := []named{{c.E164, c.H323, true}}
	for _, e := range c.Events {
		all = append(all, named{e164: e.E164, h323: e.H323})
	}
	others := twoOf(all, other)
	return slices.ContainsFunc(twoOf(all, one), func(a named) bool {
		return slices.ContainsFunc(others, func(b named) bool { return a != b })
	})
}

// twoOf lists those that can be a party, at most two that differ: of more nothing
// else follows.
func twoOf(all []named, party string) (out []named) {
	for _, n := range all {
		if len(out) < 2 && n.is(party) && !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

// SameParty reports whether two ways to write a party can mean the same: they are
// equal, or one number ends with the other, of at least three digits.
func SameParty(a, b string) bool {
	a, b = strings.TrimPrefix(a, "+"), strings.TrimPrefix(b, "+")
	if a == "" || b == "" {
		return false
	}
	if strings.EqualFold(a, b) {
		return true
	}
	if len(a) > len(b) {
		a, b = b, a
	}
	return len(a) >= leastSuffix && digits(a) && digits(b) && strings.HasSuffix(b, a)
}

func digits(s string) bool { return strings.Trim(s, "0123456789") == "" }
