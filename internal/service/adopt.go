package service

import (
	"context"
	"errors"
	"fmt"

	"callreel/archive"
	"callreel/crypto"
	"callreel/internal/recording"
	"callreel/internal/sidecar"
)

// commit puts the pair into the archive. If the process died after an earlier
// commit and before the catalog was saved, the pair is there already: then it is
// taken as it is, once its sidecar proves that it is this recording and its
// audio is whole.
func (s *Service) commit(ctx context.Context, rec *recording.Recording, draft *archive.Draft, sealed []byte) (recording.Place, error) {
	place, err := draft.Commit(ctx, rec.Name, ".wav", sealed)
	if err == nil || !errors.Is(err, archive.ErrExists) {
		return place, err
	}
	place = archive.PlaceOf(rec.Name, ".wav")
	theirs, err := s.sidecarAt(ctx, place)
	if err != nil {
		return "", fmt.Errorf("%w: a file named %s is in the archive already and its sidecar does not open: %w",
			recording.ErrUnusable, rec.Name, err)
	}
	if theirs.Capture.SHA256 != rec.Capture.SHA256 || theirs.Capture.Source != rec.Capture.Source {
		return "", fmt.Errorf("%w: a file named %s is in the archive already, made of another capture", recording.ErrUnusable, rec.Name)
	}
	if err := s.archive.Verify(ctx, place, theirs.Seal.FileSHA256); err != nil {
		return "", err
	}
	rec.Seal = theirs.Seal
	return place, nil
}

// sidecarAt opens the sidecar of a filed recording.
func (s *Service) sidecarAt(ctx context.Context, place recording.Place) (recording.Recording, error) {
	sealed, err := s.archive.Sidecar(ctx, place)
	if err != nil {
		return recording.Recording{}, err
	}
	plain, err := crypto.OpenBytes(s.ring, sealed)
	if err != nil {
		return recording.Recording{}, err
	}
	rec, _, err := sidecar.Decode(plain)
	return rec, err
}
