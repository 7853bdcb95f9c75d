package convert

import (
	"context"
	"time"

	"callreel/internal/recording"
)

// Inspect reads what a capture's own SIP says of one of its calls, numbered from
// 1, without converting it. A capture without any, or one that cannot be read,
// gives the zero value; the error is only for src that fails, for ctx, and
// ErrNoCall.
func Inspect(ctx context.Context, src Capture, call int) (recording.Signalling, error) {
	a, p, err := analyse(ctx, src, Options{Call: call})
	if err != nil {
		return recording.Signalling{}, err
	}
	if p == nil {
		return recording.Signalling{}, nil
	}
	return recording.Signalling{Parties: a.SIP, Calls: a.Calls, First: time.Unix(0, p.base).UTC()}, nil
}
