// Package player is the page on which people find and hear recordings, and the
// HTTP API under it. It shows what it is handed: the catalog, the opened audio,
// the decrypted sidecar and the lamps come in through interfaces it declares
// itself. As long as it has no login it answers loopback names only.
package player

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"time"

	"callreel/internal/recording"
)

// Query asks for a page of recordings, newest first.
type Query struct {
	Number string       // part of the internal or external number, or a TAN
	Before recording.ID // page after this one; 0 = newest
	Limit  int          // 1 to 500
}

// Catalog finds recordings.
type Catalog interface {
	Search(ctx context.Context, q Query) ([]recording.Recording, error)
	// Get returns recording.ErrNotFound for an unknown id.
	Get(ctx context.Context, id recording.ID) (recording.Recording, error)
}

// Audio is an opened recording: clear bytes, whatever lies on the disk.
type Audio interface {
	io.ReadSeeker
	io.Closer
}

// Details is what a sidecar says, decrypted.
type Details struct {
	Recording recording.Recording `json:"recording"`
	Flow      []string            `json:"flow"`      // the call in words, one line an event
	Integrity string              `json:"integrity"` // original, manipulated, unknown key, sidecar missing or audio missing
	Reason    string              `json:"reason,omitempty"`
}

// Opener opens what is filed.
type Opener interface {
	// Audio is in the format of the file; of a capture that was filed as it came, WAV.
	Audio(ctx context.Context, rec recording.Recording) (Audio, error)
	Sidecar(ctx context.Context, rec recording.Recording) (xml []byte, err error)
	Details(ctx context.Context, rec recording.Recording) (Details, error)
}

// Lamp is one light of the status line.
type Lamp struct {
	Name  string    `json:"name"`
	Light string    `json:"light"` // green, red or grey
	Error string    `json:"error,omitempty"`
	Since time.Time `json:"since,omitzero"`
	// Address is ACT or STB where a link that the lamp is about has a standby address.
	Address string `json:"address,omitempty"`
}

// Open is a capture that is being written or waited for.
type Open struct {
	ID    recording.ID    `json:"id"`
	UID   string          `json:"uid"`
	State recording.State `json:"state"`
	Since time.Time       `json:"since"`
	Why   string          `json:"why,omitempty"`
}

// Alarm is the master alarm.
type Alarm struct {
	State string    `json:"state"` // starting, armed, latched or off
	Since time.Time `json:"since,omitzero"`
	Lamp  string    `json:"lamp,omitempty"` // what made it come on
	Error string    `json:"error,omitempty"`
	// Unsent tells which way does not bring its messages to people, and why.
	Unsent string `json:"unsent,omitempty"`
}

// Status is the state of the recorder.
type Status struct {
	Version string                  `json:"version"`
	Lamps   []Lamp                  `json:"lamps"`
	Alarm   Alarm                   `json:"alarm"`
	Counts  map[recording.State]int `json:"counts"`
	Checks  int64                   `json:"checks"` // polls of inboxes since the start
	Open    []Open                  `json:"open"`
	Now     time.Time               `json:"now"`
}

// Health tells how the recorder is.
type Health interface {
	Status(ctx context.Context) (Status, error)
	// ResetMasterAlarm puts the master alarm out.
	ResetMasterAlarm()
}

// Sources is everything the page needs.
type Sources interface {
	Catalog
	Opener
	Health
	Remote
}

// New returns the page and its API.
func New(src Sources, log *slog.Logger) http.Handler {
	h := &handler{src, log}
	mux := http.NewServeMux()
	mux.Handle("GET /", files())
	mux.HandleFunc("GET /api/status", h.status)
	mux.HandleFunc("POST /api/alarm/reset", changing(h.resetAlarm))
	mux.HandleFunc("GET /api/recordings", h.list)
	mux.HandleFunc("GET /api/recordings/{id}", h.details)
	mux.HandleFunc("GET /api/recordings/{id}/audio", h.audio)
	mux.HandleFunc("GET /api/recordings/{id}/sidecar", h.sidecar)
	mux.HandleFunc("GET /api/openapi.yaml", describe)
	mux.HandleFunc("GET /api/player", h.listen)
	mux.HandleFunc("GET /rc", h.control)
	return guard(mux)
}
