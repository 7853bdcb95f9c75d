package catalog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"callreel/internal/recording"
)

// ErrStale says that a claim is no longer held: somebody else has claimed the
// recording since. Nothing was saved.
var ErrStale = errors.New("claim no longer held")

// Claimed is a recording that one worker has for a while.
type Claimed struct {
	recording.Recording
	seq   int64
	saved values
}

// found are the columns that repeat a part of a recording so that it is found by it. Most
// have an index, which SQLite writes anew when its column is set, be it to the same value.
var found = [...]string{"uid", "conf", "spool", "started", "internal", "external", "direction", "owner", "sha256", "place", "tan"}

// values are those of the columns found.
type values [len(found)]any

func valuesOf(rec recording.Recording) values {
	return values{
		rec.Capture.UID, string(rec.Capture.Conf), rec.Capture.Spool, ms(rec.Started()), rec.Verdict.Internal, rec.Verdict.External,
		string(rec.Verdict.Direction), rec.Verdict.Owner.CN, rec.Capture.SHA256, string(rec.Place), rec.Call.TAN,
	}
}

// targets is seq and the values, for Scan.
func (cl *Claimed) targets() []any {
	out := []any{&cl.seq}
	for i := range cl.saved {
		out = append(out, &cl.saved[i])
	}
	return out
}

// Claim takes the recording whose next step has been due longest, for the time
// of lease. It returns recording.ErrNotFound when none is due at now.
func (c *Catalog) Claim(ctx context.Context, now time.Time, lease time.Duration) (Claimed, error) {
	list, err := c.ClaimSome(ctx, now, lease, 1)
	if err == nil && len(list) == 0 {
		err = fmt.Errorf("claim a recording: %w", recording.ErrNotFound)
	}
	if err != nil {
		return Claimed{}, err
	}
	return list[0], nil
}

// ClaimSome is Claim of up to most recordings, those that have been due longest, the
// oldest recording first. It returns none when none is due. One whose row cannot be read is
// claimed too, so that it does not stand before the others, and told by ErrUnreadable beside
// those that can.
func (c *Catalog) ClaimSome(ctx context.Context, now time.Time, lease time.Duration, most int) (list []Claimed, err error) {
	var bad error
	err = c.tx(ctx, func(ctx context.Context, tx *txn) error {
		list, bad = nil, nil
		rows, err := tx.QueryContext(ctx, `
			UPDATE recording SET leased = 1, woken = 0, seq = seq + 1, due = ?
			WHERE id IN (SELECT id FROM recording WHERE due IS NOT NULL AND due <= ? ORDER BY due, id LIMIT ?)
			RETURNING seq, `+strings.Join(found[:], ", ")+`, `+columns, ms(now.Add(lease)), ms(now), most)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var cl Claimed
			cl.Recording, err = scanInto(rows, cl.targets()...)
			switch {
			case errors.Is(err, ErrUnreadable):
				bad = cmp.Or(bad, fmt.Errorf("claim recordings: %w", err))
			case err != nil:
				return err
			default:
				list = append(list, cl)
			}
		}
		return rows.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("claim recordings: %w", err)
	}
	slices.SortFunc(list, func(a, b Claimed) int { return cmp.Compare(a.ID, b.ID) })
	return list, bad
}

// Advance saves a claimed recording and gives it back. due is when its next
// step may run; zero means when something happens. sourceDue allows the source
// to be deleted from then on; zero changes nothing. It returns ErrStale when
// the claim was lost. A recording that was woken while it was claimed, and still
// waits for CDRs, is due at once: the step may have looked before they came. With a
// verdict it takes the marks and numbers that the verdict rests on, or returns ErrTaken.
// The messages tell of the new state; they are stored with it, and not if it is another
// by then.
func (c *Catalog) Advance(ctx context.Context, cl Claimed, next, sourceDue time.Time, tell ...recording.Message) error {
	return c.saveClaimed(ctx, &cl, outcome{next: next, sourceDue: sourceDue, tell: tell})
}

// Keep is Advance for a recording that its worker goes on with at once: the claim is
// renewed until a time. What woke it meanwhile is forgotten, for the next step looks
// anew; what has become of its source is in cl.
func (c *Catalog) Keep(ctx context.Context, cl *Claimed, until, sourceDue time.Time, tell ...recording.Message) error {
	return c.saveClaimed(ctx, cl, outcome{next: until, sourceDue: sourceDue, tell: tell, keep: true})
}

// outcome is what becomes of a claim when it is saved.
type outcome struct {
	next, sourceDue time.Time
	tell            []recording.Message
	keep            bool // the worker goes on; next is how long it may
}

func (c *Catalog) saveClaimed(ctx context.Context, cl *Claimed, o outcome) error {
	rec := cl.Recording
	doc, err := encode(rec)
	if err != nil {
		return err
	}
	err = c.tx(ctx, func(ctx context.Context, tx *txn) error {
		var before string
		err := tx.QueryRowContext(ctx, `SELECT state, source_gone FROM recording WHERE id = ?`, int64(rec.ID)).Scan(&before, &cl.Capture.SourceGone)
		if err != nil {
			return err
		}
		if err := advance(ctx, tx, *cl, doc, o); err != nil {
			return err
		}
		if err := tellOf(ctx, tx, rec, o.tell); err != nil {
			return err
		}
		if before == string(rec.State) {
			return nil
		}
		return settle(ctx, tx, rec)
	})
	if err == nil {
		cl.saved = valuesOf(rec)
	}
	return wrap(err, "save", rec.ID)
}

// tellOf stores what tells of a recording's state, if it stands in that.
func tellOf(ctx context.Context, tx *txn, rec recording.Recording, tell []recording.Message) error {
	if len(tell) == 0 {
		return nil
	}
	var state string
	err := tx.QueryRowContext(ctx, `SELECT state FROM recording WHERE id = ?`, int64(rec.ID)).Scan(&state)
	if err != nil || state != string(rec.State) {
		return err
	}
	return enqueue(ctx, tx, tell)
}

// settle takes what a verdict rests on, when it is saved first.
func settle(ctx context.Context, tx *txn, rec recording.Recording) error {
	if rec.State != recording.Decided && rec.State != recording.Discarded {
		return nil
	}
	if err := useMarks(ctx, tx, rec); err != nil {
		return err
	}
	return takeNumbers(ctx, tx, rec)
}

func advance(ctx context.Context, tx *txn, cl Claimed, doc string, o outcome) error {
	state := string(cl.State)
	set := `leased = ?, woken = 0, doc = ?, state = CASE WHEN woken = 1 AND ? = ? THEN ? ELSE ? END,
		due = CASE WHEN woken = 1 AND ? IN (?, ?) AND NOT ? THEN 0 ELSE ? END`
	args := []any{
		o.keep, doc, state, string(recording.Quarantined), string(recording.Spooled), state,
		state, string(recording.Spooled), string(recording.Quarantined), o.keep, due(o.next),
	}
	if !o.sourceDue.IsZero() {
		set += `, source_due = CASE WHEN source_gone = 1 THEN NULL ELSE ? END`
		args = append(args, ms(o.sourceDue))
	}
	for i, v := range valuesOf(cl.Recording) {
		if v != cl.saved[i] {
			set += ", " + found[i] + " = ?"
			args = append(args, v)
		}
	}
	res, err := tx.ExecContext(ctx, `UPDATE recording SET `+set+` WHERE id = ? AND seq = ?`, append(args, int64(cl.ID), cl.seq)...)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, ErrStale)
	}
	return nil
}
