package player

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"time"

	"callreel/internal/recording"
)

// The limits of a list.
const (
	defaultLimit = 100
	maxLimit     = 500
	maxNumber    = 64 // bytes that a searched number may have
	maxFile      = 1000
)

// handler serves the API.
type handler struct {
	src Sources
	log *slog.Logger
}

func (h *handler) status(w http.ResponseWriter, r *http.Request) {
	st, err := h.src.Status(r.Context())
	h.answer(w, r, st, err)
}

// resetAlarm puts the master alarm out and answers with the status after it.
func (h *handler) resetAlarm(w http.ResponseWriter, r *http.Request) {
	h.src.ResetMasterAlarm()
	h.status(w, r)
}

func (h *handler) list(w http.ResponseWriter, r *http.Request) {
	q, err := parseQuery(r.URL.RawQuery)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	list, err := h.src.Search(r.Context(), q)
	rows := make([]Row, 0, len(list))
	for _, rec := range list {
		rows = append(rows, RowOf(rec))
	}
	h.answer(w, r, rows, err)
}

// parseQuery reads the parameters of a list; what it refuses it names.
func parseQuery(raw string) (Query, error) {
	q := Query{Limit: defaultLimit}
	form, err := url.ParseQuery(raw)
	if err != nil {
		return q, errors.New("the question after ? is not written as a URL wants it")
	}
	if q.Number = form.Get("number"); len(q.Number) > maxNumber {
		return q, fmt.Errorf("number must have at most %d characters", maxNumber)
	}
	if s := form.Get("before"); s != "" {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil || n < 1 {
			return q, errors.New("before must be the id of a recording")
		}
		q.Before = recording.ID(n)
	}
	if s := form.Get("limit"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > maxLimit {
			return q, fmt.Errorf("limit must be 1 to %d", maxLimit)
		}
		q.Limit = n
	}
	return q, nil
}

func (h *handler) details(w http.ResponseWriter, r *http.Request) {
	rec, ok := h.find(w, r)
	if !ok {
		return
	}
	d, err := h.src.Details(r.Context(), rec)
	h.answer(w, r, d, err)
}

// audio serves any part of the clear audio; players ask for ranges to seek.
func (h *handler) audio(w http.ResponseWriter, r *http.Request) {
	rec, ok := h.find(w, r)
	if !ok {
		return
	}
	a, err := h.src.Audio(r.Context(), rec)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	defer a.Close()
	ext := cmp.Or(path.Ext(string(rec.Place)), ".wav")
	if ext == ".pcap" { // a capture that was filed as it came sounds as a WAV
		ext = ".wav"
	}
	w.Header().Set("Content-Type", audioType(ext))
	w.Header().Set("Content-Disposition", named(rec, ext))
	http.ServeContent(w, r, "", time.Time{}, a)
}

// audioType is the media type of a file of the archive.
func audioType(ext string) string {
	if ext == ".mp3" {
		return "audio/mpeg"
	}
	return "audio/wav"
}

func (h *handler) sidecar(w http.ResponseWriter, r *http.Request) {
	rec, ok := h.find(w, r)
	if !ok {
		return
	}
	xml, err := h.src.Sidecar(r.Context(), rec)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Security-Policy", xmlPolicy)
	w.Header().Set("Content-Type", "text/xml; charset=utf-8")
	w.Header().Set("Content-Disposition", named(rec, ".xml"))
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(xml))
}

// named gives what a browser saves the name it has in the archive.
func named(rec recording.Recording, ext string) string {
	if s := mime.FormatMediaType("inline", map[string]string{"filename": path.Base(rec.Name) + ext}); s != "" {
		return s
	}
	return "inline"
}

// find looks the recording of the path up; it answers itself when there is none.
func (h *handler) find(w http.ResponseWriter, r *http.Request) (recording.Recording, bool) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil || id < 1 {
		http.Error(w, "a recording's id is a number from 1", http.StatusBadRequest)
		return recording.Recording{}, false
	}
	rec, err := h.src.Get(r.Context(), recording.ID(id))
	if err != nil {
		h.fail(w, r, err)
		return rec, false
	}
	return rec, true
}

// answer writes v as JSON, or err with its status.
func (h *handler) answer(w http.ResponseWriter, r *http.Request, v any, err error) {
	if err != nil {
		h.fail(w, r, err)
		return
	}
	b, err := json.Marshal(v)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(b)
}

// fail answers with the status that err calls for. A log line above Debug names
// no file, because files are named after numbers; the reader of the page sees all.
func (h *handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	question, asked := errors.AsType[*QuestionError](err)
	switch {
	case r.Context().Err() != nil: // nobody listens any more
	case asked:
		http.Error(w, question.Why, http.StatusBadRequest)
	case errors.Is(err, recording.ErrNotFound), errors.Is(err, fs.ErrNotExist):
		http.Error(w, "there is no such recording, or its file is gone", http.StatusNotFound)
	default:
		h.log.Error("page could not be answered", "path", r.URL.Path, "error", innermost(err))
		h.log.Debug("the same in full", "path", r.URL.Path, "error", err)
		http.Error(w, "this could not be read: "+err.Error(), http.StatusInternalServerError)
	}
}

// innermost is the cause at the bottom of err, without the words around it.
func innermost(err error) error {
	for {
		inner := errors.Unwrap(err)
		if many, ok := err.(interface{ Unwrap() []error }); ok && len(many.Unwrap()) > 0 {
			inner = many.Unwrap()[0]
		}
		if inner == nil {
			return err
		}
		err = inner
	}
}
