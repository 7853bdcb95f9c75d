package catalog

import (
	"context"
	"fmt"
	"time"

	"callreel/internal/recording"
)

// FiledSince is how many filed recordings are of calls that began at a time or later.
func (c *Catalog) FiledSince(ctx context.Context, from time.Time) (n int, err error) {
	err = c.queryRow(ctx, `SELECT count(*) FROM recording WHERE state IN (?,?,?) AND started >= ?`,
		string(recording.Filed), string(recording.BackedUp), string(recording.Done), ms(from)).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count filed recordings: %w", err)
	}
	return n, nil
}

// Queue is what waits in the line: how many steps are due, and how many recordings wait
// for a time to come.
func (c *Catalog) Queue(ctx context.Context, now time.Time) (due, waiting int, err error) {
	err = c.queryRow(ctx, `SELECT count(*) FILTER (WHERE due <= ?1), count(*) FILTER (WHERE due > ?1)
		FROM recording WHERE due IS NOT NULL AND leased = 0`, ms(now)).Scan(&due, &waiting)
	if err != nil {
		return 0, 0, fmt.Errorf("count what waits: %w", err)
	}
	return due, waiting, nil
}
