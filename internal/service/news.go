package service

import (
	"context"
	"time"

	"callreel/ingest"
	"callreel/internal/catalog"
	"callreel/internal/recording"
)

// newsAtOnce bounds what is saved of a listing in one transaction.
const newsAtOnce = 200

// news is what a listing shows and the catalog does not have yet. It is saved together:
// of a thousand calls each listing shows hundreds that have begun or ended.
type news struct {
	captures []recording.Capture // seen for the first time
	seen     []catalog.Observation
}

func (n *news) many() bool { return len(n.captures)+len(n.seen) >= newsAtOnce }

// enter notes a file seen for the first time. notBefore is the last listing in which it
// was not there yet, zero if that is not known.
func (n *news) enter(b *box, e ingest.Entry, notBefore, now time.Time) {
	cp := ingest.CaptureOf(b.cfg, e, now)
	cp.NotBefore = notBefore
	n.captures = append(n.captures, cp)
}

// saveNews saves and empties n. Of new captures those that are complete are due at once.
func (s *Service) saveNews(ctx context.Context, b *box, n *news) error {
	added, err := s.catalog.AddAll(ctx, n.captures)
	if err != nil {
		return err
	}
	n.captures = nil
	for _, rec := range added {
		s.log.Debug("capture seen", "id", rec.ID, "uid", rec.Capture.UID, "inbox", b.cfg.Name, "size", rec.Capture.Stamp.Size)
		b.open.waiting[rec.Capture.Source.Name] = catalog.Waiting{ID: rec.ID, Source: rec.Capture.Source.Name}
		if err := s.offer(ctx, b, rec, n); err != nil {
			return err
		}
	}
	if err := s.catalog.ObserveAll(ctx, n.seen); err != nil {
		return err
	}
	for _, o := range n.seen {
		if !o.Due.IsZero() {
			s.wakeUp()
			break
		}
	}
	n.seen = nil
	return nil
}

// offer looks whether a capture is complete, and adds what is to be saved of it to n.
func (s *Service) offer(ctx context.Context, b *box, rec recording.Recording, n *news) error {
	legs, err := s.catalog.Legs(ctx, rec.Capture.Conf)
	if err != nil {
		return err
	}
	now := s.clock.Now().UTC()
	knows, live := s.pbxSays(legs)
	settle, err := s.patience(ctx, b, rec.Capture.Conf, legs)
	if err != nil {
		return err
	}
	done, _ := ingest.Complete(rec.Capture, ingest.Facts{SOAPKnows: knows, Live: live, Settle: settle, Now: now})
	if rec.Capture.Stamp.Size == 0 && now.Sub(rec.Capture.StillAt) < emptySettle {
		done = false // some servers show no size while the file is being put there
	}
	o := catalog.Observation{Recording: rec}
	if done {
		o.Due = now
		if now.Before(rec.Retry.Until) {
			o.Due = rec.Retry.Until // a fetch failed; keep to its pause
		}
	}
	n.seen = append(n.seen, o)
	b.open.keep(rec, !done)
	return nil
}
