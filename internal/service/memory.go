package service

import (
	"context"
	"fmt"
	"slices"
	"time"

	"callreel/cdr"
	"callreel/internal/catalog"
	"callreel/internal/recording"
	"callreel/rules"
)

// This file hands the rules what is remembered of marks and of random recording.

// memory is where marks are remembered, and how long after a call they may come.
type memory struct {
	catalog *catalog.Catalog
	scripts []string // objects that take marks
	zone    *time.Location
	after   time.Duration
}

func (s *Service) memory() memory {
	return memory{s.catalog, s.cfg.Marks.Scripts, s.location, s.rules.MarkTime()}
}

// addMarks gives the rules the marks that may be of a recording's call.
func (s *Service) addMarks(ctx context.Context, rec recording.Recording, f *rules.Facts) error {
	f.MarksSeen = s.marksSeen()
	_, most := s.polls()
	f.MarkPatience = min(2*most+looking, mostPause)
	return s.memory().add(ctx, rec, f)
}

// add gives the rules the marks that may be of a recording's call, and what else the
// agents did then.
func (m memory) add(ctx context.Context, rec recording.Recording, f *rules.Facts) error {
	f.Scripts, f.Zone = m.scripts, m.zone
	from, to := m.around(rec, f.Now)
	var err error
	if f.LastMark, err = m.catalog.LastMark(ctx); err != nil {
		return err
	}
	f.Marks, err = m.catalog.MarksOf(ctx, catalog.MarkQuery{Conf: rec.Capture.Conf, From: from, To: to, Limit: mostMarks})
	switch {
	case err != nil || len(f.Marks) == 0:
		return err
	case len(f.Marks) == mostMarks:
		return fmt.Errorf("there are %d marks and more from %s to %s, too many to decide a call by; does something send them without end?",
			mostMarks, from.Format(time.RFC3339), to.Format(time.RFC3339))
	}
	return m.addOthers(ctx, from, to, f)
}

// around is the time in which a mark may have been made that is of a recording's call.
func (m memory) around(rec recording.Recording, now time.Time) (from, to time.Time) {
	from, to = rec.Capture.SeenAt, rules.Ended(rec, now)
	sooner := func(t time.Time) {
		if !t.IsZero() && t.Before(from) {
			from = t
		}
	}
	for _, c := range rec.Call.CDRs {
		sooner(c.UTC)
	}
	for _, l := range rec.Call.Live {
		sooner(l.Began)
		if l.Ended.After(to) {
			to = l.Ended
		}
	}
	if rec.Capture.StillAt.After(to) {
		to = rec.Capture.StillAt
	}
	if sip := rec.Call.SIP; sip != nil {
		sooner(sip.First)
	}
	return from.Add(-time.Minute), to.Add(m.after + time.Minute)
}

// addOthers adds the other calls of the marks' agents, as the PBX showed them and as
// their records tell.
func (m memory) addOthers(ctx context.Context, from, to time.Time, f *rules.Facts) error {
	named := func(o rules.Span) bool {
		return slices.ContainsFunc(f.Marks, func(mark recording.Mark) bool { return rules.NamesAgent(mark.Number, o.Agent) })
	}
	legs, err := m.catalog.LegsBetween(ctx, from, to)
	if err != nil {
		return err
	}
	for _, l := range legs {
		if o := rules.SpanOfLeg(l); named(o) {
			f.Others = append(f.Others, o)
		}
	}
	list, err := m.catalog.CDRsBetween(ctx, from, f.Now, mostOthers) // a record comes when its call has ended
	if err != nil {
		return err
	}
	for _, raw := range list {
		parsed, _ := cdr.Parse(raw.XML) // what is no record tells of nobody
		for _, p := range parsed {
			o, agents := rules.SpanOfCDR(p.CDR, raw.Received, *f)
			if !agents || !named(o) {
				continue
			}
			shown, err := m.catalog.Legs(ctx, o.Conf)
			if err != nil {
				return err
			}
			f.Others = append(f.Others, asShown(o, shown))
		}
	}
	return nil
}

// asShown gives an agent's part the times of our own clock, where the PBX showed it from
// its beginning to its end.
func asShown(o rules.Span, legs []recording.Leg) rules.Span {
	var from, to time.Time
	for _, l := range legs {
		if !l.Agent.Same(o.Agent) {
			continue
		}
		if l.Ended.IsZero() || l.Uncertain {
			return o
		}
		if from.IsZero() || l.Began.Before(from) {
			from = l.Began
		}
		to = laterOf(to, l.Ended)
	}
	if !from.IsZero() {
		o.From, o.To = from, to
	}
	return o
}

// addCounters gives the rules what random recording goes by.
func (s *Service) addCounters(ctx context.Context, rec recording.Recording, f *rules.Facts) (err error) {
	if s.rules.Mode() != rules.ModeRandom {
		return nil
	}
	if f.Counters, err = s.catalog.Counters(ctx); err != nil {
		return err
	}
	if f.Drawn, err = s.catalog.Drawn(ctx, rec); err != nil {
		return err
	}
	open, err := s.catalog.Undecided(ctx, mostOpen)
	if err != nil {
		return err
	}
	mine := rules.Ended(rec, f.Now)
	for _, o := range open {
		its := rules.Ended(o, f.Now)
		if o.ID == rec.ID || o.Capture.Conf != "" && o.Capture.Conf == rec.Capture.Conf {
			continue
		}
		if its.Before(mine) || its.Equal(mine) && o.ID < rec.ID {
			f.Before = o.ID
			return nil
		}
	}
	return nil
}
