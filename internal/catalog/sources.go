package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"callreel/internal/recording"
)

// DueSources returns up to most recordings whose source may be deleted at now,
// longest due first. Only ID, State and Capture are told.
func (c *Catalog) DueSources(ctx context.Context, inbox string, now time.Time, most int) ([]recording.Recording, error) {
	return listBy(ctx, c.near, scanCapture, `SELECT `+columns+` FROM recording
		WHERE source_due IS NOT NULL AND source_due <= ? AND +inbox = ? ORDER BY source_due, id LIMIT ?`,
		ms(now), inbox, most)
}

func scanCapture(row scanner) (recording.Recording, error) {
	return scanDoc(row, func(_ recording.State, doc string, rec *recording.Recording) (err error) {
		rec.Capture, err = captureOf(doc)
		return err
	})
}

// SourceLater puts the deletion of a source off.
func (c *Catalog) SourceLater(ctx context.Context, id recording.ID, at time.Time) error {
	_, err := c.exec(ctx, `UPDATE recording SET source_due = ? WHERE id = ? AND source_gone = 0`, ms(at), int64(id))
	return wrap(err, "put off the source of", id)
}

// SourceGone records that the source is no longer in its inbox. A recording that waited
// only for that is done.
func (c *Catalog) SourceGone(ctx context.Context, id recording.ID) error {
	return c.SourcesGone(ctx, []recording.ID{id})
}

// SourcesGone is SourceGone of several, all or none.
func (c *Catalog) SourcesGone(ctx context.Context, list []recording.ID) error {
	const waits = `state = ?1 AND leased = 0`
	if len(list) == 0 {
		return nil
	}
	return c.tx(ctx, func(ctx context.Context, tx *txn) error {
		for _, id := range list {
			_, err := tx.ExecContext(ctx, `
				UPDATE recording SET source_gone = 1, source_due = NULL,
					state = CASE WHEN `+waits+` THEN ?2 ELSE state END,
					due   = CASE WHEN `+waits+` THEN NULL ELSE due END,
					doc   = CASE WHEN `+waits+` THEN json_set(doc, '$.retry', json('{}')) ELSE doc END
				WHERE id = ?3`, string(recording.BackedUp), string(recording.Done), int64(id))
			if err != nil {
				return wrap(err, "mark the source gone of", id)
			}
		}
		return nil
	})
}

// SourceBack records that a source which was gone stands in the inbox again
// with the same stamp: it is to be deleted once more.
func (c *Catalog) SourceBack(ctx context.Context, id recording.ID, at time.Time) error {
	_, err := c.exec(ctx, `UPDATE recording SET source_gone = 0, source_due = ? WHERE id = ?`, ms(at), int64(id))
	return wrap(err, "mark the source back of", id)
}

// SameContent returns another recording with the same capture content under the same
// file name that is kept rather than rec, or recording.ErrNotFound: the file came
// back after it had been deleted, or two inboxes show it. For one that has just been
// fetched that is any that was fetched before; later, of two that were fetched at
// the same moment, the older one, and any that is filed. One that is to be fetched
// again, or was itself set aside as the same file, does not count.
func (c *Catalog) SameContent(ctx context.Context, rec recording.Recording) (recording.Recording, error) {
	row := c.nearRow(ctx, `SELECT `+columns+` FROM recording
		WHERE source = ? AND sha256 = ? AND id <> ? AND sha256 <> '' AND state <> ?
			AND NOT (state = ? AND json_extract(doc, '$.verdict.rule') = ?)
			AND (? OR id < ? OR place <> '')
		ORDER BY id DESC LIMIT 1`, rec.Capture.Source.Name, rec.Capture.SHA256, int64(rec.ID), string(recording.Seen),
		string(recording.Discarded), recording.SameFile, rec.State == recording.Seen, int64(rec.ID))
	other, err := scan(row)
	return other, wrap(err, "look up the content of", rec.ID)
}

// Spooled returns the spool names that recordings still need.
func (c *Catalog) Spooled(ctx context.Context) (map[string]recording.ID, error) {
	rows, err := c.query(ctx, `SELECT spool, id FROM recording WHERE spool <> ''`)
	if err != nil {
		return nil, fmt.Errorf("list spool names: %w", err)
	}
	defer rows.Close()
	out := map[string]recording.ID{}
	for rows.Next() {
		var name string
		var id int64
		if err := rows.Scan(&name, &id); err != nil {
			return nil, fmt.Errorf("list spool names: %w", err)
		}
		out[name] = recording.ID(id)
	}
	return out, rows.Err()
}

// NextDue returns when the next step or source deletion becomes due, and false
// when none is scheduled.
func (c *Catalog) NextDue(ctx context.Context) (time.Time, bool, error) {
	var n sql.NullInt64
	err := c.nearRow(ctx, `SELECT min(due) FROM recording WHERE due IS NOT NULL`).Scan(&n)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, false, fmt.Errorf("look up what is due: %w", err)
	}
	return time.UnixMilli(n.Int64), n.Valid, nil
}

// End saves the state of a recording that no worker has, that is still in state
// from, and whose source is gone: one it ends in, or one whose next step is due at
// once. The messages that tell of it are stored with it. It reports whether it was.
func (c *Catalog) End(ctx context.Context, rec recording.Recording, from recording.State, tell ...recording.Message) (done bool, err error) {
	doc, err := encode(rec)
	if err != nil {
		return false, err
	}
	err = c.tx(ctx, func(ctx context.Context, tx *txn) error {
		res, err := tx.ExecContext(ctx, `UPDATE recording SET state = ?, doc = ?, due = CASE WHEN ? THEN NULL ELSE 0 END, source_gone = 1, source_due = NULL
			WHERE id = ? AND state = ? AND leased = 0`,
			string(rec.State), doc, rec.State.Ended(), int64(rec.ID), string(from))
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		if done = n > 0; err != nil || !done {
			return err
		}
		return enqueue(ctx, tx, tell)
	})
	return done && err == nil, wrap(err, "end", rec.ID)
}

// Refetch sends a recording that is not filed yet, and that no worker has, back
// to Seen because its source changed; its source is not deleted. It reports
// whether it did. ErrBusy says that a worker has it: ask again later.
func (c *Catalog) Refetch(ctx context.Context, id recording.ID) (bool, error) {
	res, err := c.exec(ctx, `
		UPDATE recording SET state = ?, due = NULL, source_due = NULL, doc = json_set(doc, '$.retry', json('{}'))
		WHERE id = ? AND leased = 0 AND source_gone = 0 AND (state IN (?,?,?,?) OR (state = ? AND spool = ''))`,
		string(recording.Seen), int64(id), string(recording.Spooled), string(recording.Correlated),
		string(recording.Decided), string(recording.Quarantined), string(recording.Discarded))
	if err != nil {
		return false, wrap(err, "fetch again", id)
	}
	if n, err := res.RowsAffected(); err != nil || n > 0 {
		return n > 0, wrap(err, "fetch again", id)
	}
	var leased bool
	err = c.queryRow(ctx, `SELECT leased FROM recording WHERE id = ?`, int64(id)).Scan(&leased)
	if err == nil && leased {
		err = ErrBusy
	}
	return false, wrap(err, "fetch again", id)
}

// OpenWork returns how many recordings still have work to do: a step, or a
// source to delete.
func (c *Catalog) OpenWork(ctx context.Context) (int, error) {
	var n int
	err := c.queryRow(ctx,
		`SELECT count(*) FROM recording WHERE due IS NOT NULL OR (source_gone = 0 AND state <> 'seen') OR state = 'seen'`).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count what is open: %w", err)
	}
	return n, nil
}

// Recall makes due at now what is due later than most allows: the machine's
// clock was wrong when that was written, and it would wait for ever. It returns
// how many steps and deletions it recalled.
func (c *Catalog) Recall(ctx context.Context, now time.Time, most time.Duration) (int64, error) {
	var n int64
	for _, query := range []string{
		`UPDATE recording SET due = ? WHERE due > ? AND leased = 0`,
		`UPDATE recording SET source_due = ? WHERE source_due > ?`,
	} {
		res, err := c.exec(ctx, query, ms(now), ms(now.Add(most)))
		if err != nil {
			return n, fmt.Errorf("recall what is due too late: %w", err)
		}
		k, err := res.RowsAffected()
		if n += k; err != nil {
			return n, fmt.Errorf("recall what is due too late: %w", err)
		}
	}
	return n, nil
}

// Stranded returns, for each inbox that is not among those named, how many
// recordings still need it: not fetched, or with a source to delete.
func (c *Catalog) Stranded(ctx context.Context, inboxes []string) (map[string]int, error) {
	rows, err := c.query(ctx, `SELECT inbox, count(*) FROM recording
		WHERE source_gone = 0 AND (state = ? OR source_due IS NOT NULL) GROUP BY inbox`, string(recording.Seen))
	if err != nil {
		return nil, fmt.Errorf("look for inboxes that are not set up: %w", err)
	}
	defer rows.Close()
	out := map[string]int{}
	for rows.Next() {
		var inbox string
		var n int
		if err := rows.Scan(&inbox, &n); err != nil {
			return nil, fmt.Errorf("look for inboxes that are not set up: %w", err)
		}
		if !slices.Contains(inboxes, inbox) {
			out[inbox] = n
		}
	}
	return out, rows.Err()
}
