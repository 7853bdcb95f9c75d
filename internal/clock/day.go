package clock

import (
	"fmt"
	"sort"
	"strings"
	"time"
)

// DayOf returns when the day of t begins in t's zone, and when the next one does. That is
// not always midnight, of which there is none where clocks are put forward just then.
func DayOf(t time.Time) (from, to time.Time) {
	y, m, d := t.Date()
	return dawn(y, m, d, t.Location()), dawn(y, m, d+1, t.Location())
}

// MonthOf returns when the month of t begins in t's zone, and when the next one does.
func MonthOf(t time.Time) (from, to time.Time) {
	y, m, _ := t.Date()
	return dawn(y, m, 1, t.Location()), dawn(y, m+1, 1, t.Location())
}

// dawn is the first second that shows a date.
func dawn(year int, month time.Month, day int, zone *time.Location) time.Time {
	const hours = 36 // before its noon is the day before, whatever is done to clocks
	noon := time.Date(year, month, day, 12, 0, 0, 0, zone)
	before := noon.Add(-hours * time.Hour)
	second := func(i int) time.Time { return before.Add(time.Duration(i) * time.Second) }
	date := noon.Format(time.DateOnly)
	return second(sort.Search(hours*3600, func(i int) bool { return second(i).Format(time.DateOnly) >= date }))
}

// ParseDay is DayOf for a day that is written as 2026-11-28.
func ParseDay(day string, zone *time.Location) (from, to time.Time, err error) {
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return from, to, fmt.Errorf("%.40q is not of the form 2026-11-28", day)
	}
	y, m, d := t.Date()
	return dawn(y, m, d, zone), dawn(y, m, d+1, zone), nil
}

// ParseMonth is MonthOf for a month that is written as 2026-11, or as in the archive, 2026_11.
func ParseMonth(month string, zone *time.Location) (from, to time.Time, err error) {
	t, err := time.Parse("2006-01", strings.ReplaceAll(month, "_", "-"))
	if err != nil {
		return from, to, fmt.Errorf("%.40q is not of the form 2026-11", month)
	}
	y, m, _ := t.Date()
	return dawn(y, m, 1, zone), dawn(y, m+1, 1, zone), nil
}
