package service

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"callreel/ingest"
	"callreel/internal/recording"
)

// liar is an inbox that says it has removed a file, and keeps it for the first times.
type liar struct {
	ingest.Inbox
	lies int
}

func (l *liar) Remove(ctx context.Context, name string, want recording.Stamp) (bool, error) {
	if l.lies > 0 {
		l.lies--
		return false, nil
	}
	return false, l.Delete(ctx, name, want)
}

// backedUp takes a recording that is only seen to the end of the line, with its source to be
// deleted at a time.
func backedUp(t *testing.T, s *Service, rec recording.Recording, sourceDue time.Time) {
	t.Helper()
	if err := s.catalog.Observe(t.Context(), rec, s.clock.Now()); err != nil {
		t.Fatal(err)
	}
	cl, err := s.catalog.Claim(t.Context(), s.clock.Now(), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	cl.State = recording.BackedUp
	if err := s.catalog.Advance(t.Context(), cl, time.Time{}, sourceDue); err != nil {
		t.Fatal(err)
	}
}

// TestServerThatKeepsWhatItRemoved: only a listing without the file counts, and until then
// the lamp is red and the deletion is tried again.
func TestServerThatKeepsWhatItRemoved(t *testing.T) {
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	s, inbox := folderService(t, func(cfg *Config) { cfg.Inbox[0].Settle = ingest.Duration(time.Hour) })
	s.clock.Now = func() time.Time { return at }
	b := s.inboxes["card"]
	b.inbox = &liar{b.inbox, 1}
	name := strings.Repeat("c", 32) + ".pcap"
	file := filepath.Join(inbox, name)
	if err := os.WriteFile(file, []byte("capture"), 0o600); err != nil {
		t.Fatal(err)
	}
	poll := func() recording.Recording {
		t.Helper()
		at = at.Add(time.Second)
		if err := s.poll(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		rec, err := s.catalog.BySource(t.Context(), recording.Source{Inbox: "card", Name: name})
		if err != nil {
			t.Fatal(err)
		}
		return rec
	}
	rec := poll()
	backedUp(t, s, rec, at)
	red := func() bool {
		return slices.ContainsFunc(s.lamps.All(), func(l LampState) bool {
			return l.Lamp == LampPCAP && strings.Contains(l.Error, ingest.ErrStill.Error())
		})
	}
	if rec = poll(); rec.Capture.SourceGone || red() {
		t.Fatal("the first removal was believed, or is a fault, before a listing was seen")
	}
	if rec = poll(); rec.Capture.SourceGone || !red() {
		t.Fatal("the listing shows the file, and it counts as gone or nothing is said")
	}
	at = at.Add(deleteRetry)
	if rec = poll(); rec.Capture.SourceGone {
		t.Fatal("the second removal was believed before a listing was seen")
	}
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Fatalf("the file was not deleted: %v", err)
	}
	if rec = poll(); !rec.Capture.SourceGone || rec.State != recording.Done || red() {
		t.Errorf("after the listing without it: gone %v, %s, red %v; want it done", rec.Capture.SourceGone, rec.State, red())
	}
}

// TestAnotherFileUnderARemovedName is a capture of its own.
func TestAnotherFileUnderARemovedName(t *testing.T) {
	s, inbox := folderService(t, func(cfg *Config) { cfg.Inbox[0].Settle = ingest.Duration(time.Hour) })
	b := s.inboxes["card"]
	name := strings.Repeat("d", 32) + ".pcap"
	file := filepath.Join(inbox, name)
	poll := func(content string) recording.Recording {
		t.Helper()
		if content != "" {
			if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.poll(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		rec, err := s.catalog.BySource(t.Context(), recording.Source{Inbox: "card", Name: name})
		if err != nil {
			t.Fatal(err)
		}
		return rec
	}
	first := poll("capture")
	backedUp(t, s, first, s.clock.Now().Add(time.Hour))
	b.removed.add(first)
	second := poll("another capture")
	if second.ID == first.ID || second.Capture.Stamp.Size != int64(len("another capture")) {
		t.Errorf("recording %d of %d bytes; want another than %d", second.ID, second.Capture.Stamp.Size, first.ID)
	}
	if rec, err := s.catalog.Get(t.Context(), first.ID); err != nil || !rec.Capture.SourceGone {
		t.Errorf("the first one's source is not gone: %v", err)
	}
}

// TestClaimOfARowThatCannotBeRead: it must not stand before the others.
func TestClaimOfARowThatCannotBeRead(t *testing.T) {
	s, inbox := folderService(t, func(cfg *Config) { cfg.Inbox[0].Settle = ingest.Duration(time.Hour) })
	for _, c := range "ef" {
		if err := os.WriteFile(filepath.Join(inbox, strings.Repeat(string(c), 32)+".pcap"), []byte("capture"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.poll(t.Context(), s.inboxes["card"]); err != nil {
		t.Fatal(err)
	}
	spoil(t, s, `UPDATE recording SET due = 1, doc = '{"capture":7}' WHERE id = 1`)
	spoil(t, s, `UPDATE recording SET due = 2 WHERE id = 2`)
	cl, _, err := s.claim(t.Context())
	if err != nil || cl.ID != 2 {
		t.Fatalf("claimed %d, %v; want 2", cl.ID, err)
	}
	told := slices.ContainsFunc(s.lamps.All(), func(l LampState) bool {
		return l.Lamp == LampSoftware && strings.Contains(l.Error, "recording 1: its row cannot be read")
	})
	if !told {
		t.Error("the row that cannot be read is passed over in silence")
	}
}
