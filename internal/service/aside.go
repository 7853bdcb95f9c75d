package service

import (
	"context"
	"errors"
	"fmt"

	"callreel/ingest"
	"callreel/internal/catalog"
	"callreel/internal/recording"
)

// ErrNotAside says that a recording is not put aside, or not any more.
var ErrNotAside = errors.New("it is neither in quarantine nor unusable")

// Aside is the way back of what the line has put aside: recordings in quarantine and
// unusable ones. It works on the catalog, whether the recorder runs or not; a recorder
// that runs goes on with them at once.
type Aside struct {
	cfg     Config
	catalog *catalog.Catalog
}

// OpenAside opens the catalog of a setup; there must be one.
func OpenAside(ctx context.Context, cfg Config) (*Aside, error) {
	c, err := catalog.OpenBeside(ctx, cfg.Catalog)
	if err != nil {
		return nil, err
	}
	return &Aside{cfg, c}, nil
}

// Close closes the catalog.
func (a *Aside) Close() error { return a.catalog.Close() }

// List returns the recordings that are put aside, oldest first; Retry.Reason says why.
func (a *Aside) List(ctx context.Context) ([]recording.Recording, error) { return a.catalog.Aside(ctx) }

// Again sends a recording back into the line. It returns ErrNotAside where it is not
// put aside, and says so where no copy of the capture is left.
func (a *Aside) Again(ctx context.Context, id recording.ID) error {
	rec, err := a.catalog.Get(ctx, id)
	if err != nil {
		return err
	}
	from := rec.State
	if from != recording.Quarantined && from != recording.Unusable {
		return ErrNotAside
	}
	if rec, err = a.fresh(rec); err != nil {
		return err
	}
	done, err := a.catalog.Restart(ctx, rec, from)
	if err == nil && !done {
		err = ErrNotAside
	}
	return err
}

// Accept leaves a recording where it is, so that its lamp goes out.
func (a *Aside) Accept(ctx context.Context, id recording.ID) error {
	done, err := a.catalog.Accept(ctx, id)
	if err == nil && !done {
		err = ErrNotAside
	}
	return err
}

// fresh is a recording as it was before the line first failed on it, as far back as
// there is something to go on from, with what its inbox says by now.
func (a *Aside) fresh(rec recording.Recording) (recording.Recording, error) {
	rec.Retry = recording.Retry{}
	if rec.Place != "" {
		rec.State = recording.Filed
		return rec, nil
	}
	if rec.Call.Found != "" { // its SIP has told the conference: it may tell another now
		rec.Capture.Conf = ""
	}
	rec.Call, rec.Verdict, rec.Audio = recording.Call{}, recording.Verdict{}, recording.Audio{}
	rec.Name, rec.Seal = "", recording.Seal{}
	for _, in := range a.cfg.Inbox {
		if in.Name == rec.Capture.Source.Inbox {
			rec.Capture.BySIP, rec.Capture.RecordedOn, rec.Capture.Swap = in.Correlate == ingest.CorrelateSIP, in.WithDefaults().RecordedOn, in.Swap
		}
	}
	switch {
	case rec.Capture.Spool != "":
		rec.State = recording.Spooled
	case !rec.Capture.SourceGone:
		rec.State = recording.Seen
	default:
		return rec, fmt.Errorf("no copy of its capture is left; should the file come back into inbox %s, it is taken up by itself", rec.Capture.Source.Inbox)
	}
	return rec, nil
}

// The causes in the lamps of what is put aside. They are mended when nothing is any
// more, or when somebody has accepted it.
const (
	noCDR         = "no CDR for a capture"
	causeUnusable = "set aside"
	causeVanished = "vanished"
)

// showAside makes the lamps say how much is put aside and not accepted.
func (s *Service) showAside(ctx context.Context) error {
	n, err := s.catalog.OpenAside(ctx)
	if err != nil {
		return err
	}
	show := func(lamp Lamp, cause, say string, n int) {
		if n == 0 {
			s.lamps.Good(lamp, cause)
			return
		}
		s.lamps.Still(lamp, cause, fmt.Errorf("%d %s; \"callreel aside list\" says why", n, say))
	}
	show(LampReporting, noCDR, "captures are in quarantine, mostly because no CDR has come for them", n.Quarantined)
	show(LampSoftware, causeUnusable, "recordings are set aside because they cannot be used", n.Unusable)
	show(LampPCAP, causeVanished, "captures vanished from their inbox before they could be fetched", n.Vanished)
	return nil
}
