package service

import (
	"testing"
	"time"
)

// A clock that is off is news once, and again when it is off by another two seconds, and
// when it is right again.
func TestClocks(t *testing.T) {
	var c clocks
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	for i, row := range []struct {
		ahead time.Duration
		news  bool
		off   int
	}{
		{time.Second, false, 0}, {-2 * time.Second, false, 0}, {5 * time.Minute, true, 1}, {5*time.Minute + time.Second, false, 1},
		{10 * time.Minute, true, 1}, {-10 * time.Minute, true, 1}, {0, true, 0}, {time.Second, false, 0},
	} {
		if news := c.see("inbox", row.ahead, now); news != row.news || len(c.off()) != row.off {
			t.Errorf("row %d: news %v, off %v", i, news, c.off())
		}
	}
	// Of records the most within an hour counts: one that comes late says nothing.
	for i, row := range []struct {
		ahead, later time.Duration
		news         bool
		off          int
	}{
		{-time.Minute, 0, false, 0}, {time.Hour, 0, true, 1}, {59 * time.Minute, time.Minute, false, 1}, {-time.Minute, 50 * time.Minute, false, 1}, {30 * time.Minute, 55 * time.Minute, false, 1}, {-time.Minute, 90 * time.Minute, false, 1}, {-time.Minute, 2 * time.Hour, true, 0},
	} {
		if news := c.atLeast("records", row.ahead, now.Add(row.later)); news != row.news || len(c.off()) != row.off {
			t.Errorf("record %d: news %v, off %v", i, news, c.off())
		}
	}
}
