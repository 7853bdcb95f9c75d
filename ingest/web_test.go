package ingest_test

import (
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"callreel/ingest"
	"callreel/internal/recording"
)

// indexOf answers the GET of the folder with a listing page as simple servers
// make it, and refuses PROPFIND. page may alter the page.
func (s *server) indexOf(page func(string) string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		switch {
		case r.Method == "PROPFIND":
			w.WriteHeader(http.StatusMethodNotAllowed)
		case r.Method == http.MethodGet && r.URL.Path == prefix+"/":
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			_, _ = io.WriteString(w, page(s.index()))
		default:
			return false
		}
		return true
	}
}

func (s *server) index() string {
	files, _ := os.ReadDir(s.dir)
	var b strings.Builder
	b.WriteString("<html><head><title>Index of " + prefix + "/</title></head><body><h1>Index</h1><pre><a href=\"../\">../</a>\n")
	for _, f := range files {
		name := f.Name()
		if f.IsDir() {
			name += "/"
		}
		fmt.Fprintf(&b, "<a href=\"%s\">%.20s..&gt;</a>   21-Nov-2026 11:00   1.2K\n", html.EscapeString((&url.URL{Path: "./" + name}).String()), html.EscapeString(name))
	}
	return b.String() + "</pre></body></html>\n"
}

func asIs(page string) string { return page }

func webInbox(t *testing.T, s *server) ingest.Inbox {
	t.Helper()
	c := s.config()
	c.Kind = ingest.KindHTTP
	return connect(t, c)
}

func TestWeb(t *testing.T) {
	s := plain(t)
	s.set(s.indexOf(asIs))
	in := webInbox(t, s)
	if list, stats, err := in.List(t.Context()); err != nil || len(list) != 0 || stats.Refused != 0 {
		t.Fatalf("empty: %v, %+v, %v", list, stats, err)
	}
	for name, content := range map[string]string{capName: "0123456789", oddName: "x", "readme.txt": "", guid: "v10", ".hidden.pcap": "", "empty.pcap": ""} {
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
	if got, want := strings.Join(names, "|"), strings.Join([]string{guid, oddName, capName, "empty.pcap"}, "|"); got != want {
		t.Errorf("listed %s\nwant   %s", got, want)
	}
	if stats.Ignored != 3 || stats.Refused != 0 {
		t.Errorf("stats %+v", stats)
	}
	for _, e := range list {
		if got, err := in.Stat(t.Context(), e.Name); err != nil || !got.Same(e.Stamp) || e.Stamp.ModTime.IsZero() || e.Stamp.ETag == "" {
			t.Errorf("%s: Stat %+v, %v; listed %+v", e.Name, got, err, e.Stamp)
		}
		want, _ := os.ReadFile(filepath.Join(s.dir, e.Name))
		if got, err := readFrom(t, in, e, 0); err != nil || got != string(want) {
			t.Errorf("%s: read %q, %v", e.Name, got, err)
		}
		if err := in.Delete(t.Context(), e.Name, e.Stamp); err != nil || s.has(e.Name) {
			t.Errorf("%s: Delete: %v, still there: %v", e.Name, err, s.has(e.Name))
		}
	}
	if n := s.count("DELETE"); n != len(list) {
		t.Errorf("%d DELETEs for %d files", n, len(list))
	}
	if _, err := in.Stat(t.Context(), capName); !errors.Is(err, recording.ErrNotFound) {
		t.Errorf("Stat of a deleted file: %v", err)
	}
	if err := in.Delete(t.Context(), capName, list[0].Stamp); err != nil {
		t.Errorf("second Delete: %v", err)
	}
}

// A page that is cut anywhere is an error, never a shorter listing; so is a page
// that is something else.
func TestWebListingThatIsNone(t *testing.T) {
	s := plain(t)
	in := webInbox(t, s)
	s.put(t, capName, "x")
	s.put(t, guid, "y")
	whole := len(strings.TrimSpace(s.index()))
	for cut := 0; cut < whole; cut += 5 {
		s.set(s.indexOf(func(p string) string { return p[:cut] }))
		if list, _, err := in.List(t.Context()); !errors.Is(err, ingest.ErrListing) {
			t.Errorf("cut at %d of %d: %v, %v", cut, whole, list, err)
		}
	}
	for name, page := range map[string]string{
		"login":    `<html><title>Index of /</title><form><input type=password></form></html>`,
		"redirect": `<html><head><meta http-equiv="Refresh" content="0; url=/login"></head><a href="../">up</a></html>`,
		"welcome":  `<html><h1>Welcome to nginx!</h1><a href="http://nginx.org/">nginx.org</a></html>`,
		"no end":   `<ul><li><a href="` + capName + `">x</a>`,
		"nothing":  ``,
	} {
		s.set(s.indexOf(func(string) string { return page }))
		if list, _, err := in.List(t.Context()); !errors.Is(err, ingest.ErrListing) {
			t.Errorf("%s: %v, %v", name, list, err)
		}
	}
	s.set(func(w http.ResponseWriter, r *http.Request) bool {
		w.Header().Set("Content-Length", fmt.Sprint(len(s.index())+10))
		return s.indexOf(asIs)(w, r)
	})
	if _, _, err := in.List(t.Context()); !errors.Is(err, ingest.ErrListing) {
		t.Errorf("connection cut: %v", err)
	}
	s.set(func(w http.ResponseWriter, _ *http.Request) bool {
		_, _ = io.WriteString(w, `{"index": []}`)
		return true
	})
	if _, _, err := in.List(t.Context()); !errors.Is(err, ingest.ErrListing) {
		t.Errorf("no page: %v", err)
	}
	for _, code := range []int{301, 302, 401, 403, 404, 405, 500, 503} {
		s.status("GET", code)
		_, _, err := in.List(t.Context())
		wantStatus(t, "List", err, code)
		if errors.Is(err, recording.ErrNotFound) {
			t.Errorf("%d for the folder counts as a missing file", code)
		}
	}
}

func TestWebSimplePage(t *testing.T) {
	s := plain(t)
	in := webInbox(t, s)
	s.put(t, capName, "x")
	s.set(s.indexOf(func(string) string {
		return "<body>\n<a href='" + capName + "'>" + capName + "</a><br>\n<A HREF=" + capName + "><img></A></body>"
	}))
	if e := one(t, in); e.Name != capName || e.Stamp.Size != 1 {
		t.Errorf("got %+v", e)
	}
}

func TestWebEvilLinks(t *testing.T) {
	s := plain(t)
	in := webInbox(t, s)
	s.put(t, capName, "x")
	for _, evil := range []string{
		"..%2f..%2fevil.pcap", "..%5c..%5cevil.pcap", "../evil.pcap", "/dav/drop%20box/evil.pcap:stream.pcap", "a%00b.pcap", "/etc/passwd.pcap", "sub/dir.pcap",
		strings.Repeat("x", 300) + ".pcap", "%e2%80%aefdp.pcap", "a%0d%0ab.pcap", "%ff.pcap", "x%zz.pcap", "/dav/drop%20boxes/x.pcap",
		"http://stranger.invalid/dav/drop%20box/x.pcap", "//stranger.invalid/x.pcap", "http://u:p@stranger.invalid/x.pcap", "a:b.pcap",
	} {
		s.set(s.indexOf(func(p string) string {
			return strings.Replace(p, "</pre>", `<a href="`+evil+`">x</a></pre>`, 1)
		}))
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

func TestWebLogin(t *testing.T) {
	for name, demand := range map[string]func(http.ResponseWriter, *http.Request) bool{"basic": demandBasic, "digest": demandDigest} {
		s := plain(t)
		s.set(func(w http.ResponseWriter, r *http.Request) bool { return demand(w, r) || s.indexOf(asIs)(w, r) })
		s.put(t, oddName, "0123456789")
		c := s.config()
		c.Kind, c.User, c.Password = ingest.KindHTTP, "user", "pässword"
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
		wantStatus(t, name+": wrong password: Delete", in.Delete(t.Context(), capName, recording.Stamp{}), 401)
	}
}

func TestWebRedirect(t *testing.T) {
	stranger := plain(t)
	s := plain(t)
	s.set(s.indexOf(asIs))
	s.put(t, capName, "0123456789")
	in := webInbox(t, s)
	e := one(t, in)
	s.set(func(w http.ResponseWriter, r *http.Request) bool {
		http.Redirect(w, r, stranger.URL+"/?session=secret", http.StatusFound)
		return true
	})
	_, _, listErr := in.List(t.Context())
	_, openErr := in.Open(t.Context(), e.Name, 0, e.Stamp)
	for _, err := range []error{listErr, openErr, in.Delete(t.Context(), e.Name, e.Stamp)} {
		wantStatus(t, "redirect", err, 302)
		if strings.Contains(err.Error(), "secret") {
			t.Errorf("the error shows a session: %v", err)
		}
	}
	if len(stranger.seen) != 0 {
		t.Errorf("the stranger was asked: %v", stranger.seen)
	}
}

func TestWebRangeAndChange(t *testing.T) {
	s := plain(t)
	s.set(s.indexOf(asIs))
	in := webInbox(t, s)
	s.put(t, capName, "0123456789")
	e := one(t, in)
	for offset, want := range map[int64]string{0: "0123456789", 4: "456789", 10: ""} {
		if got, err := readFrom(t, in, e, offset); got != want || err != nil {
			t.Errorf("from %d: %q, %v", offset, got, err)
		}
	}
	s.set(func(_ http.ResponseWriter, r *http.Request) bool { r.Header.Del("Range"); return false })
	if got, err := readFrom(t, in, e, 4); got != "456789" || err != nil {
		t.Errorf("without ranges: %q, %v", got, err)
	}
	s.reply("GET", func(rec *httptest.ResponseRecorder) { rec.Header().Set("Content-Range", "bytes 0-5/10") })
	if _, err := in.Open(t.Context(), e.Name, 4, e.Stamp); !errors.Is(err, ingest.ErrNoResume) {
		t.Errorf("another range: %v", err)
	}
	s.set(func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "log in here")
		return true
	})
	if _, err := in.Open(t.Context(), e.Name, 0, recording.Stamp{Size: 11}); err == nil || !strings.Contains(err.Error(), "a page instead of the file") {
		t.Errorf("a login page: %v", err)
	}
	s.set(nil)
	s.put(t, capName, "0123456789a")
	if _, err := in.Open(t.Context(), e.Name, 0, e.Stamp); !errors.Is(err, recording.ErrChanged) {
		t.Errorf("grown: %v", err)
	}
	if err := in.Delete(t.Context(), e.Name, e.Stamp); !errors.Is(err, recording.ErrChanged) || s.count("DELETE") != 0 {
		t.Errorf("grown: %v", err)
	}
	e.Stamp, _ = in.Stat(t.Context(), e.Name)
	for _, code := range []int{200, 204, 404} {
		s.status("DELETE", code)
		if err := in.Delete(t.Context(), e.Name, e.Stamp); !errors.Is(err, ingest.ErrStill) {
			t.Errorf("%d, but the file stays: %v", code, err)
		}
	}
	s.status("DELETE", 405)
	wantStatus(t, "DELETE", in.Delete(t.Context(), e.Name, e.Stamp), 405)
}

// A file that cannot be asked for hides neither itself nor the others, and never
// stands still.
func TestWebFileThatCannotBeLookedAt(t *testing.T) {
	s := plain(t)
	in := webInbox(t, s)
	s.put(t, capName, "0123456789")
	s.put(t, guid, "x")
	s.set(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodHead && strings.HasSuffix(r.URL.Path, guid) {
			w.WriteHeader(http.StatusInternalServerError)
			return true
		}
		return s.indexOf(asIs)(w, r)
	})
	first, _, err1 := in.List(t.Context())
	second, _, err2 := in.List(t.Context())
	if err := errors.Join(err1, err2); err != nil || len(first) != 2 || len(second) != 2 {
		t.Fatal(first, second, err)
	}
	if first[0].Name != guid || first[0].Stamp.Same(second[0].Stamp) || !first[1].Stamp.Same(second[1].Stamp) {
		t.Errorf("first %+v\nthen  %+v", first, second)
	}
	s.set(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodHead {
			w.WriteHeader(http.StatusInternalServerError)
			return true
		}
		return s.indexOf(asIs)(w, r)
	})
	_, _, err := in.List(t.Context())
	wantStatus(t, "no file can be looked at", err, 500)
	s.set(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodHead {
			w.Header().Set("Transfer-Encoding", "chunked")
			w.WriteHeader(http.StatusOK)
			return true
		}
		return s.indexOf(asIs)(w, r)
	})
	if list, stats, err := in.List(t.Context()); len(list) != 0 || stats.Refused != 2 || err != nil {
		t.Errorf("without a length: %v, %+v, %v", list, stats, err)
	}
}

// One listing asks for a bounded number of files; the next ones for the rest.
func TestWebLooksAreBounded(t *testing.T) {
	s := plain(t)
	s.set(s.indexOf(asIs))
	in := webInbox(t, s)
	const files = 300
	for i := range files {
		s.put(t, fmt.Sprintf("call%03d.pcap", i), "x")
	}
	known := func(list []ingest.Entry) (n int) {
		for _, e := range list {
			if !e.Stamp.ModTime.IsZero() {
				n++
			}
		}
		return n
	}
	first, _, err := in.List(t.Context())
	if asked := s.count("HEAD"); err != nil || len(first) != files || asked >= files || known(first) != asked {
		t.Fatalf("%d listed, %d known, %d asked, %v", len(first), known(first), asked, err)
	}
	second, _, err := in.List(t.Context())
	if err != nil || known(second) != files {
		t.Errorf("%d of %d known, %v", known(second), len(second), err)
	}
}

func TestWebHangs(t *testing.T) {
	s := plain(t)
	c := s.config()
	c.Kind, c.IdleTimeout = ingest.KindHTTP, ingest.Duration(200*time.Millisecond)
	in := connect(t, c)
	s.set(func(w http.ResponseWriter, r *http.Request) bool {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<html>")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		return true
	})
	if _, _, err := in.List(t.Context()); !errors.Is(err, ingest.ErrIdle) {
		t.Errorf("hangs in the page: %v", err)
	}
}

// TestWebDeletesUnderAWeakETag has a server that gives weak ETags, and refuses an
// If-Match with one as RFC 9110 wants.
func TestWebDeletesUnderAWeakETag(t *testing.T) {
	s := plain(t)
	index := s.indexOf(asIs)
	s.set(func(w http.ResponseWriter, r *http.Request) bool {
		switch {
		case index(w, r):
		case strings.HasPrefix(r.Header.Get("If-Match"), "W/"):
			w.WriteHeader(http.StatusPreconditionFailed)
		case r.Method == http.MethodHead && s.has(capName):
			w.Header().Set("ETag", `W/"7"`)
			w.Header().Set("Content-Length", "10")
		default:
			return false
		}
		return true
	})
	in := webInbox(t, s)
	s.put(t, capName, "0123456789")
	list, _, err := in.List(t.Context())
	if err != nil || len(list) != 1 || list[0].Stamp.ETag != "" { // a weak one proves nothing of bytes
		t.Fatalf("listed %+v, %v", list, err)
	}
	if err := in.Delete(t.Context(), capName, list[0].Stamp); err != nil || s.has(capName) {
		t.Errorf("deleted: %v, still there: %v", err, s.has(capName))
	}
}
