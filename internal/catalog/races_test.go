package catalog_test

import (
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"callreel/internal/catalog"
	"callreel/internal/recording"
)

// claimIn brings a recording into a state and claims it.
func claimIn(t *testing.T, c *catalog.Catalog, rec recording.Recording, state recording.State) catalog.Claimed {
	t.Helper()
	ctx := t.Context()
	if err := c.Observe(ctx, rec, t0); err != nil {
		t.Fatal(err)
	}
	cl, err := c.Claim(ctx, t0, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if state == recording.Seen {
		return cl
	}
	cl.State = state
	if err := c.Advance(ctx, cl, t0, time.Time{}); err != nil {
		t.Fatal(err)
	}
	if cl, err = c.Claim(ctx, t0, time.Minute); err != nil || cl.State != state {
		t.Fatalf("claim in state %s = %s, %v", state, cl.State, err)
	}
	return cl
}

// TestCDRDuringALookIsNotMissed has a CDR come after a worker has looked for it
// and before the worker has saved that there was none.
func TestCDRDuringALookIsNotMissed(t *testing.T) {
	for _, row := range []struct {
		name string
		next recording.State
		due  time.Time
	}{
		{"it would wait two hours", recording.Spooled, t0.Add(2 * time.Hour)},
		{"it would be quarantined for ever", recording.Quarantined, time.Time{}},
	} {
		t.Run(row.name, func(t *testing.T) {
			c, ctx := open(t), t.Context()
			cl := claimIn(t, c, add(t, c, 1), recording.Spooled)
			err := c.SaveCDRs(ctx, []catalog.CDR{{XML: "<cdr/>", Confs: []recording.ConfID{cl.Capture.Conf}}}, t0)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.Wake(ctx, []recording.ConfID{cl.Capture.Conf}, t0); err != nil {
				t.Fatal(err)
			}
			cl.State = row.next
			if err := c.Advance(ctx, cl, row.due, time.Time{}); err != nil {
				t.Fatal(err)
			}
			again, err := c.Claim(ctx, t0, time.Minute)
			if err != nil || again.State != recording.Spooled {
				t.Fatalf("claim after the CDR = %q, %v; want it spooled and due", again.State, err)
			}
			again.State = recording.Quarantined
			if err := c.Advance(ctx, again, time.Time{}, time.Time{}); err != nil {
				t.Fatal(err)
			}
			if got, _ := c.Get(ctx, again.ID); got.State != recording.Quarantined {
				t.Errorf("one CDR woke it twice: %s", got.State)
			}
		})
	}
}

// TestRefetchOfABusyRecordingIsPutOff: an unanswered question must not be taken
// for "it is filed", or the same call would be filed twice.
func TestRefetchOfABusyRecordingIsPutOff(t *testing.T) {
	c, ctx := open(t), t.Context()
	cl := claimIn(t, c, add(t, c, 1), recording.Spooled)
	if again, err := c.Refetch(ctx, cl.ID); again || !errors.Is(err, catalog.ErrBusy) {
		t.Errorf("refetch while a worker has it = %v, %v; want ErrBusy", again, err)
	}
	cl.Retry = recording.Retry{Tries: 2, Until: t0.Add(2 * time.Hour), Reason: "waiting for a CDR"}
	if err := c.Advance(ctx, cl, cl.Retry.Until, time.Time{}); err != nil {
		t.Fatal(err)
	}
	if again, err := c.Refetch(ctx, cl.ID); !again || err != nil {
		t.Fatalf("refetch = %v, %v; want true", again, err)
	}
	if got, _ := c.Get(ctx, cl.ID); got.State != recording.Seen || got.Retry != (recording.Retry{}) {
		t.Errorf("the countdown of another step goes on: %s %+v", got.State, got.Retry)
	}
}

// TestClockThatWasWrong takes rows written while the machine's clock was years
// ahead.
func TestClockThatWasWrong(t *testing.T) {
	c, ctx := open(t), t.Context()
	rec := add(t, c, 1)
	cl := claimIn(t, c, rec, recording.Spooled)
	ahead := t0.AddDate(10, 0, 0)
	if err := c.Advance(ctx, cl, ahead, ahead); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Recall(ctx, t0, 3*time.Hour); err != nil || n != 2 {
		t.Fatalf("recalled %d, %v; want 2", n, err)
	}
	if _, err := c.Claim(ctx, t0, time.Minute); err != nil {
		t.Errorf("its step is not due: %v", err)
	}
	if l, err := c.DueSources(ctx, "main", t0, 1); err != nil || len(l) != 1 {
		t.Errorf("its source is not due: %v, %v", l, err)
	}
}

// TestVanishedIsSavedInOneGo: a capture that ends as vanished must be a new one
// when it comes back, also when the program dies right after saving that.
func TestVanishedIsSavedInOneGo(t *testing.T) {
	c, ctx := open(t), t.Context()
	rec := add(t, c, 1)
	rec.State = recording.Unusable
	if ok, err := c.End(ctx, rec, recording.Seen); !ok || err != nil {
		t.Fatalf("end = %v, %v", ok, err)
	}
	if got, _ := c.Get(ctx, rec.ID); !got.Capture.SourceGone {
		t.Error("its source is not marked gone")
	}
}

func TestSameContentInAnotherInbox(t *testing.T) {
	c, ctx := open(t), t.Context()
	first := claimIn(t, c, add(t, c, 1), recording.Seen)
	first.State, first.Capture.SHA256 = recording.Spooled, "abc"
	if err := c.Advance(ctx, first, time.Time{}, time.Time{}); err != nil {
		t.Fatal(err)
	}
	cp := first.Capture
	cp.Source.Inbox = "standby"
	second, err := c.Add(ctx, cp)
	if err != nil {
		t.Fatal(err)
	}
	if older, err := c.SameContent(ctx, second); err != nil || older.ID != first.ID {
		t.Errorf("same content = %d, %v; want %d", older.ID, err, first.ID)
	}
	// The one that was seen first may be fetched last: then it is the one too many.
	first.Recording.State = recording.Seen
	again := claimIn(t, c, second, recording.Seen)
	again.State, again.Capture.SHA256 = recording.Spooled, "abc"
	if err := c.Advance(ctx, again, time.Time{}, time.Time{}); err != nil {
		t.Fatal(err)
	}
	if other, err := c.SameContent(ctx, first.Recording); err != nil || other.ID != second.ID {
		t.Errorf("fetched last: same content = %d, %v; want %d", other.ID, err, second.ID)
	}
	// Of two that were fetched at the same moment the older one is kept, unless the
	// other is filed.
	first.Recording.State = recording.Decided
	if other, err := c.SameContent(ctx, first.Recording); !errors.Is(err, recording.ErrNotFound) {
		t.Errorf("at the same moment: %d, %v", other.ID, err)
	}
	// One that was set aside as the same file does not count.
	aside := again.Recording
	aside.State, aside.Verdict.Rule, aside.Verdict.Decision = recording.Discarded, recording.SameFile, recording.Discard
	if ok, err := c.End(ctx, aside, recording.Spooled); err != nil || !ok {
		t.Fatal(ok, err)
	}
	first.Recording.State = recording.Seen
	if other, err := c.SameContent(ctx, first.Recording); !errors.Is(err, recording.ErrNotFound) {
		t.Errorf("one that was set aside counts: %d, %v", other.ID, err)
	}
}

func TestLegsOfAPBXThatIsNotSetUp(t *testing.T) {
	c, ctx := open(t), t.Context()
	for i, pbx := range []string{"old", "new"} {
		leg := recording.Leg{
			Agent: recording.Agent{CN: "Rossi", PBX: pbx}, Began: t0,
			Conf: recording.ConfID(fmt.Sprintf("%032x", i)),
		}
		if err := c.SaveLeg(ctx, leg); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := c.EndLegs(ctx, []string{"new"}, t0.Add(time.Minute)); err != nil || n != 1 {
		t.Fatalf("ended %d, %v; want 1", n, err)
	}
	live, err := c.LiveLegs(ctx)
	if err != nil || len(live) != 1 || live[0].Agent.PBX != "new" {
		t.Errorf("live = %+v, %v; want that of the PBX that is set up", live, err)
	}
}

func TestLegsOfAWaitingCaptureAreKept(t *testing.T) {
	c, ctx := open(t), t.Context()
	rec := add(t, c, 1)
	leg := recording.Leg{Agent: recording.Agent{CN: "Rossi"}, Conf: rec.Capture.Conf, Began: t0, Ended: t0.Add(time.Minute)}
	if err := c.SaveLeg(ctx, leg); err != nil {
		t.Fatal(err)
	}
	if _, err := c.PruneCDRs(ctx, t0.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if l, err := c.Legs(ctx, rec.Capture.Conf); err != nil || len(l) != 1 {
		t.Errorf("legs = %v, %v; want the one that says an agent took part", l, err)
	}
}

// TestListingWithoutNewsWritesNothing: a full inbox is listed every few seconds.
func TestListingWithoutNewsWritesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.db")
	c, err := catalog.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	rec := add(t, c, 1)
	if err := c.Observe(t.Context(), rec, time.Time{}); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	version := func() (n int) {
		if err := db.QueryRowContext(t.Context(), `PRAGMA data_version`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := version()
	if err := c.Observe(t.Context(), rec, time.Time{}); err != nil {
		t.Fatal(err)
	}
	if after := version(); after != before {
		t.Errorf("the database was written: version %d, then %d", before, after)
	}
	if err := c.Observe(t.Context(), rec, t0); err != nil {
		t.Fatal(err)
	}
	if after := version(); after == before {
		t.Error("that it became due was not written")
	}
}

// TestChangedConferencesAmongMany keeps the question cheap: it is asked for
// every capture.
func TestChangedConferencesAmongMany(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.db")
	c, err := catalog.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	_, err = db.ExecContext(t.Context(), `WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i+1 FROM n WHERE i < 19999)
		INSERT INTO leg (pbx, cn, conf, began, ended, doc) SELECT 'p', 'agent'||(i%10), printf('%032x', i), 1+i*60000, 1+i*60000+30000, '{}' FROM n`)
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	changed, err := c.ConfChanged(t.Context(), time.Time{})
	if err != nil || changed {
		t.Errorf("changed = %v, %v; want false", changed, err)
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("the question took %s", took)
	}
}
