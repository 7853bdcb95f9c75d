package service

import (
	"context"
	"errors"
	"fmt"
	"time"

	"callreel/archive"
	"callreel/internal/catalog"
	"callreel/internal/recording"
	"callreel/rules"
)

// This file is the program: the steps a recording takes, in order. Each step
// fills in the part it owns; the state is saved after each; a step may run
// twice and then does the same again. doc/design.md has the invariants.

const saveAgain = time.Second // between two tries to save an outcome

// step takes a recording out of one state. It returns the state the recording
// is in when the step has been completed.
type step struct {
	from recording.State
	name string
	lamp Lamp // goes red when the step fails
	do   func(context.Context, *recording.Recording) (recording.State, error)
}

// steps is the line. The deletion of the source is a task of its own
// (source.go), allowed as soon as a recording is Spooled or Discarded.
func (s *Service) steps() []step {
	return []step{
		{recording.Seen, "fetch", LampPCAP, s.fetch},
		{recording.Spooled, "correlate", LampReporting, s.correlate},
		{recording.Correlated, "decide", LampSoftware, s.decide},
		{recording.Decided, "file", LampDisk, s.file},
		{recording.Filed, "back up", LampBackup, s.backUp},
		{recording.BackedUp, "finish", LampPCAP, s.finish},
		{recording.Discarded, "clean up", LampDisk, s.cleanUp},
	}
}

// waitError is a recording.ErrNotYet that knows when to try again; a zero time
// means when something happens.
type waitError struct {
	until time.Time
	why   string
}

func (e *waitError) Error() string { return e.why }
func (e *waitError) Unwrap() error { return recording.ErrNotYet }

// advance runs the one step that a claimed recording is due for and saves the
// outcome. It returns an error only when saving failed.
func (s *Service) advance(ctx context.Context, cl catalog.Claimed) error {
	st, ok := s.stepFrom(cl.State)
	if !ok {
		return s.save(ctx, cl, time.Time{}, time.Time{})
	}
	s.log.Debug("step begins", "step", st.name, "id", cl.ID, "uid", cl.Capture.UID)
	copied := cl.Capture.Spool
	next, err := s.try(ctx, st, &cl.Recording)
	switch {
	case ctx.Err() != nil:
		return s.catalog.Advance(context.WithoutCancel(ctx), cl, s.clock.Now(), time.Time{})
	case err != nil:
		err = s.retryLater(ctx, st, cl, err)
	default:
		s.mended(cl.ID)
		err = s.completed(ctx, st, cl, next)
	}
	if errors.Is(err, catalog.ErrTaken) { // by another worker, between our verdict and its saving
		cl.State, cl.Verdict = st.from, recording.Verdict{}
		err = s.save(ctx, cl, s.clock.Now(), time.Time{})
	}
	if err == nil && copied != "" && cl.Capture.Spool == "" {
		s.dropShared(ctx, cl.Recording, copied)
	}
	return err
}

// save gives a claimed recording back with its outcome. While the catalog cannot
// be written (its disk is full) it goes on trying: the outcome stands nowhere
// else, and the claim would keep the recording from everybody until its lease
// ends.
func (s *Service) save(ctx context.Context, cl catalog.Claimed, next, sourceDue time.Time) error {
	for {
		err := s.catalog.Advance(ctx, cl, next, sourceDue)
		if err == nil || errors.Is(err, catalog.ErrStale) || errors.Is(err, catalog.ErrTaken) || ctx.Err() != nil {
			return err
		}
		s.report(LampDisk, "catalog", "the catalog cannot be used", err)
		if !s.clock.Wait(ctx.Done(), saveAgain) {
			return s.catalog.Advance(context.WithoutCancel(ctx), cl, next, sourceDue)
		}
	}
}

func (s *Service) stepFrom(state recording.State) (step, bool) {
	for _, st := range s.steps() {
		if st.from == state {
			return st, true
		}
	}
	return step{}, false
}

// try runs a step and turns a panic into ErrUnusable: one bad capture must not
// stop the others.
func (s *Service) try(ctx context.Context, st step, rec *recording.Recording) (next recording.State, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: step %q of recording %d panicked: %v", recording.ErrUnusable, st.name, rec.ID, p)
		}
	}()
	return st.do(ctx, rec)
}

// completed saves the new state and lets the next step follow at once.
func (s *Service) completed(ctx context.Context, st step, cl catalog.Claimed, next recording.State) error {
	cl.State = next
	now := s.clock.Now()
	if next != st.from {
		cl.Retry = recording.Retry{Reason: cl.Retry.Reason}
		if !next.Ended() {
			cl.Retry.Reason = ""
		}
	}
	due := now
	if next == recording.Done || next == recording.Quarantined || next == recording.Unusable || next == st.from {
		due = time.Time{}
	}
	if err := s.save(ctx, cl, due, s.sourceDue(cl.Recording, now)); err != nil {
		return err
	}
	s.log.Debug("step completed", "step", st.name, "id", cl.ID, "uid", cl.Capture.UID, "state", next)
	if next != st.from {
		s.tallies.came(cl.Recording, now)
	}
	s.tell(st, cl.Recording)
	s.wakeUp()
	return nil
}

// sourceDue is when the source may be deleted: from Spooled on, and when it is
// discarded unfetched; never for what is only seen (SPEC §2.7).
func (s *Service) sourceDue(rec recording.Recording, now time.Time) time.Time {
	if rec.Capture.SourceGone {
		return time.Time{}
	}
	unfetched := !rec.Verdict.Early && rec.Capture.FetchedAt.IsZero()
	if rec.State != recording.Spooled && (rec.State != recording.Discarded || unfetched) {
		return time.Time{}
	}
	box, ok := s.inboxes[rec.Capture.Source.Inbox]
	if !ok {
		return now // not set up any more; due when it is again
	}
	return now.Add(box.deleteDelay())
}

// retryLater saves why a step did not succeed and when it is tried again.
func (s *Service) retryLater(ctx context.Context, st step, cl catalog.Claimed, err error) error {
	now := s.clock.Now()
	var wait *waitError
	switch {
	case errors.As(err, &wait):
		cl.Retry.Reason, cl.Retry.Until, cl.Retry.Since = wait.why, wait.until, time.Time{}
		return s.save(ctx, cl, wait.until, time.Time{})
	case errors.Is(err, recording.ErrUnusable):
		cl.Retry.Reason = err.Error()
		s.mended(cl.ID) // it will not be tried again by itself; causeUnusable takes its place
		s.lamps.Bad(LampSoftware, causeUnusable, fmt.Errorf("recording %d set aside: %w", cl.ID, err))
		s.log.Error("recording set aside: it cannot be used", "id", cl.ID, "uid", cl.Capture.UID, "step", st.name, "error", err)
		return s.completed(ctx, st, cl, recording.Unusable)
	}
	if cl.Retry.Since.IsZero() {
		cl.Retry.Since = now
	}
	pause := growing(cl.Retry.Tries + 1)
	if st.from == recording.Spooled { // tries are its looks for a CDR, and a fault is none
		pause = min(max(now.Sub(cl.Retry.Since), time.Second), mostPause)
	} else {
		cl.Retry.Tries++
	}
	cl.Retry.Reason = err.Error()
	cl.Retry.Until = now.Add(pause)
	s.lamps.Bad(s.lampOf(st, err), cause(cl.ID), err)
	s.log.Warn("step failed, will be tried again", "step", st.name, "id", cl.ID, "uid", cl.Capture.UID,
		"tries", cl.Retry.Tries, "again_at", cl.Retry.Until, "error", err)
	return s.save(ctx, cl, cl.Retry.Until, time.Time{})
}

// cause is under which a recording's failing step stands in the lamps.
func cause(id recording.ID) string { return fmt.Sprintf("recording %d", id) }

// mended takes a recording's failures out of the lamps.
func (s *Service) mended(id recording.ID) {
	for _, lamp := range []Lamp{LampReporting, LampPCAP, LampDisk, LampBackup, LampSoftware} {
		s.lamps.Good(lamp, cause(id))
	}
}

// lampOf is the lamp of a step; a full disk is always DISK.
func (s *Service) lampOf(st step, err error) Lamp {
	if archive.IsFull(err) && st.lamp != LampBackup {
		return LampDisk
	}
	return st.lamp
}

// mostPause is the longest pause between two tries of a step that fails.
const mostPause = 5 * time.Minute

// growing is the wait before try n+1: 1, 2, 4 … s, at most mostPause.
func growing(n int) time.Duration {
	if n > 9 {
		return mostPause
	}
	return min(time.Second<<max(n-1, 0), mostPause)
}

// tell writes the one Info line of a recording that has come to its end.
func (s *Service) tell(st step, rec recording.Recording) {
	if rec.State == st.from {
		return
	}
	switch rec.State {
	case recording.Filed:
		told := []any{
			"id", rec.ID, "uid", rec.Capture.UID, "agent", rec.Verdict.Owner.E164,
			"rule", rec.Verdict.Rule, "seconds", rec.Audio.DurationS,
		}
		if rec.Audio.Reason != "" {
			told = append(told, "audio", rec.Audio.Reason)
		}
		s.log.Info("recording filed", told...)
	case recording.Discarded:
		if rec.Verdict.Rule == rules.SkipMark { // the words are the manual's
			s.log.Info("User Mark Record to delete found TCF=", "agent", rec.Verdict.Owner.E164, "id", rec.ID)
		}
		s.log.Info("recording discarded", "id", rec.ID, "uid", rec.Capture.UID, "rule", rec.Verdict.Rule, "reason", rec.Verdict.Reason)
	case recording.Quarantined:
		s.log.Warn("recording quarantined", "id", rec.ID, "uid", rec.Capture.UID, "reason", rec.Retry.Reason)
	case recording.Seen, recording.Spooled, recording.Correlated, recording.Decided, recording.BackedUp, recording.Done, recording.Unusable:
	}
}
