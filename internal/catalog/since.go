package catalog

import (
	"context"
	"time"

	"callreel/internal/recording"
)

// CDRsSince returns records that came at a time or later, in the order of their numbers,
// from the one behind a number on, at most limit.
func (c *Catalog) CDRsSince(ctx context.Context, from time.Time, behind int64, limit int) ([]recording.RawCDR, error) {
	return rawCDRs(ctx, c.query, `SELECT id, received, xml FROM cdr WHERE received >= ? AND id > ? ORDER BY id LIMIT ?`, ms(from), behind, limit)
}
