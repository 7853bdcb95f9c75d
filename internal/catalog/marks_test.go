package catalog_test

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"callreel/internal/catalog"
	"callreel/internal/recording"
)

// forever is later than any mark.
var forever = time.Date(2999, 1, 1, 0, 0, 0, 0, time.UTC)

// drawing is a claimed recording of a call with a verdict that draws numbers.
func drawing(t *testing.T, c *catalog.Catalog, conf recording.ConfID, now time.Time) catalog.Claimed {
	t.Helper()
	rec, err := c.Add(t.Context(), recording.Capture{UID: string(conf), Conf: conf, Source: recording.Source{Inbox: "a", Name: string(conf)}})
	if err = errors.Join(err, c.Observe(t.Context(), rec, now)); err != nil {
		t.Fatal(err)
	}
	cl, err := c.Claim(t.Context(), now, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return cl
}

// decide gives a claimed recording the verdict that the counters want: each 3rd.
func decide(ctx context.Context, c *catalog.Catalog, cl catalog.Claimed, now time.Time) (catalog.Claimed, error) {
	n, err := c.Counters(ctx)
	if err != nil {
		return cl, err
	}
	drawn, err := c.Drawn(ctx, cl.Recording)
	if err != nil {
		return cl, err
	}
	d := recording.Draw{Agent: "Rossi", System: n[""], Own: n["Rossi"], Counts: true}
	if len(drawn) > 0 {
		d = drawn[0]
	}
	cl.State, cl.Verdict = recording.Discarded, recording.Verdict{Decision: recording.Discard, Draw: &d, At: now}
	if d.System%3 == 0 {
		cl.State, cl.Verdict.Decision, cl.Verdict.Draw.CountsOwn = recording.Decided, recording.Keep, true
	}
	return cl, nil
}

// TestCountingSurvivesACrash stops between claim and save, and after the save, and opens
// the catalog anew each time: each call has one number, and none is left out.
func TestCountingSurvivesACrash(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.db")
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	open := func() *catalog.Catalog {
		c, err := catalog.Open(t.Context(), file)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	kept := ""
	for i, conf := range []recording.ConfID{"c1", "c2", "c3", "c4", "c5", "c6", "c7"} {
		c := open()
		cl := drawing(t, c, conf, now)
		if _, err := decide(t.Context(), c, cl, now); err != nil { // and then the power fails
			t.Fatal(err)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		c = open()
		cl, err := c.Claim(t.Context(), now, time.Hour)
		if err != nil || cl.Capture.Conf != conf {
			t.Fatalf("claimed %s, %v", cl.Capture.Conf, err)
		}
		for range 2 { // the second time as after a crash behind the commit
			if cl, err = decide(t.Context(), c, cl, now); err != nil {
				t.Fatal(err)
			}
			if err = c.Advance(t.Context(), cl, time.Time{}, time.Time{}); err != nil {
				t.Fatal(err)
			}
		}
		if got := cl.Verdict.Draw.System; got != int64(i) {
			t.Errorf("call %d has number %d", i, got)
		}
		kept += map[recording.Decision]string{recording.Keep: "K", recording.Discard: "."}[cl.Verdict.Decision]
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	c := open()
	defer c.Close()
	n, err := c.Counters(t.Context())
	if kept != "K..K..K" || n[""] != 7 || n["Rossi"] != 3 || err != nil {
		t.Errorf("kept %s, counters %v, %v", kept, n, err)
	}
}

// TestWorkersCount lets four workers decide on 30 calls at once: the numbers are 0 to 29,
// each once, and who came second has decided again.
func TestWorkersCount(t *testing.T) {
	c, err := catalog.Open(t.Context(), filepath.Join(t.TempDir(), "c.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	claimed := make(chan catalog.Claimed, 30)
	for i := range 30 {
		claimed <- drawing(t, c, recording.ConfID(string(rune('A'+i))), now)
	}
	close(claimed)
	var mu sync.Mutex
	seen := map[int64]int{}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for cl := range claimed {
				err := catalog.ErrTaken
				for errors.Is(err, catalog.ErrTaken) {
					if cl, err = decide(t.Context(), c, cl, now); err == nil {
						err = c.Advance(t.Context(), cl, time.Time{}, time.Time{})
					}
				}
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				seen[cl.Verdict.Draw.System]++
				mu.Unlock()
			}
		})
	}
	all.Wait()
	for i := range int64(30) {
		if seen[i] != 1 {
			t.Errorf("number %d was taken %d times", i, seen[i])
		}
	}
}

// TestMarkIsTakenOnce stores the mark of a file, crashes before the file is deleted, and
// sees it again: it is the same mark. One of the same name and time that comes when the
// file had gone is another.
func TestMarkIsTakenOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.db")
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	m := recording.Mark{Kind: recording.MarkKeep, Number: "24", At: now, From: "inbox a/TCR/TCR-24_24.txt"}
	file := catalog.MarkFile{Origin: m.From, Stamp: "17"}
	add := func(want bool) {
		t.Helper()
		c, err := catalog.Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		added, err := c.AddMark(t.Context(), m, file, now)
		if added != want || err != nil {
			t.Errorf("added %v, %v", added, err)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	add(true)
	add(false)
	c, err := catalog.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if list, err := c.MarkFiles(t.Context()); err != nil || len(list) != 1 || list[0] != file {
		t.Errorf("files %v, %v", list, err)
	}
	err = errors.Join(c.PruneMarks(t.Context(), now.Add(time.Hour)), c.MarkFileGone(t.Context(), file))
	if list, err := c.MarksOf(t.Context(), catalog.MarkQuery{From: now, To: forever, Limit: 10}); err != nil || len(list) != 1 {
		t.Errorf("a mark whose file lies there was forgotten: %v, %v", list, err)
	}
	add(true)
	if list, err := c.MarksOf(t.Context(), catalog.MarkQuery{From: now, To: forever, Limit: 10}); err != nil || len(list) != 2 || list[1].Number != "24" || !list[1].At.Equal(now) {
		t.Errorf("marks %v, %v", list, err)
	}
	if err := errors.Join(err, c.MarkFileGone(t.Context(), file), c.PruneMarks(t.Context(), now.Add(time.Hour))); err != nil {
		t.Fatal(err)
	}
	if list, err := c.MarksOf(t.Context(), catalog.MarkQuery{From: time.Time{}, To: forever, Limit: 10}); err != nil || len(list) != 0 {
		t.Errorf("old marks were not forgotten: %v, %v", list, err)
	}
}

// TestMarkGoesToOneEndedCall uses a mark for two calls that had ended: the second is
// refused, and nothing of it is saved. A call in which the mark was made may use it too.
func TestMarkGoesToOneEndedCall(t *testing.T) {
	c, err := catalog.Open(t.Context(), filepath.Join(t.TempDir(), "c.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	m := recording.Mark{Kind: recording.MarkKeep, Number: "24", At: now}
	if _, err := c.AddMark(t.Context(), m, catalog.MarkFile{}, now); err != nil {
		t.Fatal(err)
	}
	use := func(conf, after recording.ConfID) error {
		list, err := c.MarksOf(t.Context(), catalog.MarkQuery{Conf: conf, From: now, To: forever, Limit: 10})
		if err != nil || len(list) != 1 {
			t.Fatalf("marks %v, %v", list, err)
		}
		cl := drawing(t, c, conf, now)
		list[0].After = after
		cl.State, cl.Verdict.Marks = recording.Decided, list
		return c.Advance(t.Context(), cl, time.Time{}, time.Time{})
	}
	if idle, err := c.IdleMarks(t.Context(), now.Add(time.Hour)); err != nil || len(idle) != 1 {
		t.Errorf("idle before: %v, %v", idle, err)
	}
	if err := use("c1", "c1"); err != nil {
		t.Error(err)
	}
	if err := use("c2", "c2"); !errors.Is(err, catalog.ErrTaken) {
		t.Errorf("for a second call: %v", err)
	}
	if err := use("c3", ""); err != nil {
		t.Error(err)
	}
	if rec, err := c.ByConf(t.Context(), "c2"); err != nil || rec[0].State != recording.Seen {
		t.Errorf("the second call was saved: %v, %v", rec, err)
	}
	if idle, err := c.IdleMarks(t.Context(), now.Add(time.Hour)); err != nil || len(idle) != 0 {
		t.Errorf("idle after: %v, %v", idle, err)
	}
}

// TestMarkBeforeTheSaving stores a mark between a verdict that takes a call back and its
// saving: the verdict is refused. When it is saved, later marks change nothing.
func TestMarkBeforeTheSaving(t *testing.T) {
	c, err := catalog.Open(t.Context(), filepath.Join(t.TempDir(), "c.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	last := func() int64 {
		n, err := c.LastMark(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	add := func() {
		if _, err := c.AddMark(t.Context(), recording.Mark{Kind: recording.MarkKeep, Number: "24", At: now}, catalog.MarkFile{}, now); err != nil {
			t.Fatal(err)
		}
	}
	cl := drawing(t, c, "c1", now)
	cl.State, cl.Verdict.NextMark = recording.Discarded, last()+1
	add()
	if err := c.Advance(t.Context(), cl, now, time.Time{}); !errors.Is(err, catalog.ErrTaken) {
		t.Errorf("saved without the mark: %v", err)
	}
	cl.Verdict.NextMark = last() + 1
	if err := c.Advance(t.Context(), cl, now, time.Time{}); err != nil {
		t.Fatal(err)
	}
	add()
	if cl, err = c.Claim(t.Context(), now, time.Hour); err != nil || cl.State != recording.Discarded {
		t.Fatalf("claimed %s, %v", cl.State, err)
	}
	if err := c.Advance(t.Context(), cl, time.Time{}, time.Time{}); err != nil {
		t.Errorf("what is decided was looked at again: %v", err)
	}
}

// TestMarkWakes makes calls due that wait for a mark.
func TestMarkWakes(t *testing.T) {
	c, err := catalog.Open(t.Context(), filepath.Join(t.TempDir(), "c.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	cl := drawing(t, c, "c1", now)
	cl.State = recording.Correlated
	if err := c.Advance(t.Context(), cl, now.Add(5*time.Minute), time.Time{}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Claim(t.Context(), now, time.Hour); !errors.Is(err, recording.ErrNotFound) {
		t.Fatalf("it is due: %v", err)
	}
	if _, err := c.AddMark(t.Context(), recording.Mark{Kind: recording.MarkKeep, Number: "24", At: now}, catalog.MarkFile{}, now); err != nil {
		t.Fatal(err)
	}
	if got, err := c.Claim(t.Context(), now, time.Hour); err != nil || got.ID != cl.ID {
		t.Errorf("claimed %v, %v", got.ID, err)
	}
}
