package catalog

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"callreel/internal/recording"
)

var began = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// askedMeanwhile has three ask all the time, until what it returns is called.
func askedMeanwhile(ask func()) (stop func()) {
	done := make(chan struct{})
	for range 3 {
		go func() {
			for {
				select {
				case <-done:
					return
				default:
					ask()
				}
			}
		}()
	}
	return func() { close(done) }
}

// Who is told by the ledger's trigger that a call's legs changed finds them as they are
// then, however many ask for them all the time.
func TestLegsAreNeverOld(t *testing.T) {
	c, err := Open(t.Context(), filepath.Join(t.TempDir(), "c.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	conf := recording.ConfID("c")
	defer askedMeanwhile(func() { _, _ = c.Legs(t.Context(), conf) })()
	saved := make(chan error, 1)
	const changes = 300
	go func() {
		var err error
		for i := 1; i <= changes && err == nil; i++ {
			err = c.SaveLeg(t.Context(), recording.Leg{Conf: conf, Began: began, Ended: began.Add(time.Duration(i) * time.Second)})
		}
		saved <- err
	}()
	for last := 0; last < changes; {
		var at int64 // the change that the database has
		if err := c.queryRow(t.Context(), `SELECT coalesce(max(ended), 0) FROM leg`).Scan(&at); err != nil {
			t.Fatal(err)
		}
		legs, err := c.Legs(t.Context(), conf)
		if err != nil {
			t.Fatal(err)
		}
		if at == 0 {
			continue
		}
		if len(legs) != 1 || legs[0].Ended.UnixMilli() < at {
			t.Fatalf("the database has the end %d, the answer is %+v", at, legs)
		}
		last = int(legs[0].Ended.Sub(began) / time.Second)
	}
	if err := <-saved; err != nil {
		t.Fatal(err)
	}
	if legs, known, _ := c.legs.get(conf); !known || len(legs) != 1 {
		if _, err := c.Legs(t.Context(), conf); err != nil {
			t.Fatal(err)
		}
		if _, known, _ = c.legs.get(conf); !known {
			t.Error("legs that were read are not kept")
		}
	}
}

// A program beside the recorder sees what the recorder writes, and legs that are deleted
// for their age are not answered from memory.
func TestLegsOfAnother(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.db")
	c, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	beside, err := OpenReader(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer beside.Close()
	want := func(what string, c *Catalog, n int) {
		t.Helper()
		if legs, err := c.Legs(t.Context(), "c"); err != nil || len(legs) != n {
			t.Errorf("%s: %d legs, %v; want %d", what, len(legs), err, n)
		}
	}
	want("none yet", beside, 0)
	if err := c.SaveLeg(t.Context(), recording.Leg{Conf: "c", Began: began, Ended: began.Add(time.Second)}); err != nil {
		t.Fatal(err)
	}
	want("beside", beside, 1)
	want("the recorder", c, 1)
	if _, err := c.PruneCDRs(t.Context(), began.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	want("after their deletion", c, 0)
	for i := range mostKnown + 2 {
		if _, err := c.Legs(t.Context(), recording.ConfID(fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(c.legs.known); n > mostKnown {
		t.Errorf("%d conferences are kept, at most %d wanted", n, mostKnown)
	}
}

// Records that come are found at once, and by who looks meanwhile none is put in memory
// that was read before.
func TestRecordsAreNeverOld(t *testing.T) {
	c, err := Open(t.Context(), filepath.Join(t.TempDir(), "c.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	conf := recording.ConfID("c")
	defer askedMeanwhile(func() { _, _ = c.CDRs(t.Context(), conf) })()
	for i := 1; i <= 200; i++ {
		one := []CDR{{XML: fmt.Sprintf(`<cdr n="%d"/>`, i), Confs: []recording.ConfID{conf}}}
		if i%2 == 0 {
			_, err = c.SaveAndWake(t.Context(), one, began, Waking{At: began, From: began, To: began})
		} else {
			err = c.SaveCDRs(t.Context(), one, began)
		}
		if err != nil {
			t.Fatal(err)
		}
		if list, err := c.CDRs(t.Context(), conf); err != nil || len(list) != i {
			t.Fatalf("after record %d there are %d, %v", i, len(list), err)
		}
	}
	if _, err := c.PruneCDRs(t.Context(), began.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if list, err := c.CDRs(t.Context(), conf); err != nil || len(list) != 0 {
		t.Errorf("of records deleted for their age %d are left, %v", len(list), err)
	}
}
