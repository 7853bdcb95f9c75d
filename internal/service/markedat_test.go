package service

import (
	"testing"
	"time"

	"callreel/ingest"
	"callreel/internal/recording"
)

// TestMarkedAt puts the times of servers right whose clocks differ.
func TestMarkedAt(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	for _, row := range []struct {
		name    string
		written time.Time // by the server
		date    time.Time // the server's now
		want    time.Time
	}{
		{"clocks agree", ago(time.Minute), ago(time.Second), ago(time.Minute)},
		{"the server does not tell its time", ago(time.Minute), time.Time{}, ago(time.Minute)},
		{"the server is an hour behind", ago(61 * time.Minute), ago(time.Hour), ago(time.Minute)},
		{"the server is an hour ahead", ago(-59 * time.Minute), ago(-time.Hour), ago(time.Minute)},
		{"ahead, by nobody knows how much", ago(-59 * time.Minute), time.Time{}, now},
		{"no time at all", time.Time{}, ago(time.Hour), now},
	} {
		e := ingest.Entry{Name: "TCR-24_24.txt", Stamp: recording.Stamp{Size: 3, ModTime: row.written}}
		if got := markedAt(e, clockOff(now, row.date), now); !got.Equal(row.want) {
			t.Errorf("%s: %s, want %s", row.name, got, row.want)
		}
		again := e
		again.Stamp.ETag = "other"
		if stampOf(e) != stampOf(again) {
			t.Errorf("%s: another ETag makes it another file", row.name)
		}
	}
}
