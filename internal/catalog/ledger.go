package catalog

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"callreel/internal/recording"
)

// LedgerKey names the lines of one conference, or of one capture that names none.
type LedgerKey struct {
	Conf      recording.ConfID
	Recording recording.ID // 0 with a conference
}

// Touched is a key of which something has happened since its lines were made.
type Touched struct {
	LedgerKey
	Old    bool  // it is from before there was a ledger
	Failed bool  // its lines could not be made when they were tried last
	seq    int64 // of the row, and
	times  int64 // how often it was touched again
}

// LedgerLines are the lines of one key, to be stored in the place of those before. With a
// Fault those before stay, and the key is given out when something happens again, or at
// Again.
type LedgerLines struct {
	Touched
	Entries []recording.Entry
	Fault   string
	Again   time.Time
}

// LedgerTouched returns up to most keys of which something has happened, or whose
// lines are to be looked at again at now, oldest first.
func (c *Catalog) LedgerTouched(ctx context.Context, now time.Time, most int) ([]Touched, error) {
	return c.touched(ctx, `SELECT conf, recording, old, fault <> '' AS failed, id, times FROM ledger_touched WHERE again <= ?2 ORDER BY id LIMIT ?1`, now, most)
}

// LedgerAtRest is LedgerTouched without those that are of a call which goes on, or ended
// after quiet: more will happen to them.
func (c *Catalog) LedgerAtRest(ctx context.Context, now, quiet time.Time, most int) ([]Touched, error) {
	return c.touched(ctx, `SELECT conf, recording, old, fault <> '' AS failed, id, times FROM ledger_touched
		WHERE again <= ?2 AND conf NOT IN (SELECT conf FROM leg WHERE ended = 0 UNION ALL SELECT conf FROM leg WHERE ended > ?3) ORDER BY id LIMIT ?1`, now, most, ms(quiet))
}

func (c *Catalog) touched(ctx context.Context, which string, now time.Time, most int, more ...any) ([]Touched, error) {
	rows, err := c.near(ctx, `
		SELECT conf, recording, old, failed, id, times FROM (`+which+`)
		UNION ALL
		SELECT conf, recording, 0, 0, 0, 0 FROM (SELECT DISTINCT conf, recording FROM ledger WHERE again <= ?2 LIMIT ?1)`, append([]any{most, ms(now)}, more...)...)
	if err != nil {
		return nil, fmt.Errorf("look what the ledger lacks: %w", err)
	}
	defer rows.Close()
	var out []Touched
	for rows.Next() {
		var t Touched
		if err := rows.Scan(&t.Conf, &t.Recording, &t.Old, &t.Failed, &t.seq, &t.times); err != nil {
			return nil, fmt.Errorf("look what the ledger lacks: %w", err)
		}
		out = append(out, t)
	}
	return out, rows.Err()
}

// SaveLedger stores lines, all or none. What happened of a key since LedgerTouched
// gave it out makes it be given out again.
func (c *Catalog) SaveLedger(ctx context.Context, list []LedgerLines) error {
	err := c.tx(ctx, func(ctx context.Context, tx *txn) error {
		for _, l := range list {
			save := saveLines
			if l.Fault != "" {
				save = postpone
			}
			if err := save(ctx, tx, l); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("save the ledger: %w", err)
	}
	return nil
}

func saveLines(ctx context.Context, tx *txn, l LedgerLines) error {
	if _, err := tx.ExecContext(ctx, `DELETE FROM ledger_touched WHERE id = ? AND times = ?`, l.seq, l.times); err != nil {
		return err
	}
	// Somebody may have accepted a line since it was read.
	accepted, err := acceptedOf(ctx, tx, l.LedgerKey)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM ledger WHERE conf = ? AND recording = ?`, string(l.Conf), int64(l.Recording)); err != nil {
		return err
	}
	for _, e := range l.Entries {
		e.Accepted = e.Accepted || accepted[ledgerAgent(e.Agent)]
		doc, err := json.Marshal(e)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT OR REPLACE INTO ledger (conf, recording, agent, began, outcome, again, accepted, doc) VALUES (?,?,?,?,?,?,?,?)`,
			string(l.Conf), int64(l.Recording), ledgerAgent(e.Agent), ms(e.Began), string(e.Outcome), due(e.Again), e.Accepted, string(doc))
		if err != nil {
			return err
		}
	}
	return nil
}

// acceptedOf are the agents whose lines of a key somebody has accepted.
func acceptedOf(ctx context.Context, tx *txn, k LedgerKey) (map[string]bool, error) {
	rows, err := tx.QueryContext(ctx, `SELECT agent FROM ledger WHERE conf = ? AND recording = ? AND accepted = 1`, string(k.Conf), int64(k.Recording))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[string]bool{}
	for rows.Next() {
		var agent string
		if err := rows.Scan(&agent); err != nil {
			return nil, err
		}
		out[agent] = true
	}
	return out, rows.Err()
}

// postpone leaves the lines of a key as they are. What has happened meanwhile makes it be
// given out at once.
func postpone(ctx context.Context, tx *txn, l LedgerLines) error {
	_, err := tx.ExecContext(ctx, `UPDATE ledger SET again = NULL WHERE conf = ? AND recording = ? AND again IS NOT NULL`, string(l.Conf), int64(l.Recording))
	if err == nil && l.seq == 0 { // it was due by its lines
		_, err = tx.ExecContext(ctx, `INSERT OR IGNORE INTO ledger_touched (conf, recording, again, fault) VALUES (?,?,?,?)`,
			string(l.Conf), int64(l.Recording), ms(l.Again), l.Fault)
		return err
	}
	if err == nil {
		_, err = tx.ExecContext(ctx, `UPDATE ledger_touched SET again = ?, fault = ? WHERE id = ? AND times = ?`, ms(l.Again), l.Fault, l.seq, l.times)
	}
	return err
}

// LedgerFault is why the lines of one key could not be made.
type LedgerFault struct {
	LedgerKey
	Why string
}

// LedgerFaults counts the keys of which the lines could not be made, and returns some.
func (c *Catalog) LedgerFaults(ctx context.Context) (n int, some []LedgerFault, err error) {
	err = c.queryRow(ctx, `SELECT count(*) FROM ledger_touched WHERE fault <> ''`).Scan(&n)
	if err != nil || n == 0 {
		return n, nil, err
	}
	rows, err := c.query(ctx, `SELECT conf, recording, fault FROM ledger_touched WHERE fault <> '' ORDER BY id LIMIT 100`)
	if err != nil {
		return 0, nil, fmt.Errorf("look what the ledger passes over: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var f LedgerFault
		if err := rows.Scan(&f.Conf, &f.Recording, &f.Why); err != nil {
			return 0, nil, fmt.Errorf("look what the ledger passes over: %w", err)
		}
		some = append(some, f)
	}
	return n, some, rows.Err()
}

// ledgerAgent is the key of an agent: two PBXes may have one of the same name.
func ledgerAgent(a recording.Agent) string { return a.PBX + "|" + a.CN + "|" + a.E164 }

// LedgerOf returns the lines of one key; those that can be read with ErrUnreadable too.
func (c *Catalog) LedgerOf(ctx context.Context, k LedgerKey) ([]recording.Entry, error) {
	return entries(ctx, c.near, `conf = ? AND recording = ? ORDER BY agent`, string(k.Conf), int64(k.Recording))
}

// LedgerBetween returns the lines of the calls that began from a time on and before
// another, in order of time; those that can be read with ErrUnreadable too.
func (c *Catalog) LedgerBetween(ctx context.Context, from, to time.Time) ([]recording.Entry, error) {
	return entries(ctx, c.query, `began >= ? AND began < ? ORDER BY began, conf, recording, agent`, ms(from), ms(to))
}

func entries(ctx context.Context, ask asker, which string, args ...any) ([]recording.Entry, error) {
	rows, err := ask(ctx, `SELECT conf, recording, accepted, doc FROM ledger WHERE `+which, args...)
	if err != nil {
		return nil, fmt.Errorf("read the ledger: %w", err)
	}
	defer rows.Close()
	var out []recording.Entry
	var bad error
	for rows.Next() {
		var k LedgerKey
		var accepted bool
		var doc string
		var e recording.Entry
		if err := rows.Scan(&k.Conf, &k.Recording, &accepted, &doc); err != nil {
			return nil, fmt.Errorf("read the ledger: %w", err)
		}
		if err := json.Unmarshal([]byte(doc), &e); err != nil {
			bad = cmp.Or(bad, fmt.Errorf("read the ledger: a line of %s: %w: %w", k, ErrUnreadable, err))
			continue
		}
		e.Accepted = accepted
		out = append(out, e)
	}
	return out, cmp.Or(rows.Err(), bad)
}

// String names the key in messages.
func (k LedgerKey) String() string {
	if k.Conf == "" {
		return fmt.Sprintf("recording %d", k.Recording)
	}
	return "conference " + string(k.Conf)
}

// LedgerOpen returns the keys with lines of calls that are still going on.
func (c *Catalog) LedgerOpen(ctx context.Context) ([]LedgerKey, error) {
	rows, err := c.query(ctx, `SELECT DISTINCT conf, recording FROM ledger WHERE outcome = ?`, string(recording.OutcomeOpen))
	if err != nil {
		return nil, fmt.Errorf("read the ledger: %w", err)
	}
	defer rows.Close()
	var out []LedgerKey
	for rows.Next() {
		var k LedgerKey
		if err := rows.Scan(&k.Conf, &k.Recording); err != nil {
			return nil, fmt.Errorf("read the ledger: %w", err)
		}
		out = append(out, k)
	}
	return out, rows.Err()
}

// LedgerMissing counts the conferences of which an agent's call has no capture, and
// that nobody has accepted.
func (c *Catalog) LedgerMissing(ctx context.Context) (n int, err error) {
	err = c.queryRow(ctx, `SELECT count(DISTINCT conf) FROM ledger WHERE outcome = ? AND accepted = 0`,
		string(recording.OutcomeNoCapture)).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count calls without a capture: %w", err)
	}
	return n, nil
}

// AcceptMissing notes that somebody has looked at the calls without a capture of one
// conference, or of all with an empty one. It returns how many lines that were.
func (c *Catalog) AcceptMissing(ctx context.Context, conf recording.ConfID) (int64, error) {
	res, err := c.exec(ctx, `UPDATE ledger SET accepted = 1 WHERE outcome = ? AND accepted = 0 AND (? = '' OR conf = ?)`,
		string(recording.OutcomeNoCapture), string(conf), string(conf))
	if err != nil {
		return 0, fmt.Errorf("accept calls without a capture: %w", err)
	}
	return res.RowsAffected()
}

// WithoutLine returns recordings that have ended, or been filed, and of which the
// ledger has no line: there should be none, but those that a rule threw away because
// no agent took part. Those that can be read come with ErrUnreadable too.
func (c *Catalog) WithoutLine(ctx context.Context) ([]recording.Recording, error) {
	return c.list(ctx, `SELECT `+columns+` FROM recording WHERE state IN ('filed', 'backed_up', 'done', 'quarantined', 'unusable')
		AND NOT EXISTS (SELECT 1 FROM ledger WHERE ledger.conf = recording.conf
			AND ledger.recording = CASE recording.conf WHEN '' THEN recording.id ELSE 0 END)
		AND NOT EXISTS (SELECT 1 FROM ledger_touched t WHERE t.conf = recording.conf
			AND t.recording = CASE recording.conf WHEN '' THEN recording.id ELSE 0 END) ORDER BY id`)
}

// SeenBetween counts, by state, the captures that were first seen from a time on and
// before another.
func (c *Catalog) SeenBetween(ctx context.Context, from, to time.Time) (map[recording.State]int, error) {
	second := func(t time.Time) string { return strings.TrimSuffix(t.UTC().Format(time.RFC3339), "Z") } // as JSON begins a time
	rows, err := c.query(ctx, `SELECT state, count(*) FROM recording
		WHERE json_extract(doc, '$.capture.seen_at') >= ? AND json_extract(doc, '$.capture.seen_at') < ? GROUP BY state`, second(from), second(to))
	if err != nil {
		return nil, fmt.Errorf("count captures: %w", err)
	}
	defer rows.Close()
	return counts(rows)
}

// Gaps returns the first numbers of recordings that were given and are not in the
// catalog any more, at most limit.
func (c *Catalog) Gaps(ctx context.Context, limit int) ([]recording.ID, error) {
	rows, err := c.query(ctx, `SELECT id + 1 FROM recording a
		WHERE NOT EXISTS (SELECT 1 FROM recording b WHERE b.id = a.id + 1) AND id < (SELECT seq FROM sqlite_sequence WHERE name = 'recording')
		ORDER BY id LIMIT ?`, limit)
	if err != nil {
		return nil, fmt.Errorf("look for missing numbers: %w", err)
	}
	defer rows.Close()
	var out []recording.ID
	for rows.Next() {
		var id recording.ID
		if err := rows.Scan(&id); err != nil {
			return nil, fmt.Errorf("look for missing numbers: %w", err)
		}
		out = append(out, id)
	}
	return out, rows.Err()
}
