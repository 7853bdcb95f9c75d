package link

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"callreel/internal/recording"
)

// conversation is one connection to an AppServer.
type conversation struct {
	*AppServer
	conn   net.Conn
	flight flight
	heard  chan struct{} // a command came
	ended  chan error    // the reading has
}

var (
	errEnded   = errors.New("it ended the connection")
	errStalled = errors.New("it takes nothing of what is sent")
)

// speak sends what waits and keep-alives until the connection ends, or until ctx is done:
// then it returns nil.
func (c *conversation) speak(ctx context.Context) error {
	alive := c.Clock.Now()
	for {
		n, err := c.sendSome(ctx)
		if err != nil {
			return err
		}
		c.confirm(ctx)
		c.tidy(ctx)
		pause := c.pause(alive)
		if n == atOnce {
			pause = 0
		}
		select {
		case <-ctx.Done():
			return nil
		case err := <-c.ended:
			return err
		case <-c.heard:
			alive = c.Clock.Now()
		case <-c.wake:
		case <-c.Clock.After(pause):
		}
		if every := time.Duration(c.cfg.KeepAlive); every > 0 && c.Clock.Now().Sub(alive) >= every {
			if err := c.write(ctx, c.line(c.lines.alive, nil)); err != nil {
				return err
			}
			alive = c.Clock.Now()
		}
	}
}

// pause is until something is to be done by itself.
func (c *conversation) pause(alive time.Time) time.Duration {
	now, pause := c.Clock.Now(), lookAgain
	if every := time.Duration(c.cfg.KeepAlive); every > 0 {
		pause = min(pause, alive.Add(every).Sub(now))
	}
	if oldest, ok := c.flight.oldest(); ok {
		pause = min(pause, oldest.Add(time.Duration(c.cfg.Settle)).Sub(now))
	}
	return max(pause, time.Millisecond)
}

// sendSome sends the next messages and returns how many were taken from the queue.
func (c *conversation) sendSome(ctx context.Context) (int, error) {
	list := c.next(ctx, c.flight.last())
	var all []byte
	for _, m := range list {
		line, err := c.lineOf(m)
		if err != nil { // impossible: who puts messages in writes them by the same type
			c.queueSays(ctx, errors.Join(err, c.Queue.GiveUpOne(ctx, c.to, m.Seq, c.Clock.Now())))
			continue
		}
		c.flight.add(m.Seq, c.Clock.Now(), len(line))
		all = append(all, line...)
	}
	return len(list), c.write(ctx, all)
}

func (c *conversation) lineOf(m recording.Message) ([]byte, error) {
	var e Event
	if err := json.Unmarshal(m.Doc, &e); err != nil {
		return nil, fmt.Errorf("message %d to %s cannot be read: %w", m.Seq, c.to, err)
	}
	values := map[string]string{"number": e.Agent.Number, "uid": e.UID, "name": e.Agent.Name}
	if e.Type == CallStarted {
		return c.line(c.lines.first, values), nil
	}
	if e.Recording != nil {
		values["file"] = e.Recording.File
	}
	return c.line(c.lines.last, values), nil
}

func (c *conversation) line(t template, values map[string]string) []byte {
	return append(c.charset.encode(t.write(values)), c.cfg.end()...)
}

// write sends bytes; a server that does not take them in time has stalled.
func (c *conversation) write(ctx context.Context, b []byte) error {
	if len(b) == 0 {
		return nil
	}
	limit, stop := context.WithTimeout(ctx, time.Duration(c.cfg.Timeout))
	defer stop()
	release := context.AfterFunc(limit, func() { _ = c.conn.SetWriteDeadline(time.Unix(1, 0)) }) // long ago
	defer release()
	_, err := c.conn.Write(b)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return errEnded // by ourselves, perhaps in the middle of a line
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("%w for %s", errStalled, time.Duration(c.cfg.Timeout))
	}
	return err
}

// confirm takes out of the queue what the connection has outlived.
func (c *conversation) confirm(ctx context.Context) {
	now := c.Clock.Now()
	if upTo := c.flight.settled(now.Add(-time.Duration(c.cfg.Settle))); upTo > 0 {
		c.queueSays(ctx, c.Queue.Sent(ctx, c.to, upTo, now))
	}
	c.flight.trim(now.Add(-time.Duration(c.cfg.Resend)))
}

// leave ends the connection at an ordered stop. If the server then ends its side too, it
// has read everything.
func (c *conversation) leave(ctx context.Context) error {
	half, ok := c.conn.(interface{ CloseWrite() error })
	if !ok {
		return errStalled
	}
	if err := half.CloseWrite(); err != nil {
		return err
	}
	limit, stop := context.WithTimeout(context.WithoutCancel(ctx), farewell)
	defer stop()
	select {
	case err := <-c.ended:
		if errors.Is(err, errEnded) {
			return nil
		}
		return err
	case <-limit.Done():
		return errEnded // it may still read: only what does not count as received is told again
	}
}

// land settles what was under way when the connection came to its end.
func (c *conversation) land(ctx context.Context, why error) error {
	ctx = context.WithoutCancel(ctx)
	now := c.Clock.Now()
	switch {
	case why == nil:
		if last := c.flight.last(); last > 0 {
			return c.Queue.Sent(ctx, c.to, last, now)
		}
		return nil
	case errors.Is(why, errEnded):
		return nil // what does not count as received waits in the queue still
	}
	from := c.flight.doubtful(now.Add(-time.Duration(c.cfg.Resend)), errors.Is(why, errStalled), c.again)
	if from == 0 {
		return nil
	}
	c.Log.Warn("the AppServer may not have read what was sent last; it is sent again", "reason", why)
	return c.Queue.Unsend(ctx, c.to, from)
}

// hear takes commands until the connection ends. What is none is counted and thrown away.
func (c *conversation) hear(ctx context.Context) error {
	in := lines{in: &paced{in: c.conn, clock: c.Clock, done: ctx.Done()}, dropped: c.ignore}
	for {
		line, err := in.next()
		switch {
		case errors.Is(err, io.EOF):
			return errEnded
		case err != nil:
			return err
		}
		cmd, ok := c.lines.read(c.charset.decode(line))
		if !ok {
			c.ignore()
			continue
		}
		c.obey(cmd)
		select {
		case c.heard <- struct{}{}:
		default:
		}
	}
}

func (a *AppServer) ignore() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.state.Ignored++
}

// obey brings a command to its player. The manual has no answer for one that is not there.
func (a *AppServer) obey(cmd Command) {
	if err := a.relay.Send(cmd); err != nil {
		a.Log.Debug("command of the AppServer reaches nobody", "command", cmd.Do, "error", err)
		a.ignore()
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.state.Commands++
}
