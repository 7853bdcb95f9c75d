package pbx_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"callreel/internal/clock"
	"callreel/internal/pbx"
)

// moody fails the first times it is asked to store something.
type moody struct {
	tray
	fails int
}

func (m *moody) CDR(ctx context.Context, body string, at time.Time) error {
	m.mu.Lock()
	m.fails--
	bad := m.fails >= 0
	m.mu.Unlock()
	if bad {
		return errors.New("disk full")
	}
	return m.tray.CDR(ctx, body, at)
}

func (m *moody) taken() (cdrs, garbage []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append(cdrs, m.cdrs...), append(garbage, m.garbage...)
}

// quick is the system's clock without its waits.
func quick() clock.Clock {
	return clock.Clock{Now: time.Now, After: func(time.Duration) <-chan time.Time { return time.After(time.Millisecond) }}
}

func wantTaken(t *testing.T, m *moody, cdrs, garbage []string) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		gotC, gotG := m.taken()
		if fmt.Sprint(gotC) == fmt.Sprint(cdrs) && fmt.Sprint(gotG) == fmt.Sprint(garbage) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("records %q and garbage %q, want %q and %q", gotC, gotG, cdrs, garbage)
		}
		<-time.After(5 * time.Millisecond)
	}
}

func TestLines(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	sink := &moody{fails: 2}
	r := pbx.NewReceiver(pbx.DefaultReceiverConfig(), sink, quick(), slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.ServeLines(ctx, ln) }()
	conn, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	// Two ends of line, a gateway's record, a last line without an end.
	_, err = conn.Write([]byte("<cdr a=\"1\"/>\r\nevent=A:Call&time=1\r\nhello\n\x00log-msg<cdr b=\"2\"/>"))
	if err == nil {
		err = conn.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	wantTaken(t, sink, []string{`<cdr a="1"/>`, `<cdr b="2"/>`}, []string{"hello"})
	open, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	cancel()
	if err := <-done; err != nil {
		t.Errorf("ended with %v", err)
	}
}

func TestSyslog(t *testing.T) {
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	sink := &moody{fails: 1}
	r := pbx.NewReceiver(pbx.DefaultReceiverConfig(), sink, quick(), slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.ServeSyslog(ctx, pc) }()
	conn, err := net.Dial("udp", pc.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, text := range []string{"<134>something else", "<134>Nov 21 12:00:00 pbx <cdr a=\"1\"/>", "", "<cdr" + strings.Repeat("x", 2000)} {
		if _, err := conn.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	wantTaken(t, sink, []string{`<cdr a="1"/>`}, []string{"<cdr" + strings.Repeat("x", 2000)})
	cancel()
	if err := <-done; err != nil {
		t.Errorf("ended with %v", err)
	}
}

func TestLinesConfig(t *testing.T) {
	cfg := pbx.DefaultReceiverConfig()
	cfg.LinesListen = "nowhere"
	if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), `lines_listen "nowhere"`) {
		t.Errorf("got %v", err)
	}
}
