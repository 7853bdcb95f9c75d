package service

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"callreel/ingest"
	"callreel/internal/catalog"
	"callreel/internal/recording"
)

// The deletion of a source is a retried task of its own. It never waits for
// CDR, backup or archive, and never deletes a file that changed since it was
// copied.

const (
	deleteBatch = 1000            // sources deleted in one poll, if that takes no longer than the pause between two
	deleteAside = 4               // of them at the same time: the next listing waits for them
	deleteRetry = 5 * time.Second // pause after a failed deletion
)

func (s *Service) deleteSources(ctx context.Context, b *box) error {
	now := s.clock.Now()
	list, bad := s.catalog.DueSources(ctx, b.cfg.Name, now, deleteBatch)
	if bad != nil && !errors.Is(bad, catalog.ErrUnreadable) {
		return bad
	}
	var gone deleted
	err := eachOf(list, func(rec recording.Recording) error {
		if s.clock.Now().Sub(now) > time.Duration(b.cfg.Poll) {
			return nil // the inbox is to be looked at; the others after that
		}
		return s.tryDelete(ctx, b, rec, &gone)
	})
	return errors.Join(err, s.saveDeleted(ctx, &gone), bad)
}

// deleted are the recordings whose sources are no longer in their inbox. That is saved at
// once for all: should the program be killed before, the inbox says so again.
type deleted struct {
	mu   sync.Mutex
	list []recording.Recording
}

func (d *deleted) add(rec recording.Recording) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.list = append(d.list, rec)
}

func (d *deleted) take() []recording.Recording {
	d.mu.Lock()
	defer d.mu.Unlock()
	list := d.list
	d.list = nil
	return list
}

// saveDeleted saves what was deleted, though the program is to stop.
func (s *Service) saveDeleted(ctx context.Context, d *deleted) error {
	ids := make([]recording.ID, len(d.list))
	for i, rec := range d.list {
		ids[i] = rec.ID
	}
	if err := s.catalog.SourcesGone(context.WithoutCancel(ctx), ids); err != nil {
		return err
	}
	for _, rec := range d.list {
		s.lamps.Good(LampPCAP, causeSource(rec.ID))
		s.log.Debug("step completed", "step", "delete source", "id", rec.ID, "uid", rec.Capture.UID)
	}
	return nil
}

// eachOf calls f for each, some at the same time, and returns the errors together. After
// one it begins no more.
func eachOf(list []recording.Recording, f func(recording.Recording) error) error {
	var (
		all    sync.WaitGroup
		mu     sync.Mutex
		failed error
	)
	next := func() (rec recording.Recording, ok bool) {
		mu.Lock()
		defer mu.Unlock()
		if len(list) == 0 || failed != nil {
			return rec, false
		}
		rec, list = list[0], list[1:]
		return rec, true
	}
	for range deleteAside {
		all.Go(func() {
			for rec, ok := next(); ok; rec, ok = next() {
				if err := f(rec); err != nil {
					mu.Lock()
					failed = errors.Join(failed, err)
					mu.Unlock()
				}
			}
		})
	}
	all.Wait()
	return failed
}

// tryDelete deletes one source, or puts it off. Its error is the catalog's.
func (s *Service) tryDelete(ctx context.Context, b *box, rec recording.Recording, gone *deleted) error {
	s.log.Debug("step begins", "step", "delete source", "id", rec.ID, "uid", rec.Capture.UID)
	failed := s.deleteSource(ctx, b, rec, gone)
	if ctx.Err() != nil {
		return ctx.Err() // the stop is no fault of the source
	}
	if failed == nil {
		return nil
	}
	return s.deleteLater(ctx, rec, failed)
}

// deleteLater puts a deletion off that has failed.
func (s *Service) deleteLater(ctx context.Context, rec recording.Recording, failed error) error {
	s.report(LampPCAP, causeSource(rec.ID), "source cannot be deleted", failed)
	return s.catalog.SourceLater(ctx, rec.ID, s.clock.Now().Add(deleteRetry))
}

// causeSource is under which a source that cannot be deleted stands in the lamps.
func causeSource(id recording.ID) string { return fmt.Sprintf("source of recording %d", id) }

func (s *Service) deleteSource(ctx context.Context, b *box, rec recording.Recording, gone *deleted) error {
	proved, err := remove(ctx, b.inbox, rec.Capture)
	switch {
	case err == nil && !proved:
		b.removed.add(rec)
		return nil
	case err == nil, errors.Is(err, recording.ErrNotFound):
		gone.add(rec)
		return nil
	case errors.Is(err, recording.ErrChanged):
		s.lamps.Good(LampPCAP, causeSource(rec.ID))
		return s.sourceChanged(ctx, rec)
	}
	return err
}

// remove deletes a capture in its inbox. Where it is not proved to be gone, the next
// listing tells.
func remove(ctx context.Context, in ingest.Inbox, c recording.Capture) (proved bool, err error) {
	if r, ok := in.(ingest.Remover); ok {
		return r.Remove(ctx, c.Source.Name, c.Stamp)
	}
	return true, in.Delete(ctx, c.Source.Name, c.Stamp)
}

// proveRemoved looks in a listing whether what was removed before it is gone: a server may
// say so and keep the file. Another file of the same name is a new capture.
func (s *Service) proveRemoved(ctx context.Context, b *box, entries []ingest.Entry) error {
	removed := b.removed.take()
	if len(removed) == 0 {
		return nil
	}
	there := make(map[string]recording.Stamp, len(entries))
	for _, e := range entries {
		there[e.Name] = e.Stamp
	}
	var gone deleted
	for _, rec := range removed {
		if stamp, ok := there[rec.Capture.Source.Name]; ok && stamp.Same(rec.Capture.Stamp) {
			failed := fmt.Errorf("inbox %s: delete %.100q: %w", b.cfg.Name, rec.Capture.Source.Name, ingest.ErrStill)
			if err := s.deleteLater(ctx, rec, failed); err != nil {
				return err
			}
			continue
		}
		gone.add(rec)
	}
	return s.saveDeleted(ctx, &gone)
}

// sourceChanged deals with a source that grew after it was copied. A recording
// that is not filed yet starts anew; one that is goes on, and the file is a new
// capture at the next poll.
func (s *Service) sourceChanged(ctx context.Context, rec recording.Recording) error {
	s.log.Warn("the capture changed at the source after it was listed; it is copied again", "id", rec.ID, "uid", rec.Capture.UID)
	again, err := s.catalog.Refetch(ctx, rec.ID)
	if errors.Is(err, catalog.ErrBusy) {
		return s.catalog.SourceLater(ctx, rec.ID, s.clock.Now().Add(deleteRetry))
	}
	if err != nil || again {
		return err
	}
	return s.catalog.SourceGone(ctx, rec.ID)
}
