package service

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"callreel/cdr"
	"callreel/internal/clock"
	"callreel/internal/doctor"
)

const (
	clockFirst = time.Minute     // after the start, before servers are asked for their time
	clockEvery = time.Hour       // then how often
	clockLimit = 2 * time.Second // from which on a clock is said to be off (SPEC §3.7)
)

// clocks knows how far the clocks of others are ahead of this machine's. It is safe for
// concurrent use; the zero value knows none.
type clocks struct {
	mu   sync.Mutex
	seen map[string]offset
}

type offset struct {
	ahead time.Duration
	at    time.Time
}

// see notes what a clock shows and reports whether that is news: it is off, or no more,
// or by another two seconds.
func (c *clocks) see(where string, ahead time.Duration, now time.Time) (news bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.seen == nil {
		c.seen = map[string]offset{}
	}
	before := c.seen[where].ahead
	off := ahead.Abs() > clockLimit
	if off == (before.Abs() > clockLimit) && (!off || (ahead-before).Abs() <= clockLimit) {
		return false
	}
	c.seen[where] = offset{ahead, now}
	return true
}

// atLeast is see for what can only be told to be ahead by so much and maybe more: the most
// of an hour counts.
func (c *clocks) atLeast(where string, ahead time.Duration, now time.Time) (news bool) {
	c.mu.Lock()
	before := c.seen[where]
	if ahead < before.ahead && ahead > clockLimit {
		c.seen[where] = offset{before.ahead, now} // it is still ahead, and the record came later
	}
	c.mu.Unlock()
	if ahead < before.ahead && (ahead > clockLimit || now.Sub(before.at) < time.Hour) {
		return false
	}
	return c.see(where, max(ahead, 0), now)
}

// ClockOff is a clock that is off by more than two seconds.
type ClockOff struct {
	Where   string  `json:"where"`
	Seconds float64 `json:"seconds"` // ahead of this machine's
}

func (c *clocks) off() []ClockOff {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := []ClockOff{}
	for _, where := range slices.Sorted(maps.Keys(c.seen)) {
		if ahead := c.seen[where].ahead; ahead.Abs() > clockLimit {
			out = append(out, ClockOff{where, ahead.Seconds()})
		}
	}
	return out
}

// tellClock logs what is new of a clock.
func (s *Service) tellClock(where string, ahead time.Duration, news bool) {
	switch {
	case !news:
	case ahead.Abs() > clockLimit:
		s.log.Warn("a clock differs from this machine's", "clock", where, "it_is", doctor.AheadOrBehind(ahead)+" this machine's")
	default:
		s.log.Info("a clock agrees with this machine's again", "clock", where)
	}
}

// seeServer takes in what a server's header Date showed; zero where there was none. Dates
// of servers are real ones, also where the recorder's time runs faster.
func (s *Service) seeServer(where string, date, asked time.Time) {
	now := clock.System().Now()
	if date.IsZero() {
		return
	}
	off := ahead(date, asked, now)
	s.tellClock(where, off, s.clocks.see(where, off, now))
}

// seeRecords takes in call detail records: none can come before its call has ended.
func (s *Service) seeRecords(parsed []cdr.Parsed, received time.Time) {
	for _, p := range parsed {
		_, last := cdr.Span(p.CDR)
		off := last.Sub(received)
		s.tellClock("of the call detail records", off, s.clocks.atLeast("of the call detail records", off, received))
	}
}

// watchClocks asks PBXes and Reporting servers for their time now and then.
func (s *Service) watchClocks(ctx context.Context) {
	wait := clockFirst
	for s.clock.Wait(ctx.Done(), wait) {
		wait = clockEvery
		for _, c := range s.cfg.PBX {
			s.askClock(ctx, "PBX "+c.Name, c.URL)
		}
		for _, c := range s.cfg.Reporting {
			s.askClock(ctx, "Reporting "+c.WithDefaults().Name, c.URL)
		}
	}
}

func (s *Service) askClock(ctx context.Context, where, address string) {
	off, ok := clockOfServer(ctx, address)
	if !ok || ctx.Err() != nil {
		return // a lamp is red, or it does not tell
	}
	s.tellClock(where, off, s.clocks.see(where, off, clock.System().Now()))
}
