package catalog

import (
	"context"
	"errors"

	"callreel/internal/recording"
)

// FiledCaptures returns recordings whose capture was filed as it came, and that the line is
// done with: up to most of them behind one, by number.
func (c *Catalog) FiledCaptures(ctx context.Context, after recording.ID, most int) ([]recording.Recording, error) {
	return c.list(ctx, `SELECT `+columns+` FROM recording WHERE place GLOB '*.pcap' AND +state = ? AND id > ? ORDER BY id LIMIT ?`,
		string(recording.Done), int64(after), most)
}

// TakeOver saves the place and the audio of a recording that the line is done with, after
// a converter has put them in the place of others; in the state Filed its next step is due.
// ErrBusy says that the line has it again.
func (c *Catalog) TakeOver(ctx context.Context, rec recording.Recording) error {
	doc, err := encode(rec)
	if err != nil {
		return err
	}
	res, err := c.exec(ctx, `UPDATE recording SET doc = ?, place = ?, state = ?, due = CASE WHEN ? THEN NULL ELSE 0 END
		WHERE id = ? AND state = ? AND leased = 0`,
		doc, string(rec.Place), string(rec.State), rec.State.Ended(), int64(rec.ID), string(recording.Done))
	if err != nil {
		return wrap(err, "take over", rec.ID)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return wrap(errors.Join(err, ErrBusy), "take over", rec.ID)
	}
	return nil
}
