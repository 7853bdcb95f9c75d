package ingest_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"callreel/ingest"
	"callreel/internal/recording"
	"callreel/internal/spool"
)

func newSpool(t *testing.T) *spool.Dir {
	t.Helper()
	d, err := spool.Open(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

func fetcher(t *testing.T, in ingest.Inbox, sp ingest.Spool, h *handClock) ingest.Fetcher {
	t.Helper()
	return ingest.Fetcher{Inbox: in, Spool: sp, Clock: h.clock(), Log: slog.New(slog.DiscardHandler)}
}

func content() string { return strings.Repeat("the voice of a caller ", 20_000) } // 440 kB

func wantCopy(t *testing.T, sp *spool.Dir, c recording.Capture, want string) {
	t.Helper()
	r, err := sp.Open(c.Spool)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	got, err := io.ReadAll(io.NewSectionReader(r, 0, r.Size()))
	sum := sha256.Sum256([]byte(want))
	if err != nil || string(got) != want || c.SHA256 != hex.EncodeToString(sum[:]) || c.SpoolSize != int64(len(want)) || c.FetchedAt.IsZero() {
		t.Errorf("copy of %d bytes, %v; want %d; capture %+v", len(got), err, len(want), c)
	}
	if same, err := ingest.IsSame(sp, c); !same || err != nil {
		t.Errorf("IsSame: %v, %v", same, err)
	}
}

func nothingLeft(t *testing.T, sp *spool.Dir) {
	t.Helper()
	if names, err := sp.List(); err != nil || len(names) != 0 {
		t.Errorf("left in the spool: %v, %v", names, err)
	}
}

// breaking cuts each GET after n bytes and counts the GETs.
func breaking(s *server, n int, tag string, gets *[]string) {
	s.set(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodGet {
			return false
		}
		*gets = append(*gets, r.Header.Get("Range"))
		w.Header().Set("ETag", tag)
		http.ServeFile(&cutWriter{ResponseWriter: w, left: n}, r, s.dir+"/"+capName)
		return true
	})
}

type cutWriter struct {
	http.ResponseWriter
	left int
}

func (c *cutWriter) Write(p []byte) (int, error) {
	if c.left -= len(p); c.left < 0 {
		_ = http.NewResponseController(c.ResponseWriter).Flush()
		panic(http.ErrAbortHandler)
	}
	return c.ResponseWriter.Write(p)
}

func TestFetch(t *testing.T) {
	s, sp := plain(t), newSpool(t)
	s.put(t, capName, content())
	in := s.inbox(t)
	c, err := fetcher(t, in, sp, newHandClock()).Fetch(t.Context(), "17.pcap", captureOf(one(t, in)))
	if err != nil {
		t.Fatal(err)
	}
	wantCopy(t, sp, c, content())
	if c.Spool != "17.pcap" || c.UID != guid {
		t.Errorf("capture %+v", c)
	}
	c.SHA256 = strings.Repeat("0", 64)
	if same, err := ingest.IsSame(sp, c); same || err != nil {
		t.Errorf("another content: %v, %v", same, err)
	}
}

func TestFetchNamesForeignFilesByContent(t *testing.T) {
	s, sp := plain(t), newSpool(t)
	s.put(t, "call.pcap", "abc")
	in := s.inbox(t)
	c, err := fetcher(t, in, sp, newHandClock()).Fetch(t.Context(), "1", captureOf(one(t, in)))
	if err != nil || c.UID != "ba7816bf8f01cfea414140de5dae2223" || c.Conf != "" {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestFetchResumes(t *testing.T) {
	s, sp, h := plain(t), newSpool(t), newHandClock()
	s.put(t, capName, content())
	in := s.inbox(t)
	e := one(t, in)
	var gets []string
	breaking(s, 100_000, e.Stamp.ETag, &gets)
	c, err := fetcher(t, in, sp, h).Fetch(t.Context(), "17.pcap", captureOf(e))
	if err != nil {
		t.Fatal(err)
	}
	wantCopy(t, sp, c, content())
	if len(gets) < 4 || gets[0] != "" || !strings.HasPrefix(gets[1], "bytes=") || strings.HasPrefix(gets[1], "bytes=0-") {
		t.Errorf("ranges asked for: %q", gets)
	}
}

func TestFetchGivesUpAfterFiveMinutes(t *testing.T) {
	s, sp, h := plain(t), newSpool(t), newHandClock()
	s.put(t, capName, content())
	in := s.inbox(t)
	e := one(t, in)
	for name, fault := range map[string]func(){
		"500":  func() { s.status("GET", 500) },
		"423":  func() { s.status("GET", 423) },
		"dead": func() { s.set(func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) }) },
	} {
		fault()
		began := h.clock().Now()
		n := s.count("GET")
		_, err := fetcher(t, in, sp, h).Fetch(t.Context(), "17.pcap", captureOf(e))
		took := h.clock().Now().Sub(began)
		if err == nil || !strings.Contains(err.Error(), "given up") || took < 5*time.Minute || took > 6*time.Minute {
			t.Errorf("%s: %v after %s", name, err, took)
		}
		if tries := s.count("GET") - n; tries < 5 || tries > 20 {
			t.Errorf("%s: %d tries", name, tries)
		}
		nothingLeft(t, sp)
	}
}

func TestFetchNeverAcceptsFewerBytes(t *testing.T) {
	s, sp := plain(t), newSpool(t)
	s.put(t, capName, content())
	in := s.inbox(t)
	e := one(t, in)
	s.set(func(w http.ResponseWriter, r *http.Request) bool { // chunked, ends cleanly, too early
		if r.Method == http.MethodGet {
			_, _ = io.WriteString(w, content()[:1000])
			_ = http.NewResponseController(w).Flush()
		}
		return r.Method == http.MethodGet
	})
	if _, err := fetcher(t, in, sp, newHandClock()).Fetch(t.Context(), "17.pcap", captureOf(e)); !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, ingest.ErrNoResume) {
		t.Errorf("got %v", err)
	}
	nothingLeft(t, sp)
}

func TestFetchStartsAgainWhereItCannotResume(t *testing.T) {
	s, sp := plain(t), newSpool(t)
	s.put(t, capName, content())
	in := s.inbox(t)
	e := one(t, in)
	broken := 0
	s.set(func(w http.ResponseWriter, r *http.Request) bool {
		switch {
		case r.Method != http.MethodGet:
			return false
		case r.Header.Get("Range") != "":
			w.Header().Set("Content-Range", "bytes 0-9/10")
			w.WriteHeader(http.StatusPartialContent)
			return true
		case broken == 0:
			broken++
			http.ServeFile(&cutWriter{ResponseWriter: w, left: 100_000}, r, s.dir+"/"+capName)
			return true
		}
		return false
	})
	c, err := fetcher(t, in, sp, newHandClock()).Fetch(t.Context(), "17.pcap", captureOf(e))
	if err != nil {
		t.Fatal(err)
	}
	wantCopy(t, sp, c, content())
}

func TestFetchSeesAChange(t *testing.T) {
	s, sp := plain(t), newSpool(t)
	s.put(t, capName, "0123456789")
	in := s.inbox(t)
	e := one(t, in)
	s.put(t, capName, "0123456789 and more")
	if _, err := fetcher(t, in, sp, newHandClock()).Fetch(t.Context(), "1", captureOf(e)); !errors.Is(err, recording.ErrChanged) {
		t.Errorf("changed before: %v", err)
	}
	e = one(t, in)
	s.set(func(w http.ResponseWriter, r *http.Request) bool { // grows after the copy
		if r.Method == "PROPFIND" {
			s.put(t, capName, "0123456789 and more and more")
		}
		return false
	})
	if _, err := fetcher(t, in, sp, newHandClock()).Fetch(t.Context(), "1", captureOf(e)); !errors.Is(err, recording.ErrChanged) {
		t.Errorf("changed after: %v", err)
	}
	nothingLeft(t, sp)
}

func TestFetchOfAFileThatHasGone(t *testing.T) {
	s, sp := plain(t), newSpool(t)
	s.put(t, capName, "x")
	in := s.inbox(t)
	e := one(t, in)
	s.status("PROPFIND", 404) // gone after the copy: it is the only one now
	c, err := fetcher(t, in, sp, newHandClock()).Fetch(t.Context(), "1", captureOf(e))
	if err != nil {
		t.Fatal(err)
	}
	wantCopy(t, sp, c, "x")
	s.status("GET", 404)
	if _, err := fetcher(t, in, sp, newHandClock()).Fetch(t.Context(), "2", captureOf(e)); !errors.Is(err, recording.ErrNotFound) {
		t.Errorf("gone before: %v", err)
	}
}

func TestFetchDoesNotRetryRefusals(t *testing.T) {
	s, sp, h := plain(t), newSpool(t), newHandClock()
	s.put(t, capName, "x")
	in := s.inbox(t)
	c := captureOf(one(t, in))
	began := h.clock().Now()
	for _, code := range []int{401, 403, 302} {
		s.status("GET", code)
		_, err := fetcher(t, in, sp, h).Fetch(t.Context(), "1", c)
		wantStatus(t, "Fetch", err, code)
	}
	s.set(nil)
	_, err := fetcher(t, in, fullSpool{sp}, h).Fetch(t.Context(), "1", c)
	if !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("full disk: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := fetcher(t, in, sp, h).Fetch(ctx, "1", c); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
	if took := h.clock().Now().Sub(began); took != 0 {
		t.Errorf("waited %s", took)
	}
	nothingLeft(t, sp)
}

type fullSpool struct{ ingest.Spool }

func (f fullSpool) Create(name string) (ingest.SpoolFile, error) {
	w, err := f.Spool.Create(name)
	return fullFile{w}, err
}

type fullFile struct{ ingest.SpoolFile }

func (fullFile) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

func TestTLS(t *testing.T) {
	s := newServer(t, httptest.NewTLSServer)
	s.put(t, capName, "x")
	sum := sha256.Sum256(s.Certificate().Raw)
	c := s.config()
	if _, _, err := connect(t, c).List(t.Context()); err == nil {
		t.Error("a certificate of nobody was accepted")
	}
	c.PinSHA256 = hex.EncodeToString(sum[:])
	one(t, connect(t, c))
	c.PinSHA256 = strings.Repeat("00", 32)
	if _, _, err := connect(t, c).List(t.Context()); err == nil || !strings.Contains(err.Error(), "pin_sha256") {
		t.Errorf("wrong pin: %v", err)
	}
	c.PinSHA256 = ""
	c.CAFile = writePEM(t, s.Certificate().Raw)
	one(t, connect(t, c))
}
