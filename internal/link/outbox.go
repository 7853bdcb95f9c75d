package link

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"callreel/internal/clock"
	"callreel/internal/recording"
)

// Told is how a link tells how it is: the service makes a lamp of it. Without an error all
// is well with that cause.
type Told func(cause string, err error)

// Client is what a link needs beside its setup.
type Client struct {
	Queue Queue
	Clock clock.Clock
	Log   *slog.Logger
	Told  Told
}

// outbox is the part of the queue that is for one.
type outbox struct {
	Client
	to     string
	keep   time.Duration
	wake   chan struct{}
	tidied time.Time
}

func newOutbox(to string, keep time.Duration, c Client) outbox {
	return outbox{Client: c, to: to, keep: keep, wake: make(chan struct{}, 1)}
}

// To is what the link is called in the queue.
func (o *outbox) To() string { return o.to }

// Wake tells that there may be a new message.
func (o *outbox) Wake() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// Backlog tells what waits, and what was given up in the last day.
func (o *outbox) Backlog(ctx context.Context) (recording.Backlog, error) {
	return o.Queue.Backlog(ctx, o.to, o.Clock.Now().Add(-tellDead))
}

// next takes messages from the queue. That it cannot be read is told, and tried again.
func (o *outbox) next(ctx context.Context, after int64) []recording.Message {
	list, err := o.Queue.Waiting(ctx, o.to, after, atOnce)
	if !o.queueSays(ctx, err) {
		return nil
	}
	return list
}

func (o *outbox) queueSays(ctx context.Context, err error) (ok bool) {
	if ctx.Err() == nil {
		o.Told(o.to+" queue", err)
	}
	return err == nil
}

// tidy gives up what has waited too long, now and then, and tells of it for a day.
func (o *outbox) tidy(ctx context.Context) {
	now := o.Clock.Now()
	if now.Sub(o.tidied) < tidyEvery {
		return
	}
	o.tidied = now
	n, err := o.Queue.GiveUp(ctx, o.to, now.Add(-o.keep), mostWaiting, now)
	if n > 0 {
		o.Log.Error("messages were given up: they had waited too long", "to", o.to, "count", n)
	}
	if o.queueSays(ctx, err) {
		o.tellDead(ctx)
	}
}

func (o *outbox) tellDead(ctx context.Context) {
	b, err := o.Backlog(ctx)
	if !o.queueSays(ctx, err) {
		return
	}
	if b.Dead > 0 {
		err = fmt.Errorf("%d messages to %s were given up in the last 24 hours, because they had waited longer than keep_days, were too many "+
			"or were refused; they were not delivered, the recordings themselves are not touched; what they told stands in the catalog's table outbox", b.Dead, o.to)
	}
	o.Told(o.to+" given up", err)
}
