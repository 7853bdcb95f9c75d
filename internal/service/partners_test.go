package service_test

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"callreel/internal/clock"
	"callreel/internal/pbxsim"
	"callreel/internal/recording"
	"callreel/internal/service"
)

// appServer is one that keeps the lines it reads.
type appServer struct {
	addr  string
	mu    sync.Mutex
	lines []string
	conns int
}

func newAppServer(t *testing.T) *appServer {
	t.Helper()
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	a := &appServer{addr: ln.Addr().String()}
	var all sync.WaitGroup
	life, end := context.WithCancel(context.Background())
	all.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			a.mu.Lock()
			a.conns++
			a.mu.Unlock()
			all.Go(func() {
				stop := context.AfterFunc(life, func() { _ = conn.Close() })
				defer stop()
				for in := bufio.NewScanner(conn); in.Scan(); {
					a.mu.Lock()
					a.lines = append(a.lines, in.Text())
					a.mu.Unlock()
				}
				_ = conn.Close()
			})
		}
	})
	t.Cleanup(func() { _ = ln.Close(); end(); all.Wait() })
	return a
}

// got are the lines that came, sorted, without keep-alives.
func (a *appServer) got() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	list := slices.DeleteFunc(slices.Clone(a.lines), func(s string) bool { return s == "!ALIV!" })
	slices.Sort(list)
	return list
}

func (a *appServer) connections() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.conns
}

// TestAppServerIsTold: of each agent's call the AppServer reads when it begins and, with
// the name of its file, when that can be heard; of others nothing.
func TestAppServerIsTold(t *testing.T) {
	t.Parallel()
	a := newAppServer(t)
	r := newRig(t, func(c *service.Config) {
		c.AppServer.Address, c.AppServer.Charset = a.addr, "utf-8"
		c.Keys.EncryptAudio = true
	})
	r.light(t, service.LampPBX, service.Green)
	for _, p := range []pbxsim.Scenario{pbxsim.ExternalToAgent, pbxsim.AgentToExternal, pbxsim.UserToExternal} {
		r.call(t, p)
	}
	r.allFiled(t)
	var want []string
	for _, c := range r.calls {
		list, err := recordingsOf(t, r.cfg, c.Conf)
		if err != nil {
			t.Fatal(err)
		}
		for _, rec := range list {
			if rec.State == recording.Discarded {
				continue
			}
			who := rec.Verdict.Owner
			file := filepath.Base(strings.TrimPrefix(string(rec.Place), "file:"))
			want = append(want, fmt.Sprintf("!FRST!%s!%s!%s", who.E164, c.Conf, who.CN), fmt.Sprintf("!LAST!%s!%s!%s!%s", who.E164, c.Conf, file, who.CN))
		}
	}
	if len(want) != 4 {
		t.Fatalf("%d lines are to come, want 4", len(want))
	}
	slices.Sort(want)
	until(t, "the AppServer's lines", func() error {
		if got := a.got(); !slices.Equal(got, want) {
			return fmt.Errorf("got %q, want %q", got, want)
		}
		return nil
	})
}

// TestAppServerOverARestart: the AppServer is away while a call begins, and the recorder is
// started anew before it comes back. It is told of the call, and once.
func TestAppServerOverARestart(t *testing.T) {
	t.Parallel()
	a := newAppServer(t)
	r := newRig(t, func(c *service.Config) { c.AppServer.Address = "127.0.0.1:1" })
	r.light(t, service.LampPBX, service.Green)
	r.light(t, service.LampSoftware, service.Red)
	c := r.call(t, pbxsim.ExternalToAgent)
	r.allFiled(t)
	r.end()
	cfg := r.cfg
	cfg.AppServer.Address = a.addr
	for n := range 3 {
		s, err := service.Open(t.Context(), cfg, service.Options{Clock: clock.System(), Log: slog.New(slog.DiscardHandler), Version: "test"})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx) }()
		until(t, "the AppServer's lines", func() error {
			got := a.got()
			if a.connections() != n+1 || len(got) != 2 || !strings.HasPrefix(got[0], "!FRST!") || !strings.HasPrefix(got[1], "!LAST!") || !strings.Contains(got[1], c.Conf) {
				return fmt.Errorf("got %q", got)
			}
			return nil
		})
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if got := a.got(); len(got) != 2 { // it has read all, for the recorder waits for that when it stops
		t.Errorf("after all it was told %q", got)
	}
}
