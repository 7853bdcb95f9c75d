package service

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

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
	list, err := s.catalog.DueSources(ctx, b.cfg.Name, now, deleteBatch)
	if err != nil {
		return err
	}
	var gone deleted
	err = eachOf(list, func(rec recording.Recording) error {
		if s.clock.Now().Sub(now) > time.Duration(b.cfg.Poll) {
			return nil // the inbox is to be looked at; the others after that
		}
		return s.tryDelete(ctx, b, rec, &gone)
	})
	return errors.Join(err, s.saveDeleted(ctx, &gone))
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
	s.report(LampPCAP, fmt.Sprintf("source of recording %d", rec.ID), "source cannot be deleted", failed)
	if failed == nil {
		return nil
	}
	return s.catalog.SourceLater(ctx, rec.ID, s.clock.Now().Add(deleteRetry))
}

func (s *Service) deleteSource(ctx context.Context, b *box, rec recording.Recording, gone *deleted) error {
	err := b.inbox.Delete(ctx, rec.Capture.Source.Name, rec.Capture.Stamp)
	switch {
	case err == nil, errors.Is(err, recording.ErrNotFound):
		gone.add(rec)
		return nil
	case errors.Is(err, recording.ErrChanged):
		return s.sourceChanged(ctx, rec)
	}
	return err
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
