package catalog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"callreel/internal/recording"
)

// MarkFile tells which file a mark came as; the zero value is none.
type MarkFile struct {
	Origin string // the place it lay in, and its name
	Stamp  string // what a listing said of it
}

// AddMark stores a mark durably, and makes every call that may wait for one due at once.
// A mark whose file is here already is not stored again; added tells.
func (c *Catalog) AddMark(ctx context.Context, m recording.Mark, file MarkFile, now time.Time) (added bool, err error) {
	err = c.tx(ctx, func(ctx context.Context, tx *txn) error {
		res, err := tx.ExecContext(ctx, `INSERT OR IGNORE INTO mark (kind, number, conf, at, received, origin, stamp, file_there) VALUES (?,?,?,?,?,?,?,?)`,
			string(m.Kind), m.Number, string(m.Conf), ms(m.At), ms(now), m.From, file.Stamp, file != MarkFile{})
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		if added = n > 0; !added || err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `UPDATE recording SET due = ? WHERE state = ? AND leased = 0`, ms(now), string(recording.Correlated))
		return err
	})
	if err != nil {
		return false, fmt.Errorf("store a mark: %w", err)
	}
	return added, nil
}

// MarkFileGone notes that the file of a mark is not there any more: one of the same name
// and stamp is another mark.
func (c *Catalog) MarkFileGone(ctx context.Context, file MarkFile) error {
	_, err := c.exec(ctx, `UPDATE mark SET file_there = 0 WHERE file_there = 1 AND origin = ? AND stamp = ?`, file.Origin, file.Stamp)
	if err != nil {
		return fmt.Errorf("note that a mark's file is gone: %w", err)
	}
	return nil
}

// MarkFiles returns the files of marks that were not deleted yet, of all places.
func (c *Catalog) MarkFiles(ctx context.Context) ([]MarkFile, error) {
	rows, err := c.query(ctx, `SELECT origin, stamp FROM mark WHERE file_there = 1`)
	if err != nil {
		return nil, fmt.Errorf("read marks: %w", err)
	}
	defer rows.Close()
	var out []MarkFile
	for rows.Next() {
		var f MarkFile
		if err := rows.Scan(&f.Origin, &f.Stamp); err != nil {
			return nil, fmt.Errorf("read marks: %w", err)
		}
		out = append(out, f)
	}
	return out, rows.Err()
}

const markColumns = `id, kind, number, conf, at, origin, after_conf`

// MarkQuery asks for the marks that name a conference, and for those that were made in a
// time.
type MarkQuery struct {
	Conf     recording.ConfID // empty names none
	From, To time.Time
	Limit    int
}

// MarksOf returns the marks that q asks for, oldest first.
func (c *Catalog) MarksOf(ctx context.Context, q MarkQuery) ([]recording.Mark, error) {
	return marks(ctx, c.near, `SELECT `+markColumns+` FROM mark WHERE at BETWEEN ? AND ? OR conf = ? AND conf <> '' ORDER BY at, id LIMIT ?`,
		ms(q.From), ms(q.To), string(q.Conf), q.Limit)
}

// LastMark is the newest mark; 0 if there is none.
func (c *Catalog) LastMark(ctx context.Context) (id int64, err error) {
	if err = c.nearRow(ctx, `SELECT coalesce(max(id), 0) FROM mark`).Scan(&id); err != nil {
		return 0, fmt.Errorf("read marks: %w", err)
	}
	return id, nil
}

// IdleMarks returns the marks that came before a time, are of no recording and have
// not been told of.
func (c *Catalog) IdleMarks(ctx context.Context, before time.Time) ([]recording.Mark, error) {
	return marks(ctx, c.query, `SELECT `+markColumns+` FROM mark WHERE told = 0 AND received < ?
		AND NOT EXISTS (SELECT 1 FROM mark_use WHERE mark = mark.id) ORDER BY id LIMIT 100`, ms(before))
}

// MarkTold notes that it was said of a mark that it is of no call.
func (c *Catalog) MarkTold(ctx context.Context, id int64) error {
	if _, err := c.exec(ctx, `UPDATE mark SET told = 1 WHERE id = ?`, id); err != nil {
		return fmt.Errorf("note of mark %d that it was told of: %w", id, err)
	}
	return nil
}

// PruneMarks deletes the marks and the numbers of random recording from before a time,
// but for marks whose files still lie there.
func (c *Catalog) PruneMarks(ctx context.Context, before time.Time) error {
	for _, q := range []string{
		`DELETE FROM mark WHERE received < ? AND file_there = 0`,
		`DELETE FROM draw WHERE at < ?`,
	} {
		if _, err := c.exec(ctx, q, ms(before)); err != nil {
			return fmt.Errorf("delete old marks: %w", err)
		}
	}
	return nil
}

func marks(ctx context.Context, ask asker, query string, args ...any) ([]recording.Mark, error) {
	rows, err := ask(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read marks: %w", err)
	}
	defer rows.Close()
	var out []recording.Mark
	for rows.Next() {
		var m recording.Mark
		var at int64
		if err := rows.Scan(&m.ID, &m.Kind, &m.Number, &m.Conf, &at, &m.From, &m.After); err != nil {
			return nil, fmt.Errorf("read marks: %w", err)
		}
		m.At = time.UnixMilli(at).UTC()
		out = append(out, m)
	}
	return out, rows.Err()
}

// LegsBetween returns what was seen live of agents' calls that touch a time, oldest
// first.
func (c *Catalog) LegsBetween(ctx context.Context, from, to time.Time) ([]recording.Leg, error) {
	return docs[recording.Leg](ctx, c.query, `SELECT doc FROM leg WHERE began <= ? AND (ended = 0 OR ended >= ?) ORDER BY began`, ms(to), ms(from))
}

// mostDone bounds what DoneBetween returns.
const mostDone = 500

// DoneBetween returns the recordings that began in a time and are filed for good, the
// newest first, at most 500.
func (c *Catalog) DoneBetween(ctx context.Context, from, to time.Time) ([]recording.Recording, error) {
	return c.list(ctx, `SELECT `+columns+` FROM recording WHERE state = ? AND started BETWEEN ? AND ? ORDER BY started DESC LIMIT ?`,
		string(recording.Done), ms(from), ms(to), mostDone)
}

// Star saves a filed recording that marks have given a star. It reports whether it was
// still as it is here; if not, nothing is saved.
func (c *Catalog) Star(ctx context.Context, rec recording.Recording) (done bool, err error) {
	doc, err := encode(rec)
	if err != nil {
		return false, err
	}
	err = c.tx(ctx, func(ctx context.Context, tx *txn) error {
		res, err := tx.ExecContext(ctx, `UPDATE recording SET doc = ? WHERE id = ? AND state = ? AND leased = 0`,
			doc, int64(rec.ID), string(recording.Done))
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		if done = n > 0; !done || err != nil {
			return err
		}
		return useMarks(ctx, tx, rec)
	})
	return done && err == nil, wrap(err, "mark", rec.ID)
}

// useMarks notes for which recording marks were used. A mark that goes to a call which
// had ended goes to that one only; it returns ErrTaken if another has it.
func useMarks(ctx context.Context, tx *txn, rec recording.Recording) error {
	if rec.State == recording.Discarded && rec.Verdict.NextMark > 0 {
		if err := noNewerMark(ctx, tx, rec.Verdict.NextMark); err != nil {
			return err
		}
	}
	for _, m := range rec.Verdict.Marks {
		if m.After != "" {
			res, err := tx.ExecContext(ctx, `UPDATE mark SET after_conf = ? WHERE id = ? AND after_conf IN ('', ?)`, string(m.After), m.ID, string(m.After))
			if err != nil {
				return err
			}
			if n, err := res.RowsAffected(); err != nil || n == 0 {
				return errors.Join(err, ErrTaken)
			}
		}
		if _, err := tx.ExecContext(ctx, `INSERT OR IGNORE INTO mark_use (mark, recording) VALUES (?,?)`, m.ID, int64(rec.ID)); err != nil {
			return err
		}
	}
	return nil
}

// noNewerMark returns ErrTaken if a mark has come that a verdict did not know.
func noNewerMark(ctx context.Context, tx *txn, next int64) error {
	var last int64
	if err := tx.QueryRowContext(ctx, `SELECT coalesce(max(id), 0) FROM mark`).Scan(&last); err != nil {
		return err
	}
	if last >= next {
		return ErrTaken
	}
	return nil
}
