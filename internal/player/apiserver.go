package player

import (
	"context"
	_ "embed" // of the description
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"callreel/internal/recording"
)

// description is the API in the words of OpenAPI; tests hold every answer against it.
//
//go:embed openapi.yaml
var description []byte

// Scope is what a token may do. Each may also do what those before it may.
type Scope string

// The scopes, the least first.
const (
	ScopeRead  Scope = "read"  // find, hear and read
	ScopeMark  Scope = "mark"  // mark calls and pilot players
	ScopeAdmin Scope = "admin" // see and revoke tokens
)

// Scopes lists all scopes, the least first.
func Scopes() []Scope { return []Scope{ScopeRead, ScopeMark, ScopeAdmin} }

func (s Scope) rank() int {
	for i, o := range Scopes() {
		if s == o {
			return i
		}
	}
	return -1
}

// Covers reports whether s may do what needs o.
func (s Scope) Covers(o Scope) bool { return o.rank() >= 0 && s.rank() >= o.rank() }

// Token is one who may ask, as people see him.
type Token struct {
	Name    string    `json:"name"`
	Scope   Scope     `json:"scope"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires,omitzero"`
	Revoked time.Time `json:"revoked,omitzero"`
}

// The answers to one who has no valid token.
var (
	ErrNoToken = errors.New("no valid token")
	ErrTooMany = errors.New("too many wrong tokens from this address")
)

// Tokens knows who may ask.
type Tokens interface {
	// Authorize finds the token of a secret. remote is the address that asks.
	Authorize(ctx context.Context, remote, secret string) (Token, error)
	Tokens(ctx context.Context) ([]Token, error)
	// Revoke returns recording.ErrNotFound for a name that no valid token has.
	Revoke(ctx context.Context, name string) error
}

// QuestionError is a question that cannot be answered as it was asked; its text is for who
// asked.
type QuestionError struct{ Why string }

func (e *QuestionError) Error() string { return e.Why }

// Marks takes marks of calls.
type Marks interface {
	// AddMark reports whether the number is one of an agent that is known. It may return a
	// QuestionError.
	AddMark(ctx context.Context, m MarkRequest, by string) (known bool, err error)
}

// MarkRequest marks the call that an agent is in, or the one of a conference.
type MarkRequest struct {
	Number string             `json:"number"`         // or name of the agent
	Kind   recording.MarkKind `json:"kind"`           // keep or skip
	Conf   string             `json:"conf,omitempty"` // conference id
}

// Ledgers is the every-call ledger.
type Ledgers interface {
	// LedgerLines returns the lines of calls that began in a time; from and to are days or
	// times as they were asked for. It may return a QuestionError.
	LedgerLines(ctx context.Context, from, to string) ([]recording.Entry, error)
}

// LinkState is how one who is told of calls stands.
type LinkState struct {
	Name    string    `json:"name"`
	Error   string    `json:"error,omitempty"` // empty: all is well
	Waiting int       `json:"waiting"`         // messages that he does not have yet
	Oldest  time.Time `json:"oldest,omitzero"` // of those
	GivenUp int       `json:"given_up"`        // in the last 24 hours
}

// Links tells how those stand who are told of calls.
type Links interface {
	LinkStates(ctx context.Context) ([]LinkState, error)
}

// APISources is everything the API needs.
type APISources interface {
	Sources
	Tokens
	Marks
	Ledgers
	Links
}

// api is the API for programs: what the page shows and more, for those who have a token.
type api struct {
	handler
	src APISources
}

// NewAPI returns the API with tokens.
func NewAPI(src APISources, log *slog.Logger) http.Handler {
	a := &api{handler{src, log}, src}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/openapi.yaml", describe)
	for _, r := range a.routes() {
		mux.HandleFunc(r.pattern, a.only(r.needs, r.serve))
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		secure(w.Header())
		mux.ServeHTTP(w, r)
	})
}

// route is a question that needs a token.
type route struct {
	pattern string
	needs   Scope
	serve   http.HandlerFunc
}

func (a *api) routes() []route {
	return []route{
		{"GET /api/status", ScopeRead, a.status},
		{"GET /api/recordings", ScopeRead, a.list},
		{"GET /api/recordings/{id}", ScopeRead, a.details},
		{"GET /api/recordings/{id}/audio", ScopeRead, unhurried(a.audio)},
		{"GET /api/recordings/{id}/sidecar", ScopeRead, a.sidecar},
		{"GET /api/ledger", ScopeRead, a.ledger},
		{"POST /api/marks", ScopeMark, a.mark},
		{"GET /api/player", ScopeMark, a.listen},
		{"POST /api/player", ScopeMark, a.command},
		{"GET /api/links", ScopeAdmin, a.links},
		{"GET /api/tokens", ScopeAdmin, a.tokens},
		{"DELETE /api/tokens/{name}", ScopeAdmin, a.revoke},
	}
}

// unhurried lets an answer take as long as the network needs.
func unhurried(serve http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).SetWriteDeadline(time.Time{}) // where it cannot be, the answer has its minute
		serve(w, r)
	}
}

func describe(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/yaml")
	_, _ = w.Write(description)
}

type tokenKey struct{}

// only lets those ask whose token is good for it, and writes who asked what into the log.
func (a *api) only(needs Scope, serve http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		out := &noted{ResponseWriter: w, status: http.StatusOK}
		tok, err := a.src.Authorize(r.Context(), r.RemoteAddr, bearer(r))
		switch {
		case err == nil && tok.Scope.Covers(needs):
			serve(out, r.WithContext(context.WithValue(r.Context(), tokenKey{}, tok)))
		case err == nil:
			http.Error(out, "this needs a token with the scope "+string(needs)+", and yours has "+string(tok.Scope), http.StatusForbidden)
		case errors.Is(err, ErrTooMany):
			w.Header().Set("Retry-After", "60")
			http.Error(out, ErrTooMany.Error(), http.StatusTooManyRequests)
			return // it would fill the log
		case errors.Is(err, ErrNoToken):
			w.Header().Set("WWW-Authenticate", `Bearer realm="callreel"`)
			http.Error(out, "send a valid token in the header: Authorization: Bearer TOKEN", http.StatusUnauthorized)
		default:
			a.fail(out, r, err)
		}
		a.audit(r, tok, out.status)
	}
}

// audit writes one line for a request. Numbers that were asked for stand in the question or
// the body, and neither is written.
func (a *api) audit(r *http.Request, tok Token, status int) {
	args := []any{"token", tok.Name, "request", r.Pattern, "status", status}
	if id, err := strconv.ParseInt(r.PathValue("id"), 10, 64); err == nil {
		args = append(args, "recording", id)
	}
	if tok.Name == "" {
		a.log.Warn("API request refused", append(args, "from", r.RemoteAddr)...)
		return
	}
	a.log.Info("API request", args...)
}

// noted remembers the status of an answer.
type noted struct {
	http.ResponseWriter
	status int
}

func (n *noted) WriteHeader(status int) {
	n.status = status
	n.ResponseWriter.WriteHeader(status)
}

// Unwrap lets a stream reach what is below.
func (n *noted) Unwrap() http.ResponseWriter { return n.ResponseWriter }

// bearer is the token of a request; empty without one.
func bearer(r *http.Request) string {
	kind, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(kind, "Bearer") {
		return ""
	}
	return strings.TrimSpace(secret)
}

// maxBody bounds what is read of a request.
const maxBody = 16 << 10

// body reads a request's JSON; what is wrong with it is answered here.
func (a *api) body(w http.ResponseWriter, r *http.Request, v any) bool {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		http.Error(w, "send the body as application/json", http.StatusUnsupportedMediaType)
		return false
	}
	in := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	in.DisallowUnknownFields()
	err := in.Decode(v)
	if err == nil {
		if _, more := in.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("there is more than one value")
		}
	}
	if err != nil {
		http.Error(w, "the body is not as the description has it: "+err.Error(), http.StatusBadRequest)
	}
	return err == nil
}

func (a *api) ledger(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	list, err := a.src.LedgerLines(r.Context(), q.Get("from"), q.Get("to"))
	if list == nil {
		list = []recording.Entry{}
	}
	a.answer(w, r, list, err)
}

func (a *api) mark(w http.ResponseWriter, r *http.Request) {
	var m MarkRequest
	if !a.body(w, r, &m) {
		return
	}
	tok, _ := r.Context().Value(tokenKey{}).(Token)
	known, err := a.src.AddMark(r.Context(), m, tok.Name)
	a.answer(w, r, map[string]bool{"agent_known": known}, err)
}

// commandRequest is a Command with the player that it is for.
type commandRequest struct {
	Player string `json:"player"`
	Do     string `json:"do"`
	File   string `json:"file,omitempty"`
}

func (a *api) command(w http.ResponseWriter, r *http.Request) {
	var c commandRequest
	if !a.body(w, r, &c) {
		return
	}
	switch c.Do {
	case "play", "resume", "stop", "pause", "eject":
	default:
		http.Error(w, "do must be play, resume, stop, pause or eject", http.StatusBadRequest)
		return
	}
	if (c.Do == "play") != (c.File != "") || len(c.File) > maxFile {
		http.Error(w, "play needs a file, and nothing else has one", http.StatusBadRequest)
		return
	}
	err := a.src.Tell(r.Context(), c.Player, Command{Do: c.Do, File: c.File})
	switch {
	case err == nil:
		w.WriteHeader(http.StatusNoContent)
	case errors.Is(err, ErrNoPlayer):
		http.Error(w, err.Error(), http.StatusNotFound)
	default:
		a.fail(w, r, err)
	}
}

func (a *api) links(w http.ResponseWriter, r *http.Request) {
	list, err := a.src.LinkStates(r.Context())
	if list == nil {
		list = []LinkState{}
	}
	a.answer(w, r, list, err)
}

func (a *api) tokens(w http.ResponseWriter, r *http.Request) {
	list, err := a.src.Tokens(r.Context())
	a.answer(w, r, list, err)
}

func (a *api) revoke(w http.ResponseWriter, r *http.Request) {
	err := a.src.Revoke(r.Context(), r.PathValue("name"))
	switch {
	case err == nil:
		w.WriteHeader(http.StatusNoContent)
	case errors.Is(err, recording.ErrNotFound):
		http.Error(w, "no valid token has this name", http.StatusNotFound)
	default:
		a.fail(w, r, err)
	}
}
