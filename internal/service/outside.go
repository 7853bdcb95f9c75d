package service

import (
	"context"

	"callreel/internal/ffmpeg"
)

// openOutside looks for an ffmpeg. Without one calls in AMR, G.723.1 and iLBC are
// set aside, which is worth one line at the start.
func (s *Service) openOutside(ctx context.Context) error {
	p, err := ffmpeg.Find(ctx)
	if err != nil {
		s.log.Info("no ffmpeg for codecs that are not built in", "error", err)
		return ctx.Err()
	}
	s.outside = p
	s.log.Info("codecs that are not built in are decoded by ffmpeg", "path", p.String())
	return nil
}
