package catalog

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"callreel/internal/recording"
)

// SaveLeg stores the present state of agents' parts in conferences, all or none.
func (c *Catalog) SaveLeg(ctx context.Context, legs ...recording.Leg) error {
	return c.SaveLegs(ctx, legs, nil)
}

// SaveLegs is SaveLeg with the messages that tell of them, all or none.
func (c *Catalog) SaveLegs(ctx context.Context, legs []recording.Leg, tell []recording.Message) error {
	defer c.legs.change(confsOf(legs))()
	err := c.tx(ctx, func(ctx context.Context, tx *txn) error {
		for _, leg := range legs {
			if err := saveLeg(ctx, tx, leg); err != nil {
				return err
			}
		}
		return enqueue(ctx, tx, tell)
	})
	if err != nil {
		return fmt.Errorf("save %d call events: %w", len(legs), err)
	}
	return nil
}

func confsOf(legs []recording.Leg) []recording.ConfID {
	out := make([]recording.ConfID, 0, len(legs))
	for _, leg := range legs {
		out = append(out, leg.Conf)
	}
	return out
}

func saveLeg(ctx context.Context, tx *txn, leg recording.Leg) error {
	doc, err := json.Marshal(leg)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO leg (pbx, cn, conf, began, ended, doc) VALUES (?,?,?,?,?,?)
		ON CONFLICT (pbx, cn, conf, began) DO UPDATE SET ended = excluded.ended, doc = excluded.doc`,
		leg.Agent.PBX, leg.Agent.CN, string(leg.Conf), ms(leg.Began), ms(leg.Ended), string(doc))
	return err
}

// pruneLegs deletes legs that ended before limit, but none that a recording still waits
// for.
func (c *Catalog) pruneLegs(ctx context.Context, limit time.Time) error {
	defer c.legs.change(nil)()
	_, err := c.exec(ctx, `DELETE FROM leg WHERE ended > 0 AND ended < ? AND NOT EXISTS (
		SELECT 1 FROM recording WHERE recording.conf = leg.conf
		AND recording.state IN ('seen','spooled','correlated','decided','quarantined'))`, ms(limit))
	if err != nil {
		return fmt.Errorf("delete old call events: %w", err)
	}
	return nil
}

// Legs returns what was seen live of a conference, in time order.
func (c *Catalog) Legs(ctx context.Context, conf recording.ConfID) ([]recording.Leg, error) {
	list, known, age := c.legs.get(conf)
	if known {
		return list, nil
	}
	list, err := docs[recording.Leg](ctx, c.near, `SELECT doc FROM leg WHERE conf = ? ORDER BY began`, string(conf))
	if err == nil {
		c.legs.put(conf, list, age)
	}
	return list, err
}

// LiveLegs returns the legs that had not ended when last heard of.
func (c *Catalog) LiveLegs(ctx context.Context) ([]recording.Leg, error) {
	return docs[recording.Leg](ctx, c.query, `SELECT doc FROM leg WHERE ended = 0 ORDER BY began`)
}

// LiveConfs returns the conferences with a leg that had not ended when last heard of, and
// the PBXes of such legs.
func (c *Catalog) LiveConfs(ctx context.Context) (map[recording.ConfID][]string, error) {
	rows, err := c.near(ctx, `SELECT conf, pbx FROM leg WHERE ended = 0`)
	if err != nil {
		return nil, fmt.Errorf("read live calls: %w", err)
	}
	defer rows.Close()
	out := map[recording.ConfID][]string{}
	for rows.Next() {
		var conf recording.ConfID
		var pbx string
		if err := rows.Scan(&conf, &pbx); err != nil {
			return nil, fmt.Errorf("read live calls: %w", err)
		}
		out[conf] = append(out[conf], pbx)
	}
	return out, rows.Err()
}
