package service

import (
	"context"
	"time"

	"callreel/cdr"
	"callreel/convert"
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
	rec.Verdict.External, rec.Verdict.ExternalName = n.E164, n.DN
	return nil
}

// channels is what of a call goes into the file. One that was begun by hand has the
// announcement on one side and both parties on the other.
func (s *Service) channels(v recording.Verdict) convert.Channels {
	if v.Manual {
		return convert.Mono
	}
	return s.cfg.Audio.Channels
}
