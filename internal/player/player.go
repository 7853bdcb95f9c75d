// Package player is the page on which people find and hear recordings, and the
// HTTP API under it. It shows what it is handed: the catalog, the opened audio,
// the decrypted sidecar and the lamps come in through interfaces it declares
// itself. As long as it has no login it answers loopback names only.
package player

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"callreel/internal/recording"
)

//go:embed web
var web embed.FS

// Query asks for a page of recordings, newest first.
type Query struct {
	Number string       // part of the internal or external number
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
}

// Open is a capture that is being written or waited for.
type Open struct {
	ID    recording.ID    `json:"id"`
	UID   string          `json:"uid"`
	State recording.State `json:"state"`
	Since time.Time       `json:"since"`
	Why   string          `json:"why,omitempty"`
}

// Status is the state of the recorder.
type Status struct {
	Version string                  `json:"version"`
	Lamps   []Lamp                  `json:"lamps"`
	Counts  map[recording.State]int `json:"counts"`
	Checks  int64                   `json:"checks"` // polls of inboxes since the start
	Open    []Open                  `json:"open"`
	Now     time.Time               `json:"now"`
}

// Health tells how the recorder is.
type Health interface {
	Status(ctx context.Context) (Status, error)
}

// Sources is everything the page needs.
type Sources interface {
	Catalog
	Opener
	Health
}

// handler serves the page and the API.
type handler struct {
	src Sources
	log *slog.Logger
}

// New returns the page and its API.
func New(src Sources, log *slog.Logger) http.Handler {
	h := &handler{src, log}
	mux := http.NewServeMux()
	static, err := fs.Sub(web, "web")
	if err == nil {
		mux.Handle("GET /", http.FileServerFS(static))
	}
	mux.HandleFunc("GET /api/status", h.status)
	mux.HandleFunc("GET /api/recordings", h.list)
	mux.HandleFunc("GET /api/recordings/{id}", h.details)
	mux.HandleFunc("GET /api/recordings/{id}/audio", h.audio)
	mux.HandleFunc("GET /api/recordings/{id}/sidecar", h.sidecar)
	return guard(mux)
}

// guard refuses names that are not this machine's own, so that a page of
// somebody else cannot read recordings through a name that points here.
func guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		host = strings.Trim(host, "[]")
		if host != "localhost" && !net.ParseIP(host).IsLoopback() {
			http.Error(w, "this page answers on this machine only", http.StatusForbidden)
			return
		}
		head := w.Header()
		head.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self'; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'none'")
		head.Set("X-Content-Type-Options", "nosniff")
		head.Set("Referrer-Policy", "no-referrer")
		head.Set("Cross-Origin-Resource-Policy", "same-origin")
		head.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

func (h *handler) status(w http.ResponseWriter, r *http.Request) {
	st, err := h.src.Status(r.Context())
	h.answer(w, r, st, err)
}

func (h *handler) list(w http.ResponseWriter, r *http.Request) {
	form := r.URL.Query()
	q := Query{Number: form.Get("number"), Limit: 100}
	if s := form.Get("before"); s != "" {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil || n < 1 {
			http.Error(w, "before must be the id of a recording", http.StatusBadRequest)
			return
		}
		q.Before = recording.ID(n)
	}
	if s := form.Get("limit"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > 500 {
			http.Error(w, "limit must be 1 to 500", http.StatusBadRequest)
			return
		}
		q.Limit = n
	}
	list, err := h.src.Search(r.Context(), q)
	rows := make([]Row, 0, len(list))
	for _, rec := range list {
		rows = append(rows, RowOf(rec))
	}
	h.answer(w, r, rows, err)
}

// Row is one line of the list.
type Row struct {
	ID        recording.ID        `json:"id"`
	Started   time.Time           `json:"started"`
	Direction recording.Direction `json:"direction"`
	Internal  string              `json:"internal"`
	Agent     string              `json:"agent"`
	External  string              `json:"external"`
	Name      string              `json:"name"` // of the external party
	Ring      int                 `json:"ring"`
	DurationS float64             `json:"duration_s"`
	Sealed    bool                `json:"sealed"`
	File      string              `json:"file"`
	State     recording.State     `json:"state"`
}

// RowOf makes a recording's line.
func RowOf(rec recording.Recording) Row {
	v := rec.Verdict
	return Row{
		ID: rec.ID, Started: rec.Started(), Direction: v.Direction, Internal: v.Internal, Agent: v.Owner.CN,
		External: v.External, Name: v.ExternalName, Ring: v.Ring, DurationS: rec.Audio.DurationS,
		Sealed: rec.Seal.AudioSealed, File: rec.Name, State: rec.State,
	}
}

func (h *handler) details(w http.ResponseWriter, r *http.Request) {
	rec, ok := h.find(w, r)
	if !ok {
		return
	}
	d, err := h.src.Details(r.Context(), rec)
	h.answer(w, r, d, err)
}

func (h *handler) audio(w http.ResponseWriter, r *http.Request) {
	rec, ok := h.find(w, r)
	if !ok {
		return
	}
	a, err := h.src.Audio(r.Context(), rec)
	if err != nil {
		h.answer(w, r, nil, err)
		return
	}
	defer a.Close()
	w.Header().Set("Content-Type", "audio/wav")
	http.ServeContent(w, r, "", time.Time{}, a)
}

func (h *handler) sidecar(w http.ResponseWriter, r *http.Request) {
	rec, ok := h.find(w, r)
	if !ok {
		return
	}
	xml, err := h.src.Sidecar(r.Context(), rec)
	if err != nil {
		h.answer(w, r, nil, err)
		return
	}
	w.Header().Set("Content-Type", "text/xml; charset=utf-8")
	_, _ = w.Write(xml)
}

// find looks the recording of the path up; it answers itself when there is none.
func (h *handler) find(w http.ResponseWriter, r *http.Request) (recording.Recording, bool) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		http.Error(w, "a recording's id is a number", http.StatusBadRequest)
		return recording.Recording{}, false
	}
	rec, err := h.src.Get(r.Context(), recording.ID(id))
	if err != nil {
		h.answer(w, r, nil, err)
		return rec, false
	}
	return rec, true
}

// answer writes v as JSON, or err with its status.
func (h *handler) answer(w http.ResponseWriter, r *http.Request, v any, err error) {
	switch {
	case errors.Is(err, recording.ErrNotFound), errors.Is(err, fs.ErrNotExist):
		http.Error(w, "there is no such recording, or its file is gone", http.StatusNotFound)
		return
	case err != nil && r.Context().Err() == nil:
		h.log.Error("page could not be answered", "path", r.URL.Path, "error", err)
		http.Error(w, "this could not be read: "+err.Error(), http.StatusInternalServerError)
		return
	case err != nil:
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil && r.Context().Err() == nil {
		h.log.Debug("answer not sent", "path", r.URL.Path, "error", err)
	}
}
