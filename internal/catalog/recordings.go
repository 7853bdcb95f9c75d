package catalog

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"callreel/internal/recording"
)

// ErrBusy says that a worker has the recording just now. Nothing was changed.
var ErrBusy = errors.New("a worker has it")

// ErrUnreadable says that one row holds what callreel cannot have written. The other rows
// are good for all that is known.
var ErrUnreadable = errors.New("its row cannot be read")

// columns is what scan reads.
const columns = `id, state, source_gone, doc`

// Add enters a capture that was seen for the first time and returns its
// recording. It is not due until Wake or Observe says so.
func (c *Catalog) Add(ctx context.Context, cp recording.Capture) (recording.Recording, error) {
	list, err := c.AddAll(ctx, []recording.Capture{cp})
	return list[0], err
}

// AddAll is Add of several, all or none. It returns one recording for each.
func (c *Catalog) AddAll(ctx context.Context, list []recording.Capture) ([]recording.Recording, error) {
	out := make([]recording.Recording, len(list))
	if len(list) == 0 {
		return out, nil
	}
	err := c.tx(ctx, func(ctx context.Context, tx *txn) error {
		for i, cp := range list {
			out[i] = recording.Recording{State: recording.Seen, Capture: cp}
			if err := insert(ctx, tx, &out[i]); err != nil {
				return fmt.Errorf("add capture %s: %w", cp.UID, err)
			}
		}
		return nil
	})
	if err != nil {
		return out, fmt.Errorf("add %d captures: %w", len(list), err)
	}
	return out, nil
}

func insert(ctx context.Context, tx *txn, rec *recording.Recording) error {
	cp := &rec.Capture
	twins, err := ofUID(ctx, tx, cp.UID)
	if err != nil {
		return err
	}
	cp.Duplicate = twins > 0 && cp.UID != "" && cp.MAC == "" && cp.Serial == ""
	doc, err := encode(*rec)
	if err != nil {
		return err
	}
	res, err := tx.ExecContext(ctx,
		`INSERT INTO recording (inbox, source, uid, conf, state, doc) VALUES (?,?,?,?,?,?)`,
		cp.Source.Inbox, cp.Source.Name, cp.UID, string(cp.Conf), string(rec.State), doc)
	if err != nil {
		return err
	}
	id, err := res.LastInsertId()
	rec.ID = recording.ID(id)
	return err
}

func ofUID(ctx context.Context, tx *txn, uid string) (n int, err error) {
	err = tx.QueryRowContext(ctx, `SELECT count(*) FROM recording WHERE uid = ?`, uid).Scan(&n)
	return n, err
}

// AddSpooled enters recordings of further calls in a capture that lies in the
// spool already, all or none, due at a time. One whose UID is known is there
// already and is passed over.
func (c *Catalog) AddSpooled(ctx context.Context, list []recording.Capture, at time.Time) error {
	err := c.tx(ctx, func(ctx context.Context, tx *txn) error {
		for _, cp := range list {
			if n, err := ofUID(ctx, tx, cp.UID); err != nil || n > 0 {
				if err != nil {
					return err
				}
				continue
			}
			rec := recording.Recording{State: recording.Spooled, Capture: cp}
			doc, err := encode(rec)
			if err != nil {
				return err
			}
			_, err = tx.ExecContext(ctx, `
				INSERT INTO recording (inbox, source, uid, conf, state, due, source_gone, spool, started, sha256, doc)
				VALUES (?,?,?,?,?,?,1,?,?,?,?)`, cp.Source.Inbox, cp.Source.Name, cp.UID, string(cp.Conf),
				string(rec.State), ms(at), cp.Spool, ms(rec.Started()), cp.SHA256, doc)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("add further calls of a capture: %w", err)
	}
	return nil
}

// SharesSpool reports whether another recording needs the same copy in the spool.
func (c *Catalog) SharesSpool(ctx context.Context, rec recording.Recording) (bool, error) {
	var n int
	err := c.nearRow(ctx, `SELECT count(*) FROM recording WHERE spool <> '' AND spool = ? AND id <> ?`,
		rec.Capture.Spool, int64(rec.ID)).Scan(&n)
	return n > 0, wrap(err, "look who shares the spool's copy of", rec.ID)
}

// Observe saves what a new listing says of a capture that is still only seen.
// due is when it may be fetched; zero leaves it waiting. A recording that has
// moved on meanwhile, or that a worker has, is left as it is; one about which
// nothing is new is not written, so that a full inbox costs no disk.
func (c *Catalog) Observe(ctx context.Context, rec recording.Recording, at time.Time) error {
	return c.ObserveAll(ctx, []Observation{{rec, at}})
}

// Observation is what a listing shows of a recording that is only seen.
type Observation struct {
	recording.Recording
	Due time.Time // when its first step may run; zero while it is not complete
}

// ObserveAll is Observe of several, all or none.
func (c *Catalog) ObserveAll(ctx context.Context, list []Observation) error {
	if len(list) == 0 {
		return nil
	}
	docs := make([]string, len(list))
	for i, o := range list {
		var err error
		if docs[i], err = encode(o.Recording); err != nil {
			return err
		}
	}
	err := c.tx(ctx, func(ctx context.Context, tx *txn) error {
		for i, o := range list {
			_, err := tx.ExecContext(ctx, `
				UPDATE recording SET doc = ?1, missed = 0, due = CASE WHEN due <= ?2 THEN due ELSE ?2 END
				WHERE id = ?3 AND state = ?4 AND leased = 0
					AND (doc <> ?1 OR missed <> 0 OR (due IS NULL) <> (?2 IS NULL) OR due > ?2)`,
				docs[i], due(o.Due), int64(o.ID), string(recording.Seen))
			if err != nil {
				return wrap(err, "observe", o.ID)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("observe %d captures: %w", len(list), err)
	}
	return nil
}

// Missed counts a listing that did not show a capture which is only seen, and
// returns how many in a row that makes.
func (c *Catalog) Missed(ctx context.Context, id recording.ID) (int, error) {
	var n int
	err := c.tx(ctx, func(ctx context.Context, tx *txn) error {
		return tx.QueryRowContext(ctx, `UPDATE recording SET missed = missed + 1 WHERE id = ? RETURNING missed`, int64(id)).Scan(&n)
	})
	return n, wrap(err, "count a missing", id)
}

// BySource returns the newest recording of one file of an inbox, or
// recording.ErrNotFound. Of one that is more than seen only ID, State and Capture are
// told: a listing asks for each file in it.
func (c *Catalog) BySource(ctx context.Context, s recording.Source) (recording.Recording, error) {
	row := c.nearRow(ctx,
		`SELECT `+columns+` FROM recording WHERE inbox = ? AND source = ? ORDER BY id DESC LIMIT 1`, s.Inbox, s.Name)
	rec, err := scanDoc(row, func(state recording.State, doc string, rec *recording.Recording) (err error) {
		if state == recording.Seen {
			return json.Unmarshal([]byte(doc), rec)
		}
		rec.Capture, err = captureOf(doc)
		return err
	})
	return rec, wrap(err, "look up source of", rec.ID)
}

// captureOf reads the capture of an encoded recording, which stands near its beginning,
// and leaves the rest.
func captureOf(doc string) (cp recording.Capture, err error) {
	dec := json.NewDecoder(strings.NewReader(doc))
	if _, err := dec.Token(); err != nil { // {
		return cp, err
	}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return cp, err
		}
		if key == "capture" {
			return cp, dec.Decode(&cp)
		}
		var other json.RawMessage
		if err := dec.Decode(&other); err != nil {
			return cp, err
		}
	}
	return cp, errors.New("it has no capture")
}

// Waiting is a capture that is only seen.
type Waiting struct {
	ID     recording.ID
	Source string // its name in the inbox
	Claims int64  // how often a worker has had it
	Missed bool   // the last listing did not show it
}

// Pending returns the captures of an inbox that are only seen, oldest first.
func (c *Catalog) Pending(ctx context.Context, inbox string) ([]Waiting, error) {
	rows, err := c.near(ctx, `SELECT id, source, seq, missed > 0 FROM recording WHERE state = ? AND inbox = ? ORDER BY id`,
		string(recording.Seen), inbox)
	if err != nil {
		return nil, fmt.Errorf("list captures that wait: %w", err)
	}
	defer rows.Close()
	var out []Waiting
	for rows.Next() {
		var w Waiting
		if err := rows.Scan(&w.ID, &w.Source, &w.Claims, &w.Missed); err != nil {
			return nil, fmt.Errorf("list captures that wait: %w", err)
		}
		out = append(out, w)
	}
	return out, rows.Err()
}

// Wake makes every recording that waits for something about one of these
// conferences due at once, and takes quarantined ones back into the line. One
// that a worker has is woken when it is given back. It returns how many it woke.
func (c *Catalog) Wake(ctx context.Context, confs []recording.ConfID, at time.Time) (int, error) {
	woken := 0
	err := c.tx(ctx, func(ctx context.Context, tx *txn) (err error) {
		woken, err = wake(ctx, tx, confs, at)
		return err
	})
	return woken, wrap(err, "wake", 0)
}

func wake(ctx context.Context, tx *txn, confs []recording.ConfID, at time.Time) (woken int, err error) {
	for _, conf := range confs {
		n, err := wakeThose(ctx, tx, at, `conf = ? AND conf <> '' AND (leased = 1 OR state IN (?, ?))`,
			string(conf), string(recording.Spooled), string(recording.Quarantined))
		if woken += n; err != nil {
			return woken, err
		}
	}
	return woken, nil
}

// wakeForeign wakes, like Wake, recordings of which no name tells the conference
// but the capture's own SIP may: those whose INVITE lies between two times, and
// those a worker has. It returns how many it woke.
func wakeForeign(ctx context.Context, tx *txn, from, to, at time.Time) (int, error) {
	second := func(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05") } // the beginning of how JSON writes a time
	return wakeThose(ctx, tx, at, `conf = '' AND state IN (?, ?) AND json_extract(doc, '$.capture.by_sip')
			AND (leased = 1 OR json_extract(doc, '$.call.sip.parties.invite') BETWEEN ? AND ?)`,
		string(recording.Spooled), string(recording.Quarantined), second(from), second(to.Add(time.Second)))
}

// wakeThose wakes the recordings of a condition. Mostly there are none, and to find that by
// reading costs a fraction of what it costs to begin an UPDATE of a table with many indexes.
func wakeThose(ctx context.Context, tx *txn, at time.Time, which string, args ...any) (int, error) {
	var is bool
	err := tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM recording WHERE `+which+`)`, args...).Scan(&is)
	if err != nil || !is {
		return 0, err
	}
	res, err := tx.ExecContext(ctx, `
		UPDATE recording SET woken = leased, due = CASE leased WHEN 1 THEN due ELSE ? END,
			state = CASE WHEN state = ? AND leased = 0 THEN ? ELSE state END
		WHERE `+which, append([]any{ms(at), string(recording.Quarantined), string(recording.Spooled)}, args...)...)
	if err != nil {
		return 0, err
	}
	n, err := res.RowsAffected()
	return int(n), err
}

// Get returns one recording, or recording.ErrNotFound.
func (c *Catalog) Get(ctx context.Context, id recording.ID) (recording.Recording, error) {
	rec, err := scan(c.nearRow(ctx, `SELECT `+columns+` FROM recording WHERE id = ?`, int64(id)))
	return rec, wrap(err, "get", id)
}

// ByConf returns the recordings of one conference, oldest first.
func (c *Catalog) ByConf(ctx context.Context, conf recording.ConfID) ([]recording.Recording, error) {
	return listBy(ctx, c.near, scan, `SELECT `+columns+` FROM recording WHERE conf = ? ORDER BY id`, string(conf))
}

// judged is the condition of Judged.
const judged = `state IN ('discarded', 'filed', 'backed_up', 'done')`

// Judged returns those of ByConf of which it is decided, and done, whether they are kept.
func (c *Catalog) Judged(ctx context.Context, conf recording.ConfID) ([]recording.Recording, error) {
	return listBy(ctx, c.near, scan, `SELECT `+columns+` FROM recording WHERE conf = ? AND `+judged+` ORDER BY id`, string(conf))
}

// Others returns the other recordings of a recording's conference, oldest first.
func (c *Catalog) Others(ctx context.Context, rec recording.Recording) ([]recording.Recording, error) {
	return listBy(ctx, c.near, scan, `SELECT `+columns+` FROM recording WHERE conf = ? AND id <> ? ORDER BY id`, string(rec.Capture.Conf), int64(rec.ID))
}

// list reads recordings. Those that can be read come with ErrUnreadable too.
func (c *Catalog) list(ctx context.Context, query string, args ...any) ([]recording.Recording, error) {
	return listBy(ctx, c.query, scan, query, args...)
}

func listBy(ctx context.Context, ask asker, scan func(scanner) (recording.Recording, error), query string, args ...any) ([]recording.Recording, error) {
	rows, err := ask(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("list recordings: %w", err)
	}
	defer rows.Close()
	var out []recording.Recording
	var bad error
	for rows.Next() {
		rec, err := scan(rows)
		if errors.Is(err, ErrUnreadable) {
			bad = cmp.Or(bad, fmt.Errorf("list recordings: %w", err))
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("list recordings: %w", err)
		}
		out = append(out, rec)
	}
	return out, cmp.Or(rows.Err(), bad)
}

type scanner interface{ Scan(...any) error }

func scan(row scanner) (recording.Recording, error) { return scanInto(row) }

func scanInto(row scanner, before ...any) (recording.Recording, error) {
	return scanDoc(row, func(_ recording.State, doc string, rec *recording.Recording) error {
		return json.Unmarshal([]byte(doc), rec)
	}, before...)
}

// scanDoc reads columns, and of the document what decode takes.
func scanDoc(row scanner, decode func(recording.State, string, *recording.Recording) error, before ...any) (recording.Recording, error) {
	var (
		rec   recording.Recording
		id    int64
		state string
		gone  bool
		doc   string
	)
	err := row.Scan(append(before, &id, &state, &gone, &doc)...)
	if errors.Is(err, sql.ErrNoRows) {
		return rec, recording.ErrNotFound
	}
	if err != nil {
		return rec, err
	}
	if err := decode(recording.State(state), doc, &rec); err != nil {
		return rec, fmt.Errorf("recording %d: %w: %w", id, ErrUnreadable, err)
	}
	rec.ID, rec.State, rec.Capture.SourceGone = recording.ID(id), recording.State(state), gone
	return rec, nil
}

func encode(rec recording.Recording) (string, error) {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // records are XML, which would become half as long again
	if err := enc.Encode(rec); err != nil {
		return "", fmt.Errorf("recording %d: cannot be written as JSON: %w", rec.ID, err)
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

func wrap(err error, verb string, id recording.ID) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s recording %d: %w", verb, id, err)
}
