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
	"strings"
	"time"

	"callreel/internal/clock"
	"callreel/internal/recording"
)

// Handler is told what a PBX says. Its methods are called one after the other
// from Run's goroutine; while one works, the PBX's events wait. Agents homed on a
// slave PBX are followed there, from a goroutine of its own that ends with Run: the
// handler is then told of a further PBX named "<pbx>/<location>", first by a Down.
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
	// Leg gives agents' parts in conferences whenever they changed. Agent's
	// long name and conference id together name it. When a call moves to
	// another conference, the old leg ends and a new one begins. A leg that
	// was over when a lost session came back has Ended set to the time that
	// was noticed, and Uncertain.
	Leg(ctx context.Context, pbx string, legs ...recording.Leg)
}

// Switcher is a Handler that wants to know which address of a PBX is in use. It
// is told before each Up of a PBX that has a standby address.
type Switcher interface {
	Active(ctx context.Context, pbx string, standby bool)
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
	standby bool              // the address in use

	sites  sites
	loc    string                                // of a slave PBX's client
	locate func(context.Context) (string, error) // asks for a slave PBX's address; nil for others
}

// New checks the configuration and makes a client. Nothing is sent before Run.
func New(cfg Config, h Handler, clk clock.Clock, log *slog.Logger) (*Client, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.WithDefaults()
	web, err := newHTTPClient(cfg)
	if err != nil {
		return nil, err
	}
	return newClient(cfg, h, clk, log, web), nil
}

func newClient(cfg Config, h Handler, clk clock.Clock, log *slog.Logger, web *http.Client) *Client {
	return &Client{
		cfg: cfg, handler: h, clock: clk, log: log.With("pbx", cfg.Name), http: web,
		pbx: &caller{url: cfg.URL, wire: cfg.Wire, http: web}, legs: &tracker{},
		sites: sites{known: map[string]bool{}},
	}
}

// Resume tells the client, before Run, which legs were alive when the program
// last stopped, also those of its slave sites. Those that the PBX no longer knows
// are then given to the handler as ended and uncertain, the others go on as
// uncertain.
func (c *Client) Resume(legs []recording.Leg) {
	var own []recording.Leg
	for _, l := range legs {
		if strings.HasPrefix(l.Agent.PBX, siteName(c.cfg.Name, "")) {
			c.sites.resume = append(c.sites.resume, l)
		} else {
			own = append(own, l)
		}
	}
	c.legs.resume(own)
	c.before = c.before || len(own) > 0
}

// Run holds a session with the PBX until ctx is done, and gets a new one
// whenever it is lost, after a wait that grows from 1 s to 30 s of the clock.
// It begins with the main address; after each loss the standby address, if there
// is one, and the main one take turns. On the way out it ends the session at the
// PBX. It returns ctx's error, when the clients of slave sites have ended too.
func (c *Client) Run(ctx context.Context) error {
	defer c.sites.running.Wait()
	defer c.http.CloseIdleConnections()
	wait := retryFirst
	for turn := 0; ; turn++ {
		err := c.choose(ctx, turn)
		wasUp := false
		if err == nil {
			wasUp, err = c.session(ctx)
		}
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

// choose sets the address of the next session.
func (c *Client) choose(ctx context.Context, turn int) error {
	if c.locate != nil {
		address, err := c.locate(ctx)
		if err == nil {
			c.pbx.url = address
		} else if c.pbx.url == c.cfg.URL { // the master's: the slave's was never known
			return err
		}
		return nil
	}
	all := c.cfg.addresses()
	c.standby = turn%len(all) == 1
	c.pbx.url = all[turn%len(all)]
	return nil
}

// active tells a handler that wants to know which address is in use.
func (c *Client) active(ctx context.Context) {
	if s, ok := c.handler.(Switcher); ok && c.cfg.Standby != "" {
		s.Active(ctx, c.cfg.Name, c.standby)
	}
}

// errLost says that the PBX no longer knows the session.
var errLost = errors.New("the PBX no longer knows the session")
