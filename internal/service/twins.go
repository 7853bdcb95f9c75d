package service

import (
	"context"

	"callreel/archive"
	"callreel/convert"
	"callreel/internal/recording"
)

// twins are the other captures of a recording's conference as they are now. One counts
// as safe only if its file stands in the archive at this moment: by its word another
// may be thrown away.
func (s *Service) twins(ctx context.Context, rec recording.Recording) ([]recording.Twin, error) {
	if rec.Capture.Conf == "" {
		return nil, nil
	}
	list, err := s.catalog.Others(ctx, rec)
	if err != nil {
		return nil, err
	}
	var out []recording.Twin
	for _, other := range list {
		if other.Verdict.Rule == recording.SameFile {
			continue
		}
		t := recording.TwinOf(other)
		if other.Place != "" {
			found, err := s.archive.Find(ctx, other.Name, convert.Format(other.Audio.Format).Extension())
			if err != nil {
				return nil, err
			}
			t.Safe = found == archive.FoundPair
		}
		out = append(out, t)
	}
	return out, nil
}
