package ingest

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/icholy/digest"

	"callreel/internal/trust"
)

// mostConnections bounds the connections to one server.
const mostConnections = 4

// newTransport builds the way to a server, from the wire up: TLS, an idle timeout,
// authentication. It uses no proxy: an inbox is in the house.
func newTransport(cfg Config) (http.RoundTripper, error) {
	secured, err := tlsConfig(cfg)
	if err != nil {
		return nil, err
	}
	password, err := cfg.secret()
	if err != nil {
		return nil, err
	}
	idle := time.Duration(cfg.IdleTimeout)
	wire := &http.Transport{
		DialContext:            (&net.Dialer{Timeout: idle}).DialContext,
		TLSClientConfig:        secured,
		TLSHandshakeTimeout:    idle,
		DisableCompression:     true,
		MaxConnsPerHost:        mostConnections,
		MaxIdleConnsPerHost:    mostConnections, // else those above two are made anew for each request
		IdleConnTimeout:        time.Minute,
		MaxResponseHeaderBytes: 1 << 20,
	}
	timed := &idleTransport{next: wire, idle: idle}
	if cfg.User == "" {
		return timed, nil
	}
	return newAuth(cfg, password, timed), nil
}

func tlsConfig(cfg Config) (*tls.Config, error) {
	roots, err := trust.Roots(cfg.CAFile)
	if err != nil {
		return nil, fmt.Errorf("inbox %q: ca_file: %w", cfg.Name, err)
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}
	if pin := cfg.pin(); cfg.PinSHA256 != "" {
		c.InsecureSkipVerify = true
		c.VerifyConnection = func(s tls.ConnectionState) error { return checkPin(s, pin) }
	}
	return c, nil
}

func checkPin(s tls.ConnectionState, pin []byte) error {
	if len(s.PeerCertificates) == 0 {
		return errors.New("the server shows no certificate")
	}
	got := sha256.Sum256(s.PeerCertificates[0].Raw)
	if subtle.ConstantTimeCompare(got[:], pin) != 1 {
		return fmt.Errorf("the server's certificate has the SHA-256 %x, which is not pin_sha256", got)
	}
	return nil
}

// idleTransport ends a request when the server sends nothing for idle: no header,
// or no more of the body. A long transfer that goes on is never cut. The time is
// real time, whatever clock the recorder runs on.
type idleTransport struct {
	next http.RoundTripper
	idle time.Duration
}

func (t *idleTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(req.Context())
	timer := time.AfterFunc(t.idle, func() { cancel(fmt.Errorf("%w for %s", ErrIdle, t.idle)) })
	res, err := t.next.RoundTrip(req.WithContext(ctx))
	timer.Stop()
	if err != nil {
		err = orCause(ctx, err)
		cancel(nil)
		return nil, err
	}
	res.Body = &idleBody{body: res.Body, ctx: ctx, cancel: cancel, timer: timer, idle: t.idle}
	return res, nil
}

// orCause prefers the reason for which a request was ended.
func orCause(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// idleBody runs the timer only while a Read waits: a slow reader is not the
// server's fault.
type idleBody struct {
	body   io.ReadCloser
	ctx    context.Context //nolint:containedctx // the request's, for its cause
	cancel context.CancelCauseFunc
	timer  *time.Timer
	idle   time.Duration
}

func (b *idleBody) Read(p []byte) (int, error) {
	b.timer.Reset(b.idle)
	n, err := b.body.Read(p)
	b.timer.Stop()
	if err != nil && err != io.EOF { //nolint:errorlint // a reader's EOF is bare
		err = orCause(b.ctx, err)
	}
	return n, err
}

func (b *idleBody) Close() error {
	b.timer.Stop()
	err := b.body.Close()
	b.cancel(nil)
	return err
}

// auth logs in by Digest or Basic. In the automatic mode it waits for the server's
// challenge and takes Digest where that is offered.
type auth struct {
	user, password string
	next           http.RoundTripper
	digest         http.RoundTripper
	mode           string
	basic          atomic.Bool // automatic mode: the server wants Basic
}

func newAuth(cfg Config, password string, next http.RoundTripper) *auth {
	return &auth{
		user: cfg.User, password: password, next: next, mode: cfg.Auth,
		digest: &digest.Transport{Username: cfg.User, Password: password, Transport: next},
	}
}

func (a *auth) RoundTrip(req *http.Request) (*http.Response, error) {
	if a.mode == AuthBasic || a.mode == AuthAuto && a.basic.Load() {
		return a.byBasic(req)
	}
	res, err := a.digest.RoundTrip(req)
	if err != nil || a.mode == AuthDigest || !wantsBasic(res) {
		return res, err
	}
	again, err := rewind(req)
	if err != nil {
		return res, nil //nolint:nilerr // the 401 is the better answer
	}
	_ = res.Body.Close()
	a.basic.Store(true)
	return a.byBasic(again)
}

func (a *auth) byBasic(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.SetBasicAuth(a.user, a.password)
	return a.next.RoundTrip(req)
}

func wantsBasic(res *http.Response) bool {
	if res.StatusCode != http.StatusUnauthorized {
		return false
	}
	basic := false
	for _, c := range res.Header.Values("WWW-Authenticate") {
		scheme, _, _ := strings.Cut(strings.TrimSpace(c), " ")
		if strings.EqualFold(scheme, "digest") {
			return false
		}
		basic = basic || strings.EqualFold(scheme, "basic")
	}
	return basic
}

func rewind(req *http.Request) (*http.Request, error) {
	again := req.Clone(req.Context())
	if req.GetBody == nil {
		if req.Body != nil && req.Body != http.NoBody {
			return nil, errors.New("the body cannot be sent again")
		}
		return again, nil
	}
	body, err := req.GetBody()
	again.Body = body
	return again, err
}
