package pbx

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"callreel/internal/clock"
)

// Seen is what one look at a PBX shows, for who sets it up.
type Seen struct {
	Firmware string   // empty where the PBX does not tell
	Objects  int      // that the session's user can see, himself included
	Agents   int      // of these, those that are recorded here
	Away     int      // and those that are homed on slave sites
	Groups   []string // that they are members of, sorted, at most 20
	Server   ServerClock
}

// ServerClock is what the Date of an answer says of a server's clock, to the second.
type ServerClock struct {
	Ahead time.Duration // of this machine's; negative: behind
	Told  bool          // the server sends a Date
}

// Try opens a session at the PBX's main address, reads who is there, and ends it. It
// asks for nobody's events.
func Try(ctx context.Context, cfg Config, clk clock.Clock) (Seen, error) {
	if err := cfg.Validate(); err != nil {
		return Seen{}, err
	}
	cfg = cfg.WithDefaults()
	web, err := newHTTPClient(cfg)
	if err != nil {
		return Seen{}, err
	}
	defer web.CloseIdleConnections()
	dated := &dateReader{next: web.Transport, clock: clk}
	pbx := &caller{url: cfg.URL, wire: cfg.Wire, http: &http.Client{Transport: dated, CheckRedirect: web.CheckRedirect}}
	r, firmware, err := look(ctx, pbx, cfg)
	if err != nil {
		return Seen{Server: dated.server()}, err
	}
	seen := Seen{Firmware: firmware, Objects: len(r.objects), Server: dated.server()}
	groups := map[string]bool{}
	for _, u := range r.objects {
		switch {
		case r.isAgent(u):
			seen.Agents++
		case r.isMember(u):
			seen.Away++
		}
		for _, g := range u.Groups {
			groups[clip(g.Group)] = true
		}
	}
	seen.Groups = slices.Sorted(maps.Keys(groups))
	seen.Groups = seen.Groups[:min(len(seen.Groups), 20)]
	return seen, nil
}

// look reads the whole list of one session.
func look(ctx context.Context, pbx *caller, cfg Config) (*roster, string, error) {
	timeout := time.Duration(cfg.CallTimeout)
	init, err := pbx.initialize(ctx, timeout, cfg.User)
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = pbx.end(context.WithoutCancel(ctx), endTimeout, init.Return_) }()
	r, firmware := newRoster(cfg), ""
	if v, err := pbx.version(ctx, timeout); err == nil {
		r.loc, firmware = v.Location, v.FirmwareVersion
	}
	for !r.complete {
		info, err := pbx.poll(ctx, timeout, init.Return_)
		if err != nil {
			return nil, "", err
		}
		if len(info.User) == 0 && len(info.Call) == 0 {
			return nil, "", errors.New("the PBX ends its list of users before it is whole")
		}
		for _, u := range info.User {
			r.apply(u)
		}
	}
	return r, firmware, nil
}

// Try asks the main server for a conference that there cannot be. No record is the
// answer that is wanted.
func (r *Reporting) Try(ctx context.Context) (ServerClock, error) {
	dated := &dateReader{next: r.http.Transport, clock: r.clock}
	probe := &Reporting{cfg: r.cfg, clock: r.clock, http: &http.Client{Transport: dated, CheckRedirect: r.http.CheckRedirect}}
	now := r.clock.Now()
	_, err := probe.askOne(ctx, Question{Conf: "00000000000000000000000000000000", From: now.Add(-time.Minute), To: now, Number: "0"}, false)
	return dated.server(), err
}

// dateReader notes the Date of the last answer.
type dateReader struct {
	next  http.RoundTripper
	clock clock.Clock

	mu   sync.Mutex
	last ServerClock
}

// RoundTrip implements http.RoundTripper.
func (d *dateReader) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := d.next.RoundTrip(req)
	if err != nil {
		return res, err
	}
	if at, bad := http.ParseTime(res.Header.Get("Date")); bad == nil {
		d.mu.Lock()
		d.last = ServerClock{at.Sub(d.clock.Now()).Round(time.Second), true}
		d.mu.Unlock()
	}
	return res, nil
}

func (d *dateReader) server() ServerClock {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.last
}

// StatusError is an answer of a PBX or a Reporting server that is not the one wanted.
type StatusError struct {
	Code int
	what string
}

// Error says what the status means here.
func (e *StatusError) Error() string { return e.what }

// HTTPStatus is the code of the answer.
func (e *StatusError) HTTPStatus() int { return e.Code }

func statusError(code int, format string, args ...any) error {
	return &StatusError{code, fmt.Sprintf(format, args...)}
}
