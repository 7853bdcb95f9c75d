package convert

import (
	"context"
	"fmt"
	"time"

	"callreel/internal/recording"
)

// Inspect reads what a capture's own SIP says, without converting it. A capture
// without any, or one that cannot be read, gives the zero value; the error is
// only for src that fails and for ctx.
func Inspect(ctx context.Context, src Capture) (recording.Signalling, error) {
	var out recording.Signalling
	src, _, err := inflated(ctx, src)
	if err == nil {
		s := newScan(src)
		err = s.runAhead(ctx)
		if s.began {
			out.First = time.Unix(0, s.base).UTC()
		}
		out.Parties, out.Calls = s.sip.parties(), s.sip.talks()
	}
	if _, broken := statusOf(err); err != nil && !broken {
		return recording.Signalling{}, fmt.Errorf("read the capture's signalling: %w", err)
	}
	return out, nil
}

// talks counts the pairs of parties between whom a call was answered: the two
// halves of one call through an exchange are one.
func (l *sipLog) talks() int {
	type pair struct{ a, b string }
	seen := map[pair]bool{}
	for _, c := range l.order {
		if c.answer >= 0 {
			seen[pair{min(c.from, c.to), max(c.from, c.to)}] = true
		}
	}
	return len(seen)
}
