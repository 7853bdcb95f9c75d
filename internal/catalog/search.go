package catalog

import (
	"context"
	"fmt"
	"strings"

	"callreel/internal/recording"
)

// Query asks for a page of recordings, newest first. The zero value asks for
// the newest filed ones.
type Query struct {
	States []recording.State // empty = Filed, BackedUp and Done
	Number string            // part of the internal or external number, or a TAN; may be empty
	Before recording.ID      // page after this one; 0 = from the newest
	Limit  int               // 0 = 100; at most 1,000
}

// Search returns the recordings that match q.
func (c *Catalog) Search(ctx context.Context, q Query) ([]recording.Recording, error) {
	states := q.States
	if len(states) == 0 {
		states = []recording.State{recording.Filed, recording.BackedUp, recording.Done}
	}
	where := []string{"state IN (?" + strings.Repeat(",?", len(states)-1) + ")"}
	args := make([]any, 0, len(states)+4)
	for _, s := range states {
		args = append(args, string(s))
	}
	if q.Number != "" {
		like := "%" + escapeLike(q.Number) + "%"
		where = append(where, `(internal LIKE ? ESCAPE '\' OR external LIKE ? ESCAPE '\'
			OR id IN (SELECT id FROM recording WHERE tan = ? AND tan <> ''))`)
		args = append(args, like, like, q.Number)
	}
	if q.Before > 0 {
		where = append(where, "id < ?")
		args = append(args, int64(q.Before))
	}
	limit := q.Limit
	if limit <= 0 {
		limit = 100
	}
	args = append(args, min(limit, 1000))
	return c.list(ctx, `SELECT `+columns+` FROM recording WHERE `+strings.Join(where, " AND ")+
		` ORDER BY id DESC LIMIT ?`, args...)
}

// Count returns how many recordings stand in each state.
func (c *Catalog) Count(ctx context.Context) (map[recording.State]int, error) {
	rows, err := c.query(ctx, `SELECT state, count(*) FROM recording GROUP BY state`)
	if err != nil {
		return nil, fmt.Errorf("count recordings: %w", err)
	}
	defer rows.Close()
	return counts(rows)
}

func counts(rows *rows) (map[recording.State]int, error) {
	out := map[recording.State]int{}
	for rows.Next() {
		var s string
		var n int
		if err := rows.Scan(&s, &n); err != nil {
			return nil, fmt.Errorf("count recordings: %w", err)
		}
		out[recording.State(s)] = n
	}
	return out, rows.Err()
}

func escapeLike(s string) string {
	return strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(s)
}
