package link

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// ToAppServer is what the AppServer is called in the queue.
const ToAppServer = "appserver"

const (
	longestPause = time.Minute // between two tries to connect
	sendBuffer   = 4 << 10     // of the kernel, asked for: the less lies there, the sooner a server that reads nothing is noticed
	farewell     = 2 * time.Second
)

// AppServer is the link to one. Run works it.
type AppServer struct {
	cfg     AppServerConfig
	lines   templates
	charset charset
	relay   *Relay
	outbox
	again map[int64]int // how often a message was sent again after a reset

	mu    sync.Mutex
	state AppServerState
}

// AppServerState is how the link stands.
type AppServerState struct {
	Connected bool   `json:"connected"`
	Commands  int64  `json:"commands"` // that were understood, since the start
	Ignored   int64  `json:"ignored"`  // lines that were none, or for no player that is there
	Error     string `json:"error,omitempty"`
}

// NewAppServer makes the link; it connects when it runs.
func NewAppServer(cfg AppServerConfig, relay *Relay, c Client) (*AppServer, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	t, err := cfg.templates()
	if err != nil {
		return nil, err
	}
	set, _ := charsetOf(cfg.Charset)
	return &AppServer{
		cfg: cfg, lines: t, charset: set, relay: relay, again: map[int64]int{},
		outbox: newOutbox(ToAppServer, time.Duration(cfg.KeepDays)*day, c),
	}, nil
}

// Wants reports whether the AppServer is told of an event.
func (a *AppServer) Wants(t Type) bool { return t == CallStarted || t == CallFiled }

// Run tells the AppServer what waits for it, and hears its commands, until ctx is done.
func (a *AppServer) Run(ctx context.Context) {
	for tries := 1; ctx.Err() == nil; tries++ {
		stood, err := a.session(ctx)
		if ctx.Err() != nil {
			return
		}
		if stood {
			tries = 1
		}
		a.disconnected(err)
		if !a.Clock.Wait(ctx.Done(), growing(tries, longestPause)) {
			return
		}
	}
}

func (a *AppServer) disconnected(err error) {
	err = fmt.Errorf("the AppServer at %s (key address of [appserver]) cannot be told of calls: %w; what it is to be told waits on the disk and is sent "+
		"when it answers again; look whether its program runs and a firewall lets TCP through", a.cfg.Address, err)
	a.mu.Lock()
	a.state.Connected, a.state.Error = false, err.Error()
	a.mu.Unlock()
	a.Told("appserver", err)
}

func (a *AppServer) connected() {
	a.mu.Lock()
	a.state.Connected, a.state.Error = true, ""
	a.mu.Unlock()
	a.Told("appserver", nil)
	a.Log.Info("AppServer is connected", "address", a.cfg.Address)
}

// State tells how the link stands.
func (a *AppServer) State() AppServerState {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.state
}

// session is one connection. It reports whether the connection stood for a while, so that
// the next try may follow soon.
func (a *AppServer) session(ctx context.Context) (stood bool, err error) {
	a.tidy(ctx)
	conn, err := dial(ctx, a.cfg)
	if err != nil {
		return false, err
	}
	began := a.Clock.Now()
	a.connected()
	c := conversation{AppServer: a, conn: conn, heard: make(chan struct{}, 1), ended: make(chan error, 1)}
	var reading sync.WaitGroup
	hearing, stop := context.WithCancel(ctx)
	reading.Go(func() { c.ended <- c.hear(hearing) })
	err = c.speak(ctx)
	if err == nil {
		err = c.leave(ctx)
	}
	stop()
	_ = conn.Close()
	reading.Wait()
	return a.Clock.Now().Sub(began) > time.Duration(a.cfg.Settle), errors.Join(err, c.land(ctx, err))
}

func dial(ctx context.Context, cfg AppServerConfig) (net.Conn, error) {
	d := net.Dialer{Timeout: time.Duration(cfg.Timeout)}
	conn, err := d.DialContext(ctx, "tcp", cfg.Address)
	if err != nil {
		return nil, err
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetWriteBuffer(sendBuffer) // a wish: where it is not granted a hung server is noticed later
	}
	return conn, nil
}

// Check connects to the AppServer of a setup and sends it one keep-alive.
func Check(ctx context.Context, cfg AppServerConfig) error {
	if !cfg.Set() {
		return errors.New("appserver: address is not set")
	}
	a, err := NewAppServer(cfg, nil, Client{})
	if err != nil {
		return err
	}
	conn, err := dial(ctx, cfg)
	if err != nil {
		return fmt.Errorf("the AppServer at %s does not answer: %w", cfg.Address, err)
	}
	c := conversation{AppServer: a, conn: conn}
	return errors.Join(c.write(ctx, c.line(a.lines.alive, nil)), conn.Close())
}
