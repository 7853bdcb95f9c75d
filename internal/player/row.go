package player

import (
	"time"

	"callreel/internal/recording"
)

// Row is one line of the list.
type Row struct {
	ID        recording.ID        `json:"id"`
	Started   time.Time           `json:"started"`
	Direction recording.Direction `json:"direction"`
	Internal  string              `json:"internal"`
	Agent     string              `json:"agent"`
	External  string              `json:"external"`
	Name      string              `json:"name"` // of the external party
	Ring      int                 `json:"ring"` // seconds
	DurationS float64             `json:"duration_s"`
	Sealed    bool                `json:"sealed"` // the audio too
	Star      bool                `json:"star"`   // an agent has marked it
	File      string              `json:"file"`
	TAN       string              `json:"tan,omitempty"`
	State     recording.State     `json:"state"`
}

// RowOf makes a recording's line.
func RowOf(rec recording.Recording) Row {
	v := rec.Verdict
	return Row{
		ID: rec.ID, Started: rec.Started(), Direction: v.Direction, Internal: v.Internal, Agent: v.Owner.CN,
		External: v.External, Name: v.ExternalName, Ring: v.Ring, DurationS: rec.Audio.DurationS,
		Sealed: rec.Seal.AudioSealed, Star: v.Star, File: rec.Name, TAN: rec.Call.TAN, State: rec.State,
	}
}
