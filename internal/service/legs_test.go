package service

import (
	"context"
	"testing"
	"time"

	"callreel/internal/recording"
)

// What the PBX has told is saved though the session that told it has just ended: nobody
// will tell it again.
func TestLegOfAnEndedSession(t *testing.T) {
	s, _ := folderService(t, func(*Config) {})
	ctx, end := context.WithCancel(t.Context())
	end()
	s.Leg(ctx, "pbx", recording.Leg{Agent: recording.Agent{PBX: "pbx", CN: "A"}, Conf: "c", Began: time.Now()})
	if legs, err := s.catalog.Legs(t.Context(), "c"); err != nil || len(legs) != 1 {
		t.Errorf("%d legs are saved, %v; want 1", len(legs), err)
	}
}
