package service

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"callreel/internal/pbx"
	"callreel/internal/recording"
	"callreel/rules"
)

// reportingAgain is the pause before Reporting is asked again that gave no
// answer. The countdown of SPEC §3.4 stands still meanwhile.
const reportingAgain = 5 * time.Second

func (s *Service) openReporting(context.Context) error {
	for _, c := range s.cfg.Reporting {
		r, err := pbx.NewReporting(c, s.clock)
		if err != nil {
			return err
		}
		s.reporting = append(s.reporting, r)
		s.onClose(func() error { r.Close(); return nil })
	}
	return nil
}

// errUnknown says that it is not known whether there is a record of a call: Reporting
// gave no answer, or what it gave could not be stored.
var errUnknown = errors.New("whether there is a record is not known")

// lookUp correlates, and where no CDR is here asks Reporting for some. It wraps
// recording.ErrNotYet when there is none, and errUnknown when that is not known.
func (s *Service) lookUp(ctx context.Context, rec recording.Recording) (recording.Call, error) {
	call, err := s.correlator.Correlate(ctx, rec)
	if !errors.Is(err, recording.ErrNotYet) || len(s.reporting) == 0 || rec.Capture.Conf == "" {
		return call, err
	}
	found, asked := s.askReporting(ctx, s.question(ctx, rec))
	if found > 0 {
		call, err = s.correlator.Correlate(ctx, rec)
	}
	return call, unlessAnswered(err, asked)
}

// unlessAnswered makes of "no record" that this is not known where Reporting could
// not be asked.
func unlessAnswered(err, asked error) error {
	if errors.Is(err, recording.ErrNotYet) && asked != nil {
		return fmt.Errorf("%w: %w", errUnknown, asked)
	}
	return err
}

// askReporting asks every Reporting server that can be asked so and stores what
// comes. It returns how many records came; the error is ErrNoAnswer when a server gave
// no answer, and the catalog's when a record could not be stored.
func (s *Service) askReporting(ctx context.Context, q pbx.Question) (found int, err error) {
	for _, r := range s.reporting {
		if q.Conf == "" && r.NeedsConf() {
			continue
		}
		records, askErr := r.Ask(ctx, q)
		if ctx.Err() != nil {
			return found, ctx.Err()
		}
		s.report(LampReporting, "reporting "+r.Name(), "Reporting gives no answer", askErr)
		err = errors.Join(err, askErr)
		for _, record := range records {
			if err := s.CDR(ctx, record, s.clock.Now()); err != nil {
				return found, err
			}
			found++
		}
	}
	return found, err
}

// reportingMayKnow reports whether a verdict rests on a CDR that is missing and
// that Reporting was not asked for yet: some of a call's may have gone astray on
// their way to us.
func (s *Service) reportingMayKnow(rec recording.Recording, v recording.Verdict) bool {
	missing := v.Decision == recording.Discard || v.Rule == rules.AgentWithoutCDR || v.Decision == recording.Keep && lacksCDR(rec.Call)
	return missing && len(s.reporting) > 0 && rec.Capture.Conf != "" && rec.Call.Asked.IsZero()
}

// lacksCDR reports whether the PBX showed an agent in a call of whom no record is here:
// by the others' alone it may be kept for the wrong one.
func lacksCDR(call recording.Call) bool {
	return slices.ContainsFunc(call.Live, func(l recording.Leg) bool {
		return !slices.ContainsFunc(call.CDRs, func(c recording.CDR) bool { return l.Agent.Owns(&c) })
	})
}

// askForMore asks Reporting once, until it has answered.
func (s *Service) askForMore(ctx context.Context, rec *recording.Recording) error {
	found, err := s.askReporting(ctx, s.question(ctx, *rec))
	switch unanswered := errors.Is(err, pbx.ErrNoAnswer); {
	case unanswered && found == 0:
		return s.noAnswer(err)
	case err != nil && !unanswered:
		return err
	}
	rec.Call.Asked = s.clock.Now().UTC()
	return nil
}

// question asks for the time from an hour before the capture appeared to an
// hour after now, and for the agent's number where the PBX showed one.
func (s *Service) question(ctx context.Context, rec recording.Recording) pbx.Question {
	q := pbx.Question{
		Conf: rec.Capture.Conf, From: rec.Capture.SeenAt.Add(-time.Hour), To: s.clock.Now().Add(time.Hour),
	}
	if legs, err := s.catalog.Legs(ctx, rec.Capture.Conf); err == nil && len(legs) > 0 {
		q.Number = legs[0].Agent.E164
	}
	return q
}

// noAnswer waits for Reporting without counting down: "no answer" is not "no
// record" (SPEC §3.5).
func (s *Service) noAnswer(err error) error {
	return &waitError{s.clock.Now().Add(reportingAgain), fmt.Sprintf("the countdown stands still: %v", err)}
}
