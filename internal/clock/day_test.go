package clock_test

import (
	"testing"
	"time"
	_ "time/tzdata"

	"callreel/internal/clock"
)

func zoneOf(t *testing.T, name string) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// TestDayOf: the days of a year follow each other without a gap and without an overlap,
// each with the moments that show its date, also where clocks are changed at midnight.
func TestDayOf(t *testing.T) {
	for _, row := range []struct{ zone, day, from, to string }{
		{"Europe/Rome", "2026-11-21", "2026-11-21T00:00:00+01:00", "2026-11-22T00:00:00+01:00"},
		{"Europe/Rome", "2026-03-29", "2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00"},
		{"Europe/Rome", "2026-10-25", "2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00"},
		{"America/Santiago", "2026-09-06", "2026-09-06T01:00:00-03:00", "2026-09-07T00:00:00-03:00"},
		{"America/Santiago", "2026-04-04", "2026-04-04T00:00:00-03:00", "2026-04-05T00:00:00-04:00"},
		{"Africa/Cairo", "2026-04-24", "2026-04-24T01:00:00+03:00", "2026-04-25T00:00:00+03:00"},
		{"America/Havana", "2026-11-01", "2026-11-01T00:00:00-04:00", "2026-11-02T00:00:00-05:00"},
	} {
		from, to, err := clock.ParseDay(row.day, zoneOf(t, row.zone))
		if err != nil || from.Format(time.RFC3339) != row.from || to.Format(time.RFC3339) != row.to {
			t.Errorf("%s in %s is from %s to %s, want %s to %s: %v", row.day, row.zone, from.Format(time.RFC3339), to.Format(time.RFC3339), row.from, row.to, err)
		}
		for range 366 {
			next, end := clock.DayOf(to)
			if !next.Equal(to) || from.Format(time.DateOnly) == next.Format(time.DateOnly) || from.Add(-time.Second).Format(time.DateOnly) == from.Format(time.DateOnly) {
				t.Fatalf("%s: the day from %s to %s is followed by that from %s", row.zone, from, to, next)
			}
			from, to = next, end
		}
	}
}

// TestMonth: a month ends where the next one begins.
func TestMonth(t *testing.T) {
	zone := zoneOf(t, "America/Asuncion")
	for _, written := range []string{"2017-10", "2017_10"} { // its clocks were put forward when that month began
		from, to, err := clock.ParseMonth(written, zone)
		if err != nil || from.Format(time.RFC3339) != "2017-10-01T01:00:00-03:00" || to.Format(time.RFC3339) != "2017-11-01T00:00:00-03:00" {
			t.Errorf("%s is from %s to %s: %v", written, from, to, err)
		}
		if first, end := clock.MonthOf(to.Add(-time.Second)); !first.Equal(from) || !end.Equal(to) {
			t.Errorf("its last second is in that from %s to %s", first, end)
		}
	}
	for _, bad := range []string{"", "2026", "11/2026", "2026-13"} {
		if _, _, err := clock.ParseMonth(bad, zone); err == nil {
			t.Errorf("%q is a month", bad)
		}
		if _, _, err := clock.ParseDay(bad, zone); err == nil {
			t.Errorf("%q is a day", bad)
		}
	}
}
