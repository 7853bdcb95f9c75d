package catalog

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"callreel/internal/recording"
)

// mostKnown bounds the conferences whose legs are kept in memory.
const mostKnown = 4096

// legCache are the legs of conferences as they were read last: each is asked for in
// every look at the inbox, for each step and for each line of the ledger. While those of a
// conference are being written they are not answered from it, nor put into it as they were
// read meanwhile: who is told of a change, by a trigger too, must not find what was before. The nil cache
// knows nothing; it is that of a program beside the recorder, which sees no writes.
type legCache struct {
	mu      sync.Mutex
	known   map[recording.ConfID][]recording.Leg
	writing map[recording.ConfID]int // how many write; "" stands for all
	changed map[recording.ConfID]int // the age at which they were written last, since all were forgotten
	age     int                      // counts the changes
}

func newLegCache() *legCache {
	return &legCache{
		known:   map[recording.ConfID][]recording.Leg{},
		writing: map[recording.ConfID]int{}, changed: map[recording.ConfID]int{},
	}
}

// get returns a copy of the legs, or false and what put wants.
func (c *legCache) get(conf recording.ConfID) (list []recording.Leg, known bool, age int) {
	if c == nil {
		return nil, false, 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.writing[conf] > 0 || c.writing[""] > 0 {
		return nil, false, -1
	}
	list, known = c.known[conf]
	return slices.Clone(list), known, c.age
}

// put keeps legs that were read since get told age, if nothing was written since.
func (c *legCache) put(conf recording.ConfID, list []recording.Leg, age int) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if age < 0 || age < c.changed[conf] || age < c.changed[""] {
		return
	}
	if len(c.known) >= mostKnown {
		clear(c.known)
	}
	c.known[conf] = slices.Clone(list)
}

// change is called before legs are written, without any if that may be all, and what it
// returns after it.
func (c *legCache) change(legs []recording.Leg) (written func()) {
	if c == nil {
		return func() {}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	confs := map[recording.ConfID]bool{}
	for _, leg := range legs {
		confs[leg.Conf] = true
	}
	c.age++
	if len(legs) == 0 || len(c.changed) >= mostKnown { // what is read just now is not put then
		clear(c.known)
		clear(c.changed)
		c.changed[""] = c.age
	}
	if len(legs) == 0 {
		confs[""] = true
	}
	for conf := range confs {
		delete(c.known, conf)
		c.writing[conf]++
		c.changed[conf] = c.age
	}
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		for conf := range confs {
			if c.writing[conf]--; c.writing[conf] == 0 {
				delete(c.writing, conf)
			}
		}
	}
}

// SaveLeg stores the present state of agents' parts in conferences, all or none.
func (c *Catalog) SaveLeg(ctx context.Context, legs ...recording.Leg) error {
	return c.SaveLegs(ctx, legs, nil)
}

// SaveLegs is SaveLeg with the messages that tell of them, all or none.
func (c *Catalog) SaveLegs(ctx context.Context, legs []recording.Leg, tell []recording.Message) error {
	defer c.legs.change(legs)()
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
	list, err := docs[recording.Leg](ctx, c, `SELECT doc FROM leg WHERE conf = ? ORDER BY began`, string(conf))
	if err == nil {
		c.legs.put(conf, list, age)
	}
	return list, err
}

// LiveLegs returns the legs that had not ended when last heard of.
func (c *Catalog) LiveLegs(ctx context.Context) ([]recording.Leg, error) {
	return docs[recording.Leg](ctx, c, `SELECT doc FROM leg WHERE ended = 0 ORDER BY began`)
}

// LiveConfs returns the conferences with a leg that had not ended when last heard of, and
// the PBXes of such legs.
func (c *Catalog) LiveConfs(ctx context.Context) (map[recording.ConfID][]string, error) {
	rows, err := c.query(ctx, `SELECT conf, pbx FROM leg WHERE ended = 0`)
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
