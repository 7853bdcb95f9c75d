package service

import (
	"context"
	"log/slog"

	"callreel/convert"
	"callreel/internal/ffmpeg"
)

// openOutside looks for an ffmpeg. Without one calls in AMR, G.723.1 and iLBC are
// set aside, which is worth one line at the start.
func (s *Service) openOutside(ctx context.Context) (err error) {
	s.outside, err = findOutside(ctx, s.log)
	return err
}

// findOutside looks for an ffmpeg for codecs that are not built in.
func findOutside(ctx context.Context, log *slog.Logger) (convert.Outside, error) {
	p, err := ffmpeg.Find(ctx)
	if err != nil {
		log.Info("no ffmpeg for codecs that are not built in", "error", err)
		return nil, ctx.Err()
	}
	log.Info("codecs that are not built in are decoded by ffmpeg", "path", p.String())
	return p, nil
}
