package pbx

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/icholy/digest"

	"callreel/internal/trust"
)

// newHTTPClient makes the client of one PBX: one connection that is kept open,
// as the PBX's sessions require, no redirects, and credentials by Digest, or
// by Basic where the PBX offers nothing else.
func newHTTPClient(cfg Config) (*http.Client, error) {
	tlsConfig, err := tlsConfig(cfg)
	if err != nil {
		return nil, err
	}
	wire := &http.Transport{
		TLSClientConfig: tlsConfig, MaxConnsPerHost: 1, MaxIdleConnsPerHost: 1, DisableCompression: true,
	}
	auth := &authTransport{
		user: cfg.User, password: cfg.Password, wire: wire,
		digest: &digest.Transport{Username: cfg.User, Password: cfg.Password, Transport: wire},
	}
	return &http.Client{
		Transport:     auth,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

func tlsConfig(cfg Config) (*tls.Config, error) {
	roots, err := trust.Roots(cfg.CAFile)
	if err != nil {
		return nil, fmt.Errorf("pbx: ca_file: %w", err)
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots, InsecureSkipVerify: cfg.Insecure}, nil //nolint:gosec // the setup says so
}

// authTransport answers the PBX's challenge. Digest goes before Basic; once a
// PBX has asked for Basic alone, that is sent at once.
type authTransport struct {
	user, password string
	wire           http.RoundTripper
	digest         *digest.Transport
	basic          atomic.Bool
}

// RoundTrip implements http.RoundTripper. Requests must have GetBody.
func (t *authTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	if t.basic.Load() {
		return t.sendBasic(req)
	}
	res, err := t.digest.RoundTrip(req)
	if err != nil || res.StatusCode != http.StatusUnauthorized || !asksBasicOnly(res.Header) {
		return res, err
	}
	_ = res.Body.Close()
	res, err = t.sendBasic(req)
	if err == nil && res.StatusCode != http.StatusUnauthorized {
		t.basic.Store(true)
	}
	return res, err
}

// CloseIdleConnections lets http.Client reach the connection below.
func (t *authTransport) CloseIdleConnections() { t.digest.CloseIdleConnections() }

func (t *authTransport) sendBasic(req *http.Request) (*http.Response, error) {
	again := req.Clone(req.Context())
	if req.GetBody == nil {
		return nil, errors.New("pbx: request cannot be sent twice")
	}
	body, err := req.GetBody()
	if err != nil {
		return nil, err
	}
	again.Body = body
	again.SetBasicAuth(t.user, t.password)
	return t.wire.RoundTrip(again)
}

func asksBasicOnly(h http.Header) bool {
	basic := false
	for _, challenge := range h.Values("WWW-Authenticate") {
		low := strings.ToLower(challenge)
		if strings.HasPrefix(low, "digest") {
			return false
		}
		basic = basic || strings.HasPrefix(low, "basic")
	}
	return basic
}

// readBounded reads a body of at most limit bytes; more is an error.
func readBounded(r io.Reader, limit int64) ([]byte, error) {
	raw, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(raw)) > limit {
		return nil, fmt.Errorf("answer is larger than %d bytes", limit)
	}
	return raw, nil
}
