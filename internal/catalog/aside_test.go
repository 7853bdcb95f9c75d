package catalog_test

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"callreel/internal/catalog"
	"callreel/internal/recording"
)

// TestAside: what is put aside is listed, counted until it is accepted, and goes on
// once; whoever works on another recording keeps it.
func TestAside(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.db")
	c, err := catalog.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for n, state := range []recording.State{recording.Quarantined, recording.Unusable, recording.Unusable, recording.Done} {
		cl := claimed(t, c, n+1)
		cl.State = state
		if n == 1 {
			cl.Capture.Spool = "2.pcap"
		}
		if err := errors.Join(c.Advance(t.Context(), cl, time.Time{}, time.Time{}), c.SourceGone(t.Context(), cl.ID)); err != nil {
			t.Fatal(err)
		}
	}
	cl := claimed(t, c, 5)
	beside, err := catalog.OpenBeside(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer beside.Close()
	list, err := beside.Aside(t.Context())
	if err != nil || len(list) != 3 {
		t.Fatalf("%d are aside, %v", len(list), err)
	}
	wantOpen(t, c, catalog.OpenAside{Quarantined: 1, Unusable: 1, Vanished: 1})
	if ok, err := beside.Accept(t.Context(), list[2].ID); !ok || err != nil {
		t.Errorf("accept: %v, %v", ok, err)
	}
	wantOpen(t, c, catalog.OpenAside{Quarantined: 1, Unusable: 1})
	rec := list[0]
	rec.State = recording.Spooled
	for _, want := range []bool{true, false} {
		if ok, err := beside.Restart(t.Context(), rec, recording.Quarantined); ok != want || err != nil {
			t.Errorf("restart: %v, %v", ok, err)
		}
	}
	wantOpen(t, c, catalog.OpenAside{Unusable: 1})
	if next, err := c.Claim(t.Context(), t0, time.Hour); err != nil || next.ID != rec.ID {
		t.Errorf("recording %d is due, %v", next.ID, err)
	}
	if ok, err := beside.Accept(t.Context(), rec.ID); ok || err != nil {
		t.Errorf("accept of what goes on: %v, %v", ok, err)
	}
	if err := c.Advance(t.Context(), cl, time.Time{}, time.Time{}); err != nil {
		t.Errorf("who had a recording lost it: %v", err)
	}
}

// claimed is a new recording that a worker has.
func claimed(t *testing.T, c *catalog.Catalog, n int) catalog.Claimed {
	t.Helper()
	if err := c.Observe(t.Context(), add(t, c, n), t0); err != nil {
		t.Fatal(err)
	}
	cl, err := c.Claim(t.Context(), t0, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return cl
}

func wantOpen(t *testing.T, c *catalog.Catalog, want catalog.OpenAside) {
	t.Helper()
	if got, err := c.OpenAside(t.Context()); err != nil || got != want {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
}

func TestBesideNothing(t *testing.T) {
	if _, err := catalog.OpenBeside(t.Context(), filepath.Join(t.TempDir(), "c.db")); err == nil {
		t.Error("a catalog was made")
	}
}
