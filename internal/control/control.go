// Package control lets the other commands ask a recorder that runs, and lets Prometheus
// read its figures: HTTP on loopback. Where it listens, and a token that is new at each
// start, stand in a file beside the catalog that only the recorder's own user can read;
// who can read that file may command the recorder, nobody else, and no page in a browser,
// since it cannot know the token. What is asked and answered is the caller's affair.
package control

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"callreel/internal/atomicfile"
)

// The bounds of a question and an answer.
const (
	mostAsked    = 64 << 10
	mostAnswered = 64 << 20
	answerWithin = 30 * time.Second
)

// ErrNotRunning says that no recorder answers.
var ErrNotRunning = errors.New("no recorder runs with this setup")

// door is what the file says.
type door struct {
	Address string `json:"address"`
	Token   string `json:"token"`
}

// Recorder is what is asked.
type Recorder interface {
	// Ask answers a question that changes nothing with something for JSON.
	Ask(ctx context.Context, what string) (any, error)
	// Do does something and answers with something for JSON. An error is the asker's.
	Do(ctx context.Context, what string, how url.Values) (any, error)
	// Metrics writes figures in the text format of Prometheus.
	Metrics(ctx context.Context, w io.Writer) error
}

// ErrUnknown is of a question that a Recorder does not know.
var ErrUnknown = errors.New("the recorder does not know this question; is it of another version?")

// Handler serves a recorder at an address and writes the file that lets others find it.
// The file is removed by remove.
func Handler(file, address string, rec Recorder) (h http.Handler, remove func() error, err error) {
	d := door{Address: address, Token: rand.Text()}
	b, err := json.Marshal(d)
	if err != nil {
		return nil, nil, err
	}
	if err := atomicfile.WriteFile(file, b, 0o600); err != nil {
		return nil, nil, err
	}
	s := server{rec, d.Token}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", s.metrics)
	mux.Handle("GET /ask/{what}", s.known(s.ask))
	mux.Handle("POST /do/{what}", s.known(s.do))
	remove = func() error {
		if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	return own(mux), remove, nil
}

type server struct {
	rec   Recorder
	token string
}

// own refuses names that are not this machine's own, so that no page of somebody else
// gets through by a name that points here, and what a page in a browser asks.
func own(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		site := r.Header.Get("Sec-Fetch-Site")
		switch {
		case !strings.EqualFold(host, "localhost") && !net.ParseIP(strings.Trim(host, "[]")).IsLoopback():
			http.Error(w, "this answers on this machine only: ask localhost or 127.0.0.1", http.StatusForbidden)
		case r.Header.Get("Origin") != "" || site != "" && site != "none":
			http.Error(w, "pages in a browser may not ask this", http.StatusForbidden)
		default:
			w.Header().Set("Cache-Control", "no-store")
			w.Header().Set("X-Content-Type-Options", "nosniff")
			next.ServeHTTP(w, r)
		}
	})
}

// known lets in who knows the token.
func (s server) known(next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !ok || subtle.ConstantTimeCompare([]byte(token), []byte(s.token)) != 1 {
			http.Error(w, "the token in the file beside the catalog is missing or another one", http.StatusUnauthorized)
			return
		}
		next(w, r)
	})
}

func (s server) metrics(w http.ResponseWriter, r *http.Request) {
	var b strings.Builder
	if err := s.rec.Metrics(r.Context(), &b); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	_, _ = io.WriteString(w, b.String())
}

func (s server) ask(w http.ResponseWriter, r *http.Request) {
	v, err := s.rec.Ask(r.Context(), r.PathValue("what"))
	answer(w, v, err, http.StatusInternalServerError)
}

func (s server) do(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, mostAsked)
	if err := r.ParseForm(); err != nil {
		http.Error(w, "the question cannot be read: "+err.Error(), http.StatusBadRequest)
		return
	}
	v, err := s.rec.Do(r.Context(), r.PathValue("what"), r.PostForm)
	answer(w, v, err, http.StatusBadRequest)
}

func answer(w http.ResponseWriter, v any, err error, code int) {
	var b []byte
	if err == nil {
		b, err = json.Marshal(v)
	}
	switch {
	case errors.Is(err, ErrUnknown):
		http.Error(w, err.Error(), http.StatusNotFound)
	case err != nil:
		http.Error(w, err.Error(), code)
	default:
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(b)
	}
}

// Client asks a recorder.
type Client struct{ door door }

// Find reads the file that a running recorder has written. It returns ErrNotRunning
// where there is none.
func Find(file string) (*Client, error) {
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotRunning
	}
	if err != nil {
		return nil, fmt.Errorf("find the recorder: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, mostAsked))
	if err != nil {
		return nil, fmt.Errorf("find the recorder: %w", err)
	}
	d, err := parseDoor(b)
	if err != nil {
		return nil, fmt.Errorf("find the recorder: %s: %w", file, err)
	}
	return &Client{d}, nil
}

// parseDoor reads the file; the token is sent to loopback only, whatever stands there.
func parseDoor(b []byte) (door, error) {
	var d door
	if err := json.Unmarshal(b, &d); err != nil {
		return d, fmt.Errorf("is not what a recorder writes: %w", err)
	}
	host, port, err := net.SplitHostPort(d.Address)
	if err != nil || !net.ParseIP(host).IsLoopback() || port == "" || strings.Trim(port, "0123456789") != "" {
		return d, fmt.Errorf("names %.60q, which is no address of this machine", d.Address)
	}
	if d.Token == "" || strings.ContainsFunc(d.Token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return d, errors.New("holds no token")
	}
	return d, nil
}

// Ask asks and fills into with the answer.
func (c *Client) Ask(ctx context.Context, what string, into any) error {
	return c.request(ctx, http.MethodGet, "/ask/"+url.PathEscape(what), nil, into)
}

// Do has the recorder do something and fills into with the answer.
func (c *Client) Do(ctx context.Context, what string, how url.Values, into any) error {
	return c.request(ctx, http.MethodPost, "/do/"+url.PathEscape(what), how, into)
}

func (c *Client) request(ctx context.Context, method, path string, form url.Values, into any) error {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, "http://"+c.door.Address+path, strings.NewReader(form.Encode()))
	if err != nil {
		return fmt.Errorf("ask the recorder: %w", err)
	}
	r.Header.Set("Authorization", "Bearer "+c.door.Token)
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	web := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // and no proxy
	resp, err := web.Do(r)
	if err != nil {
		if _, refused := errors.AsType[*net.OpError](err); refused && ctx.Err() == nil {
			return ErrNotRunning // it was killed and left its file behind
		}
		return fmt.Errorf("ask the recorder: %w", err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, mostAnswered))
	if err != nil {
		return fmt.Errorf("ask the recorder: %w", err)
	}
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusUnauthorized:
		return ErrNotRunning // another program has the port of one that was killed
	default:
		return errors.New(strings.TrimSpace(string(b)))
	}
	if err := json.Unmarshal(b, into); err != nil {
		return fmt.Errorf("the recorder's answer cannot be read: %w", err)
	}
	return nil
}
