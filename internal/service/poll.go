package service

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"callreel/ingest"
	"callreel/internal/clock"
	"callreel/internal/recording"
)

// emptySettle is how long a file must stand there without a byte before it is
// taken for what it seems to be.
const emptySettle = 10 * time.Minute

// goneAfter is how many listings in a row must not show a file, and a direct
// question be answered "not found", before it counts as gone: one listing
// proves nothing.
const goneAfter = 3

// box is one inbox as the service watches it.
type box struct {
	cfg     ingest.Config
	inbox   ingest.Inbox
	listed  time.Time    // last complete listing; touched by its own loop only
	strays  int          // files that are no captures, when last counted
	evil    int          // names that were refused, when last counted
	tried   atomic.Bool  // at least once
	looked  atomic.Int64 // listed in ms since 1970, once all in it had been entered; 0 before
	marks   []*markPlace
	removed deleted      // sources that the next listing must not show; lost at the stop, after which they are deleted again
	open    openCaptures // touched by its own loop only
}

// all are the inbox and its folders of marks.
func (b *box) all() []ingest.Inbox {
	list := []ingest.Inbox{b.inbox}
	for _, p := range b.marks {
		list = append(list, p.inbox)
	}
	return list
}

// deleteDelay is the pause before a source is deleted (SPEC §2.4: a CF wants 2 s).
func (b *box) deleteDelay() time.Duration { return time.Duration(b.cfg.DeleteDelay) }

// watch polls one inbox until ctx is done.
func (s *Service) watch(ctx context.Context, b *box) {
	for {
		began := s.clock.Now()
		err := s.poll(ctx, b)
		if ctx.Err() != nil {
			return
		}
		s.report(LampPCAP, "inbox "+b.cfg.Name, "inbox cannot be read", err)
		b.tried.Store(true)
		s.checks.Add(1)
		s.pulse.beat(s.clock.Now())
		if !s.clock.Wait(ctx.Done(), untilNext(time.Duration(b.cfg.Poll), s.clock.Now().Sub(began))) {
			return
		}
	}
}

// untilNext is the pause after a look that took so long: looks begin poll apart, as long
// as they leave the server a quarter of the time to itself.
func untilNext(poll, took time.Duration) time.Duration {
	return max(poll-max(took, 0), poll/4)
}

// poll looks at the inbox once: new captures are entered, known ones observed,
// finished ones made due, sources that are no longer needed deleted.
func (s *Service) poll(ctx context.Context, b *box) error {
	before, asked := s.clock.Now().UTC(), clock.System().Now()
	entries, stats, err := b.inbox.List(ctx)
	if err != nil {
		return err
	}
	s.seeServer("inbox "+b.cfg.Name, stats.Date, asked)
	s.strays(b, stats)
	if b.listed.After(before) {
		b.listed = time.Time{} // the clock was set back
	}
	if err := errors.Join(s.proveRemoved(ctx, b, entries), s.lookUpOpen(ctx, b)); err != nil {
		return err
	}
	there := make(map[string]bool, len(entries))
	var n news
	for _, e := range entries {
		if there[e.Name] {
			continue
		}
		there[e.Name] = true
		if err := s.observe(ctx, b, e, &n); err != nil {
			return err
		}
		if n.many() {
			if err := s.saveNews(ctx, b, &n); err != nil {
				return err
			}
		}
	}
	if err := s.saveNews(ctx, b, &n); err != nil {
		return err
	}
	b.listed = before
	b.looked.Store(before.UnixMilli())
	err = errors.Join(s.missing(ctx, b, there), s.deleteSources(ctx, b))
	s.pollInboxMarks(ctx, b) // last: a server that hangs there holds no capture up
	return err
}

// strays tells of files that are left alone, when their number changes.
func (s *Service) strays(b *box, stats ingest.Stats) {
	if stats.Ignored != b.strays {
		s.log.Info("inbox holds files that are no captures; they are left alone", "inbox", b.cfg.Name, "count", stats.Ignored)
		b.strays = stats.Ignored
	}
	if stats.Refused != b.evil {
		s.log.Warn("inbox shows names that are not safe; they are not touched", "inbox", b.cfg.Name, "count", stats.Refused)
		s.log.Debug("names that are not safe", "inbox", b.cfg.Name, "examples", stats.Examples)
		b.evil = stats.Refused
	}
	var unsafe error
	if stats.Refused > 0 {
		unsafe = fmt.Errorf("inbox %s shows %d names that are not safe; they are not touched", b.cfg.Name, stats.Refused)
	}
	s.report(LampPCAP, "names in inbox "+b.cfg.Name, "inbox shows names that are not safe", unsafe)
}

// observe handles one file of a listing. What is to be saved of it is added to n.
func (s *Service) observe(ctx context.Context, b *box, e ingest.Entry, n *news) error {
	now := s.clock.Now().UTC()
	rec, known, done := b.open.observe(e, now)
	if done {
		return nil
	}
	if known {
		return s.offer(ctx, b, rec, n)
	}
	rec, err := s.catalog.BySource(ctx, recording.Source{Inbox: b.cfg.Name, Name: e.Name})
	switch {
	case errors.Is(err, recording.ErrNotFound):
		n.enter(b, e, b.listed, now)
		return nil
	case err != nil:
		return err
	case rec.State == recording.Seen:
		rec.Capture = observed(rec.Capture, e, now)
		return s.offer(ctx, b, rec, n)
	case !rec.Capture.SourceGone:
		return nil // its deletion is under way
	case provedSame(rec.Capture.Stamp, e.Stamp) && s.settled(rec):
		s.log.Warn("a deleted capture stands in the inbox again; it will be deleted again", "id", rec.ID, "uid", rec.Capture.UID)
		return s.catalog.SourceBack(ctx, rec.ID, now)
	default:
		// It was here before, so the last listing without it says nothing about
		// when its call began.
		n.enter(b, e, time.Time{}, now)
		return nil
	}
}

// observed takes one more listing into account. Two listings with the same stamp
// are as good as any more, so a third is no news to save; a time ahead of now was
// taken while the clock was wrong.
func observed(c recording.Capture, e ingest.Entry, now time.Time) recording.Capture {
	c = ingest.Observe(c, e, now)
	c.Polls = min(c.Polls, 2)
	if c.StillAt.After(now) {
		c.StillAt = now
	}
	return c
}

// provedSame reports whether two stamps are of the same content by more than
// their size: two calls of the same length have captures of the same size.
func provedSame(a, b recording.Stamp) bool {
	return a.Same(b) && (a.ETag != "" && a.ETag == b.ETag || !a.ModTime.IsZero() && a.ModTime.Equal(b.ModTime))
}

// settled reports whether a recording's content is known to be safe or not
// wanted, so that its source may be deleted again.
func (s *Service) settled(rec recording.Recording) bool {
	return !rec.Capture.FetchedAt.IsZero() || rec.State == recording.Discarded
}

// pbxSays tells whether the PBXes know a conference, and whether it lives. Each
// leg counts as long as the link to its own PBX is up; the others do not matter. Of an
// uncertain leg that has ended it is not known whether the call has: its agent may have
// left the group, or been deleted, in the middle.
func (s *Service) pbxSays(legs []recording.Leg) (knows, live bool) {
	knows = len(legs) > 0
	for _, l := range legs {
		up := s.links.sees(l.Agent.PBX)
		knows = knows && up && (l.Ended.IsZero() || !l.Uncertain)
		live = live || up && l.Ended.IsZero()
	}
	return knows, live
}

// missing looks for captures that were only seen and are no longer listed.
func (s *Service) missing(ctx context.Context, b *box, there map[string]bool) error {
	for name, w := range b.open.waiting {
		if there[name] {
			continue
		}
		n, err := s.catalog.Missed(ctx, w.ID)
		if err != nil {
			return err
		}
		if n < goneAfter {
			continue
		}
		rec, err := s.catalog.Get(ctx, w.ID)
		if err != nil {
			return err
		}
		if err := s.vanished(ctx, b, rec); err != nil {
			return err
		}
	}
	return nil
}

// fallBack goes on with the copy of an earlier fetch: the source changed after it,
// and vanished before it could be fetched again.
func (s *Service) fallBack(ctx context.Context, rec recording.Recording) error {
	rec.State, rec.Retry = recording.Spooled, recording.Retry{}
	saved, err := s.catalog.End(ctx, rec, recording.Seen)
	if saved {
		s.log.Warn("the capture vanished before it could be fetched again; the copy of before is used", "id", rec.ID, "uid", rec.Capture.UID)
		s.wakeUp()
	}
	return err
}

// vanished ends a capture that somebody else took away before it was fetched:
// not silently.
func (s *Service) vanished(ctx context.Context, b *box, rec recording.Recording) error {
	if _, err := b.inbox.Stat(ctx, rec.Capture.Source.Name); !errors.Is(err, recording.ErrNotFound) {
		return err
	}
	if rec.Capture.Spool != "" {
		return s.fallBack(ctx, rec)
	}
	rec.State = recording.Unusable
	rec.Retry.Reason = fmt.Sprintf("the capture vanished from inbox %s before it could be fetched; callreel did not delete it", b.cfg.Name)
	saved, err := s.catalog.End(ctx, rec, recording.Seen, s.tellOfState(rec.State, rec)...)
	if err != nil || !saved {
		return err
	}
	s.partners.wake()
	s.mended(rec.ID)
	s.lamps.Bad(LampPCAP, causeVanished, fmt.Errorf("recording %d: %s", rec.ID, rec.Retry.Reason))
	s.log.Error("a capture vanished before it was fetched", "id", rec.ID, "uid", rec.Capture.UID, "inbox", b.cfg.Name)
	return nil
}
