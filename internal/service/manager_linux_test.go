package service

import (
	"context"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"callreel/internal/clock"
	"callreel/internal/daemon"
)

// TestWatchdogOnlyWhileSomethingMoves lets the clock run ahead while no loop comes round,
// and wants the watchdog to hear nothing until one does.
func TestWatchdogOnlyWhileSomethingMoves(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	env := map[string]string{"NOTIFY_SOCKET": socket, "WATCHDOG_USEC": "30000"}
	var ahead atomic.Int64
	c := clock.Clock{Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }, After: time.After}
	s := &Service{
		clock: c, log: slog.New(slog.DiscardHandler), lamps: newLamps(c),
		manager: daemon.NotifierFrom(func(key string) string { return env[key] }, 1),
	}
	hear := func() string {
		b := make([]byte, 4096)
		n, err := conn.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		return string(b[:n])
	}
	// until reads words until one has what is wanted, and at least two more like it.
	until := func(what string, want bool) {
		t.Helper()
		like := 0
		for i := 0; i < 1000 && like < 3; i++ {
			if strings.Contains(hear(), what) == want {
				like++
			} else {
				like = 0
			}
		}
		if like < 3 {
			t.Fatalf("%q is in the words: %v, want %v", what, !want, want)
		}
	}
	if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { s.tellManager(ctx); close(ended) }()
	if got := hear(); !strings.HasPrefix(got, "READY=1\n") {
		t.Errorf("first heard %q", got)
	}
	until("WATCHDOG=1", true)
	ahead.Store(int64(stillAtLeast + time.Second))
	until("WATCHDOG=1", false)
	s.pulse.beat(c.Now())
	until("WATCHDOG=1", true)
	stop()
	last := hear()
	for !strings.HasPrefix(last, "STOPPING=1\n") {
		last = hear()
	}
	<-ended
}
