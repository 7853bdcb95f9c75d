package service

import (
	"context"
	"errors"
	"fmt"

	"callreel/archive"
	"callreel/convert"
	"callreel/internal/recording"
	"callreel/naming"
)

// commit puts the pair into the archive. If the process died after an earlier
// commit and before the catalog was saved, the pair is there already: then it is
// taken as it is, once its sidecar proves that it is this recording and its
// audio is whole.
func (s *Service) commit(ctx context.Context, rec *recording.Recording, draft *archive.Draft, sealed []byte) (recording.Place, error) {
	place, err := s.standing(ctx, rec.Name)
	if err != nil {
		return "", err
	}
	if place == "" {
		ext := convert.Format(rec.Audio.Format).Extension()
		place, err = draft.Commit(ctx, rec.Name, ext, sealed)
		if err == nil || !errors.Is(err, archive.ErrExists) {
			return place, err
		}
		place = archive.PlaceOf(rec.Name, ext)
	}
	theirs, err := s.sidecarAt(ctx, place)
	if err != nil {
		return "", fmt.Errorf("%w: a file named %s is in the archive already and its sidecar does not open: %w",
			recording.ErrUnusable, rec.Name, err)
	}
	if !sameCapture(theirs, *rec) {
		return "", fmt.Errorf("another capture was filed as %s just now", rec.Name) // the next try takes another name
	}
	if err := s.archive.Verify(ctx, place, theirs.Seal.FileSHA256); err != nil {
		return "", err
	}
	rec.Seal, rec.Audio = theirs.Seal, theirs.Audio
	return place, nil
}

// standing is the place of the pair that has a name, of whatever format: the
// setup may have changed since. It is empty if there is none.
func (s *Service) standing(ctx context.Context, name string) (recording.Place, error) {
	for _, f := range []convert.Format{convert.WAV, convert.MP3, convert.PCAP} {
		found, err := s.archive.Find(ctx, name, f.Extension())
		if err != nil {
			return "", err
		}
		switch found {
		case archive.FoundPair:
			return archive.PlaceOf(name, f.Extension()), nil
		case archive.FoundNothing, archive.FoundAudio: // the sidecar that they share is missing
			return "", nil
		}
	}
	return "", nil
}

func sameCapture(a, b recording.Recording) bool {
	return a.Capture.SHA256 == b.Capture.SHA256 && a.Capture.Source == b.Capture.Source
}

// freeName is the recording's name; if another capture is filed under it (the
// source grew after it had been filed, a device sent other content under the same
// name) the beginning of the capture's SHA-256 tells the two apart.
func (s *Service) freeName(ctx context.Context, rec *recording.Recording) (string, error) {
	name := naming.Name(*rec, s.location)
	place, err := s.standing(ctx, name)
	if err != nil || place == "" {
		return name, err
	}
	theirs, err := s.sidecarAt(ctx, place)
	if err != nil || sameCapture(theirs, *rec) {
		return name, nil //nolint:nilerr // commit says what is wrong with that sidecar
	}
	return naming.Other(*rec, s.location), nil
}
