package catalog

import (
	"context"
	"time"

	"callreel/internal/recording"
)

// CDRsNear returns the records with a set-up no further from a time than within, in
// the order they came, at most limit. Those that Unindexed returns are not among them.
func (c *Catalog) CDRsNear(ctx context.Context, at time.Time, within time.Duration, limit int) ([]recording.RawCDR, error) {
	return rawCDRs(ctx, c.query, `SELECT id, received, xml FROM cdr
		WHERE id IN (SELECT cdr FROM cdr_setup WHERE at BETWEEN ? AND ?) ORDER BY +received, id LIMIT ?`,
		ms(at.Add(-within)), ms(at.Add(within)), limit)
}

// Unindexed returns records that an older version has stored without their set-ups,
// the newest first, at most limit.
func (c *Catalog) Unindexed(ctx context.Context, limit int) ([]recording.RawCDR, error) {
	return rawCDRs(ctx, c.query, `SELECT id, received, xml FROM cdr WHERE setups = 0 ORDER BY id DESC LIMIT ?`, limit)
}

// Index stores the set-ups of records by their ID, all or none.
func (c *Catalog) Index(ctx context.Context, setups map[int64][]time.Time) error {
	err := c.tx(ctx, func(ctx context.Context, tx *txn) error {
		for id, list := range setups {
			if err := saveSetups(ctx, tx, id, list); err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, `UPDATE cdr SET setups = 1 WHERE id = ? AND setups = 0`, id); err != nil {
				return err
			}
		}
		return nil
	})
	return wrap(err, "index CDRs for", 0)
}

func saveSetups(ctx context.Context, tx *txn, id int64, setups []time.Time) error {
	for _, at := range setups {
		if _, err := tx.ExecContext(ctx, `INSERT OR IGNORE INTO cdr_setup (at, cdr) VALUES (?,?)`, ms(at), id); err != nil {
			return err
		}
	}
	return nil
}
