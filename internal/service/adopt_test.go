package service

import (
	"log/slog"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"callreel/crypto"
	"callreel/internal/clock"
	"callreel/internal/recording"
	"callreel/internal/sidecar"
)

// opened is a recorder that does nothing yet.
func opened(t *testing.T) *Service {
	t.Helper()
	return openedWith(t, func(*Config) {}, Options{Clock: clock.System(), Log: slog.New(slog.DiscardHandler), Version: "test"})
}

func openedWith(t *testing.T, change func(*Config), o Options) *Service {
	t.Helper()
	dir := t.TempDir()
	cfg := DefaultConfig()
	cfg.Catalog, cfg.Keys.File = filepath.Join(dir, "callreel.db"), filepath.Join(dir, "callreel.keys")
	cfg.Archive.Path, cfg.Spool = filepath.Join(dir, "archive"), filepath.Join(dir, "archive", "REC")
	cfg.Receiver.Listen, cfg.Player.Listen = "127.0.0.1:0", ""
	change(&cfg)
	s, err := Open(t.Context(), cfg, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// fileAs commits a recording of a capture in a format.
func fileAs(t *testing.T, s *Service, capture, format string) recording.Recording {
	t.Helper()
	rec := recording.Recording{ID: 1, State: recording.Decided}
	rec.Capture.UID, rec.Capture.Serial = "c03a55c2d309e311a0b500903306225f", "17"
	rec.Capture.SHA256, rec.Capture.Source.Name = strings.Repeat(capture, 64), capture
	rec.Audio = recording.Audio{Status: recording.AudioOK, Format: format, Start: time.Date(2026, 11, 21, 11, 0, 0, 0, time.UTC)}
	draft, err := s.archive.Draft(t.Context(), "1")
	if err != nil {
		t.Fatal(err)
	}
	defer draft.Abort()
	if _, err := draft.Write([]byte("audio as " + format)); err != nil {
		t.Fatal(err)
	}
	if rec.Name, err = s.freeName(t.Context(), &rec); err != nil {
		t.Fatal(err)
	}
	rec.Seal.FileSHA256, rec.Seal.Size = draft.Sum()
	plain, err := sidecar.Encode(rec, sidecar.Meta{Version: "test", Location: time.UTC})
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := crypto.SealBytes(s.ring, plain)
	if err != nil {
		t.Fatal(err)
	}
	if rec.Place, err = s.commit(t.Context(), &rec, draft, sealed); err != nil {
		t.Fatal(err)
	}
	return rec
}

// A recorder that died after it had filed a WAV, and starts again set to MP3,
// takes the WAV for what it is: the pair in the archive is never touched.
func TestFiledBeforeTheFormatChanged(t *testing.T) {
	s := opened(t)
	first := fileAs(t, s, "a", "wav")
	again := fileAs(t, s, "a", "mp3")
	if again.Place != first.Place || again.Audio.Format != "wav" || !reflect.DeepEqual(again.Seal, first.Seal) || !strings.HasSuffix(string(again.Place), ".wav") {
		t.Errorf("first %s %+v\nagain %s %+v", first.Place, first.Seal, again.Place, again.Seal)
	}
	other := fileAs(t, s, "b", "mp3")
	if want := first.Name + "-bbbbbbbb"; other.Name != want || !strings.HasSuffix(string(other.Place), "-bbbbbbbb.mp3") {
		t.Errorf("another capture of that name is %s at %s, want %s", other.Name, other.Place, want)
	}
	pairs, err := s.archive.List(t.Context(), "2026_11")
	if err != nil || len(pairs) != 2 {
		t.Errorf("%d pairs, %v", len(pairs), err)
	}
}
