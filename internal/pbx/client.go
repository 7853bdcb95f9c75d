// Package pbx owns what the PBX says: the SOAP session with its users and call
// events, and the raw CDRs that the PBX posts. It decides nothing, does not
// look into CDRs, and keeps no state beyond the running session; who wants to
// know registers a Handler or a Sink.
//
// The wire is that of pbx10_00.wsdl (rpc/encoded), which every PBX from
// version 10 on serves and speaks, or by a setting that of pbx11_00.wsdl
// (document/literal). What comes back is decoded by one reader for both.
package pbx

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"callreel/internal/clock"
	"callreel/internal/recording"
)

// Handler is told what a PBX says. Its methods are called one after the other
// from Run's goroutine; while one works, the PBX's events wait.
type Handler interface {
	// Agents gives all agents of the PBX, sorted by long name, whenever one
	// came, went or changed.
	Agents(ctx context.Context, pbx string, list []recording.Agent)
	// Up says that the session stands: the agents are known, their events are
	// asked for, and the legs that were alive have been given.
	Up(ctx context.Context, pbx string, at time.Time)
	// Down says that there is no session and why. It is repeated for every
	// attempt that fails; it is not called for an ordered stop.
	Down(ctx context.Context, pbx string, at time.Time, err error)
	// Leg gives an agent's part in a conference whenever it changed. Agent's
	// long name and conference id together name it. When a call moves to
	// another conference, the old leg ends and a new one begins. A leg that
	// was over when a lost session came back has Ended set to the time that
	// was noticed, and Uncertain.
	Leg(ctx context.Context, pbx string, leg recording.Leg)
}

// The waits between two attempts to get a session.
const (
	retryFirst = time.Second
	retryMost  = 30 * time.Second
)

// Client follows one PBX. It is used by one Run at a time.
type Client struct {
	cfg     Config
	handler Handler
	clock   clock.Clock
	log     *slog.Logger
	http    *http.Client
	pbx     *caller
	legs    *tracker
	agents  []recording.Agent // as last given to the handler
	told    bool              // agents have been given at least once
	before  bool              // there has been a session, so a new one follows a gap
}

// New checks the configuration and makes a client. Nothing is sent before Run.
func New(cfg Config, h Handler, clk clock.Clock, log *slog.Logger) (*Client, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	web, err := newHTTPClient(cfg)
	if err != nil {
		return nil, err
	}
	return &Client{
		cfg: cfg, handler: h, clock: clk, log: log.With("pbx", cfg.Name), http: web,
		pbx: &caller{url: cfg.URL, wire: cfg.Wire, http: web}, legs: &tracker{},
	}, nil
}

// Resume tells the client, before Run, which legs were alive when the program
// last stopped. Those that the PBX no longer knows are then given to the
// handler as ended and uncertain, the others go on as uncertain.
func (c *Client) Resume(legs []recording.Leg) {
	c.legs.resume(legs)
	c.before = c.before || len(legs) > 0
}

// Run holds a session with the PBX until ctx is done, and gets a new one
// whenever it is lost, after a wait that grows from 1 s to 30 s of the clock.
// On the way out it ends the session at the PBX. It returns ctx's error.
func (c *Client) Run(ctx context.Context) error {
	defer c.http.CloseIdleConnections()
	wait := retryFirst
	for {
		wasUp, err := c.session(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if wasUp {
			wait = retryFirst
		}
		c.legs.lost()
		c.http.CloseIdleConnections()
		c.handler.Down(ctx, c.cfg.Name, c.clock.Now(), err)
		if !c.clock.Wait(ctx.Done(), wait) {
			return ctx.Err()
		}
		wait = min(2*wait, retryMost)
	}
}

// errLost says that the PBX no longer knows the session.
var errLost = errors.New("the PBX no longer knows the session")
