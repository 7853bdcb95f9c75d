package service

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"callreel/archive"
	"callreel/internal/catalog"
	"callreel/internal/recording"
)

const (
	lease      = 24 * time.Hour   // of a claimed recording; longer than any step, since two workers at one file would spoil it
	idle       = time.Second      // longest wait of a worker that finds nothing due
	checkEvery = 10 * time.Second // of the health checks
	pruneEvery = 6 * time.Hour
)

// Run records until ctx is done: it watches the inboxes, follows the PBXes,
// receives CDRs and works the line. It returns nil on an ordered stop, with
// every recording saved in its last completed state, and ErrCutOff where what was under
// way would have held it up for longer than a service manager waits.
func (s *Service) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var all sync.WaitGroup
	start := func(f func(context.Context)) { all.Go(func() { f(ctx) }) }

	done, err := s.indexSome(ctx)
	s.indexed.Store(err == nil && done)
	if err := s.recover(ctx); err != nil {
		if ctx.Err() != nil {
			return nil // stopped before it began
		}
		return err
	}
	for _, ln := range s.listeners {
		start(func(ctx context.Context) {
			if err := ln.serve(ctx); err != nil && ctx.Err() == nil {
				cancel(fmt.Errorf("serve %s: %w", ln.addr, err))
			}
		})
	}
	for _, c := range s.pbxes {
		start(func(ctx context.Context) { _ = c.Run(ctx) })
	}
	for _, b := range s.inboxes {
		start(func(ctx context.Context) { s.watch(ctx, b) })
	}
	for _, c := range s.cfg.Asterisk {
		if c.File != "" || c.URL != "" {
			start(func(ctx context.Context) { s.follow(ctx, c) })
		}
	}
	for range s.cfg.Workers {
		start(s.work)
	}
	start(s.watchMarks)
	start(s.watchHealth)
	start(s.prune)
	start(s.indexOld)
	start(s.keepLedger)
	start(s.watchLicences)
	start(s.followConverters)
	defer context.AfterFunc(ctx, s.relay.Close)()
	for _, p := range s.partners {
		start(p.Run)
	}
	start(s.watchReporting)
	start(s.checkStart)
	start(s.watchAlarm)
	start(s.watchWeek)
	start(s.watchClocks)
	for _, way := range s.master.ways {
		start(func(ctx context.Context) { s.deliver(ctx, way) })
	}
	start(s.tellManager)
	s.log.Info("recording", "version", s.version, "inboxes", len(s.inboxes), "pbxes", len(s.pbxes))
	<-ctx.Done()
	late := waitAll(&all)
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
		return errors.Join(err, late)
	}
	return late
}

// work takes due recordings one after the other.
func (s *Service) work(ctx context.Context) {
	for ctx.Err() == nil {
		cl, next, err := s.claim(ctx)
		if err == nil {
			err = s.advance(ctx, cl)
		}
		switch {
		case err == nil:
			s.lamps.Good(LampDisk, "catalog")
			continue
		case errors.Is(err, recording.ErrNotFound):
		case errors.Is(err, catalog.ErrStale):
			s.log.Warn("a step took longer than its lease and was done again", "id", cl.ID)
			continue
		case ctx.Err() == nil:
			s.report(LampDisk, "catalog", "the catalog cannot be used", err)
		}
		s.rest(ctx, next)
	}
	s.giveBack(ctx)
}

// claimedAtOnce bounds the recordings that are taken in one transaction.
const claimedAtOnce = 16

// claims are recordings that were taken together and that no worker has begun with.
type claims struct {
	mu   sync.Mutex
	list []catalog.Claimed
}

// claim takes what is due, or returns recording.ErrNotFound and how long nothing will be.
// It asks before it writes: most of what wakes a worker makes nothing due.
func (s *Service) claim(ctx context.Context) (cl catalog.Claimed, wait time.Duration, err error) {
	s.claims.mu.Lock()
	defer s.claims.mu.Unlock()
	if len(s.claims.list) == 0 {
		if wait, err = s.claimSome(ctx); err != nil {
			return cl, wait, err
		}
	}
	cl, s.claims.list = s.claims.list[0], s.claims.list[1:]
	if len(s.claims.list) > 0 {
		s.wakeUp() // another worker
	}
	return cl, 0, nil
}

func (s *Service) claimSome(ctx context.Context) (wait time.Duration, err error) {
	now := s.clock.Now()
	at, ok, err := s.catalog.NextDue(ctx)
	switch {
	case err != nil:
		return idle, err
	case !ok:
		return idle, recording.ErrNotFound
	case at.After(now):
		return at.Sub(now), recording.ErrNotFound
	}
	s.claims.list, err = s.catalog.ClaimSome(ctx, now, lease, claimedAtOnce)
	if errors.Is(err, catalog.ErrUnreadable) {
		s.report(LampSoftware, "unreadable recording", "a recording's row in the catalog cannot be read; the others go on", err)
		err = nil
	}
	if err == nil && len(s.claims.list) == 0 {
		err = recording.ErrNotFound
	}
	return 0, err
}

// giveBack makes what no worker has begun with due again, at the stop.
func (s *Service) giveBack(ctx context.Context) {
	s.claims.mu.Lock()
	defer s.claims.mu.Unlock()
	for _, cl := range s.claims.list {
		if err := s.catalog.Advance(context.WithoutCancel(ctx), cl, s.clock.Now(), time.Time{}); err != nil {
			s.log.Warn("a recording is given back at the next start", "id", cl.ID, "error", err)
		}
	}
	s.claims.list = nil
}

// rest waits until something may be due.
func (s *Service) rest(ctx context.Context, wait time.Duration) {
	select {
	case <-ctx.Done():
	case <-s.woken:
	case <-s.clock.After(min(idle, max(wait, 10*time.Millisecond))):
	}
}

// wakeUp tells a resting worker that something may be due.
func (s *Service) wakeUp() {
	select {
	case s.woken <- struct{}{}:
	default:
	}
}

// recover puts right what a killed process may have left behind: drafts that
// were never committed and spool files nobody waits for.
func (s *Service) recover(ctx context.Context) error {
	needed, err := s.catalog.Spooled(ctx)
	if err != nil {
		return err
	}
	if _, err := s.archive.Sweep(ctx, func(string) bool { return false }); err != nil {
		s.report(LampDisk, "sweep", "leftovers in the archive cannot be removed", err)
	}
	if err := s.forgotten(ctx); err != nil {
		return err
	}
	return s.sweepSpool(ctx, needed)
}

// watchHealth asks the archive, the backup and the catalog how they are.
func (s *Service) watchHealth(ctx context.Context) {
	for {
		s.checkHealth(ctx)
		s.pulse.beat(s.clock.Now())
		if !s.clock.Wait(ctx.Done(), checkEvery) {
			return
		}
	}
}

func (s *Service) checkHealth(ctx context.Context) {
	diskRoom, disk := s.archive.Check(ctx)
	var backupRoom archive.Space
	var backup error
	if s.archive.HasBackup() {
		backupRoom, backup = s.archive.CheckBackup(ctx)
	}
	s.room.set(roomOf(diskRoom, disk), roomOf(backupRoom, backup))
	store := s.catalog.Check(ctx)
	if ctx.Err() != nil {
		return
	}
	s.report(LampDisk, "archive", "archive cannot be written", disk)
	s.report(LampBackup, "backup", "backup cannot be written", backup)
	s.report(LampDisk, "catalog", "the catalog cannot be used", store)
	s.first.health.Store(true)
	s.report(LampDisk, "logs", "the log files cannot be written", s.book.fault())
	if store == nil {
		s.tidy(ctx)
	}
}

// prune deletes CDRs that have been kept long enough.
func (s *Service) prune(ctx context.Context) {
	for {
		limit := s.clock.Now().AddDate(0, 0, -s.cfg.CDR.KeepDays)
		n, err := s.catalog.PruneCDRs(ctx, limit)
		err = errors.Join(err, s.catalog.PruneMarks(ctx, limit), s.catalog.PruneOutbox(ctx, s.clock.Now().Add(-outboxKept)))
		if ctx.Err() == nil {
			s.report(LampSoftware, "prune", "old CDRs cannot be deleted", err)
		}
		if n > 0 {
			s.log.Info("old CDRs deleted", "count", n)
		}
		if !s.clock.Wait(ctx.Done(), pruneEvery) {
			return
		}
	}
}
