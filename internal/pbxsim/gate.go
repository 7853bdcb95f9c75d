package pbxsim

import (
	"net"
	"sync"
)

// gate is a listener that can be shut as if its machine were down: what is
// connected is cut off, and whoever connects is turned away. It keeps its port, so
// that the address is the same when it opens again.
type gate struct {
	net.Listener
	mu   sync.Mutex
	shut bool
	open map[*gated]bool
}

func newGate(ln net.Listener) *gate { return &gate{Listener: ln, open: map[*gated]bool{}} }

// Accept waits for a connection while the gate is open.
func (g *gate) Accept() (net.Conn, error) {
	for {
		c, err := g.Listener.Accept()
		if err != nil {
			return nil, err
		}
		conn := &gated{c, g}
		if g.admit(conn) {
			return conn, nil
		}
		conn.reset()
	}
}

func (g *gate) admit(c *gated) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.shut {
		g.open[c] = true
	}
	return !g.shut
}

// set shuts the gate or opens it again.
func (g *gate) set(shut bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = shut
	if shut {
		for c := range g.open {
			c.reset()
		}
		clear(g.open)
	}
}

// gated is a connection through a gate.
type gated struct {
	net.Conn
	gate *gate
}

// Close closes the connection and forgets it.
func (c *gated) Close() error {
	c.gate.mu.Lock()
	delete(c.gate.open, c)
	c.gate.mu.Unlock()
	return c.Conn.Close()
}

// reset ends the connection as a machine does that has just been started.
func (c *gated) reset() {
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Conn.Close()
}
