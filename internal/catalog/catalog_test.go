package catalog_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"callreel/internal/catalog"
	"callreel/internal/recording"
)

var t0 = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func open(t *testing.T) *catalog.Catalog {
	t.Helper()
	// A path with spaces and characters that mean something in a URL.
	c, err := catalog.Open(t.Context(), filepath.Join(t.TempDir(), "a [b] #1 50%.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func add(t *testing.T, c *catalog.Catalog, n int) recording.Recording {
	t.Helper()
	conf := recording.ConfID(fmt.Sprintf("%032x", n))
	rec, err := c.Add(t.Context(), recording.Capture{
		Source: recording.Source{Inbox: "main", Name: string(conf) + ".pcap"},
		UID:    string(conf), Conf: conf, SeenAt: t0,
	})
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

func TestClaimAndAdvance(t *testing.T) {
	c, ctx := open(t), t.Context()
	rec := add(t, c, 1)
	if _, err := c.Claim(ctx, t0, time.Minute); !errors.Is(err, recording.ErrNotFound) {
		t.Fatalf("claim of a recording that waits: %v, want ErrNotFound", err)
	}
	if err := c.Observe(ctx, rec, t0); err != nil {
		t.Fatal(err)
	}
	cl, err := c.Claim(ctx, t0, time.Minute)
	if err != nil || cl.ID != rec.ID {
		t.Fatalf("claim = %d, %v; want %d", cl.ID, err, rec.ID)
	}
	if _, err := c.Claim(ctx, t0, time.Minute); !errors.Is(err, recording.ErrNotFound) {
		t.Fatalf("second claim within the lease: %v, want ErrNotFound", err)
	}
	cl.State, cl.Verdict.External, cl.Capture.Spool = recording.Spooled, "0012345", "1.pcap"
	if err := c.Advance(ctx, cl, t0.Add(time.Second), time.Time{}); err != nil {
		t.Fatal(err)
	}
	got, err := c.Get(ctx, rec.ID)
	if err != nil || got.State != recording.Spooled || got.Verdict.External != "0012345" {
		t.Errorf("saved = %+v, %v", got, err)
	}
	if _, err := c.Claim(ctx, t0, time.Minute); !errors.Is(err, recording.ErrNotFound) {
		t.Errorf("claim before it is due: %v, want ErrNotFound", err)
	}
	if _, err := c.Claim(ctx, t0.Add(time.Second), time.Minute); err != nil {
		t.Errorf("claim when due: %v", err)
	}
}

func TestLostClaimSavesNothing(t *testing.T) {
	c, ctx := open(t), t.Context()
	rec := add(t, c, 1)
	if err := c.Observe(ctx, rec, t0); err != nil {
		t.Fatal(err)
	}
	slow, err := c.Claim(ctx, t0, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	fast, err := c.Claim(ctx, t0.Add(time.Second), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	slow.State = recording.Discarded
	if err := c.Advance(ctx, slow, time.Time{}, time.Time{}); !errors.Is(err, catalog.ErrStale) {
		t.Errorf("save by the slow worker: %v, want ErrStale", err)
	}
	fast.State = recording.Spooled
	if err := c.Advance(ctx, fast, time.Time{}, time.Time{}); err != nil {
		t.Error(err)
	}
	if got, _ := c.Get(ctx, rec.ID); got.State != recording.Spooled {
		t.Errorf("state = %s, want spooled", got.State)
	}
}

func TestLeaseOfAKilledRecorderIsGivenBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.db")
	c, err := catalog.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	rec := add(t, c, 1)
	if err := c.Observe(t.Context(), rec, t0); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Claim(t.Context(), t0, time.Hour); err != nil {
		t.Fatal(err)
	}
	c.Close()
	if c, err = catalog.Open(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if cl, err := c.Claim(t.Context(), t0, time.Hour); err != nil || cl.ID != rec.ID {
		t.Errorf("claim after the restart = %d, %v; want %d", cl.ID, err, rec.ID)
	}
}

func TestObserveLeavesWhatHasMovedOn(t *testing.T) {
	c, ctx := open(t), t.Context()
	rec := add(t, c, 1)
	_ = c.Observe(ctx, rec, t0)
	cl, _ := c.Claim(ctx, t0, time.Minute)
	cl.State = recording.Spooled
	if err := c.Advance(ctx, cl, time.Time{}, time.Time{}); err != nil {
		t.Fatal(err)
	}
	rec.Capture.Polls = 99
	if err := c.Observe(ctx, rec, t0); err != nil {
		t.Fatal(err)
	}
	if got, _ := c.Get(ctx, rec.ID); got.Capture.Polls == 99 || got.State != recording.Spooled {
		t.Errorf("a late listing overwrote the row: %+v", got)
	}
}

func TestSourceLifeCycle(t *testing.T) {
	c, ctx := open(t), t.Context()
	rec := add(t, c, 1)
	_ = c.Observe(ctx, rec, t0)
	cl, _ := c.Claim(ctx, t0, time.Minute)
	cl.State, cl.Retry.Reason = recording.BackedUp, "waiting for the source to be deleted"
	if err := c.Advance(ctx, cl, t0.Add(time.Minute), t0); err != nil {
		t.Fatal(err)
	}
	if l, err := c.DueSources(ctx, "main", t0, 10); err != nil || len(l) != 1 {
		t.Fatalf("due sources = %d, %v; want 1", len(l), err)
	}
	if l, _ := c.DueSources(ctx, "other", t0, 10); len(l) != 0 {
		t.Errorf("due sources of another inbox = %d, want 0", len(l))
	}
	if err := c.SourceLater(ctx, rec.ID, t0.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if l, _ := c.DueSources(ctx, "main", t0, 10); len(l) != 0 {
		t.Errorf("due after being put off = %d, want 0", len(l))
	}
	if err := c.SourceGone(ctx, rec.ID); err != nil {
		t.Fatal(err)
	}
	got, _ := c.Get(ctx, rec.ID)
	if !got.Capture.SourceGone || got.State != recording.Done || got.Retry.Reason != "" {
		t.Errorf("source gone: %v, %s, waits for %q", got.Capture.SourceGone, got.State, got.Retry.Reason)
	}
	if _, err := c.Claim(ctx, t0.Add(time.Hour), time.Minute); !errors.Is(err, recording.ErrNotFound) {
		t.Errorf("it is due once more: %v", err)
	}
}

func TestCDRsByEveryConfAndOnce(t *testing.T) {
	c, ctx := open(t), t.Context()
	a, b := recording.ConfID(fmt.Sprintf("%032x", 10)), recording.ConfID(fmt.Sprintf("%032x", 11))
	r := catalog.CDR{XML: "<cdr/>", Confs: []recording.ConfID{a, b}}
	for range 2 {
		if err := c.SaveCDRs(ctx, []catalog.CDR{r}, t0); err != nil {
			t.Fatal(err)
		}
	}
	for _, conf := range []recording.ConfID{a, b} {
		l, err := c.CDRs(ctx, conf)
		if err != nil || len(l) != 1 || l[0].XML != r.XML {
			t.Errorf("CDRs of %s = %v, %v; want one", conf, l, err)
		}
	}
	if at, err := c.LastCDR(ctx); err != nil || !at.Equal(t0) {
		t.Errorf("last CDR at %v, %v; want %v", at, err, t0)
	}
}

func TestWakeTakesBackFromQuarantine(t *testing.T) {
	c, ctx := open(t), t.Context()
	rec := add(t, c, 1)
	_ = c.Observe(ctx, rec, t0)
	cl, _ := c.Claim(ctx, t0, time.Minute)
	cl.State = recording.Quarantined
	if err := c.Advance(ctx, cl, time.Time{}, time.Time{}); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Wake(ctx, []recording.ConfID{rec.Capture.Conf}, t0); err != nil || n != 1 {
		t.Fatalf("woke %d, %v; want 1", n, err)
	}
	if cl, err := c.Claim(ctx, t0, time.Minute); err != nil || cl.State != recording.Spooled {
		t.Errorf("claim after waking = %s, %v; want spooled", cl.State, err)
	}
}

func TestPruneKeepsWhatIsWaitedFor(t *testing.T) {
	c, ctx := open(t), t.Context()
	rec := add(t, c, 1)
	other := recording.ConfID(fmt.Sprintf("%032x", 2))
	err := c.SaveCDRs(ctx, []catalog.CDR{
		{XML: "<cdr a/>", Confs: []recording.ConfID{rec.Capture.Conf}},
		{XML: "<cdr b/>", Confs: []recording.ConfID{other}},
	}, t0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.PruneCDRs(ctx, t0.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if l, _ := c.CDRs(ctx, rec.Capture.Conf); len(l) != 1 {
		t.Errorf("CDR of a pending recording: %d left, want 1", len(l))
	}
	if l, _ := c.CDRs(ctx, other); len(l) != 0 {
		t.Errorf("CDR nobody waits for: %d left, want 0", len(l))
	}
}

func TestDuplicateOfAV10Name(t *testing.T) {
	c := open(t)
	first, second := add(t, c, 1), add(t, c, 1)
	if first.Capture.Duplicate || !second.Capture.Duplicate {
		t.Errorf("duplicate = %v, %v; want false, true", first.Capture.Duplicate, second.Capture.Duplicate)
	}
}

func TestSearch(t *testing.T) {
	c, ctx := open(t), t.Context()
	for i, ext := range []string{"0012345", "100%", "0099"} {
		rec := add(t, c, i+1)
		_ = c.Observe(ctx, rec, t0)
		cl, _ := c.Claim(ctx, t0, time.Minute)
		cl.State, cl.Verdict.External = recording.Filed, ext
		if err := c.Advance(ctx, cl, time.Time{}, time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
	for _, row := range []struct {
		q    catalog.Query
		want []recording.ID
	}{
		{catalog.Query{}, []recording.ID{3, 2, 1}},
		{catalog.Query{Limit: 2}, []recording.ID{3, 2}},
		{catalog.Query{Before: 2}, []recording.ID{1}},
		{catalog.Query{Number: "123"}, []recording.ID{1}},
		{catalog.Query{Number: "%"}, []recording.ID{2}},
		{catalog.Query{States: []recording.State{recording.Unusable}}, nil},
	} {
		got, err := c.Search(ctx, row.q)
		if err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(ids(got)) != fmt.Sprint(row.want) {
			t.Errorf("search %+v = %v, want %v", row.q, ids(got), row.want)
		}
	}
	if n, err := c.Count(ctx); err != nil || n[recording.Filed] != 3 {
		t.Errorf("count = %v, %v; want 3 filed", n, err)
	}
}

func TestLegsAndAgents(t *testing.T) {
	c, ctx := open(t), t.Context()
	a := recording.Agent{CN: "Rossi", E164: "24", PBX: "main"}
	leg := recording.Leg{Agent: a, Conf: recording.ConfID(fmt.Sprintf("%032x", 5)), Began: t0}
	if err := c.SaveLeg(ctx, leg); err != nil {
		t.Fatal(err)
	}
	if l, err := c.LiveLegs(ctx); err != nil || len(l) != 1 {
		t.Fatalf("live legs = %v, %v; want one", l, err)
	}
	leg.Ended = t0.Add(time.Minute)
	if err := c.SaveLeg(ctx, leg); err != nil {
		t.Fatal(err)
	}
	if l, _ := c.LiveLegs(ctx); len(l) != 0 {
		t.Errorf("live legs after the end = %v, want none", l)
	}
	l, err := c.Legs(ctx, leg.Conf)
	if err != nil || len(l) != 1 || !l[0].Ended.Equal(leg.Ended) {
		t.Errorf("legs = %+v, %v; want the ended one", l, err)
	}
	if err := c.SaveAgents(ctx, "main", []recording.Agent{a, {CN: "Bianchi", PBX: "main"}}); err != nil {
		t.Fatal(err)
	}
	if err := c.SaveAgents(ctx, "main", []recording.Agent{a}); err != nil {
		t.Fatal(err)
	}
	if l, err := c.Agents(ctx); err != nil || len(l) != 1 || l[0] != a {
		t.Errorf("agents = %v, %v; want Rossi alone", l, err)
	}
}

func ids(l []recording.Recording) []recording.ID {
	var out []recording.ID
	for _, r := range l {
		out = append(out, r.ID)
	}
	return out
}

func TestForgetsWhatBelongsToNoPBX(t *testing.T) {
	c, ctx := open(t), t.Context()
	for _, pbx := range []string{"main", "main/rome", "mainz", "old"} {
		a := recording.Agent{CN: "Rossi", PBX: pbx}
		leg := recording.Leg{Agent: a, Conf: recording.ConfID(fmt.Sprintf("%032x", 5)), Began: t0}
		if err := errors.Join(c.SaveAgents(ctx, pbx, []recording.Agent{a}), c.SaveLeg(ctx, leg)); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := c.EndLegs(ctx, []string{"main"}, t0.Add(time.Second)); err != nil || n != 2 {
		t.Errorf("ended %d legs, %v; want those of mainz and old", n, err)
	}
	if err := c.DropAgents(ctx, []string{"main"}); err != nil {
		t.Fatal(err)
	}
	left, err := c.Agents(ctx)
	if err != nil || len(left) != 2 || left[0].PBX != "main" || left[1].PBX != "main/rome" {
		t.Errorf("agents left: %v, %v; want those of main and its site", left, err)
	}
}
