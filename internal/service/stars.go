package service

import (
	"context"
	"errors"
	"slices"
	"time"

	"callreel/internal/recording"
	"callreel/rules"
)

// markedWithin is how long before a mark a call may have begun that it is of.
const markedWithin = 12 * time.Hour

// lateStars gives filed recordings the star that their agents' marks ask for which came
// when they had been filed. What cannot be done now is tried again until the mark is
// told of as one of no call.
func (s *Service) lateStars(ctx context.Context) error {
	if s.rules.Mode() == rules.ModeTCR {
		return nil // there a mark is waited for, and what is kept has one
	}
	now := s.clock.Now()
	idle, err := s.catalog.IdleMarks(ctx, now.Add(time.Second))
	if err != nil {
		return err
	}
	var all error
	for _, m := range idle {
		if m.Kind != recording.MarkKeep || now.Sub(m.At) < looking {
			continue // the line may still be at its call
		}
		all = errors.Join(all, s.lateStar(ctx, m))
	}
	return all
}

func (s *Service) lateStar(ctx context.Context, m recording.Mark) error {
	list, err := s.catalog.DoneBetween(ctx, m.At.Add(-markedWithin), m.At.Add(time.Minute))
	if err != nil {
		return err
	}
	if m.Conf != "" {
		named, err := s.catalog.ByConf(ctx, m.Conf)
		if err != nil {
			return err
		}
		list = append(named, list...)
	}
	for _, rec := range list {
		if rec.State != recording.Done || !mentions(rec, m) {
			continue
		}
		v, err := s.withMarks(ctx, rec)
		if err != nil {
			return err
		}
		mine := func(o recording.Mark) bool { return o.ID == m.ID }
		if v.Decision == recording.Keep && v.Star && slices.ContainsFunc(v.Marks, mine) {
			return s.giveStar(ctx, rec, v.Marks)
		}
	}
	return nil
}

// mentions reports whether the agent of a mark has anything to do with a recording.
func mentions(rec recording.Recording, m recording.Mark) bool {
	return rules.NamesAgent(m.Number, rec.Verdict.Owner) ||
		slices.ContainsFunc(rec.Call.Live, func(l recording.Leg) bool { return rules.NamesAgent(m.Number, l.Agent) }) ||
		slices.ContainsFunc(rec.Call.CDRs, func(c recording.CDR) bool {
			return rules.NamesAgent(m.Number, recording.Agent{CN: c.CN, E164: c.E164, H323: c.H323})
		})
}

// withMarks is what the rules say of a filed recording with all marks that are here now.
func (s *Service) withMarks(ctx context.Context, rec recording.Recording) (recording.Verdict, error) {
	_, facts, err := s.facts(ctx, rec.Capture)
	if err == nil {
		err = errors.Join(s.addMarks(ctx, rec, &facts), s.addCounters(ctx, rec, &facts))
	}
	facts.Settle, facts.DiscardSettle, facts.MarksSeen, facts.Before = 0, 0, facts.Now, 0
	return s.rules.Decide(rec, facts), err
}

// giveStar writes the star into the sidecars, then into the catalog: what is interrupted
// is done again, and does the same.
func (s *Service) giveStar(ctx context.Context, rec recording.Recording, marks []recording.Mark) error {
	return s.alone(ctx, rec.Place, func() error {
		now, err := s.catalog.Get(ctx, rec.ID) // a converter may have been at work on it meanwhile
		if err != nil {
			return err
		}
		return s.writeStar(ctx, now, marks)
	})
}

func (s *Service) writeStar(ctx context.Context, rec recording.Recording, marks []recording.Mark) error {
	filed, err := s.sidecarAt(ctx, rec.Place)
	if err != nil {
		return err
	}
	filed.Verdict.Star, filed.Verdict.Marks = true, marks
	sealed, err := s.sealedSidecar(filed)
	if err != nil {
		return err
	}
	for _, place := range []recording.Place{rec.Place, rec.Backup} {
		if place == "" {
			continue
		}
		if err := s.archive.Restate(ctx, place, sealed); err != nil {
			return err
		}
	}
	rec.Verdict.Star, rec.Verdict.Marks = true, marks
	done, err := s.catalog.Star(ctx, rec)
	if done {
		s.log.Info("recording marked", "id", rec.ID, "uid", rec.Capture.UID, "agent", rec.Verdict.Owner.E164)
	}
	return err
}
