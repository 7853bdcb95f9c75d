package catalog

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"callreel/internal/recording"
)

// DropAgents forgets the agents of all PBXes but those named and their slave
// sites.
func (c *Catalog) DropAgents(ctx context.Context, except []string) error {
	known, err := c.Agents(ctx)
	if err != nil && !errors.Is(err, ErrUnreadable) { // such a row goes when its PBX names its agents
		return err
	}
	for _, a := range known {
		if isOneOf(a.PBX, except) {
			continue
		}
		if _, err := c.exec(ctx, `DELETE FROM agent WHERE pbx = ? AND cn = ?`, a.PBX, a.CN); err != nil {
			return fmt.Errorf("forget the agents of PBX %s: %w", a.PBX, err)
		}
	}
	return nil
}

// SaveAgents replaces the list of a PBX's agents.
func (c *Catalog) SaveAgents(ctx context.Context, pbx string, list []recording.Agent) error {
	return c.SaveAgentsGained(ctx, pbx, list, time.Time{})
}

// SaveAgentsGained is SaveAgents of a list with somebody who may have been an agent
// unseen: in the same transaction the lines of all calls of which a record came at a time
// or later have to be made anew. The zero time touches none.
func (c *Catalog) SaveAgentsGained(ctx context.Context, pbx string, list []recording.Agent, since time.Time) error {
	err := c.tx(ctx, func(ctx context.Context, tx *txn) error {
		if err := saveAgents(ctx, tx, pbx, list); err != nil || since.IsZero() {
			return err
		}
		// A new number each, as by the triggers: lines may be in the making without him.
		_, err := tx.ExecContext(ctx, `INSERT OR REPLACE INTO ledger_touched (conf, recording)
			SELECT DISTINCT conf, 0 FROM cdr CROSS JOIN cdr_conf ON cdr_conf.cdr = cdr.id WHERE received >= ?`, ms(since))
		return err
	})
	if err != nil {
		return fmt.Errorf("save the agents of PBX %s: %w", pbx, err)
	}
	return nil
}

func saveAgents(ctx context.Context, tx *txn, pbx string, list []recording.Agent) error {
	if _, err := tx.ExecContext(ctx, `DELETE FROM agent WHERE pbx = ?`, pbx); err != nil {
		return err
	}
	for _, a := range list {
		doc, err := json.Marshal(a)
		if err != nil {
			return err
		}
		if _, err = tx.ExecContext(ctx, `INSERT OR REPLACE INTO agent (pbx, cn, doc) VALUES (?,?,?)`, pbx, a.CN, string(doc)); err != nil {
			return err
		}
	}
	return nil
}

// RosterSure notes that a PBX tells every change of its agents from now on.
func (c *Catalog) RosterSure(ctx context.Context, pbx string) error {
	_, err := c.exec(ctx, `INSERT INTO roster (pbx, unsure) VALUES (?, 0) ON CONFLICT (pbx) DO UPDATE SET unsure = 0`, pbx)
	if err != nil {
		return fmt.Errorf("note that PBX %s tells its agents: %w", pbx, err)
	}
	return nil
}

// RosterUnsure notes that the agents of a PBX, or of all with an empty name, may change
// unseen from a time on. Where they may already, or were never told, that stays.
func (c *Catalog) RosterUnsure(ctx context.Context, pbx string, since time.Time) error {
	_, err := c.exec(ctx, `UPDATE roster SET unsure = ?1 WHERE unsure = 0 AND (?2 = '' OR pbx = ?2)`, ms(since), pbx)
	if err != nil {
		return fmt.Errorf("note whose agents may change unseen: %w", err)
	}
	return nil
}

// UnsureSince returns since when a PBX's agents may have changed unseen; the zero time if
// they cannot have. It returns recording.ErrNotFound for one that never told them.
func (c *Catalog) UnsureSince(ctx context.Context, pbx string) (time.Time, error) {
	var at int64
	err := c.queryRow(ctx, `SELECT unsure FROM roster WHERE pbx = ?`, pbx).Scan(&at)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return time.Time{}, recording.ErrNotFound
	case err != nil:
		return time.Time{}, fmt.Errorf("look when PBX %s told its agents: %w", pbx, err)
	case at == 0:
		return time.Time{}, nil
	}
	return time.UnixMilli(at).UTC(), nil
}

// Agents returns the agents of all PBXes, as last known; those that can be read with
// ErrUnreadable too.
func (c *Catalog) Agents(ctx context.Context) ([]recording.Agent, error) {
	return docs[recording.Agent](ctx, c.query, `SELECT doc FROM agent ORDER BY pbx, cn`)
}
