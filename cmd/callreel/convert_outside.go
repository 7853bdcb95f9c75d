package main

import (
	"context"

	"callreel/internal/ffmpeg"
)

// findOutside hands an ffmpeg of this machine to the conversion. Where there is
// none, a capture that needs it says so by its codec.
func (j *convertJob) findOutside(ctx context.Context) {
	if p, err := ffmpeg.Find(ctx); err == nil {
		j.options.Outside = p
	}
}
