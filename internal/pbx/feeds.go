package pbx

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/netutil"
)

const (
	storeAgain  = time.Second // between two tries to store a record that came by line or datagram
	syslogTries = 10          // then a datagram is given up: more are coming
	lineIdle    = 2 * time.Hour
)

// ServeLines takes records from TCP connections, one each line, until ctx is
// done; it closes ln. A line ends with CR, LF or NUL, or with the connection.
// While a record cannot be stored nothing more is read from its connection, so
// that what follows waits at the PBX.
func (r *Receiver) ServeLines(ctx context.Context, ln net.Listener) error {
	var all sync.WaitGroup
	defer all.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = ln.Close() })
	defer stop()
	limited := netutil.LimitListener(ln, maxReceiverConns)
	for {
		conn, err := limited.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("cdr lines: %w", err)
		}
		all.Go(func() { r.lines(ctx, conn) })
	}
}

func (r *Receiver) lines(ctx context.Context, conn net.Conn) {
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	defer conn.Close()
	in := bufio.NewScanner(conn)
	in.Buffer(make([]byte, 4096), maxCDRBody+1)
	in.Split(splitLines)
	for r.nextLine(conn) && in.Scan() {
		line := bytes.TrimSpace(in.Bytes())
		if len(line) == 0 || isGatewayRecord(line) {
			continue
		}
		if !r.store(ctx, line, conn.RemoteAddr().String(), 0) {
			return
		}
	}
	if err := in.Err(); err != nil && ctx.Err() == nil {
		r.log.Warn("connection with call detail records broke", "from", conn.RemoteAddr().String(), "err", err)
	}
}

// nextLine gives the connection time for one more line.
func (r *Receiver) nextLine(conn net.Conn) bool {
	return conn.SetReadDeadline(r.clock.Now().Add(lineIdle)) == nil
}

// splitLines is a bufio.SplitFunc for lines that end with CR, LF or NUL.
func splitLines(data []byte, atEOF bool) (advance int, token []byte, err error) {
	if i := bytes.IndexAny(data, "\r\n\x00"); i >= 0 {
		return i + 1, data[:i], nil
	}
	if atEOF && len(data) > 0 {
		return len(data), data, nil
	}
	return 0, nil, nil
}

// isGatewayRecord recognises the older records of gateways, key and value pairs
// that begin with an event; callreel does not use them.
func isGatewayRecord(line []byte) bool {
	return bytes.HasPrefix(line, []byte("event=A:")) || bytes.HasPrefix(line, []byte("event=B:")) ||
		bytes.HasPrefix(line, []byte("event=Media"))
}

// ServeSyslog takes records from syslog datagrams until ctx is done; it closes
// pc. Datagrams without a <cdr> are other messages of the device and are passed
// over.
func (r *Receiver) ServeSyslog(ctx context.Context, pc net.PacketConn) error {
	stop := context.AfterFunc(ctx, func() { _ = pc.Close() })
	defer stop()
	buf := make([]byte, 64<<10)
	for {
		n, from, err := pc.ReadFrom(buf)
		if ctx.Err() != nil {
			return nil
		}
		if errors.Is(err, net.ErrClosed) {
			return fmt.Errorf("cdr syslog: %w", err)
		}
		if err != nil || !strings.Contains(string(buf[:n]), "<cdr") {
			continue
		}
		r.store(ctx, bytes.TrimSpace(buf[:n]), from.String(), syslogTries)
	}
}

// store hands a record to the sink until it is taken, at most tries times; 0 is
// for ever. It reports whether it was.
func (r *Receiver) store(ctx context.Context, raw []byte, from string, tries int) bool {
	for n := 1; ; n++ {
		err := r.take(ctx, raw, "", from)
		if err == nil {
			return true
		}
		if ctx.Err() != nil || n == tries {
			r.log.Error("call detail record lost: it cannot be stored", "from", from, "bytes", len(raw), "err", err)
			return false
		}
		r.log.Warn("call detail record not stored, trying again", "from", from, "err", err)
		if !r.clock.Wait(ctx.Done(), storeAgain) {
			return false
		}
	}
}
