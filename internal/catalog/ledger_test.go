package catalog

import (
	"database/sql"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"callreel/internal/recording"
)

const ledgerConf = recording.ConfID("c03a55c2e909d311b6450090331b3e3b")

// touched drains what the ledger lacks and returns the keys.
func touched(t *testing.T, c *Catalog) []LedgerKey {
	t.Helper()
	list, err := c.LedgerTouched(t.Context(), time.Time{}, 100)
	if err != nil {
		t.Fatal(err)
	}
	var keys []LedgerKey
	for _, x := range list {
		keys = append(keys, x.LedgerKey)
	}
	saveEmpty(t, c, list)
	return keys
}

// saveEmpty stores that there are no lines of some keys.
func saveEmpty(t *testing.T, c *Catalog, list []Touched) {
	t.Helper()
	var lines []LedgerLines
	for _, x := range list {
		lines = append(lines, LedgerLines{Touched: x})
	}
	if err := c.SaveLedger(t.Context(), lines); err != nil {
		t.Fatal(err)
	}
}

// TestLedgerIsTouched wants each thing that can change a line to say so, once, and
// nothing else.
func TestLedgerIsTouched(t *testing.T) {
	ctx := t.Context()
	c, err := Open(ctx, filepath.Join(t.TempDir(), "c.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	leg := recording.Leg{Agent: recording.Agent{CN: "A", PBX: "p"}, Conf: ledgerConf, Began: now}
	var rec, foreign recording.Recording
	step := func(state recording.State, conf recording.ConfID) func() error {
		return func() error {
			if err := c.Observe(ctx, rec, now); err != nil {
				return err
			}
			_, err := c.db.ExecContext(ctx, `UPDATE recording SET due = 0 WHERE id = ?`, int64(rec.ID))
			cl, claimErr := c.Claim(ctx, now, time.Hour)
			cl.State, cl.Capture.Conf = state, conf
			return errors.Join(err, claimErr, c.Advance(ctx, cl, time.Time{}, time.Time{}))
		}
	}
	mine := LedgerKey{Conf: ledgerConf}
	for _, row := range []struct {
		what string
		do   func() error
		want []LedgerKey
	}{
		{"a leg begins", func() error { return c.SaveLeg(ctx, leg) }, []LedgerKey{mine}},
		{"the same again", func() error { return c.SaveLeg(ctx, leg) }, nil},
		{"it is connected", func() error { leg.Connected = now; return c.SaveLeg(ctx, leg) }, nil},
		{"it ends", func() error { leg.Ended = now.Add(time.Minute); return c.SaveLeg(ctx, leg) }, []LedgerKey{mine}},
		{"a CDR comes", func() error {
			return c.SaveCDRs(ctx, []CDR{{XML: "<cdr/>", Confs: []recording.ConfID{ledgerConf}}}, now)
		}, []LedgerKey{mine}},
		{"it comes twice", func() error {
			return c.SaveCDRs(ctx, []CDR{{XML: "<cdr/>", Confs: []recording.ConfID{ledgerConf}}}, now)
		}, nil},
		{"a capture is seen", func() (err error) {
			rec, err = c.Add(ctx, recording.Capture{UID: "u", Conf: ledgerConf})
			return err
		}, []LedgerKey{mine}},
		{"it is fetched", step(recording.Spooled, ledgerConf), nil},
		{"it is filed", step(recording.Filed, ledgerConf), []LedgerKey{mine}},
		{"it is done", step(recording.Done, ledgerConf), nil},
		{"a capture without a conference", func() (err error) {
			foreign, err = c.Add(ctx, recording.Capture{UID: "f"})
			rec = foreign
			return err
		}, []LedgerKey{{Recording: 2}}},
		{"its SIP tells the conference", step(recording.Correlated, ledgerConf), []LedgerKey{mine, {Recording: 2}}},
	} {
		if err := row.do(); err != nil {
			t.Fatalf("%s: %v", row.what, err)
		}
		got := touched(t, c)
		if len(got) != len(row.want) {
			t.Errorf("%s: touched %v, want %v", row.what, got, row.want)
			continue
		}
		for i := range got {
			if got[i] != row.want[i] {
				t.Errorf("%s: touched %v, want %v", row.what, got, row.want)
			}
		}
	}
}

// TestLedgerTouchedMeanwhile: what happens while a line is made is not lost with the
// line's saving.
func TestLedgerTouchedMeanwhile(t *testing.T) {
	ctx := t.Context()
	c, err := Open(ctx, filepath.Join(t.TempDir(), "c.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	cdr := func(xml string) {
		t.Helper()
		if err := c.SaveCDRs(ctx, []CDR{{XML: xml, Confs: []recording.ConfID{ledgerConf}}}, now); err != nil {
			t.Fatal(err)
		}
	}
	cdr("<cdr a/>")
	list, err := c.LedgerTouched(ctx, now, 10)
	if err != nil || len(list) != 1 {
		t.Fatalf("%v, %v", list, err)
	}
	cdr("<cdr b/>")
	if err := c.SaveLedger(ctx, []LedgerLines{{Touched: list[0]}}); err != nil {
		t.Fatal(err)
	}
	if got := touched(t, c); len(got) != 1 {
		t.Errorf("%v, want the conference once more", got)
	}
}

// TestLedgerOfGainedAgents: with agents who may have been some unseen, the calls of which
// records came since are touched, and those that are touched already once more: their
// lines may be in the making.
func TestLedgerOfGainedAgents(t *testing.T) {
	ctx := t.Context()
	c, err := Open(ctx, filepath.Join(t.TempDir(), "c.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	for i, conf := range []recording.ConfID{"1", "2", "3"} {
		if err := c.SaveCDRs(ctx, []CDR{{XML: string(conf), Confs: []recording.ConfID{conf}}}, now.Add(time.Duration(i)*time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	list, err := c.LedgerTouched(ctx, now, 10)
	if err != nil || len(list) != 3 {
		t.Fatalf("%v, %v", list, err)
	}
	if err := c.SaveAgentsGained(ctx, "p", []recording.Agent{{CN: "A", PBX: "p"}}, now.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	saveEmpty(t, c, list)
	if got := touched(t, c); len(got) != 2 || got[0].Conf != "2" || got[1].Conf != "3" {
		t.Errorf("touched %v, want 2 and 3", got)
	}
	if err := c.SaveAgents(ctx, "p", nil); err != nil {
		t.Fatal(err)
	}
	if got := touched(t, c); len(got) != 0 {
		t.Errorf("touched %v by agents who left", got)
	}
}

// TestUnsureSince: from when on agents may change unseen holds until the PBX tells them.
func TestUnsureSince(t *testing.T) {
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "c.db")
	older(t, path, 14, `INSERT INTO agent (pbx, cn, doc) VALUES ('old', 'A', '{}'), ('old', 'B', '{}')`)
	c, err := Open(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	for _, row := range []struct {
		what string
		do   func() error
		pbx  string
		want time.Time
		err  error
	}{
		{"it was never heard of", func() error { return nil }, "new", time.Time{}, recording.ErrNotFound},
		{"it is down, and was never up", func() error { return c.RosterUnsure(ctx, "new", now) }, "new", time.Time{}, recording.ErrNotFound},
		{"it is of an older catalog", func() error { return nil }, "old", time.Time{}, nil},
		{"a start", func() error { return c.RosterUnsure(ctx, "", now) }, "old", now, nil},
		{"it is up", func() error { return c.RosterSure(ctx, "old") }, "old", time.Time{}, nil},
		{"it is down", func() error { return c.RosterUnsure(ctx, "old", now) }, "old", now, nil},
		{"still", func() error { return c.RosterUnsure(ctx, "old", now.Add(time.Hour)) }, "old", now, nil},
		{"up for the first time", func() error { return c.RosterSure(ctx, "new") }, "new", time.Time{}, nil},
	} {
		if err := row.do(); err != nil {
			t.Fatalf("%s: %v", row.what, err)
		}
		if got, err := c.UnsureSince(ctx, row.pbx); !got.Equal(row.want) || !errors.Is(err, row.err) {
			t.Errorf("%s: %v, %v; want %v, %v", row.what, got, err, row.want, row.err)
		}
	}
}

// TestLedgerLines stores lines, replaces them, finds what is due and what misses its
// capture, and keeps what somebody has accepted.
func TestLedgerLines(t *testing.T) {
	ctx := t.Context()
	c, err := Open(ctx, filepath.Join(t.TempDir(), "c.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	key := Touched{LedgerKey: LedgerKey{Conf: ledgerConf}}
	line := func(pbx string, o recording.Outcome, again time.Time) recording.Entry {
		return recording.Entry{Conf: ledgerConf, Agent: recording.Agent{CN: "A", PBX: pbx}, Began: now, Outcome: o, Again: again}
	}
	save := func(list ...recording.Entry) {
		t.Helper()
		if err := c.SaveLedger(ctx, []LedgerLines{{Touched: key, Entries: list}}); err != nil {
			t.Fatal(err)
		}
	}
	save(line("p", recording.OutcomeOpen, now.Add(time.Minute)), line("q", recording.OutcomeFiled, time.Time{}))
	if due, err := c.LedgerTouched(ctx, now, 10); err != nil || len(due) != 0 {
		t.Errorf("due before its time: %v, %v", due, err)
	}
	if due, err := c.LedgerTouched(ctx, now.Add(time.Minute), 10); err != nil || len(due) != 1 {
		t.Errorf("due: %v, %v", due, err)
	}
	if open, err := c.LedgerOpen(ctx); err != nil || len(open) != 1 || open[0] != key.LedgerKey {
		t.Errorf("open: %v, %v", open, err)
	}
	save(line("p", recording.OutcomeNoCapture, time.Time{}), line("q", recording.OutcomeNoCapture, time.Time{}))
	if n, err := c.LedgerMissing(ctx); err != nil || n != 1 {
		t.Errorf("%d conferences miss a capture, %v; want 1", n, err)
	}
	if n, err := c.AcceptMissing(ctx, ledgerConf[:31]+"0"); err != nil || n != 0 {
		t.Errorf("accepted %d of another, %v", n, err)
	}
	if n, err := c.AcceptMissing(ctx, ledgerConf); err != nil || n != 2 {
		t.Errorf("accepted %d, %v", n, err)
	}
	save(line("p", recording.OutcomeNoCapture, time.Time{}))
	if n, err := c.LedgerMissing(ctx); err != nil || n != 0 {
		t.Errorf("%d are missed again after they were accepted, %v", n, err)
	}
	list, err := c.LedgerBetween(ctx, now, now.Add(time.Second))
	if err != nil || len(list) != 1 || !list[0].Accepted {
		t.Errorf("%+v, %v", list, err)
	}
	if list, err := c.LedgerBetween(ctx, now.Add(-time.Hour), now); err != nil || len(list) != 0 {
		t.Errorf("%+v, %v: the end does not belong to it", list, err)
	}
}

// older makes a catalog as it was before a migration, and puts into it what fill says.
func older(t *testing.T, path string, migration int64, fill string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	p, err := migrations(db)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.UpTo(t.Context(), migration-1); err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), fill); err != nil {
		t.Fatal(err)
	}
}

// TestLedgerOfAnOlderCatalog: what was there before there was a ledger gets its lines,
// and is known to be old.
func TestLedgerOfAnOlderCatalog(t *testing.T) {
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "c.db")
	older(t, path, 6, `INSERT INTO leg (pbx, cn, conf, began, doc) VALUES ('p', 'A', '1', 1, '{}');
		INSERT INTO recording (inbox, source, uid, conf, state, doc) VALUES ('i', 's', 'u', '1', 'seen', '{}'), ('i', 't', 'v', '', 'seen', '{}')`)
	c, err := Open(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	list, err := c.LedgerTouched(ctx, time.Time{}, 10)
	if err != nil || len(list) != 2 || !list[0].Old || !list[1].Old {
		t.Errorf("%+v, %v; want conference 1 and recording 2", list, err)
	}
}

// TestGaps: a number that was given and is not there any more shows.
func TestGaps(t *testing.T) {
	ctx := t.Context()
	c, err := Open(ctx, filepath.Join(t.TempDir(), "c.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, uid := range []string{"a", "b", "c", "d"} {
		if _, err := c.Add(ctx, recording.Capture{UID: uid}); err != nil {
			t.Fatal(err)
		}
	}
	if gaps, err := c.Gaps(ctx, 10); err != nil || len(gaps) != 0 {
		t.Errorf("%v, %v", gaps, err)
	}
	if _, err := c.db.ExecContext(ctx, `DELETE FROM recording WHERE id IN (2, 4)`); err != nil {
		t.Fatal(err)
	}
	if gaps, err := c.Gaps(ctx, 10); err != nil || len(gaps) != 2 || gaps[0] != 2 || gaps[1] != 4 {
		t.Errorf("%v, %v; want 2 and 4", gaps, err)
	}
}
