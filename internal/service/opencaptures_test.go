package service

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"callreel/ingest"
	"callreel/internal/clock"
	"callreel/internal/recording"
)

// A capture that grows, or whose call lives, is not saved at each listing, and is due
// after its end as soon as one that is.
func TestOpenCapture(t *testing.T) {
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	s, inbox := folderService(t, func(cfg *Config) { cfg.Inbox[0].Settle = ingest.Duration(time.Minute) })
	s.clock.Now = func() time.Time { return at }
	b := s.inboxes["card"]
	conf := recording.ConfID(strings.Repeat("a", 32))
	file := filepath.Join(inbox, string(conf)+".pcap")
	leg := recording.Leg{Agent: recording.Agent{PBX: "pbx", CN: "A"}, Conf: conf, Began: at}
	s.links.set("pbx", at)
	s.Leg(t.Context(), "pbx", leg)
	step := func(size int) recording.Recording {
		t.Helper()
		at = at.Add(5 * time.Second)
		if err := os.WriteFile(file, make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
		stamp := time.Unix(1_700_000_000+int64(size), 0)
		if err := os.Chtimes(file, stamp, stamp); err != nil {
			t.Fatal(err)
		}
		if err := s.poll(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		rec, err := s.catalog.BySource(t.Context(), recording.Source{Inbox: "card", Name: filepath.Base(file)})
		if err != nil {
			t.Fatal(err)
		}
		return rec
	}
	due := func() bool {
		t.Helper()
		next, ok, err := s.catalog.NextDue(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return ok && !next.After(at)
	}
	step(100)
	step(200)
	for size := 300; size < 600; size += 100 {
		if rec := step(size); rec.Capture.Stamp.Size != 100 || due() {
			t.Errorf("while the call lives %d bytes are saved, due %v; want those of before", rec.Capture.Stamp.Size, due())
		}
	}
	if step(500); due() { // on hold: it stands still, and the call lives
		t.Error("a capture is due whose call lives")
	}
	leg.Ended = at
	s.Leg(t.Context(), "pbx", leg)
	if step(600); due() {
		t.Error("due after one listing with this size")
	}
	rec := step(600)
	if !due() || rec.Capture.Stamp.Size != 600 || rec.Capture.Polls != 2 || !rec.Capture.StillAt.Equal(at.Add(-5*time.Second)) {
		t.Errorf("after the end: due %v, %+v", due(), rec.Capture)
	}
}

// A file that a listing passed over is still counted when it is not there any more, and one
// that a worker had meanwhile is looked up again.
func TestOpenCaptureIsForgotten(t *testing.T) {
	s, inbox := folderService(t, func(cfg *Config) { cfg.Inbox[0].Settle = ingest.Duration(time.Hour) })
	b := s.inboxes["card"]
	name := strings.Repeat("b", 32) + ".pcap"
	for size := range 4 {
		if err := os.WriteFile(filepath.Join(inbox, name), make([]byte, 10+size), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := s.poll(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	if _, known := b.open.known[name]; !known {
		t.Fatal("a growing capture is not remembered")
	}
	if err := os.Remove(filepath.Join(inbox, name)); err != nil {
		t.Fatal(err)
	}
	for range goneAfter {
		if err := s.poll(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	rec, err := s.catalog.BySource(t.Context(), recording.Source{Inbox: "card", Name: name})
	if err != nil || rec.State != recording.Unusable {
		t.Errorf("%s, %v; want it set aside because it vanished", rec.State, err)
	}
	if err := s.poll(t.Context(), b); err != nil || len(b.open.known) != 0 {
		t.Errorf("%v; %d captures remembered, want none", err, len(b.open.known))
	}
}

// folderService is a recorder, not running, with the inbox "card" in a folder.
func folderService(t *testing.T, change func(*Config)) (s *Service, inbox string) {
	t.Helper()
	dir := t.TempDir()
	cfg := DefaultConfig()
	cfg.Catalog, cfg.Keys.File = filepath.Join(dir, "c.db"), filepath.Join(dir, "keys")
	cfg.Archive.Path, cfg.Spool = filepath.Join(dir, "archive"), filepath.Join(dir, "spool")
	cfg.Receiver.Listen, cfg.Player.Listen = "", ""
	in := ingest.Config{}
	in.Name, in.Kind, in.Path = "card", "folder", filepath.Join(dir, "inbox")
	cfg.Inbox = []ingest.Config{in}
	if err := os.MkdirAll(in.Path, 0o750); err != nil {
		t.Fatal(err)
	}
	change(&cfg)
	s, err := Open(t.Context(), cfg, Options{Clock: clock.System(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s, in.Path
}
