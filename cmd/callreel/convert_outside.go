package main

import (
	"context"
	"sync"

	"callreel/internal/ffmpeg"
)

// outside is an ffmpeg of this machine that is looked for when a capture needs it:
// merely asking it for its codecs takes as long as converting an hour. Where there
// is none, such a capture is refused by its codec.
type outside struct {
	find func() *ffmpeg.Program
}

func newOutside(ctx context.Context) *outside {
	return &outside{sync.OnceValue(func() *ffmpeg.Program {
		p, err := ffmpeg.Find(ctx)
		if err != nil {
			return nil
		}
		return p
	})}
}

// Decodes reports whether there is an ffmpeg that knows a format.
func (o *outside) Decodes(format string) bool {
	p := o.find()
	return p != nil && p.Decodes(format)
}

// Decode has it decode a file; Decodes has said that it can.
func (o *outside) Decode(ctx context.Context, format string, file []byte, rate, limit int) ([]int16, error) {
	return o.find().Decode(ctx, format, file, rate, limit)
}
