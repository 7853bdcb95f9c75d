package service

import (
	"context"
	"errors"
	"fmt"
	"time"

	"callreel/archive"
	"callreel/convert"
	"callreel/internal/catalog"
	"callreel/internal/recording"
)

// This file is where a recorder that files captures as they come notices what a converter
// has made of them. The archive says what is; the catalog, and the backup, follow.

const (
	followMost  = 500 // captures that are looked at in one look
	aloneTries  = 10  // for a pair that a converter has just claimed
	aloneAgain  = time.Second
	recorderWho = "the recorder"
)

// followConverters takes what was converted into the catalog, until ctx is done.
func (s *Service) followConverters(ctx context.Context) {
	var after recording.ID
	for s.clock.Wait(ctx.Done(), time.Duration(s.cfg.Converter.Poll)) {
		next, err := s.followSome(ctx, after)
		if ctx.Err() != nil {
			return
		}
		after = next
		s.report(LampDisk, "converted captures", "what was converted cannot be taken over", err)
	}
}

// followSome looks at the captures behind one, and returns the last it looked at; 0 when
// it has come to the end.
func (s *Service) followSome(ctx context.Context, after recording.ID) (recording.ID, error) {
	list, err := s.catalog.FiledCaptures(ctx, after, followMost)
	if err != nil || len(list) == 0 {
		return 0, err
	}
	for _, rec := range list {
		was := rec
		changed, failed := s.converted(ctx, &was)
		if changed {
			failed = s.takeOver(ctx, rec.ID)
		}
		if failed != nil {
			err = errors.Join(err, fmt.Errorf("recording %d: %w", rec.ID, failed))
		}
	}
	return list[len(list)-1].ID, err
}

// takeOver looks what has become of a capture that was filed, and saves it.
func (s *Service) takeOver(ctx context.Context, id recording.ID) error {
	s.filed.Lock()
	defer s.filed.Unlock()
	rec, err := s.catalog.Get(ctx, id)
	if err != nil || rec.State != recording.Done {
		return err
	}
	changed, err := s.converted(ctx, &rec)
	if err != nil || !changed {
		return err
	}
	if rec.Backup != "" {
		rec.State = recording.Filed // so that the line makes the copy anew
	}
	err = s.catalog.TakeOver(ctx, rec)
	if errors.Is(err, catalog.ErrBusy) {
		return nil // the next look sees it again
	}
	if err == nil {
		s.wakeUp()
		s.log.Info("a converter has made audio of the capture", "id", rec.ID, "uid", rec.Capture.UID, "format", rec.Audio.Format)
	}
	return err
}

// converted looks for the audio of a filed capture that is not there any more, and puts
// what its sidecar says into rec. It reports whether there is some.
func (s *Service) converted(ctx context.Context, rec *recording.Recording) (bool, error) {
	name, isCapture := nameOfCapture(rec.Place)
	if !isCapture {
		return false, nil
	}
	found, err := s.archive.Find(ctx, name, convert.PCAP.Extension())
	if err != nil || found == archive.FoundPair || found == archive.FoundAudio {
		return false, err
	}
	for _, f := range []convert.Format{convert.WAV, convert.MP3} {
		if found, err = s.archive.Find(ctx, name, f.Extension()); err != nil || found != archive.FoundPair {
			continue
		}
		place := archive.PlaceOf(name, f.Extension())
		theirs, err := s.sidecarAt(ctx, place)
		if err != nil {
			return false, err
		}
		if sameCapture(theirs, *rec) && convert.Format(theirs.Audio.Format) == f {
			rec.Place, rec.Audio, rec.Seal = place, theirs.Audio, theirs.Seal
			rec.Audio.Peaks = nil // as when it was filed
			return true, nil
		}
	}
	return false, err
}

// nameOfCapture is the name of the pair at a place, if that is a capture in the archive.
func nameOfCapture(place recording.Place) (name string, is bool) {
	name, ext, is := archive.NameOf(place)
	return name, is && ext == convert.PCAP.Extension()
}

// alone does something to a pair while no converter is at work on it.
func (s *Service) alone(ctx context.Context, place recording.Place, f func() error) error {
	s.filed.Lock()
	defer s.filed.Unlock()
	name, isCapture := nameOfCapture(place)
	if !isCapture {
		return f()
	}
	for tries := 1; ; tries++ {
		claim, err := s.archive.Claim(ctx, name, recorderWho, time.Duration(s.cfg.Converter.Stale))
		if err == nil {
			defer claim.Release()
			return f()
		}
		if !errors.Is(err, archive.ErrClaimed) || tries == aloneTries || !s.clock.Wait(ctx.Done(), aloneAgain) {
			return err
		}
	}
}
