package catalog

import (
	"context"

	"callreel/internal/recording"
)

// OpenBeside opens an existing database to change single recordings in it, whether a
// recorder works on it or not. It brings no schema up to date and takes nobody's
// leases away.
func OpenBeside(ctx context.Context, path string) (*Catalog, error) {
	return openExisting(ctx, path, "mode=rw&_txlock=immediate&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)")
}

// isAside holds for what the line has put aside: quarantined and unusable recordings.
const isAside = `state IN ('quarantined', 'unusable')`

// Aside returns the recordings that are put aside, oldest first.
func (c *Catalog) Aside(ctx context.Context) ([]recording.Recording, error) {
	return c.list(ctx, `SELECT `+columns+` FROM recording WHERE `+isAside+` ORDER BY id`)
}

// OpenAside is how many recordings are put aside and not accepted.
type OpenAside struct {
	Quarantined int
	Unusable    int
	Vanished    int // unusable because no copy of their capture is left
}

// OpenAside counts what is put aside and not accepted.
func (c *Catalog) OpenAside(ctx context.Context) (n OpenAside, err error) {
	err = c.queryRow(ctx, `SELECT
			count(*) FILTER (WHERE state = 'quarantined'),
			count(*) FILTER (WHERE state = 'unusable' AND NOT (spool = '' AND source_gone = 1 AND place = '')),
			count(*) FILTER (WHERE state = 'unusable' AND spool = '' AND source_gone = 1 AND place = '')
		FROM recording WHERE `+isAside+` AND json_extract(doc, '$.retry.accepted') IS NOT 1`).
		Scan(&n.Quarantined, &n.Unusable, &n.Vanished)
	return n, wrap(err, "count put aside", 0)
}

// Restart saves a recording that was put aside in state from and is to go on from
// another, at once. It reports whether it still was aside.
func (c *Catalog) Restart(ctx context.Context, rec recording.Recording, from recording.State) (bool, error) {
	doc, err := encode(rec)
	if err != nil {
		return false, err
	}
	res, err := c.exec(ctx, `
		UPDATE recording SET state = ?, due = 0, conf = ?, internal = ?, external = ?, direction = ?, owner = ?, started = ?, doc = ?
		WHERE id = ? AND state = ? AND leased = 0 AND `+isAside,
		string(rec.State), string(rec.Capture.Conf), rec.Verdict.Internal, rec.Verdict.External, string(rec.Verdict.Direction),
		rec.Verdict.Owner.CN, ms(rec.Started()), doc, int64(rec.ID), string(from))
	if err != nil {
		return false, wrap(err, "try again", rec.ID)
	}
	n, err := res.RowsAffected()
	return n > 0, wrap(err, "try again", rec.ID)
}

// Accept notes that somebody has looked at a recording which is put aside and leaves
// it there. It reports whether it is aside.
func (c *Catalog) Accept(ctx context.Context, id recording.ID) (bool, error) {
	res, err := c.exec(ctx, `UPDATE recording SET doc = json_set(doc, '$.retry.accepted', json('true'))
		WHERE id = ? AND leased = 0 AND `+isAside, int64(id))
	if err != nil {
		return false, wrap(err, "accept", id)
	}
	n, err := res.RowsAffected()
	return n > 0, wrap(err, "accept", id)
}
