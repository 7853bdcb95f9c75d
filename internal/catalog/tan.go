package catalog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"callreel/internal/recording"
)

// WishTAN notes the TAN that a recording is to have; a later wish takes the place of an
// earlier one.
func (c *Catalog) WishTAN(ctx context.Context, id recording.ID, tan string, at time.Time) error {
	_, err := c.exec(ctx, `INSERT INTO tan_wish (recording, tan, at) VALUES (?,?,?)
		ON CONFLICT (recording) DO UPDATE SET tan = excluded.tan, at = excluded.at`, int64(id), tan, ms(at))
	return wrap(err, "note the TAN of", id)
}

// WishedTANs are the TANs that recordings are to have which the line is done with.
func (c *Catalog) WishedTANs(ctx context.Context) (map[recording.ID]string, error) {
	rows, err := c.query(ctx, `SELECT tan_wish.recording, tan_wish.tan FROM tan_wish JOIN recording ON recording.id = tan_wish.recording WHERE state = ?`,
		string(recording.Done))
	if err != nil {
		return nil, fmt.Errorf("read wished TANs: %w", err)
	}
	defer rows.Close()
	out := map[recording.ID]string{}
	for rows.Next() {
		var id int64
		var tan string
		if err := rows.Scan(&id, &tan); err != nil {
			return nil, fmt.Errorf("read wished TANs: %w", err)
		}
		out[recording.ID(id)] = tan
	}
	return out, rows.Err()
}

// Renamed saves the new name and places of a recording that the line is done with; with
// finished its wish is fulfilled, unless there is another one by now.
func (c *Catalog) Renamed(ctx context.Context, rec recording.Recording, finished bool) error {
	doc, err := encode(rec)
	if err != nil {
		return err
	}
	err = c.tx(ctx, func(ctx context.Context, tx *txn) error {
		res, err := tx.ExecContext(ctx, `UPDATE recording SET doc = ?, place = ?, tan = ? WHERE id = ? AND state = ? AND leased = 0`,
			doc, string(rec.Place), rec.Call.TAN, int64(rec.ID), string(recording.Done))
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, ErrBusy)
		}
		if finished {
			_, err = tx.ExecContext(ctx, `DELETE FROM tan_wish WHERE recording = ? AND tan = ?`, int64(rec.ID), rec.Call.TAN)
		}
		return err
	})
	return wrap(err, "rename", rec.ID)
}
