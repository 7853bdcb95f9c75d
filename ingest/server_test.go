package ingest_test

import (
	"bytes"
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/webdav"

	"callreel/ingest"
	"callreel/internal/clock"
	"callreel/internal/recording"
)

const (
	guid    = "c03a55c2e909d31188fc009033062255"
	capName = guid + "-009033010203-17.pcap"
	oddName = guid + "-00-90-33-01-02-03-1a-Müller & Söhne %41#1?.pcap"
)

// server is a WebDAV server on loopback under a path with a space. first may
// answer a request itself.
type server struct {
	*httptest.Server
	dir   string
	first func(w http.ResponseWriter, r *http.Request) (done bool)

	mu   sync.Mutex
	seen []string // "METHOD /path"
}

const prefix = "/dav/drop box"

func newServer(t *testing.T, start func(http.Handler) *httptest.Server) *server {
	t.Helper()
	s := &server{dir: t.TempDir()}
	h := &webdav.Handler{Prefix: prefix, FileSystem: webdav.Dir(s.dir), LockSystem: webdav.NewMemLS()}
	s.Server = start(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.seen = append(s.seen, r.Method+" "+r.URL.Path)
		first := s.first
		s.mu.Unlock()
		if first == nil || !first(w, r) {
			h.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func plain(t *testing.T) *server { t.Helper(); return newServer(t, httptest.NewServer) }

// set replaces what answers first; nil for nothing.
func (s *server) set(first func(http.ResponseWriter, *http.Request) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.first = first
}

func (s *server) count(method string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, r := range s.seen {
		if strings.HasPrefix(r, method+" ") {
			n++
		}
	}
	return n
}

func (s *server) put(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (s *server) has(name string) bool {
	_, err := os.Stat(filepath.Join(s.dir, name))
	return err == nil
}

func (s *server) config() ingest.Config {
	return ingest.Config{Name: "main", URL: s.URL + "/dav/drop%20box", IdleTimeout: ingest.Duration(2 * time.Second)}
}

func (s *server) inbox(t *testing.T) ingest.Inbox { t.Helper(); return connect(t, s.config()) }

func connect(t *testing.T, c ingest.Config) ingest.Inbox {
	t.Helper()
	in, err := ingest.New(c, clock.System(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// one is the only entry of a listing.
func one(t *testing.T, in ingest.Inbox) ingest.Entry {
	t.Helper()
	list, _, err := in.List(t.Context())
	if err != nil || len(list) != 1 {
		t.Fatalf("got %v, %v; want one entry", list, err)
	}
	return list[0]
}

func readFrom(t *testing.T, in ingest.Inbox, e ingest.Entry, offset int64) (string, error) {
	t.Helper()
	r, err := in.Open(t.Context(), e.Name, offset, e.Stamp)
	if err != nil {
		return "", err
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	return string(b), err
}

func wantStatus(t *testing.T, what string, err error, code int) {
	t.Helper()
	var status *ingest.StatusError
	if !errors.As(err, &status) || status.Code != code {
		t.Errorf("%s: got %v, want status %d", what, err, code)
	}
}

// demandBasic answers 401 to whoever is not user with password.
func demandBasic(w http.ResponseWriter, r *http.Request) bool {
	if u, p, ok := r.BasicAuth(); ok && u == "user" && p == "pässword" {
		return false
	}
	w.Header().Set("WWW-Authenticate", `Basic realm="pbx"`)
	w.WriteHeader(http.StatusUnauthorized)
	return true
}

// demandDigest does the same by RFC 7616 with MD5, as a PBX's web server does.
func demandDigest(w http.ResponseWriter, r *http.Request) bool {
	fields := map[string]string{}
	for f := range strings.SplitSeq(strings.TrimPrefix(r.Header.Get("Authorization"), "Digest "), ",") {
		k, v, _ := strings.Cut(strings.TrimSpace(f), "=")
		fields[k] = strings.Trim(v, `"`)
	}
	sum := func(s string) string { return fmt.Sprintf("%x", md5.Sum([]byte(s))) }
	want := sum(strings.Join([]string{
		sum("user:pbx:pässword"), "n0nce", fields["nc"], fields["cnonce"], "auth", sum(r.Method + ":" + r.RequestURI),
	}, ":"))
	if fields["response"] == want && fields["uri"] == r.RequestURI {
		return false
	}
	w.Header().Set("WWW-Authenticate", `Digest realm="pbx", qop="auth", nonce="n0nce", algorithm=MD5`)
	w.WriteHeader(http.StatusUnauthorized)
	return true
}

// reply takes the real answer and lets change alter it before it is sent.
func (s *server) reply(method string, change func(*httptest.ResponseRecorder)) {
	h := &webdav.Handler{Prefix: prefix, FileSystem: webdav.Dir(s.dir), LockSystem: webdav.NewMemLS()}
	s.set(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != method {
			return false
		}
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		change(rec)
		maps.Copy(w.Header(), rec.Header())
		w.WriteHeader(rec.Code)
		_, _ = w.Write(rec.Body.Bytes())
		return true
	})
}

// status answers one method with a code.
func (s *server) status(method string, code int) {
	s.set(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == method {
			w.WriteHeader(code)
		}
		return r.Method == method
	})
}

func replaceBody(rec *httptest.ResponseRecorder, old, new string) {
	b := strings.ReplaceAll(rec.Body.String(), old, new)
	rec.Body = bytes.NewBufferString(b)
	rec.Header().Del("Content-Length")
}

// handClock is a clock whose waits take no time but make it pass.
type handClock struct {
	mu  sync.Mutex
	now time.Time
}

func newHandClock() *handClock {
	return &handClock{now: time.Date(2026, 11, 21, 11, 0, 0, 0, time.UTC)}
}

func (h *handClock) clock() clock.Clock {
	return clock.Clock{
		Now: func() time.Time { h.mu.Lock(); defer h.mu.Unlock(); return h.now },
		After: func(d time.Duration) <-chan time.Time {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.now = h.now.Add(d)
			c := make(chan time.Time, 1)
			c <- h.now
			return c
		},
	}
}

func captureOf(e ingest.Entry) recording.Capture {
	return ingest.CaptureOf(ingest.Config{Name: "main"}, e, time.Date(2026, 11, 21, 11, 0, 0, 0, time.UTC))
}
