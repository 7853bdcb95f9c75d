package player

import (
	"net"
	"net/http"
	"strings"
)

// policy lets the page load its own files and nothing else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self'; " +
	"connect-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'none'"

// xmlPolicy lets a browser draw an XML file with its own built-in style, and
// the file load or run nothing at all.
const xmlPolicy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; frame-ancestors 'none'; form-action 'none'"

// guard refuses names that are not this machine's own, so that a page of
// somebody else cannot read recordings through a name that points here, and
// answers to the API that another page's script or element asks for.
func guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		secure(w.Header())
		switch {
		case !ownName(r.Host):
			http.Error(w, "this page answers on this machine only: open it as localhost or 127.0.0.1", http.StatusForbidden)
		case strings.HasPrefix(r.URL.Path, "/api/") && !ownPage(r.Header.Get("Sec-Fetch-Site")):
			http.Error(w, "only callreel's own page may ask this", http.StatusForbidden)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

func secure(head http.Header) {
	head.Set("Content-Security-Policy", policy)
	head.Set("X-Content-Type-Options", "nosniff")
	head.Set("Referrer-Policy", "no-referrer")
	head.Set("Cross-Origin-Resource-Policy", "same-origin")
	head.Set("Cross-Origin-Opener-Policy", "same-origin")
	head.Set("Cache-Control", "no-store")
}

// ownName reports whether a Host header, with or without a port, names the
// loopback of this machine.
func ownName(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	} else {
		host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	}
	return strings.EqualFold(host, "localhost") || net.ParseIP(host).IsLoopback()
}

// ownPage reads the header with which browsers say who asks (W3C Fetch
// Metadata). "same-site" is another port of this machine: also somebody else.
// Programs that are no browsers do not send it.
func ownPage(site string) bool {
	return site == "" || site == "same-origin" || site == "none"
}

// changing lets only the page itself ask for what changes something.
func changing(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !ownPost(r) {
			http.Error(w, "only callreel's own page may do this", http.StatusForbidden)
			return
		}
		next(w, r)
	}
}

// ownPost reports whether what changes something comes from the page itself. A browser
// that does not send Sec-Fetch-Site sends Origin with a post; and a header of our own
// cannot be set by a form or another page's script without our leave.
func ownPost(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	return r.Header.Get("X-Callreel") != "" && (origin == "" || origin == "http://"+r.Host)
}
