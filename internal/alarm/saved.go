package alarm

import (
	"encoding/json"
	"fmt"
)

// MostSaved is how many bytes a saved state may have.
const MostSaved = 16 << 20

// savedVersion is of the form below.
const savedVersion = 1

// Saved is what a restart needs: the latch, and what waits to be delivered.
type Saved struct {
	Version int                `json:"version"`
	State   State              `json:"state"`
	Outbox  map[string]Waiting `json:"outbox,omitempty"`
}

// Encode writes it.
func (s Saved) Encode() ([]byte, error) {
	s.Version = savedVersion
	b, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("encode the state of the master alarm: %w", err)
	}
	return b, nil
}

// DecodeSaved reads it, from whatever a file holds.
func DecodeSaved(b []byte) (Saved, error) {
	if len(b) > MostSaved {
		return Saved{}, fmt.Errorf("the state of the master alarm has %d bytes, more than %d", len(b), MostSaved)
	}
	var s Saved
	if err := json.Unmarshal(b, &s); err != nil {
		return Saved{}, fmt.Errorf("the state of the master alarm cannot be read: %w", err)
	}
	if s.Version != savedVersion {
		return Saved{}, fmt.Errorf("the state of the master alarm has version %d; this program knows %d", s.Version, savedVersion)
	}
	return s.sane(), nil
}

// sane puts right what no program of ours would have written.
func (s Saved) sane() Saved {
	if s.State.Fresh < 1 || len(s.State.Listed) == 0 {
		s.State.Fresh, s.State.Listed = 0, nil
	}
	if s.State.ByLamp == nil {
		s.State.ByLamp = map[string]int{}
	}
	if s.State.Known == nil {
		s.State.Known = map[string]bool{}
	}
	return s
}
