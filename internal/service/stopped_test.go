package service

import (
	"context"
	"testing"
	"time"

	"callreel/ingest"
	"callreel/internal/recording"
)

// TestStoppedStep: a stop that comes while a step ends leaves the recording as it was
// before, above all its copy in the spool, whatever the step has already changed.
func TestStoppedStep(t *testing.T) {
	s, _ := folderService(t, func(*Config) {})
	rec, err := s.catalog.Add(t.Context(), ingest.CaptureOf(ingest.Config{Name: "card"}, ingest.Entry{Name: "x.pcap"}, time.Now()))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.catalog.Observe(t.Context(), rec, time.Now().Add(-time.Minute)); err != nil {
		t.Fatal(err)
	}
	cl, err := s.catalog.Claim(t.Context(), time.Now(), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	cl.State, cl.Capture.Spool = recording.Decided, "1.pcap"
	ctx, stop := context.WithCancel(t.Context())
	file := step{from: recording.Decided, name: "file", do: func(_ context.Context, rec *recording.Recording) (recording.State, error) {
		rec.Capture.Spool = ""
		stop()
		return recording.BackedUp, nil
	}}
	if _, _, err := s.oneStep(ctx, file, &cl, outcome{}); err != nil {
		t.Fatal(err)
	}
	got, err := s.catalog.Get(t.Context(), cl.ID)
	if err != nil || got.State != recording.Decided || got.Capture.Spool != "1.pcap" || cl.Capture.Spool != "1.pcap" {
		t.Errorf("after the stop: %s, copy %q, %v", got.State, got.Capture.Spool, err)
	}
}
