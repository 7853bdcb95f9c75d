package pbxsim

import (
	"bytes"
	"maps"
	"net/http"
	"strconv"
	"strings"

	"golang.org/x/net/webdav"
)

// dropPrefix is the path of the drop directory.
const dropPrefix = "/drop"

// dropHandler serves the drop directory: a real folder by WebDAV.
func (s *Sim) dropHandler() http.Handler {
	files := &webdav.Handler{
		Prefix: dropPrefix, FileSystem: webdav.Dir(s.cfg.InboxDir), LockSystem: webdav.NewMemLS(),
	}
	var inner http.Handler = files
	if !s.cfg.OpenInbox {
		inner = s.guard(files)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.UserAgent() == phoneAgent {
			s.phonePut(w, r, inner)
			return
		}
		s.trouble(w, r, inner)
	})
}

func (s *Sim) phonePut(w http.ResponseWriter, r *http.Request, inner http.Handler) {
	if s.faults.on(InboxFull) {
		http.Error(w, "disk full", http.StatusInsufficientStorage)
		return
	}
	inner.ServeHTTP(w, r)
}

// trouble serves a reader of the inbox, with the faults that are switched on.
func (s *Sim) trouble(w http.ResponseWriter, r *http.Request, inner http.Handler) {
	if over, on := s.faults.until(InboxHangHeaders); on {
		s.hang(r, over)
	}
	switch {
	case s.faults.on(InboxUnauthorized):
		s.challenge(w)
	case s.faults.on(InboxRedirect):
		http.Redirect(w, r, "/login/", http.StatusFound)
	case r.Method == "PROPFIND" && (s.faults.on(InboxCutListing) || s.faults.on(InboxEvilNames)):
		s.badListing(w, r, inner)
	case r.Method == http.MethodGet && s.faults.on(InboxCutBody):
		s.halfBody(w, r, inner, nil)
	default:
		if over, on := s.faults.until(InboxHangBody); on && r.Method != http.MethodDelete {
			s.halfBody(w, r, inner, over)
			return
		}
		inner.ServeHTTP(w, r)
	}
}

// hang waits for the end of the fault, the request or the simulation.
func (s *Sim) hang(r *http.Request, over <-chan struct{}) {
	select {
	case <-over:
	case <-r.Context().Done():
	case <-s.life.Done():
	}
}

// badListing cuts a listing or adds names to it that no one should trust.
func (s *Sim) badListing(w http.ResponseWriter, r *http.Request, inner http.Handler) {
	var kept keeper
	inner.ServeHTTP(&kept, r)
	body := kept.body.Bytes()
	if kept.status == http.StatusMultiStatus && s.faults.on(InboxEvilNames) {
		body = bytes.Replace(body, []byte("</D:multistatus>"), []byte(evilNames()+"</D:multistatus>"), 1)
	}
	if kept.status == http.StatusMultiStatus && s.faults.on(InboxCutListing) {
		body = body[:len(body)/2]
	}
	kept.copyHead(w, len(body))
	_, _ = w.Write(body)
}

// halfBody sends half of an answer, then hangs until the fault is over or, if
// over is nil, at once breaks the connection.
func (s *Sim) halfBody(w http.ResponseWriter, r *http.Request, inner http.Handler, over <-chan struct{}) {
	var kept keeper
	inner.ServeHTTP(&kept, r)
	body := kept.body.Bytes()
	kept.copyHead(w, len(body))
	if kept.status == http.StatusUnauthorized || len(body) < 2 {
		_, _ = w.Write(body)
		return
	}
	_, _ = w.Write(body[:len(body)/2])
	_ = http.NewResponseController(w).Flush()
	if over == nil {
		panic(http.ErrAbortHandler) //nolint:forbidigo // net/http's way to cut a connection
	}
	s.hang(r, over)
	_, _ = w.Write(body[len(body)/2:])
}

// evilNames are listing entries that a reader must not join to a path.
func evilNames() string {
	const conf = "75c1f48ee909d31188fc00903306225f"
	var b strings.Builder
	for _, href := range []string{
		dropPrefix + "/../../etc/" + conf + ".pcap", dropPrefix + "/..%2f..%2f" + conf + ".pcap",
		dropPrefix + "/..%5c..%5c" + conf + ".pcap", dropPrefix + "/" + conf + "%00.pcap",
		dropPrefix + "/" + conf + ":stream.pcap", "http://192.0.2.66/" + conf + ".pcap",
		dropPrefix + "/" + strings.Repeat("a", 5000) + ".pcap", dropPrefix + "/CON.pcap",
	} {
		b.WriteString(`<D:response><D:href>` + href + `</D:href><D:propstat><D:prop><D:displayname>../` + conf +
			`</D:displayname><D:getcontentlength>100</D:getcontentlength><D:resourcetype/>` +
			`<D:getlastmodified>Mon, 01 Jan 2024 00:00:00 GMT</D:getlastmodified></D:prop>` +
			`<D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>`)
	}
	return b.String()
}

// keeper keeps an answer instead of sending it.
type keeper struct {
	head   http.Header
	status int
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (k *keeper) Header() http.Header {
	if k.head == nil {
		k.head = http.Header{}
	}
	return k.head
}

// WriteHeader implements http.ResponseWriter.
func (k *keeper) WriteHeader(status int) {
	if k.status == 0 {
		k.status = status
	}
}

// Write implements http.ResponseWriter.
func (k *keeper) Write(b []byte) (int, error) {
	k.WriteHeader(http.StatusOK)
	return k.body.Write(b)
}

func (k *keeper) copyHead(w http.ResponseWriter, length int) {
	maps.Copy(w.Header(), k.Header())
	w.Header().Set("Content-Length", strconv.Itoa(length))
	w.WriteHeader(max(k.status, http.StatusOK))
}
