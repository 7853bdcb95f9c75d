package catalog

import (
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"callreel/internal/recording"
)

// CDR is one record to store, with every conference id it names and the times of its
// set-ups.
type CDR struct {
	XML    string
	Confs  []recording.ConfID
	Setups []time.Time
}

// SaveCDRs stores records, all or none. A record that is here already, byte for
// byte, is not stored twice.
func (c *Catalog) SaveCDRs(ctx context.Context, list []CDR, received time.Time) error {
	defer c.cdrs.change(named(list))()
	return wrapCDRs(c.tx(ctx, func(ctx context.Context, tx *txn) error { return saveCDRs(ctx, tx, list, received) }), len(list))
}

// Waking is what waits for records that are stored: at once are due, at a time, the
// recordings of their conferences (see Wake), and captures that are told by their own
// SIP, whose INVITE lies between two times.
type Waking struct {
	At, From, To time.Time
}

// Woken is what records that were stored are about.
type Woken struct {
	N      int                // recordings that they woke
	Judged []recording.ConfID // conferences of which Judged returns recordings
}

// SaveAndWake is SaveCDRs, and wakes what waits for the records in the same transaction.
func (c *Catalog) SaveAndWake(ctx context.Context, list []CDR, received time.Time, w Waking) (woken Woken, err error) {
	confs := named(list)
	defer c.cdrs.change(confs)()
	err = c.tx(ctx, func(ctx context.Context, tx *txn) error {
		woken = Woken{}
		if err := saveCDRs(ctx, tx, list, received); err != nil {
			return err
		}
		foreign, err := wakeForeign(ctx, tx, w.From, w.To, w.At)
		if err != nil {
			return err
		}
		n, err := wake(ctx, tx, confs, w.At)
		if err != nil {
			return err
		}
		woken.N = foreign + n
		woken.Judged, err = judgedOf(ctx, tx, confs)
		return err
	})
	return woken, wrapCDRs(err, len(list))
}

// judgedOf are those conferences of which there are judged recordings. It is asked by the
// one who writes, to whom the pages are at hand.
func judgedOf(ctx context.Context, tx *txn, confs []recording.ConfID) (out []recording.ConfID, err error) {
	for _, conf := range confs {
		var is bool
		err := tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM recording WHERE conf = ? AND `+judged+`)`, string(conf)).Scan(&is)
		if err != nil {
			return nil, err
		}
		if is {
			out = append(out, conf)
		}
	}
	return out, nil
}

// named are the conferences that records name.
func named(list []CDR) []recording.ConfID {
	out := make([]recording.ConfID, 0, len(list))
	for _, r := range list {
		out = append(out, r.Confs...)
	}
	return out
}

func wrapCDRs(err error, n int) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("save %d CDRs: %w", n, err)
}

func saveCDRs(ctx context.Context, tx *txn, list []CDR, received time.Time) error {
	for _, r := range list {
		if err := saveCDR(ctx, tx, r, received); err != nil {
			return err
		}
	}
	return nil
}

func saveCDR(ctx context.Context, tx *txn, r CDR, received time.Time) error {
	id, err := insertCDR(ctx, tx, r.XML, received)
	if err != nil {
		return err
	}
	for _, conf := range r.Confs {
		_, err := tx.ExecContext(ctx, `INSERT OR IGNORE INTO cdr_conf (conf, cdr) VALUES (?,?)`, string(conf), id)
		if err != nil {
			return err
		}
	}
	return saveSetups(ctx, tx, id, r.Setups)
}

// insertCDR returns the number of a record that is new, or here already. (RETURNING would
// tell it too, at the price of a table of its own for each record.)
func insertCDR(ctx context.Context, tx *txn, xml string, received time.Time) (id int64, err error) {
	sum := sha256.Sum256([]byte(xml))
	digest := hex.EncodeToString(sum[:])
	res, err := tx.ExecContext(ctx, `INSERT INTO cdr (received, digest, xml, setups) VALUES (?,?,?,1) ON CONFLICT (digest) DO NOTHING`,
		ms(received), digest, xml)
	if err != nil {
		return 0, err
	}
	if n, err := res.RowsAffected(); err != nil || n > 0 {
		return lastID(res, err)
	}
	if _, err := tx.ExecContext(ctx, `UPDATE cdr SET setups = 1 WHERE digest = ? AND setups = 0`, digest); err != nil {
		return 0, err
	}
	err = tx.QueryRowContext(ctx, `SELECT id FROM cdr WHERE digest = ?`, digest).Scan(&id)
	return id, err
}

func lastID(res sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return res.LastInsertId()
}

// SaveGarbage keeps what was sent as a CDR and is none, for the admin to see.
func (c *Catalog) SaveGarbage(ctx context.Context, body []byte, from, reason string, received time.Time) error {
	_, err := c.exec(ctx, `INSERT INTO cdr_garbage (received, sender, reason, body) VALUES (?,?,?,?)`,
		ms(received), from, reason, body)
	if err != nil {
		return fmt.Errorf("save what is no CDR: %w", err)
	}
	return nil
}

// GarbageCount returns how many things were sent as CDRs that are none.
func (c *Catalog) GarbageCount(ctx context.Context) (int, error) {
	var n int
	err := c.queryRow(ctx, `SELECT count(*) FROM cdr_garbage`).Scan(&n)
	return n, err
}

// CDRs returns the records that name a conference in any of their events, in
// the order they came.
func (c *Catalog) CDRs(ctx context.Context, conf recording.ConfID) ([]recording.RawCDR, error) {
	list, known, age := c.cdrs.get(conf)
	if known {
		return list, nil
	}
	list, err := rawCDRs(ctx, c.near, `SELECT cdr.id, received, xml FROM cdr_conf JOIN cdr ON cdr.id = cdr_conf.cdr
		WHERE conf = ? ORDER BY cdr.id`, string(conf))
	if err == nil {
		c.cdrs.put(conf, list, age)
	}
	return list, err
}

// CDRsBetween returns the records that came in a time, in the order they came, at
// most limit.
func (c *Catalog) CDRsBetween(ctx context.Context, from, to time.Time, limit int) ([]recording.RawCDR, error) {
	return rawCDRs(ctx, c.query, `SELECT id, received, xml FROM cdr WHERE received BETWEEN ? AND ? ORDER BY received, id LIMIT ?`,
		ms(from), ms(to), limit)
}

func rawCDRs(ctx context.Context, ask asker, query string, args ...any) ([]recording.RawCDR, error) {
	rows, err := ask(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read CDRs: %w", err)
	}
	defer rows.Close()
	var out []recording.RawCDR
	for rows.Next() {
		var r recording.RawCDR
		var at int64
		if err := rows.Scan(&r.ID, &at, &r.XML); err != nil {
			return nil, fmt.Errorf("read CDRs: %w", err)
		}
		r.Received = time.UnixMilli(at).UTC()
		out = append(out, r)
	}
	return out, rows.Err()
}

// LastCDR returns when a CDR came last; the zero time if none ever did.
func (c *Catalog) LastCDR(ctx context.Context) (time.Time, error) {
	var n sql.NullInt64
	if err := c.queryRow(ctx, `SELECT max(received) FROM cdr`).Scan(&n); err != nil || !n.Valid {
		return time.Time{}, err
	}
	return time.UnixMilli(n.Int64).UTC(), nil
}

// maxGarbage bounds what is kept of things that are no CDRs.
const maxGarbage = 1000

// PruneCDRs deletes CDRs and live legs that came before limit, but none that a
// recording still waits for. It returns how many CDRs went.
func (c *Catalog) PruneCDRs(ctx context.Context, limit time.Time) (int64, error) {
	defer c.cdrs.change(nil)()
	res, err := c.exec(ctx, `DELETE FROM cdr WHERE received < ? AND NOT EXISTS (
		SELECT 1 FROM cdr_conf JOIN recording ON recording.conf = cdr_conf.conf
		WHERE cdr_conf.cdr = cdr.id AND recording.state IN ('seen','spooled','correlated','decided','quarantined'))`, ms(limit))
	if err != nil {
		return 0, fmt.Errorf("delete old CDRs: %w", err)
	}
	if err := c.pruneLegs(ctx, limit); err != nil {
		return 0, err
	}
	_, err = c.exec(ctx, `DELETE FROM cdr_garbage WHERE received < ? OR id <= (SELECT max(id) FROM cdr_garbage) - ?`,
		ms(limit), maxGarbage)
	if err != nil {
		return 0, fmt.Errorf("delete what is no CDR: %w", err)
	}
	return res.RowsAffected()
}

// EndLegs ends the live legs of PBXes that are not among those named: nobody is
// left to tell of their end. It returns how many there were.
func (c *Catalog) EndLegs(ctx context.Context, except []string, at time.Time) (int, error) {
	live, err := c.LiveLegs(ctx)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, leg := range live {
		if isOneOf(leg.Agent.PBX, except) {
			continue
		}
		leg.Ended, leg.Uncertain = at, true
		if err := c.SaveLeg(ctx, leg); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// isOneOf reports whether a PBX is one of those named, or a slave site of one,
// which is called "name/location".
func isOneOf(pbx string, names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		return pbx == name || strings.HasPrefix(pbx, name+"/")
	})
}

// docs reads a column of JSON values. Those that can be read come with ErrUnreadable too.
func docs[T any](ctx context.Context, ask asker, query string, args ...any) ([]T, error) {
	rows, err := ask(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read the catalog: %w", err)
	}
	defer rows.Close()
	var out []T
	var bad error
	for rows.Next() {
		var doc string
		var v T
		if err := rows.Scan(&doc); err != nil {
			return nil, fmt.Errorf("read the catalog: %w", err)
		}
		if err := json.Unmarshal([]byte(doc), &v); err != nil {
			kind := strings.ToLower(strings.TrimPrefix(fmt.Sprintf("%T", v), "recording."))
			bad = cmp.Or(bad, fmt.Errorf("read the catalog: %s: %w: %w", kind, ErrUnreadable, err))
			continue
		}
		out = append(out, v)
	}
	return out, cmp.Or(rows.Err(), bad)
}

// ConfChanged reports whether, since a time, an agent's call went on under
// another conference id: one of his legs began in the second in which another
// of his ended.
func (c *Catalog) ConfChanged(ctx context.Context, since time.Time) (bool, error) {
	var n int
	err := c.queryRow(ctx, `SELECT count(*) FROM leg a JOIN leg b
		ON a.pbx = b.pbx AND a.cn = b.cn AND a.conf <> b.conf AND b.began BETWEEN a.ended - 1000 AND a.ended + 1000
		WHERE a.ended >= ? AND a.ended > 0`, ms(since)).Scan(&n)
	if err != nil {
		return false, fmt.Errorf("look for changed conference ids: %w", err)
	}
	return n > 0, nil
}
