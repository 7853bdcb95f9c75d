package pbxsim

import (
	"crypto/md5" //nolint:gosec // HTTP Digest is made of it
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"strings"

	"github.com/icholy/digest"
)

const realm = "pbxsim"

// guard lets requests with the right credentials through to h, and asks the
// others for them: HTTP Digest (RFC 7616, MD5, qop=auth) as a PBX does, or
// Basic if that is set up.
func (s *Sim) guard(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.authorized(r) {
			h.ServeHTTP(w, r)
			return
		}
		s.challenge(w)
	})
}

func (s *Sim) challenge(w http.ResponseWriter) {
	offer := `Digest realm="` + realm + `", nonce="` + s.nonce + `", algorithm=MD5, qop="auth"`
	if s.cfg.Basic {
		offer = `Basic realm="` + realm + `"`
	}
	w.Header().Set("WWW-Authenticate", offer)
	http.Error(w, "unauthorized", http.StatusUnauthorized)
}

func (s *Sim) authorized(r *http.Request) bool {
	if s.cfg.Basic {
		user, password, ok := r.BasicAuth()
		return ok && user == s.cfg.User && password == s.cfg.Password
	}
	c, err := digest.ParseCredentials(r.Header.Get("Authorization"))
	if err != nil || c.Username != s.cfg.User || c.Realm != realm || c.Nonce != s.nonce || c.URI != r.RequestURI {
		return false
	}
	nc := strings.Split(r.Header.Get("Authorization"), "nc=")
	if c.QOP != "auth" || len(nc) != 2 || len(nc[1]) < 8 {
		return false
	}
	ha1 := sum(s.cfg.User, realm, s.cfg.Password)
	want := sum(ha1, s.nonce, nc[1][:8], c.Cnonce, "auth", sum(r.Method, c.URI))
	return subtle.ConstantTimeCompare([]byte(want), []byte(c.Response)) == 1
}

// sum is the hex MD5 of the parts joined by colons.
func sum(parts ...string) string {
	h := md5.Sum([]byte(strings.Join(parts, ":"))) //nolint:gosec // HTTP Digest is made of it
	return hex.EncodeToString(h[:])
}
