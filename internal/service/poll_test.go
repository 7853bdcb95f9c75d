package service

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"callreel/ingest"
	"callreel/internal/recording"
)

// TestFullInbox lists an inbox with thousands of captures that wait.
func TestFullInbox(t *testing.T) {
	const files = 1000
	s, inbox := folderService(t, func(cfg *Config) { cfg.Inbox[0].Settle = ingest.Duration(time.Hour) })
	for i := range files {
		if err := os.WriteFile(filepath.Join(inbox, fmt.Sprintf("%032x.pcap", i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 4 {
		began := time.Now()
		if err := s.poll(t.Context(), s.inboxes["card"]); err != nil {
			t.Fatal(err)
		}
		t.Logf("poll %d of %d captures took %s", i+1, files, time.Since(began))
	}
	if n, err := s.catalog.Count(t.Context()); err != nil || n[recording.Seen] != files {
		t.Errorf("%v, %v; want %d seen", n, err, files)
	}
}

// TestProvedSame: a size alone does not prove that a file is the one that was
// copied and deleted.
func TestProvedSame(t *testing.T) {
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	for _, row := range []struct {
		name string
		a, b recording.Stamp
		want bool
	}{
		{"size alone", recording.Stamp{Size: 9}, recording.Stamp{Size: 9}, false},
		{"one side has a time", recording.Stamp{Size: 9, ModTime: at}, recording.Stamp{Size: 9}, false},
		{"time", recording.Stamp{Size: 9, ModTime: at}, recording.Stamp{Size: 9, ModTime: at}, true},
		{"tag", recording.Stamp{Size: 9, ETag: "x"}, recording.Stamp{Size: 9, ETag: "x"}, true},
		{"tag, another time", recording.Stamp{Size: 9, ETag: "x", ModTime: at}, recording.Stamp{Size: 9, ETag: "x", ModTime: at.Add(1)}, false},
		{"another size", recording.Stamp{Size: 8, ETag: "x"}, recording.Stamp{Size: 9, ETag: "x"}, false},
	} {
		if got := provedSame(row.a, row.b); got != row.want {
			t.Errorf("%s: %v, want %v", row.name, got, row.want)
		}
	}
}

// TestObservedWhileTheClockWasWrong: a time ahead of now would keep a capture
// from ever being complete.
func TestObservedWhileTheClockWasWrong(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	c := recording.Capture{Stamp: recording.Stamp{Size: 9}, Polls: 7, StillAt: now.AddDate(10, 0, 0)}
	if got := observed(c, ingest.Entry{Stamp: c.Stamp}, now); !got.StillAt.Equal(now) || got.Polls != 2 {
		t.Errorf("observed = %+v; want it to stand still since now", got)
	}
}

// TestLooksAreAPollApart: what a look takes is no pause on top.
func TestLooksAreAPollApart(t *testing.T) {
	for took, want := range map[time.Duration]time.Duration{
		0: 5 * time.Second, time.Second: 4 * time.Second, 4 * time.Second: 1250 * time.Millisecond,
		time.Minute: 1250 * time.Millisecond, -time.Hour: 5 * time.Second,
	} {
		if got := untilNext(5*time.Second, took); got != want {
			t.Errorf("after %v: %v, want %v", took, got, want)
		}
	}
}
