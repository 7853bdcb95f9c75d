package link_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"callreel/internal/catalog"
	"callreel/internal/clock"
	"callreel/internal/link"
	"callreel/internal/recording"
)

// host is an AppServer: it takes one connection after the other, each handled as the test
// wants, and keeps the whole lines it has read.
type host struct {
	addr string

	mu    sync.Mutex
	lines []string
	conns int
}

// listen starts one. handle may read and write as it likes; what it returns with is closed.
func listen(t *testing.T, addr string, handle func(*host, net.Conn)) *host {
	t.Helper()
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	h := &host{addr: ln.Addr().String()}
	var all sync.WaitGroup
	life, end := context.WithCancel(context.Background())
	all.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			h.mu.Lock()
			h.conns++
			h.mu.Unlock()
			all.Go(func() {
				stop := context.AfterFunc(life, func() { _ = conn.Close() })
				defer stop()
				handle(h, conn)
				_ = conn.Close()
			})
		}
	})
	t.Cleanup(func() { _ = ln.Close(); end(); all.Wait() })
	return h
}

// read keeps what comes, line by line, until the connection ends.
func (h *host) read(conn net.Conn) {
	in := bufio.NewReader(conn)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return // half a line is none
		}
		if line == "!ALIV!\r\n" {
			continue
		}
		h.mu.Lock()
		h.lines = append(h.lines, line)
		h.mu.Unlock()
	}
}

func (h *host) got() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.lines)
}

func (h *host) connections() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.conns
}

// bench is a queue on a disk, and a link that works it.
type bench struct {
	c     *catalog.Catalog
	clock clock.Clock
	cfg   link.AppServerConfig
	relay *link.Relay

	mu     sync.Mutex
	faults map[string]string
}

func newBench(t *testing.T, clk clock.Clock, addr string) *bench {
	t.Helper()
	c, err := catalog.Open(t.Context(), filepath.Join(t.TempDir(), "c.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	b := &bench{c: c, clock: clk, cfg: link.DefaultAppServerConfig(), relay: &link.Relay{}, faults: map[string]string{}}
	b.cfg.Address = addr
	b.cfg.Settle, b.cfg.Timeout = clock.Duration(100*time.Millisecond), clock.Duration(300*time.Millisecond)
	return b
}

func (b *bench) client() link.Client {
	return link.Client{Queue: b.c, Clock: b.clock, Log: slog.New(slog.DiscardHandler), Told: func(cause string, err error) {
		b.mu.Lock()
		defer b.mu.Unlock()
		if delete(b.faults, cause); err != nil {
			b.faults[cause] = err.Error()
		}
	}}
}

func (b *bench) fault(cause string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.faults[cause]
}

// start runs the link; the returned function stops it and waits.
func (b *bench) start(t *testing.T) (a *link.AppServer, stop func()) {
	t.Helper()
	a, err := link.NewAppServer(b.cfg, b.relay, b.client())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); a.Run(ctx) }()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return a, stop
}

// call puts the messages of call n into the queue, as the recorder does, and returns the
// lines that an AppServer is to read of it.
func (b *bench) call(t *testing.T, n int) []string {
	t.Helper()
	uid := fmt.Sprintf("%032x", n)
	agent := link.Agent{Number: "24", Name: "Rossi"}
	first := link.Event{Type: link.CallStarted, At: b.clock.Now(), UID: uid, Agent: agent}
	last := link.Event{Type: link.CallFiled, At: b.clock.Now(), UID: uid, Agent: agent, Recording: &link.Recording{File: uid + ".wav"}}
	b.tell(t, first, last)
	return []string{"!FRST!24!" + uid + "!Rossi\r\n", "!LAST!24!" + uid + "!" + uid + ".wav!Rossi\r\n"}
}

func (b *bench) tell(t *testing.T, events ...link.Event) {
	t.Helper()
	var list []recording.Message
	for _, e := range events {
		m, err := e.Message(link.ToAppServer, string(e.Type)+e.UID)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, m)
	}
	if err := b.c.SaveLegs(t.Context(), nil, list); err != nil {
		t.Fatal(err)
	}
}

func (b *bench) waiting(t *testing.T, to string) int {
	t.Helper()
	backlog, err := b.c.Backlog(t.Context(), to, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	return backlog.Waiting
}

func until(t *testing.T, what string, holds func() error) {
	t.Helper()
	deadline := time.After(time.Minute)
	for {
		err := holds()
		if err == nil {
			return
		}
		select {
		case <-deadline:
			t.Fatalf("%s: %v", what, err)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// receives waits until the host has read exactly these lines.
func receives(t *testing.T, h *host, want []string) {
	t.Helper()
	until(t, "lines", func() error {
		if got := h.got(); !slices.Equal(got, want) {
			return fmt.Errorf("%d lines, want %d: %q", len(got), len(want), got[:min(len(got), 10)])
		}
		return nil
	})
}

// receivesAll waits until the host has read all of these lines, for the first time in
// this order; it returns how many were doubles.
func receivesAll(t *testing.T, h *host, want []string) (doubles int) {
	t.Helper()
	until(t, "lines", func() error {
		if n := len(h.got()); n < len(want) {
			return fmt.Errorf("%d lines, want %d", n, len(want))
		}
		seen := map[string]bool{}
		var order []string
		for _, line := range h.got() {
			if !seen[line] {
				order = append(order, line)
			}
			seen[line] = true
		}
		doubles = len(h.got()) - len(order)
		if !slices.Equal(order, want) {
			return fmt.Errorf("%d different lines, want %d: %q", len(order), len(want), order[:min(len(order), 10)])
		}
		return nil
	})
	return doubles
}

func TestLinesOfTheManual(t *testing.T) {
	t.Parallel()
	h := listen(t, "127.0.0.1:0", (*host).read)
	b := newBench(t, clock.System(), h.addr)
	b.cfg.KeepAlive = 0
	b.start(t)
	const uid = "c03a55c2e909d311b6450090331b3e3b"
	b.tell(
		t,
		link.Event{Type: link.CallStarted, At: b.clock.Now(), UID: uid, Agent: link.Agent{Number: "24", Name: "Rossi"}},
		link.Event{Type: link.CallStarted, At: b.clock.Now(), UID: uid + "2", Agent: link.Agent{Number: "25", Name: "Mül!ler\r\nÅ €"}},
		link.Event{Type: link.CallFiled, At: b.clock.Now(), UID: uid, Agent: link.Agent{Number: "24", Name: "Rossi"}, Recording: &link.Recording{File: "2013_09_24_1107_39.o.024_1_93adee5ee909d311b6450090331b3e3b.wav"}},
	)
	receives(t, h, []string{
		"!FRST!24!" + uid + "!Rossi\r\n",
		"!FRST!25!" + uid + "2!M\xfcl_ler__\xc5 ?\r\n",
		"!LAST!24!" + uid + "!2013_09_24_1107_39.o.024_1_93adee5ee909d311b6450090331b3e3b.wav!Rossi\r\n",
	})
	until(t, "the queue is empty", func() error {
		if n := b.waiting(t, link.ToAppServer); n > 0 {
			return fmt.Errorf("%d wait", n)
		}
		return nil
	})
}

// A day without the AppServer: all that happened then is told, in order, once.
func TestADayOfOutage(t *testing.T) {
	t.Parallel()
	b := newBench(t, clock.Scaled(20_000), "127.0.0.1:1")
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b.cfg.Address = ln.Addr().String()
	if err := ln.Close(); err != nil { // nobody listens there for a day
		t.Fatal(err)
	}
	b.start(t)
	began := b.clock.Now()
	var want []string
	for n := 0; b.clock.Now().Sub(began) < 24*time.Hour; n++ {
		want = append(want, b.call(t, n)...)
		<-b.clock.After(2 * time.Minute)
	}
	if len(want) < 50 {
		t.Fatalf("only %d messages in a day", len(want))
	}
	if f := b.fault("appserver"); !strings.Contains(f, b.cfg.Address) || !strings.Contains(f, "refused") {
		t.Errorf("the lamp says %q", f)
	}
	h := listen(t, b.cfg.Address, (*host).read)
	receives(t, h, want)
	until(t, "the lamp", func() error {
		if f := b.fault("appserver"); f != "" {
			return errors.New(f)
		}
		return nil
	})
}

// A server that is away, hangs, cuts or floods costs nothing but doubles.
func TestBadServers(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name string
		// bad handles the first connections.
		bad   func(*host, net.Conn)
		times int
		calls int
	}{
		{"accepts and ends at once", func(*host, net.Conn) {}, 2, 40},
		{"cuts in the middle of a line", func(_ *host, c net.Conn) {
			_, _ = io.ReadFull(c, make([]byte, 75))
		}, 2, 40},
		{"reads, then dies with half of it unread", func(_ *host, c net.Conn) {
			_, _ = io.ReadFull(c, make([]byte, 75))
			<-time.After(300 * time.Millisecond) // by then the messages count as received
			_ = c.(*net.TCPConn).SetLinger(0)
		}, 2, 40},
		{"reads nothing", func(_ *host, c net.Conn) {
			for { // until the other side ends it
				if _, err := c.Write([]byte("\n")); err != nil {
					return
				}
				<-time.After(50 * time.Millisecond)
			}
		}, 1, 12_000}, // 560 kB: more than both ends' buffers hold
		{"floods without a line's end", func(h *host, c net.Conn) {
			go func() { _, _ = io.Copy(c, endless("!PLAY!")) }()
			h.read(c)
		}, 0, 40},
		{"floods with lines", func(h *host, c net.Conn) {
			go func() { _, _ = io.Copy(c, endless("!PLAY!nobody!a.wav\r\n")) }()
			h.read(c)
		}, 0, 40},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			left := row.times
			var mu sync.Mutex
			h := listen(t, "127.0.0.1:0", func(h *host, c net.Conn) {
				mu.Lock()
				bad := left > 0
				left--
				mu.Unlock()
				if bad || row.times == 0 {
					row.bad(h, c)
					return
				}
				h.read(c)
			})
			b := newBench(t, clock.System(), h.addr)
			b.cfg.KeepAlive = clock.Duration(time.Second)
			b.start(t)
			var want []string
			if row.calls > 1000 { // at once: one by one they would take a minute
				want = b.calls(t, row.calls)
			} else {
				for n := range row.calls {
					want = append(want, b.call(t, n)...)
					if n%10 == 0 {
						<-time.After(20 * time.Millisecond)
					}
				}
			}
			doubles := receivesAll(t, h, want)
			t.Logf("%d messages over %d connections, %d doubles", len(want), h.connections(), doubles)
			if row.times > 0 && h.connections() < 2 {
				t.Error("the fault did not happen")
			}
		})
	}
}

// calls is call for many at once.
func (b *bench) calls(t *testing.T, n int) []string {
	t.Helper()
	var want []string
	var list []recording.Message
	for i := range n {
		e := link.Event{Type: link.CallStarted, At: b.clock.Now(), UID: fmt.Sprintf("%032x", i), Agent: link.Agent{Number: "24", Name: "Rossi"}}
		m, err := e.Message(link.ToAppServer, e.UID)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, m)
		want = append(want, "!FRST!24!"+e.UID+"!Rossi\r\n")
	}
	if err := b.c.SaveLegs(t.Context(), nil, list); err != nil {
		t.Fatal(err)
	}
	return want
}

// endless says the same again and again.
type endless string

func (e endless) Read(p []byte) (int, error) {
	return copy(p, bytes.Repeat([]byte(e), len(p)/len(e)+1)), nil
}

// Over an ordered restart nothing is told twice, and nothing is left out.
func TestRestart(t *testing.T) {
	t.Parallel()
	h := listen(t, "127.0.0.1:0", (*host).read)
	b := newBench(t, clock.System(), h.addr)
	b.cfg.Settle = clock.Duration(time.Hour) // so that only the ordered end confirms
	var want []string
	for n := range 4 {
		a, stop := b.start(t)
		want = append(want, b.call(t, n)...)
		b.call(t, 0) // the recorder says it again; it is told once
		a.Wake()
		receives(t, h, want)
		stop()
		if n := b.waiting(t, link.ToAppServer); n > 0 {
			t.Errorf("after the stop %d wait", n)
		}
	}
	receives(t, h, want)
}

// What waits too long is given up, and not in silence.
func TestTooOld(t *testing.T) {
	t.Parallel()
	b := newBench(t, clock.System(), "127.0.0.1:1")
	old := link.Event{Type: link.CallStarted, At: b.clock.Now().Add(-31 * 24 * time.Hour), UID: "old"}
	young := link.Event{Type: link.CallStarted, At: b.clock.Now().Add(-29 * 24 * time.Hour), UID: "young"}
	b.tell(t, old, young)
	b.start(t)
	until(t, "the lamp", func() error {
		if f := b.fault("appserver given up"); !strings.HasPrefix(f, "1 messages to appserver") {
			return fmt.Errorf("says %q", f)
		}
		return nil
	})
	if n := b.waiting(t, link.ToAppServer); n != 1 {
		t.Errorf("%d wait, want the young one", n)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	cfg := link.DefaultAppServerConfig()
	if err := link.Check(t.Context(), cfg); err == nil {
		t.Error("without an address all is well")
	}
	got := make(chan string, 1)
	h := listen(t, "127.0.0.1:0", func(_ *host, c net.Conn) {
		all, _ := io.ReadAll(c)
		got <- string(all)
	})
	cfg.Address = h.addr
	if err := link.Check(t.Context(), cfg); err != nil {
		t.Error(err)
	}
	if s := <-got; s != "!ALIV!\r\n" {
		t.Errorf("the AppServer read %q", s)
	}
	cfg.Address = "127.0.0.1:1"
	if err := link.Check(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "127.0.0.1:1 does not answer") {
		t.Errorf("where nobody listens: %v", err)
	}
}
