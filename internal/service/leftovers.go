package service

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"callreel/internal/catalog"
	"callreel/internal/recording"
)

// This file is what is seen to outside the line: what a killed process, another
// setup, a lost catalog or a wrong clock have left behind.

// forgotten sees to what belongs to inboxes and PBXes that are not in the setup
// any more: captures that can neither be fetched nor deleted are shown, calls
// whose end nobody will tell have ended.
func (s *Service) forgotten(ctx context.Context) error {
	n, err := s.catalog.EndLegs(ctx, s.links.names(), s.clock.Now())
	if err != nil {
		return err
	}
	if n > 0 {
		s.log.Warn("calls of a PBX that is not set up any more are taken to have ended", "count", n)
	}
	defer s.roster.changed()
	if err := s.catalog.DropAgents(ctx, s.links.names()); err != nil {
		return err
	}
	if err := s.relicense(ctx, "", nil); err != nil {
		return err
	}
	if err := s.newestOpens(ctx); err != nil {
		s.report(LampSoftware, "key ring", "the newest recording does not open", err)
	}
	left, err := s.catalog.Stranded(ctx, slices.Collect(maps.Keys(s.inboxes)))
	for inbox, n := range left {
		s.report(LampPCAP, "inbox "+inbox, "captures of an inbox that is not set up any more", fmt.Errorf(
			"%d captures were seen in inbox %q, which is not in the setup any more; they are neither fetched nor deleted until it is", n, inbox))
	}
	return err
}

// newestOpens opens the sidecar of the recording filed last: a key ring that was
// lost or exchanged shows at once, and not years later when somebody listens.
func (s *Service) newestOpens(ctx context.Context) error {
	list, err := s.catalog.Search(ctx, catalog.Query{Limit: 1})
	if err != nil || len(list) == 0 {
		return err
	}
	if _, err := s.sidecarAt(ctx, list[0].Place); err != nil {
		return fmt.Errorf("the sidecar of recording %d does not open; is %s the key ring it was sealed with? %w", list[0].ID, s.cfg.Keys.File, err)
	}
	return nil
}

// sweepSpool removes half-written copies. A whole one that no recording names is
// dealt with by what the catalog says of its number.
func (s *Service) sweepSpool(ctx context.Context, needed map[string]recording.ID) error {
	names, err := s.spool.List()
	if err = errors.Join(err, s.spool.Sweep()); err != nil {
		return err
	}
	for _, name := range names {
		if _, ok := needed[name]; ok || !strings.HasSuffix(name, ".pcap") {
			continue
		}
		if err := s.leftover(ctx, name); err != nil {
			return err
		}
	}
	return s.sweepKeys(needed, names)
}

// sweepKeys destroys the keys of copies that are not there any more; but not where a copy
// that the catalog needs is not there either: then the spool may be another folder, or a
// drive that is not mounted.
func (s *Service) sweepKeys(needed map[string]recording.ID, there []string) error {
	for name := range needed {
		if !slices.Contains(there, name) {
			return nil
		}
	}
	used, err := s.spool.Keys()
	if err != nil {
		return err
	}
	n, err := s.onceKeys.Keep(used)
	if n > 0 {
		s.log.Info("keys of copies that are not in the spool any more destroyed", "count", n)
	}
	return err
}

// leftover deals with a whole copy that no recording names. It may be the only one
// (the catalog was lost, or put back from a backup, after the source had been
// deleted), so it is removed only when its recording has ended without it.
func (s *Service) leftover(ctx context.Context, name string) error {
	var id recording.ID
	if _, err := fmt.Sscanf(name, "%d.pcap", &id); err != nil {
		return s.setAside(name)
	}
	rec, err := s.catalog.Get(ctx, id)
	switch {
	case errors.Is(err, recording.ErrNotFound):
		return s.setAside(name)
	case err != nil:
		return err
	case rec.State == recording.Seen:
		return nil // the process died before it was saved; the next copy replaces it
	case rec.State == recording.Done || rec.State == recording.Discarded:
		s.log.Info("leftover of an unfinished copy removed from the spool", "file", name)
		return s.spool.Remove(name)
	}
	return s.setAside(name)
}

// orphan begins the name of a copy in the spool that the catalog knows nothing of.
const orphan = "orphan-"

// setAside gives a copy that the catalog does not know a name that no recording
// will take, and says so until somebody has looked.
func (s *Service) setAside(name string) error {
	if !strings.HasPrefix(name, orphan) {
		kept := fmt.Sprintf("%s%d-%s", orphan, s.clock.Now().UnixMilli(), name)
		if err := os.Rename(filepath.Join(s.cfg.Spool, name), filepath.Join(s.cfg.Spool, kept)); err != nil {
			return fmt.Errorf("set %s in the spool aside: %w", name, err)
		}
		name = kept
	}
	s.report(LampSoftware, "spool "+name, "a capture in the spool is not in the catalog; it is kept", fmt.Errorf(
		"%s in the spool is a capture that the catalog does not know; it is kept. Was the catalog replaced?", name))
	return nil
}

// longest is more than any step waits: what is due later was saved while the
// clock was wrong.
const longest = 24 * time.Hour

// tidy does what must be done now and then: it stores call events that could not
// be stored, recalls what a wrong clock put off, and shows what is put aside.
func (s *Service) tidy(ctx context.Context) {
	_ = s.saveLegs(ctx) // it reports by itself
	most := longest + time.Duration(s.cfg.CDR.LastWait) + time.Duration(s.cfg.CDR.DiscardSettle) + s.rules.MarkTime()
	if n, err := s.catalog.Recall(ctx, s.clock.Now(), most); err == nil && n > 0 {
		s.log.Warn("steps that were put off by a wrong clock are due now", "count", n)
		s.wakeUp()
	}
	tans, marks := s.wishedTANs(ctx), errors.Join(s.lateStars(ctx), s.idleMarks(ctx))
	if ctx.Err() != nil {
		return // the stop is no fault
	}
	s.report(LampDisk, "TANs", "a recording cannot be given its TAN", tans)
	s.report(LampSoftware, "marks of no call", "marks cannot be looked at", marks)
	_ = errors.Join(s.showAside(ctx), s.showMissing(ctx)) // a catalog that cannot be read has a lamp of its own
}
