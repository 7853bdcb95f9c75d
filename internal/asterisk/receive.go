package asterisk

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
)

const (
	maxBody   = 1 << 20
	maxFields = 200
)

// Receiver takes rows by HTTP: CSV lines, a form with one row (as the dialplan's
// CURL() sends it), or JSON with an object or a list of them. It answers 200 when all
// is stored, as rows or as garbage, and 503 when the sink failed.
type Receiver struct {
	cfg  Config
	sink Sink
	log  *slog.Logger
}

// NewReceiver makes the receiver of a valid cfg with Receive.
func NewReceiver(cfg Config, sink Sink, log *slog.Logger) *Receiver {
	return &Receiver{cfg.WithDefaults(), sink, log}
}

// ServeHTTP implements http.Handler.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	switch {
	case !r.allowed(req):
		w.Header().Set("WWW-Authenticate", `Basic realm="callreel"`)
		http.Error(w, "user and password are needed", http.StatusUnauthorized)
		return
	case req.Method != http.MethodPost:
		w.Header().Set("Allow", "POST")
		http.Error(w, "rows are received by POST", http.StatusMethodNotAllowed)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, maxBody))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		err = r.sink.Garbage(req.Context(), r.cfg.Name, body, fmt.Sprintf("more than %d bytes", maxBody))
	case err != nil:
		http.Error(w, "the body broke off", http.StatusBadRequest)
		return
	default:
		err = r.take(req, body)
	}
	if err != nil {
		r.log.Error("call detail record not stored; asterisk should send it again", "asterisk", r.cfg.Name, "error", err)
		http.Error(w, "not stored, send again", http.StatusServiceUnavailable)
		return
	}
	w.WriteHeader(http.StatusOK)
}

func (r *Receiver) allowed(req *http.Request) bool {
	if r.cfg.ReceiveUser == "" {
		return true
	}
	user, password, _ := req.BasicAuth()
	got := sha256.Sum256([]byte(user + "\x00" + password))
	want := sha256.Sum256([]byte(r.cfg.ReceiveUser + "\x00" + r.cfg.ReceivePassword))
	return subtle.ConstantTimeCompare(got[:], want[:]) == 1
}

// take hands one delivery to the sink. CURL() calls everything a form.
func (r *Receiver) take(req *http.Request, body []byte) error {
	ctx, text := req.Context(), bytes.TrimSpace(body)
	kind, _, _ := mime.ParseMediaType(req.Header.Get("Content-Type"))
	var rows []map[string]string
	var err error
	switch {
	case len(text) == 0:
		return r.sink.Garbage(ctx, r.cfg.Name, body, "empty body")
	case text[0] == '{' || text[0] == '[' || kind == "application/json":
		rows, err = ofJSON(text)
	case kind == "application/x-www-form-urlencoded" && text[0] != '"':
		rows, err = ofForm(string(text))
	default:
		return r.sink.Rows(ctx, r.cfg.Name, string(body))
	}
	if err != nil {
		return r.sink.Garbage(ctx, r.cfg.Name, body, err.Error())
	}
	for _, fields := range rows {
		if err := r.sink.Fields(ctx, r.cfg.Name, fields, string(text)); err != nil {
			return err
		}
	}
	return nil
}

func ofForm(text string) ([]map[string]string, error) {
	form, err := url.ParseQuery(text)
	if err != nil {
		return nil, fmt.Errorf("form cannot be read: %w", err)
	}
	fields := map[string]string{}
	for k := range form {
		if len(fields) >= maxFields {
			return nil, fmt.Errorf("more than %d fields", maxFields)
		}
		fields[k] = form.Get(k)
	}
	return []map[string]string{fields}, nil
}

func ofJSON(text []byte) ([]map[string]string, error) {
	var list []map[string]any
	if text[0] == '{' {
		text = append(append([]byte{'['}, text...), ']')
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&list); err != nil {
		return nil, fmt.Errorf("JSON cannot be read at byte %d: %w", d.InputOffset(), err)
	}
	rows := make([]map[string]string, 0, len(list))
	for _, object := range list {
		if len(object) > maxFields {
			return nil, fmt.Errorf("more than %d fields", maxFields)
		}
		fields := map[string]string{}
		for k, v := range object {
			if v != nil {
				fields[k] = fmt.Sprint(v)
			}
		}
		rows = append(rows, fields)
	}
	return rows, nil
}
