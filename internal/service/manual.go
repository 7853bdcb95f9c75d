package service

import (
	"context"
	"time"

	"callreel/cdr"
	"callreel/internal/recording"
)

// beforeManual is how long before its recording was begun by hand a call may have
// begun.
const beforeManual = 4 * time.Hour

// talkedTo finds whom the owner spoke to while a capture was written that was begun by
// hand: its own records name the announcement only.
func (s *Service) talkedTo(ctx context.Context, rec *recording.Recording) error {
	if !rec.Verdict.Manual || rec.Verdict.External != "" {
		return nil
	}
	from := rec.Started()
	to := from.Add(time.Duration(rec.Audio.DurationS * float64(time.Second)))
	half := to.Add(tanSlack).Sub(from.Add(-beforeManual)) / 2
	near, err := s.catalog.CDRsNear(ctx, to.Add(tanSlack-half), half, mostLooked)
	if err != nil {
		return err
	}
	n := cdr.Beside(near, rec.Verdict.Owner, rec.Capture.Conf, from, to, s.rules.Manual().Own)
	if n.E164 == "" { // the call may go on, and have no record yet
		n, err = s.shownTo(ctx, *rec, from, to)
	}
	rec.Verdict.External, rec.Verdict.ExternalName = n.E164, n.DN
	return err
}

// shownTo is whom the PBX showed the owner with in another call, from one time to
// another: in the one that he was in last. Its number is empty if there is none.
func (s *Service) shownTo(ctx context.Context, rec recording.Recording, from, to time.Time) (recording.Number, error) {
	legs, err := s.catalog.LegsBetween(ctx, from, to)
	var last recording.Leg
	for _, l := range legs {
		his := l.Agent.Same(rec.Verdict.Owner) && l.Conf != rec.Capture.Conf && l.Peer.E164 != "" && !s.rules.Manual().Own(l.Peer.E164)
		if his && !l.Connected.IsZero() && l.Connected.Before(from.Add(tanSlack)) && !l.Connected.Before(last.Connected) {
			last = l
		}
	}
	return last.Peer, err
}
