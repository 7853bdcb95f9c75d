package catalog

import (
	"context"
	"fmt"
	"strings"
	"time"

	"callreel/internal/recording"
)

// enqueue stores messages with what they tell of. One whose key is known is told already.
func enqueue(ctx context.Context, tx *txn, list []recording.Message) error {
	for _, m := range list {
		_, err := tx.ExecContext(ctx, `INSERT OR IGNORE INTO outbox (target, key, at, doc) VALUES (?,?,?,?)`, m.To, m.Key, ms(m.At), m.Doc)
		if err != nil {
			return fmt.Errorf("store a message to %s: %w", m.To, err)
		}
	}
	return nil
}

// Waiting returns up to limit messages to one that he was not sent yet, in their order,
// those behind after.
func (c *Catalog) Waiting(ctx context.Context, to string, after int64, limit int) ([]recording.Message, error) {
	rows, err := c.query(ctx, `SELECT seq, target, key, at, doc FROM outbox
		WHERE target = ? AND seq > ? AND sent = 0 AND dead = 0 ORDER BY seq LIMIT ?`, to, after, limit)
	if err != nil {
		return nil, fmt.Errorf("read the messages to %s: %w", to, err)
	}
	defer rows.Close()
	var out []recording.Message
	for rows.Next() {
		var m recording.Message
		var at int64
		if err := rows.Scan(&m.Seq, &m.To, &m.Key, &at, &m.Doc); err != nil {
			return nil, fmt.Errorf("read the messages to %s: %w", to, err)
		}
		m.At = time.UnixMilli(at).UTC()
		out = append(out, m)
	}
	return out, rows.Err()
}

// Sent notes that one has all messages up to a number.
func (c *Catalog) Sent(ctx context.Context, to string, upTo int64, at time.Time) error {
	_, err := c.exec(ctx, `UPDATE outbox SET sent = ? WHERE target = ? AND seq <= ? AND sent = 0 AND dead = 0`, ms(at), to, upTo)
	return wrapOutbox(err, "note what was sent", to)
}

// Unsend makes the messages from a number on wait again: it is not certain that he has them.
func (c *Catalog) Unsend(ctx context.Context, to string, from int64) error {
	_, err := c.exec(ctx, `UPDATE outbox SET sent = 0 WHERE target = ? AND seq >= ? AND sent > 0`, to, from)
	return wrapOutbox(err, "send again", to)
}

// GiveUp gives up the waiting messages of before a time, and of the others the oldest
// ones that are more than most. They stay in the catalog for a while. It returns how
// many that were.
func (c *Catalog) GiveUp(ctx context.Context, to string, before time.Time, most int, now time.Time) (int64, error) {
	res, err := c.exec(ctx, `UPDATE outbox SET dead = ? WHERE target = ? AND sent = 0 AND dead = 0 AND (at < ? OR seq <= coalesce(
		(SELECT seq FROM outbox WHERE target = ? AND sent = 0 AND dead = 0 ORDER BY seq DESC LIMIT 1 OFFSET ?), 0))`,
		ms(now), to, ms(before), to, most)
	if err != nil {
		return 0, wrapOutbox(err, "give up", to)
	}
	return res.RowsAffected()
}

// GiveUpOne gives up one message.
func (c *Catalog) GiveUpOne(ctx context.Context, to string, seq int64, now time.Time) error {
	_, err := c.exec(ctx, `UPDATE outbox SET dead = ? WHERE target = ? AND seq = ? AND sent = 0`, ms(now), to, seq)
	return wrapOutbox(err, "give up", to)
}

// GiveUpOthers gives up what waits for those that are not named, and returns how many
// messages that were for each.
func (c *Catalog) GiveUpOthers(ctx context.Context, named []string, now time.Time) (map[string]int, error) {
	args := make([]any, 0, len(named)+1)
	for _, to := range named {
		args = append(args, to)
	}
	others := `sent = 0 AND dead = 0 AND target NOT IN (` + strings.TrimSuffix(strings.Repeat("?,", len(named)), ",") + `)`
	rows, err := c.query(ctx, `SELECT target, count(*) FROM outbox WHERE `+others+` GROUP BY target`, args...)
	if err != nil {
		return nil, wrapOutbox(err, "give up", "others")
	}
	defer rows.Close()
	out := map[string]int{}
	for rows.Next() {
		var to string
		var n int
		if err := rows.Scan(&to, &n); err != nil {
			return nil, wrapOutbox(err, "give up", "others")
		}
		out[to] = n
	}
	if err := rows.Err(); err != nil || len(out) == 0 {
		return out, err
	}
	_, err = c.exec(ctx, `UPDATE outbox SET dead = ? WHERE `+others, append([]any{ms(now)}, args...)...)
	return out, wrapOutbox(err, "give up", "others")
}

// Backlog tells what waits for one, and how much was given up since a time.
func (c *Catalog) Backlog(ctx context.Context, to string, since time.Time) (b recording.Backlog, err error) {
	var oldest int64
	err = c.queryRow(ctx, `SELECT
		(SELECT count(*) FROM outbox WHERE target = ?1 AND sent = 0 AND dead = 0),
		coalesce((SELECT at FROM outbox WHERE target = ?1 AND sent = 0 AND dead = 0 ORDER BY seq LIMIT 1), 0),
		(SELECT count(*) FROM outbox WHERE target = ?1 AND dead > ?2)`, to, ms(since)).Scan(&b.Waiting, &oldest, &b.Dead)
	if oldest > 0 {
		b.Oldest = time.UnixMilli(oldest).UTC()
	}
	return b, wrapOutbox(err, "count the messages", to)
}

// PruneOutbox forgets messages of before a time that nobody waits for any more.
func (c *Catalog) PruneOutbox(ctx context.Context, before time.Time) error {
	_, err := c.exec(ctx, `DELETE FROM outbox WHERE at < ? AND (sent > 0 OR dead > 0)`, ms(before))
	return wrapOutbox(err, "forget old messages", "all")
}

func wrapOutbox(err error, verb, to string) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("outbox: %s to %s: %w", verb, to, err)
}
