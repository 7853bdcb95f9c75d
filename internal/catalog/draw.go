package catalog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"callreel/internal/recording"
)

// ErrTaken says that what a verdict rests on, a number of random recording or a mark,
// was taken for another call meanwhile. Nothing was saved: decide again.
var ErrTaken = errors.New("taken by another call meanwhile")

// Counters returns the counters of random recording by agent; "" is the system's.
func (c *Catalog) Counters(ctx context.Context) (map[string]int64, error) {
	rows, err := c.query(ctx, `SELECT agent, n FROM counter`)
	if err != nil {
		return nil, fmt.Errorf("read the counters: %w", err)
	}
	defer rows.Close()
	out := map[string]int64{}
	for rows.Next() {
		var agent string
		var n int64
		if err := rows.Scan(&agent, &n); err != nil {
			return nil, fmt.Errorf("read the counters: %w", err)
		}
		out[agent] = n
	}
	return out, rows.Err()
}

// Drawn returns the numbers that a recording's call has taken already.
func (c *Catalog) Drawn(ctx context.Context, rec recording.Recording) ([]recording.Draw, error) {
	return docs[recording.Draw](ctx, c.near, `SELECT doc FROM draw WHERE conf = ? AND recording = ?`, string(rec.Capture.Conf), drawnFor(rec))
}

// drawnFor tells calls apart that no conference does.
func drawnFor(rec recording.Recording) int64 {
	if rec.Capture.Conf != "" {
		return 0
	}
	return int64(rec.ID)
}

// Undecided returns the recordings that may still be decided on, at most limit.
func (c *Catalog) Undecided(ctx context.Context, limit int) ([]recording.Recording, error) {
	return c.list(ctx, `SELECT `+columns+` FROM recording WHERE state IN (?, ?, ?) ORDER BY id LIMIT ?`,
		string(recording.Seen), string(recording.Spooled), string(recording.Correlated), limit)
}

// takeNumbers counts a call that a verdict has drawn numbers for, if it is not counted
// yet and the counters still stand where the verdict saw them; else ErrTaken.
func takeNumbers(ctx context.Context, tx *txn, rec recording.Recording) error {
	d := rec.Verdict.Draw
	if d == nil {
		return nil
	}
	doc, err := json.Marshal(d)
	if err != nil {
		return err
	}
	res, err := tx.ExecContext(ctx, `INSERT OR IGNORE INTO draw (conf, agent, recording, at, doc) VALUES (?,?,?,?,?)`,
		string(rec.Capture.Conf), d.Agent, drawnFor(rec), ms(rec.Verdict.At), string(doc))
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return err
	}
	for _, c := range []struct {
		agent string
		at    int64
		goes  bool
	}{{"", d.System, d.Counts}, {d.Agent, d.Own, d.CountsOwn}} {
		if !c.goes {
			continue
		}
		if err := count(ctx, tx, c.agent, c.at); err != nil {
			return err
		}
	}
	return nil
}

// count moves one counter on from where it is thought to stand.
func count(ctx context.Context, tx *txn, agent string, at int64) error {
	if _, err := tx.ExecContext(ctx, `INSERT OR IGNORE INTO counter (agent, n) VALUES (?, 0)`, agent); err != nil {
		return err
	}
	res, err := tx.ExecContext(ctx, `UPDATE counter SET n = n + 1 WHERE agent = ? AND n = ?`, agent, at)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, ErrTaken)
	}
	return nil
}
