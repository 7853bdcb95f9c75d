package service

import (
	"errors"
	"testing"

	"callreel/internal/recording"
)

// TestSameCall: one call's voice is never filed under the parties of another.
func TestSameCall(t *testing.T) {
	for _, row := range []struct {
		name      string
		call      int
		was, is   string
		different bool
	}{
		{"the same", 2, "a", "a", false},
		{"another", 2, "a", "b", true},
		{"none any more", 1, "a", "", true},
		{"a capture of one call", 0, "a", "b", false},
	} {
		rec, audio := recording.Recording{}, recording.Audio{}
		rec.Capture.Call = row.call
		rec.Call.SIP = &recording.Signalling{Parties: &recording.SIPParties{CallID: row.was}}
		if row.is != "" {
			audio.SIP = &recording.SIPParties{CallID: row.is}
		}
		if err := sameCall(rec, audio); errors.Is(err, recording.ErrUnusable) != row.different {
			t.Errorf("%s: %v", row.name, err)
		}
	}
}
