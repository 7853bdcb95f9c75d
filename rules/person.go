package rules

import (
	"slices"
	"strings"
	"time"

	"callreel/internal/recording"
)

// person is what is known of one user or executive in the call. Times are zero for
// what he did not do.
type person struct {
	who   recording.Agent
	agent bool
	own   []view         // the records of his own object, oldest first
	seen  sighting       // the first of another's records that names him
	live  *recording.Leg // what the PBX showed of him; of agents only

	rang   time.Time // his telephone began to ring
	called time.Time // he set up the call
	spoke  time.Time // he was connected
	passed time.Time // he passed the call on
}

// sighting is an event of another's record that names a person.
type sighting struct {
	view
	event int
}

// add takes one of the person's own records.
func (p *person) add(v view) {
	p.own = append(p.own, v)
	c := v.cdr
	switch {
	case c.Dir == recording.DirForwarded || len(c.Events) == 0:
		return // his telephone sent the call on; he had no part in it
	case c.Dir == recording.DirTransferred:
		p.passed = earlier(p.passed, at(c, v.from))
		return
	case direction(c) == recording.Out:
		p.called = earlier(p.called, at(c, v.from))
	default:
		if i := first(c, 0, "alert-from", "alert-to"); i >= 0 {
			p.rang = earlier(p.rang, at(c, max(i, v.from)))
		}
	}
	if i := first(c, 0, "conn-from", "conn-to", "connected"); i >= 0 {
		p.spoke = earlier(p.spoke, at(c, max(i, v.from)))
	}
}

func samePerson(a, b recording.Agent) bool {
	if a.GUID != "" && b.GUID != "" {
		return strings.EqualFold(a.GUID, b.GUID)
	}
	return a.CN != "" && a.CN == b.CN || a.E164 != "" && a.E164 == b.E164
}

// is reports whether a party written so is the person: as the agents' list has him, or as
// his own records do, where he is on a node whose prefix stands before his number.
func (p *person) is(e164, h323 string) bool {
	mine := func(v view) bool { return names(e164, h323, v.cdr.E164, v.cdr.H323) }
	return names(e164, h323, p.who.E164, p.who.H323) || slices.ContainsFunc(p.own, mine)
}

// untold reports that no record tells of the person.
func (p *person) untold() bool { return len(p.own) == 0 && p.seen.cdr == nil }

// partUntold reports that no record tells what the person did in the call: at most that
// it was diverted from him.
func (p *person) partUntold() bool {
	tells := func(v view) bool { return v.cdr.Dir != recording.DirForwarded }
	return p.seen.cdr == nil && !slices.ContainsFunc(p.own, tells)
}

// wasCalled reports whether the call came to the person.
func (p *person) wasCalled() bool { return !p.rang.IsZero() || p.called.IsZero() }

// answeredCall reports whether the person spoke, and not as the one who had called.
func (p *person) answeredCall() bool {
	return !p.spoke.IsZero() && (p.called.IsZero() || p.spoke.Before(p.called))
}

// h323 is the person's registration as the agents' list or another's record has it.
func (p *person) h323() string {
	if p.who.H323 == "" && p.seen.cdr != nil {
		return p.seen.cdr.Events[p.seen.event].H323
	}
	return p.who.H323
}

// begun is when the person's oldest record begins, before or in this call.
func (p *person) begun() time.Time {
	if len(p.own) > 0 {
		return p.own[0].cdr.UTC
	}
	return earlier(earlier(p.rang, p.called), p.spoke)
}

// gave is 1 if the person passed the call on.
func (p *person) gave() int {
	for _, v := range p.own {
		if v.cdr.Dir == recording.DirTransferred || first(v.cdr, 0, "transfer-from") >= 0 {
			return 1
		}
	}
	return 0
}

// handedTo reports whether the person passed the call on, or his telephone did, to another
// at another PBX.
func (p *person) handedTo(o *person) bool {
	if len(p.own) == 0 || len(o.own) == 0 || p.own[0].cdr.PBX == o.own[0].cdr.PBX {
		return false
	}
	got := func(n recording.Number) bool { return o.is(n.E164, n.H323) }
	return slices.ContainsFunc(p.own, func(v view) bool {
		return slices.ContainsFunc(v.cdr.Events, func(e recording.CDREvent) bool {
			return (e.Msg == "transfer-from" || e.Msg == "cf-from") && slices.ContainsFunc(e.To, got)
		})
	})
}

// leg is the record that tells best of the person's part: his first one, of several
// telephones that rang the one that the PBX calls the most relevant. With heard it is
// the first in which he was connected. A consultation that he made and transferred is
// not how he came into the call. Nil if there is none.
func (p *person) leg(heard bool) *recording.CDR {
	var best *recording.CDR
	for _, v := range p.own {
		c := v.cdr
		if c.Dir == recording.DirForwarded || c.Dir == recording.DirTransferred || v.consulted() || heard && answered(c).IsZero() {
			continue
		}
		if best == nil || best.More && !c.More {
			best = c
		}
	}
	return best
}

// consulted reports whether the record is of a consultation that its object made and took
// into the call by a transfer.
func (v view) consulted() bool { return v.from > 0 && v.cdr.Events[v.from].Msg == "transfer-from" }

func (p *person) direction() recording.Direction {
	switch c := p.leg(false); {
	case c != nil:
		return direction(c)
	case p.live != nil && !p.live.ToAgent:
		return recording.Out
	case p.live == nil && p.seen.cdr != nil && p.seen.asCaller():
		return recording.Out
	default:
		return recording.In
	}
}

// asCaller reports whether the other was called by the person: his record is of a
// call that came, and nobody had passed it on before.
func (g sighting) asCaller() bool {
	passed := first(g.cdr, 0, "transfer-from", "transfer-to", "cf-from", "cf-to")
	return direction(g.cdr) == recording.In && g.cdr.Events[g.event].Msg != "connected" && (passed < 0 || passed > g.event)
}
