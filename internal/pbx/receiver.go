package pbx

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/net/netutil"

	"callreel/internal/clock"
)

// maxCDRBody bounds one POST of the PBX. A CDR is about 1 kB.
const maxCDRBody = 1 << 20

// maxReceiverConns bounds the connections to the receiver, and with
// maxCDRBody its memory.
const maxReceiverConns = 64

// ReceiverConfig is the [receiver] of the setup: where the PBX's CDR0 or CDR1
// interface sends its call detail records to.
type ReceiverConfig struct {
	Listen       string `toml:"listen"`        // host:port
	Path         string `toml:"path"`          // of the URL that is set up at the PBX
	User         string `toml:"user"`          // HTTP Basic; empty = open
	Password     string `toml:"password"`      //
	PasswordFile string `toml:"password_file"` // its first line is the password
	PasswordEnv  string `toml:"password_env"`  // the environment has it under this name

	LinesListen  string `toml:"lines_listen"`  // host:port for records as lines over TCP; empty = none
	SyslogListen string `toml:"syslog_listen"` // host:port for records by syslog over UDP; empty = none

	MarkPath  string   `toml:"mark_path"`  // of the URL that marks calls; empty = none
	MarkAllow []string `toml:"mark_allow"` // addresses and networks that may mark without user and password
}

// DefaultReceiverConfig listens on loopback only: an admin opens it to the PBX.
func DefaultReceiverConfig() ReceiverConfig {
	return ReceiverConfig{Listen: "127.0.0.1:8901", Path: "/cdr", MarkPath: "/mark"}
}

// Validate checks the values; errors name the key and what is allowed.
func (c ReceiverConfig) Validate() error {
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		return fmt.Errorf(`receiver: listen %q must be host:port, for instance "0.0.0.0:8901": %w`, c.Listen, err)
	}
	for key, addr := range map[string]string{"lines_listen": c.LinesListen, "syslog_listen": c.SyslogListen} {
		if _, _, err := net.SplitHostPort(addr); addr != "" && err != nil {
			return fmt.Errorf(`receiver: %s %q must be host:port, for instance "0.0.0.0:8902": %w`, key, addr, err)
		}
	}
	if !strings.HasPrefix(c.Path, "/") || strings.ContainsAny(c.Path, "?# ") {
		return fmt.Errorf(`receiver: path %q must start with "/" and be a plain path, for instance "/cdr"`, c.Path)
	}
	if (c.User == "") != (c.Password+c.PasswordFile+c.PasswordEnv == "") {
		return errors.New("receiver: user and password are set together or not at all")
	}
	return c.validateMarks()
}

func (c ReceiverConfig) validateMarks() error {
	if c.MarkPath != "" && (!strings.HasPrefix(c.MarkPath, "/") || strings.ContainsAny(c.MarkPath, "?# ") || c.MarkPath == c.Path) {
		return fmt.Errorf(`receiver: mark_path %q must start with "/" and be a plain path, another than path, for instance "/mark"; "" takes no marks`, c.MarkPath)
	}
	for _, a := range c.MarkAllow {
		if _, err := parsePrefix(a); err != nil {
			return fmt.Errorf(`receiver: mark_allow %q must be an address or a network, for instance "192.0.2.1" or "192.0.2.0/24"`, a)
		}
	}
	return nil
}

// Sink stores what the receiver got. A nil error promises that it is durable:
// the PBX is then told to forget it. Methods may be called concurrently.
type Sink interface {
	// CDR takes one or more <cdr> elements as they came, in UTF-8, without
	// the "log-msg" before them. The same body may come again.
	CDR(ctx context.Context, body string, received time.Time) error
	// Garbage takes a body that is no CDR, and why. It is cut after 1 MiB.
	Garbage(ctx context.Context, body []byte, from, reason string, received time.Time) error
}

// Receiver takes call detail records in the ways a PBX sends them: HTTP POST and
// GET (ServeHTTP), lines over TCP (ServeLines) and syslog over UDP (ServeSyslog).
// Of these only HTTP is repeated by the PBX until it is stored.
type Receiver struct {
	cfg   ReceiverConfig
	sink  Sink
	clock clock.Clock
	log   *slog.Logger
}

// NewReceiver returns the receiver of a PBX's records. To HTTP it answers
//
//	200  when the sink has stored the body, as CDRs or as garbage: a PBX sends
//	     the same body until it gets 200, and garbage must not block the rest
//	503  when the sink failed, so that the PBX keeps the body and tries again
//	400, 401, 404, 405 for requests that are no CDR delivery at all
func NewReceiver(cfg ReceiverConfig, sink Sink, clk clock.Clock, log *slog.Logger) *Receiver {
	return &Receiver{cfg: cfg, sink: sink, clock: clk, log: log}
}

// ServeHTTP implements http.Handler.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	switch {
	case req.URL.Path != r.cfg.Path:
		http.Error(w, "call detail records are received at "+r.cfg.Path, http.StatusNotFound)
	case !r.allowed(req):
		w.Header().Set("WWW-Authenticate", `Basic realm="callreel"`)
		http.Error(w, "user and password are needed", http.StatusUnauthorized)
	case req.Method == http.MethodPost:
		r.receive(w, req)
	case req.Method == http.MethodGet && req.URL.RawQuery != "":
		r.receiveQuery(w, req)
	default:
		w.Header().Set("Allow", "POST, GET")
		http.Error(w, "call detail records are received by POST, or by GET with ?event=syslog&msg=", http.StatusMethodNotAllowed)
	}
}

// allowed compares digests, so that neither length nor content shows in time.
func (r *Receiver) allowed(req *http.Request) bool {
	if r.cfg.User == "" {
		return true
	}
	user, password, _ := req.BasicAuth()
	got := sha256.Sum256([]byte(user + "\x00" + password))
	want := sha256.Sum256([]byte(r.cfg.User + "\x00" + r.cfg.Password))
	return subtle.ConstantTimeCompare(got[:], want[:]) == 1
}

func (r *Receiver) receive(w http.ResponseWriter, req *http.Request) {
	raw, err := io.ReadAll(io.LimitReader(req.Body, maxCDRBody+1))
	if err != nil {
		http.Error(w, "the body broke off", http.StatusBadRequest)
		return
	}
	r.answer(w, r.take(req.Context(), raw, req.Header.Get("Content-Type"), req.RemoteAddr))
}

// receiveQuery takes the GET form, ?event=syslog&…&msg=<cdr…>. Other events are
// those of the older gateway records, which callreel does not use: they are
// accepted, so that the device sends the next, and not kept.
func (r *Receiver) receiveQuery(w http.ResponseWriter, req *http.Request) {
	form, err := url.ParseQuery(req.URL.RawQuery)
	if err != nil && form.Get("msg") == "" {
		r.answer(w, r.garbage(req.Context(), []byte(req.URL.RawQuery), req.RemoteAddr, "query cannot be read: "+err.Error()))
		return
	}
	if !form.Has("msg") && form.Has("event") {
		r.log.Debug("gateway record passed over", "from", req.RemoteAddr)
		w.WriteHeader(http.StatusOK)
		return
	}
	r.answer(w, r.take(req.Context(), []byte(form.Get("msg")), "", req.RemoteAddr))
}

func (r *Receiver) answer(w http.ResponseWriter, err error) {
	if err != nil {
		r.log.Error("call detail record not stored; the pbx will send it again", "err", err)
		http.Error(w, "not stored, send again", http.StatusServiceUnavailable)
		return
	}
	w.WriteHeader(http.StatusOK)
}

// take hands one delivery to the sink, as records or as garbage. A nil error
// says that it is stored.
func (r *Receiver) take(ctx context.Context, raw []byte, contentType, from string) error {
	if len(raw) > maxCDRBody {
		return r.garbage(ctx, raw[:maxCDRBody], from, fmt.Sprintf("larger than %d bytes", maxCDRBody))
	}
	body, reason := cdrBody(raw, contentType)
	if reason != "" {
		return r.garbage(ctx, raw, from, reason)
	}
	return r.sink.CDR(ctx, body, r.clock.Now())
}

func (r *Receiver) garbage(ctx context.Context, raw []byte, from, reason string) error {
	r.log.Warn("no call detail record", "from", from, "bytes", len(raw), "reason", reason)
	return r.sink.Garbage(ctx, raw, from, reason, r.clock.Now())
}

// cdrBody returns what follows the literal "log-msg", from the first <cdr on,
// in UTF-8; or the reason why there is none.
func cdrBody(raw []byte, contentType string) (body, reason string) {
	if len(strings.TrimSpace(string(raw[:min(len(raw), 64)]))) == 0 && len(raw) <= 64 {
		return "", "empty body"
	}
	utf, err := toUTF8(raw, contentType)
	if err != nil {
		return "", err.Error()
	}
	text := string(utf)
	for from := 0; ; {
		i := strings.Index(text[from:], "<cdr")
		if i < 0 {
			return "", "no <cdr> element"
		}
		from += i
		if rest := text[from+len("<cdr"):]; rest != "" && strings.ContainsRune(" \t\r\n/>", rune(rest[0])) {
			return text[from:], ""
		}
		from += len("<cdr")
	}
}

// Serve answers on ln with h until ctx is done, then lets running requests
// finish for up to 5 s. It closes ln. The listener is handed in, so that the
// service can report the address and open it before anything else runs.
func Serve(ctx context.Context, ln net.Listener, h http.Handler) error {
	return ServeMany(ctx, ln, h, maxReceiverConns)
}

// ServeMany is Serve with at most so many connections at once.
func ServeMany(ctx context.Context, ln net.Listener, h http.Handler, most int) error {
	server := &http.Server{
		Handler: h, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second,
		WriteTimeout: time.Minute, IdleTimeout: 5 * time.Minute, MaxHeaderBytes: 64 << 10,
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(netutil.LimitListener(ln, most)) }()
	select {
	case err := <-failed:
		return fmt.Errorf("cdr receiver: %w", err)
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	err := server.Shutdown(last)
	if err != nil {
		err = errors.Join(err, server.Close())
	}
	if ended := <-failed; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	if err != nil {
		return fmt.Errorf("cdr receiver: %w", err)
	}
	return nil
}
