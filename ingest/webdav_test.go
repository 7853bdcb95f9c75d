package ingest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"callreel/ingest"
	"callreel/internal/recording"
)

func TestWebDAV(t *testing.T) {
	s := plain(t)
	in := s.inbox(t)
	for name, content := range map[string]string{capName: "0123456789", oddName: "x", "readme.txt": "", guid: "v10", ".hidden.pcap": "", "Foreign.PCAPNG": "f"} {
		s.put(t, name, content)
	}
	if err := os.Mkdir(filepath.Join(s.dir, "TCR"), 0o700); err != nil {
		t.Fatal(err)
	}
	list, stats, err := in.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range list {
		names = append(names, e.Name)
	}
	if got, want := strings.Join(names, "|"), strings.Join([]string{"Foreign.PCAPNG", guid, oddName, capName}, "|"); got != want {
		t.Errorf("listed %s\nwant   %s", got, want)
	}
	if stats.Ignored != 3 || stats.Refused != 0 {
		t.Errorf("stats %+v", stats)
	}
	for _, e := range list {
		if got, err := in.Stat(t.Context(), e.Name); err != nil || !got.Same(e.Stamp) || e.Stamp.ModTime.IsZero() || e.Stamp.ETag == "" {
			t.Errorf("%s: Stat %+v, %v; listed %+v", e.Name, got, err, e.Stamp)
		}
		if err := in.Delete(t.Context(), e.Name, e.Stamp); err != nil || s.has(e.Name) {
			t.Errorf("%s: Delete: %v, still there: %v", e.Name, err, s.has(e.Name))
		}
	}
	// Trap 2: no request is sent twice.
	if n := s.count("DELETE"); n != len(list) {
		t.Errorf("%d DELETEs for %d files", n, len(list))
	}
}

// Trap 1: a listing that is cut anywhere is an error, never a shorter listing.
func TestCutListing(t *testing.T) {
	s := plain(t)
	in := s.inbox(t)
	s.put(t, capName, "x")
	s.put(t, guid, "y")
	var whole int
	s.reply("PROPFIND", func(rec *httptest.ResponseRecorder) { whole = rec.Body.Len() })
	if _, _, err := in.List(t.Context()); err != nil || whole == 0 {
		t.Fatal(err, whole)
	}
	for cut := 0; cut < whole; cut += 7 {
		s.reply("PROPFIND", func(rec *httptest.ResponseRecorder) { rec.Body.Truncate(cut); rec.Header().Del("Content-Length") })
		if list, _, err := in.List(t.Context()); !errors.Is(err, ingest.ErrListing) {
			t.Errorf("cut at %d of %d: %v, %v", cut, whole, list, err)
		}
	}
	s.reply("PROPFIND", func(rec *httptest.ResponseRecorder) { rec.Header().Set("Content-Length", fmt.Sprint(whole+10)) })
	if _, _, err := in.List(t.Context()); !errors.Is(err, ingest.ErrListing) {
		t.Errorf("connection cut: %v", err)
	}
	s.reply("PROPFIND", func(rec *httptest.ResponseRecorder) { rec.Body.Reset(); rec.Body.WriteString("<html>Login</html>") })
	if _, _, err := in.List(t.Context()); !errors.Is(err, ingest.ErrListing) {
		t.Errorf("a page: %v", err)
	}
}

// Trap 3: both ways to log in, behind a path prefix and with escaped names.
func TestLogin(t *testing.T) {
	for name, demand := range map[string]func(http.ResponseWriter, *http.Request) bool{"basic": demandBasic, "digest": demandDigest} {
		for _, mode := range []string{"", name} {
			s := plain(t)
			s.set(demand)
			s.put(t, oddName, "0123456789")
			c := s.config()
			c.User, c.Password, c.Auth = "user", "pässword", mode
			in := connect(t, c)
			e := one(t, in)
			if got, err := readFrom(t, in, e, 4); got != "456789" || err != nil {
				t.Errorf("%s: read %q, %v", name, got, err)
			}
			if err := in.Delete(t.Context(), e.Name, e.Stamp); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			c.Password = "wrong"
			in = connect(t, c)
			_, _, err := in.List(t.Context())
			wantStatus(t, name+": wrong password: List", err, 401)
			// Trap 7: the code is found for reads too.
			_, err = in.Open(t.Context(), capName, 0, recording.Stamp{Size: 1})
			wantStatus(t, name+": wrong password: Open", err, 401)
			wantStatus(t, name+": wrong password: Delete", in.Delete(t.Context(), capName, recording.Stamp{}), 401)
		}
	}
}

func TestDigestIsNeverDowngraded(t *testing.T) {
	s := plain(t)
	s.set(func(w http.ResponseWriter, r *http.Request) bool {
		if _, _, ok := r.BasicAuth(); ok {
			t.Error("the password was sent in the clear")
		}
		return demandBasic(w, r)
	})
	c := s.config()
	c.User, c.Password, c.Auth = "user", "pässword", ingest.AuthDigest
	_, _, err := connect(t, c).List(t.Context())
	wantStatus(t, "List", err, 401)
}

// Trap 4: a redirect is an error, and nobody else sees a request.
func TestRedirect(t *testing.T) {
	stranger := plain(t)
	stranger.put(t, capName, "login page")
	s := plain(t)
	s.put(t, capName, "0123456789")
	c := s.config()
	c.User, c.Password, c.Auth = "user", "pässword", ingest.AuthBasic
	in := connect(t, c)
	e := one(t, in)
	for _, code := range []int{301, 302, 303, 307, 308} {
		s.set(func(w http.ResponseWriter, r *http.Request) bool {
			http.Redirect(w, r, stranger.URL+"/dav/drop%20box/"+capName+"?session=secret", code)
			return true
		})
		_, _, listErr := in.List(t.Context())
		_, openErr := in.Open(t.Context(), e.Name, 0, e.Stamp)
		_, statErr := in.Stat(t.Context(), e.Name)
		for _, err := range []error{listErr, openErr, statErr, in.Delete(t.Context(), e.Name, e.Stamp)} {
			wantStatus(t, "redirect", err, code)
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("the error shows a session: %v", err)
			}
		}
		s.set(func(w http.ResponseWriter, r *http.Request) bool { // only the DELETE
			if r.Method == http.MethodDelete {
				http.Redirect(w, r, stranger.URL, code)
			}
			return r.Method == http.MethodDelete
		})
		wantStatus(t, "redirected DELETE", in.Delete(t.Context(), e.Name, e.Stamp), code)
	}
	if len(stranger.seen) != 0 {
		t.Errorf("the stranger was asked: %v", stranger.seen)
	}
}

// Trap 5: only the absence of the file counts as a deletion.
func TestDelete(t *testing.T) {
	s := plain(t)
	in := s.inbox(t)
	s.put(t, capName, "x")
	e := one(t, in)
	for _, code := range []int{200, 204, 404} {
		s.status("DELETE", code)
		if err := in.Delete(t.Context(), e.Name, e.Stamp); !errors.Is(err, ingest.ErrStill) {
			t.Errorf("%d, but the file stays: %v", code, err)
		}
	}
	for _, code := range []int{207, 403, 423, 500} {
		s.status("DELETE", code)
		wantStatus(t, "DELETE", in.Delete(t.Context(), e.Name, e.Stamp), code)
	}
	s.status("DELETE", 412)
	if err := in.Delete(t.Context(), e.Name, e.Stamp); !errors.Is(err, recording.ErrChanged) {
		t.Errorf("412: %v", err)
	}
	s.set(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodDelete {
			panic(http.ErrAbortHandler)
		}
		return false
	})
	if err := in.Delete(t.Context(), e.Name, e.Stamp); err == nil {
		t.Error("a broken connection counts as a deletion")
	}
	s.set(nil)
	n := s.count("DELETE")
	changed := e.Stamp
	changed.Size++
	if err := in.Delete(t.Context(), e.Name, changed); !errors.Is(err, recording.ErrChanged) || s.count("DELETE") != n {
		t.Errorf("another file: %v", err)
	}
	if err := in.Delete(t.Context(), guid, e.Stamp); err != nil || s.count("DELETE") != n {
		t.Errorf("a file that is not there: %v", err)
	}
	if _, err := in.Stat(t.Context(), guid); !errors.Is(err, recording.ErrNotFound) {
		t.Errorf("Stat of a file that is not there: %v", err)
	}
}

// A server that tells nothing of a file has not said that it is gone.
func TestUnclearStatIsNotGone(t *testing.T) {
	s := plain(t)
	in := s.inbox(t)
	s.put(t, capName, "x")
	s.reply("PROPFIND", func(rec *httptest.ResponseRecorder) { replaceBody(rec, " 200 OK", " 403 Forbidden") })
	if _, err := in.Stat(t.Context(), capName); err == nil || errors.Is(err, recording.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

// Trap 6: a server that hangs is left, one that is slow is not.
func TestHangs(t *testing.T) {
	s := plain(t)
	c := s.config()
	c.IdleTimeout = ingest.Duration(300 * time.Millisecond)
	in := connect(t, c)
	s.put(t, capName, "0123456789")
	e := one(t, in)
	hang := func(r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // else the server does not see that we leave
		<-r.Context().Done()
	}
	s.set(func(_ http.ResponseWriter, r *http.Request) bool { hang(r); return true })
	_, _, listErr := in.List(t.Context())
	_, openErr := in.Open(t.Context(), e.Name, 0, e.Stamp)
	for _, err := range []error{listErr, openErr, in.Delete(t.Context(), e.Name, e.Stamp)} {
		if !errors.Is(err, ingest.ErrIdle) {
			t.Errorf("hangs before the header: %v", err)
		}
	}
	s.set(func(w http.ResponseWriter, r *http.Request) bool {
		w.Header().Set("Content-Length", "10")
		_, _ = w.Write([]byte("0123"))
		_ = http.NewResponseController(w).Flush()
		hang(r)
		return true
	})
	if got, err := readFrom(t, in, e, 0); !errors.Is(err, ingest.ErrIdle) || got != "0123" {
		t.Errorf("hangs in the body: %q, %v", got, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	r, err := in.Open(ctx, e.Name, 0, e.Stamp)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	_, _ = r.Read(make([]byte, 4))
	cancel()
	if _, err := r.Read(make([]byte, 4)); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}

func TestSlowBodyIsNotCut(t *testing.T) {
	s := plain(t)
	c := s.config()
	c.IdleTimeout = ingest.Duration(300 * time.Millisecond)
	in := connect(t, c)
	s.put(t, capName, "0123456789")
	e := one(t, in)
	s.set(func(w http.ResponseWriter, r *http.Request) bool { // 600 ms in all, twice the timeout
		tick := time.NewTicker(60 * time.Millisecond)
		defer tick.Stop()
		w.Header().Set("Content-Length", "10")
		for i := range 10 {
			<-tick.C
			_, _ = fmt.Fprint(w, i)
			_ = http.NewResponseController(w).Flush()
		}
		return true
	})
	if got, err := readFrom(t, in, e, 0); got != "0123456789" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

// Trap 6: what comes from the middle of a file is what was asked for.
func TestRange(t *testing.T) {
	s := plain(t)
	in := s.inbox(t)
	s.put(t, capName, "0123456789")
	e := one(t, in)
	var ifRange string
	s.set(func(_ http.ResponseWriter, r *http.Request) bool { ifRange = r.Header.Get("If-Range"); return false })
	for offset, want := range map[int64]string{0: "0123456789", 4: "456789", 9: "9", 10: ""} {
		if got, err := readFrom(t, in, e, offset); got != want || err != nil {
			t.Errorf("from %d: %q, %v", offset, got, err)
		}
	}
	_, _ = readFrom(t, in, e, 4)
	if ifRange != e.Stamp.ETag || ifRange == "" {
		t.Errorf("If-Range is %q, the ETag %q", ifRange, e.Stamp.ETag)
	}
	for _, offset := range []int64{-1, 11} {
		if _, err := in.Open(t.Context(), e.Name, offset, e.Stamp); err == nil {
			t.Errorf("opened at %d", offset)
		}
	}
	for bad, want := range map[string]error{
		"bytes 0-5/10": ingest.ErrNoResume, "": ingest.ErrNoResume, "bytes 5-9/10": ingest.ErrNoResume, "nonsense": ingest.ErrNoResume,
		"bytes 4-9/12": recording.ErrChanged,
	} {
		s.reply("GET", func(rec *httptest.ResponseRecorder) { rec.Header().Set("Content-Range", bad) })
		if _, err := in.Open(t.Context(), e.Name, 4, e.Stamp); !errors.Is(err, want) {
			t.Errorf("Content-Range %q: %v, want %v", bad, err, want)
		}
	}
	// A server without ranges sends all of it.
	s.set(func(w http.ResponseWriter, r *http.Request) bool {
		r.Header.Del("Range")
		return false
	})
	if got, err := readFrom(t, in, e, 4); got != "456789" || err != nil {
		t.Errorf("without ranges: %q, %v", got, err)
	}
	s.status("GET", 416)
	if _, err := in.Open(t.Context(), e.Name, 4, e.Stamp); !errors.Is(err, recording.ErrChanged) {
		t.Errorf("416: %v", err)
	}
}

func TestOpenSeesAnotherFile(t *testing.T) {
	s := plain(t)
	in := s.inbox(t)
	s.put(t, capName, "0123456789")
	e := one(t, in)
	for header, value := range map[string]string{"Last-Modified": "Sun, 06 Nov 1994 08:49:37 GMT", "Content-Length": "9"} {
		s.reply("GET", func(rec *httptest.ResponseRecorder) {
			rec.Header().Set(header, value)
			rec.Body.Truncate(9)
		})
		if _, err := in.Open(t.Context(), e.Name, 0, e.Stamp); !errors.Is(err, recording.ErrChanged) {
			t.Errorf("other %s: %v", header, err)
		}
	}
	// Quoted otherwise, and weak: the same file all the same.
	s.reply("GET", func(rec *httptest.ResponseRecorder) { rec.Header().Set("ETag", "W/"+strings.Trim(e.Stamp.ETag, `"`)) })
	if _, err := readFrom(t, in, e, 0); err != nil {
		t.Error(err)
	}
}

// Trap 7: no display name, no date, an IPv6 address.
func TestPoorListing(t *testing.T) {
	s := plain(t)
	in := s.inbox(t)
	s.put(t, capName, "x")
	full := one(t, in)
	s.reply("PROPFIND", func(rec *httptest.ResponseRecorder) {
		replaceBody(rec, "<D:displayname>"+capName+"</D:displayname>", "")
		replaceBody(rec, "GMT", "")
	})
	e := one(t, in)
	if e.Name != capName || !e.Stamp.ModTime.IsZero() || !e.Stamp.Same(full.Stamp) {
		t.Errorf("got %+v", e)
	}
	if got, err := in.Stat(t.Context(), capName); err != nil || !got.Same(e.Stamp) {
		t.Errorf("Stat: %+v, %v", got, err)
	}
	s.reply("PROPFIND", func(rec *httptest.ResponseRecorder) {
		replaceBody(rec, "<D:getcontentlength>1</D:getcontentlength>", "<D:getcontentlength>?</D:getcontentlength>")
	})
	if list, stats, err := in.List(t.Context()); len(list) != 0 || stats.Refused != 1 || err != nil {
		t.Errorf("without a length: %v, %+v, %v", list, stats, err)
	}
}

func TestIPv6(t *testing.T) {
	l, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Skip("no IPv6 here")
	}
	s := newServer(t, func(h http.Handler) *httptest.Server {
		srv := httptest.NewUnstartedServer(h)
		_ = srv.Listener.Close()
		srv.Listener = l
		srv.Start()
		return srv
	})
	s.put(t, capName, "x")
	in := s.inbox(t)
	if got, err := readFrom(t, in, one(t, in), 0); got != "x" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

// Trap 8: evil names are counted and never used.
func TestEvilNames(t *testing.T) {
	s := plain(t)
	in := s.inbox(t)
	s.put(t, capName, "x")
	for _, evil := range []string{
		"..%2f..%2fevil.pcap", "..%5c..%5cevil.pcap", "evil.pcap:stream.pcap", "a%00b.pcap", "/etc/passwd.pcap", "sub/dir.pcap",
		strings.Repeat("x", 300) + ".pcap", "%e2%80%aefdp.pcap", "a%0d%0ab.pcap", "%ff.pcap", "x%zz.pcap", "/dav/drop%20boxes/x.pcap", "..", "http://stranger.invalid/x.pcap", "a.pcap?b.pcap",
	} {
		href := "/dav/drop%20box/" + evil
		if strings.HasPrefix(evil, "/") || strings.HasPrefix(evil, "http") {
			href = evil
		}
		s.reply("PROPFIND", func(rec *httptest.ResponseRecorder) {
			more := "<D:response><D:href>" + href + `</D:href><D:propstat><D:prop><D:getcontentlength>1</D:getcontentlength></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response></D:multistatus>`
			replaceBody(rec, "</D:multistatus>", more)
		})
		list, stats, err := in.List(t.Context())
		if err != nil || len(list) != 1 || list[0].Name != capName || stats.Refused != 1 {
			t.Errorf("%.40q: %v, %+v, %v", evil, list, stats, err)
		}
	}
	n := len(s.seen)
	for _, evil := range []string{"../x.pcap", `..\x.pcap`, "a:b.pcap", "a\x00.pcap", "/x.pcap", "", ".", ".."} {
		_, statErr := in.Stat(t.Context(), evil)
		_, openErr := in.Open(t.Context(), evil, 0, recording.Stamp{Size: 1})
		if statErr == nil || openErr == nil || in.Delete(t.Context(), evil, recording.Stamp{}) == nil {
			t.Errorf("%q was used", evil)
		}
	}
	if len(s.seen) != n {
		t.Errorf("the server was asked for %v", s.seen[n:])
	}
}

// Trap 9: a file that is being written grows, or cannot be read.
func TestUploadInProgress(t *testing.T) {
	s := plain(t)
	in := s.inbox(t)
	s.put(t, capName, "01234")
	now := time.Date(2026, 11, 21, 11, 0, 0, 0, time.UTC)
	c := captureOf(one(t, in))
	s.put(t, capName, "0123456789")
	c = ingest.Observe(c, one(t, in), now.Add(5*time.Second))
	if c.Polls != 1 || c.Stamp.Size != 10 || !c.StillAt.Equal(now.Add(5*time.Second)) {
		t.Errorf("grown: %+v", c)
	}
	c = ingest.Observe(c, one(t, in), now.Add(10*time.Second))
	if c.Polls != 2 || !c.StillAt.Equal(now.Add(5*time.Second)) {
		t.Errorf("still: %+v", c)
	}
	s.status("GET", 500)
	_, err := in.Open(t.Context(), capName, 0, c.Stamp)
	wantStatus(t, "being written", err, 500)
	s.status("PROPFIND", 500)
	_, _, err = in.List(t.Context())
	wantStatus(t, "listing", err, 500)
	s.status("PROPFIND", 405)
	_, _, err = in.List(t.Context())
	wantStatus(t, "no WebDAV", err, 405)
}
