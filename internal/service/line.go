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
	// light is a step so quick, and so surely the same when it is done again, that its
	// outcome is saved with that of the next.
	light bool
}

// steps is the line. The deletion of the source is a task of its own
// (source.go), allowed as soon as a recording is Spooled or Discarded.
func (s *Service) steps() []step {
	return []step{
		{recording.Seen, "fetch", LampPCAP, s.fetch, false},
		{recording.Spooled, "correlate", LampReporting, s.correlate, true},
		{recording.Correlated, "decide", LampSoftware, s.decide, false},
		{recording.Decided, "file", LampDisk, s.file, false},
		{recording.Filed, "back up", LampBackup, s.backUp, false},
		{recording.BackedUp, "finish", LampPCAP, s.finish, false},
		{recording.Discarded, "clean up", LampDisk, s.cleanUp, false},
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

// outcome is what becomes of a recording when a step's outcome is saved.
type outcome struct {
	goOn      bool      // the same worker does the next step at once; else
	next      time.Time // when it is due; zero: when something happens
	sourceDue time.Time // when the source may be deleted; zero changes nothing
	tell      []recording.Message
	said      []func() // what is said and counted once it is saved
}

// with adds what steps before have come to, which is saved together with it.
func (o outcome) with(before outcome) outcome {
	if o.sourceDue.IsZero() {
		o.sourceDue = before.sourceDue
	}
	o.tell = append(before.tell, o.tell...)
	o.said = append(before.said, o.said...)
	return o
}

// advance takes a claimed recording through the line as far as it goes without waiting,
// and saves the outcome of each step. It returns an error only when saving failed.
func (s *Service) advance(ctx context.Context, cl catalog.Claimed) error {
	var unsaved outcome
	for copied := cl.Capture.Spool; ; {
		st, ok := s.stepFrom(cl.State)
		if !ok {
			return s.save(ctx, &cl, outcome{})
		}
		o, saved, err := s.oneStep(ctx, st, &cl, unsaved)
		if unsaved = o; err == nil && saved {
			unsaved = outcome{}
			if copied != "" && cl.Capture.Spool == "" {
				s.dropLeft(ctx, cl.Recording, copied)
			}
			copied = cl.Capture.Spool
		}
		if err != nil || !o.goOn {
			return err
		}
	}
}

// oneStep does the step that a recording is due for, and saves what came of it and of
// those before that are not saved yet.
func (s *Service) oneStep(ctx context.Context, st step, cl *catalog.Claimed, unsaved outcome) (o outcome, saved bool, err error) {
	s.log.Debug("step begins", "step", st.name, "id", cl.ID, "uid", cl.Capture.UID)
	before := cl.Recording
	defer s.filing.end(cl.ID)
	next, failed := s.try(ctx, st, &cl.Recording)
	switch {
	case ctx.Err() != nil: // the stop: what it was before, so that the step is done again
		cl.Recording = before
		return o, true, s.catalog.Advance(context.WithoutCancel(ctx), *cl, s.clock.Now(), unsaved.sourceDue, unsaved.tell...)
	case failed != nil:
		o = s.retryLater(st, cl, failed)
	default:
		s.mended(cl.ID)
		o = s.completed(st, cl, next)
	}
	rec := cl.Recording
	o.said = append(o.said, func() { s.saved(st, rec, failed == nil) })
	if o = o.with(unsaved); o.goOn && (st.light || s.quickNext(cl.Recording)) {
		return o, false, nil
	}
	err = s.save(ctx, cl, o)
	if errors.Is(err, catalog.ErrTaken) { // by another worker, between our verdict and its saving
		cl.State, cl.Verdict = st.from, recording.Verdict{}
		o = outcome{next: s.clock.Now()}.with(unsaved)
		err = s.save(ctx, cl, o)
	}
	if err == nil {
		s.say(o)
	}
	return o, true, err
}

// quickNext reports whether the step that follows only looks into the catalog, so that
// both are saved together. Should the program be killed in between, both are done again.
func (s *Service) quickNext(rec recording.Recording) bool {
	return rec.State == recording.Spooled && rec.Capture.Conf != "" && len(s.reporting) == 0
}

// say says and counts what has been saved.
func (s *Service) say(o outcome) {
	for _, f := range o.said {
		f()
	}
	if len(o.tell) > 0 {
		s.partners.wake()
	}
}

// saved says and counts that the outcome of a step has been.
func (s *Service) saved(st step, rec recording.Recording, done bool) {
	if done {
		s.log.Debug("step completed", "step", st.name, "id", rec.ID, "uid", rec.Capture.UID, "state", rec.State)
	}
	s.tell(st, rec)
	if state, came := reached(st.from, rec); came {
		s.tallies.came(state, rec, s.clock.Now())
	}
}

// save saves a claimed recording, and gives it back unless its worker goes on with it.
// While the catalog cannot be written (its disk is full) it goes on trying: the outcome
// stands nowhere else, and the claim would keep the recording from everybody until its
// lease ends.
func (s *Service) save(ctx context.Context, cl *catalog.Claimed, o outcome) error {
	for {
		err := s.put(ctx, cl, o)
		if err == nil || errors.Is(err, catalog.ErrStale) || errors.Is(err, catalog.ErrTaken) || ctx.Err() != nil {
			return err
		}
		s.report(LampDisk, "catalog", "the catalog cannot be used", err)
		if !s.clock.Wait(ctx.Done(), saveAgain) {
			return s.catalog.Advance(context.WithoutCancel(ctx), *cl, o.next, o.sourceDue, o.tell...)
		}
	}
}

func (s *Service) put(ctx context.Context, cl *catalog.Claimed, o outcome) error {
	if o.goOn {
		return s.catalog.Keep(ctx, cl, s.clock.Now().Add(lease), o.sourceDue, o.tell...)
	}
	return s.catalog.Advance(ctx, *cl, o.next, o.sourceDue, o.tell...)
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

// completed takes the recording into its new state and lets the next step follow at once.
func (s *Service) completed(st step, cl *catalog.Claimed, next recording.State) outcome {
	cl.State = next
	now := s.clock.Now()
	if next != st.from {
		cl.Retry = recording.Retry{Reason: cl.Retry.Reason}
		if !next.Ended() {
			cl.Retry.Reason = ""
		}
	}
	end := next == recording.Done || next == recording.Quarantined || next == recording.Unusable || next == st.from
	o := outcome{goOn: !end, next: now, sourceDue: s.sourceDue(cl.Recording, now)}
	if state, came := reached(st.from, cl.Recording); came {
		o.tell = s.tellOfState(state, cl.Recording)
	}
	switch {
	case end:
		o.next = time.Time{}
	case next == recording.BackedUp && !cl.Capture.SourceGone: // as finish would say
		wait := s.untilGone()
		cl.Retry.Reason, cl.Retry.Until, o.goOn, o.next = wait.why, wait.until, false, wait.until
	}
	return o
}

// reached is the state that a recording has come to from another, if it has. Where there is
// no backup it is filed and backed up at once, and has been filed.
func reached(from recording.State, rec recording.Recording) (state recording.State, came bool) {
	if from == recording.Decided && rec.State == recording.BackedUp {
		return recording.Filed, true
	}
	return rec.State, rec.State != from
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

// retryLater notes why a step did not succeed and when it is tried again.
func (s *Service) retryLater(st step, cl *catalog.Claimed, err error) outcome {
	now := s.clock.Now()
	var wait *waitError
	switch {
	case errors.As(err, &wait):
		cl.Retry.Reason, cl.Retry.Until, cl.Retry.Since = wait.why, wait.until, time.Time{}
		return outcome{next: wait.until}
	case errors.Is(err, recording.ErrUnusable):
		cl.Retry.Reason = err.Error()
		s.mended(cl.ID) // it will not be tried again by itself; causeUnusable takes its place
		s.lamps.Bad(LampSoftware, causeUnusable, fmt.Errorf("recording %d set aside: %w", cl.ID, err))
		s.log.Error("recording set aside: it cannot be used", "id", cl.ID, "uid", cl.Capture.UID, "step", st.name, "error", err)
		return s.completed(st, cl, recording.Unusable)
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
	return outcome{next: cl.Retry.Until}
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
	if st.from == recording.Decided && rec.Place != "" {
		told := []any{
			"id", rec.ID, "uid", rec.Capture.UID, "agent", rec.Verdict.Owner.E164,
			"rule", rec.Verdict.Rule, "seconds", rec.Audio.DurationS,
		}
		if rec.Audio.Reason != "" {
			told = append(told, "audio", rec.Audio.Reason)
		}
		s.log.Info("recording filed", told...)
		return
	}
	switch rec.State {
	case recording.Discarded:
		if rec.Verdict.Rule == rules.SkipMark { // the words are the manual's
			s.log.Info("User Mark Record to delete found TCF=", "agent", rec.Verdict.Owner.E164, "id", rec.ID)
		}
		s.log.Info("recording discarded", "id", rec.ID, "uid", rec.Capture.UID, "rule", rec.Verdict.Rule, "reason", rec.Verdict.Reason)
	case recording.Quarantined:
		s.log.Warn("recording quarantined", "id", rec.ID, "uid", rec.Capture.UID, "reason", rec.Retry.Reason)
	case recording.Seen, recording.Spooled, recording.Correlated, recording.Decided, recording.Filed, recording.BackedUp, recording.Done, recording.Unusable:
	}
}
