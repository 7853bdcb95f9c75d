package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"sync"
	"time"

	"callreel/internal/recording"
)

// The address that is not in use is listed too, once in otherEvery listings and
// for at most otherTime (real time): captures may still lie there.
const (
	otherEvery = 12
	otherTime  = 10 * time.Second
)

// Pair is an inbox with two addresses. It uses one of them until that does not
// answer (no connection, a connection that breaks, silence) while the other one
// does. An answer, even a refusal, is no reason to switch. Both addresses are one
// inbox: a capture keeps its inbox and name wherever it lies.
//
// A capture counts as gone only when both addresses say so.
type Pair struct {
	main, standby Inbox
	log           *slog.Logger

	mu        sync.Mutex
	onStandby bool
	lists     int
}

// Failover makes one inbox of a main and a standby address. It begins with main.
// It logs nothing; New's pairs do.
func Failover(main, standby Inbox) *Pair {
	return &Pair{main: main, standby: standby, log: slog.New(slog.DiscardHandler)}
}

// Use says which address is used from now on, for instance when the PBX has
// changed its own. If that address does not answer, the next call switches again.
func (p *Pair) Use(standby bool) {
	p.mu.Lock()
	changed := p.onStandby != standby
	p.onStandby = standby
	p.mu.Unlock()
	if changed {
		p.log.Warn("inbox changes its address", "inbox", p.Name(), "standby", standby)
	}
}

// OnStandby reports whether the standby address is in use.
func (p *Pair) OnStandby() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.onStandby
}

// Name is the main address's.
func (p *Pair) Name() string { return p.main.Name() }

// order gives the inbox in use, the other one, and what Use would be told for the
// other one.
func (p *Pair) order() (current, other Inbox, standby bool) {
	if p.OnStandby() {
		return p.standby, p.main, false
	}
	return p.main, p.standby, true
}

// try runs op at the address in use and, if that does not answer, at the other.
func (p *Pair) try(ctx context.Context, op func(Inbox) error) error {
	current, other, standby := p.order()
	err := op(current)
	if !unreachable(ctx, err) {
		return err
	}
	again := op(other)
	if unreachable(ctx, again) || ctx.Err() != nil {
		return errors.Join(err, again)
	}
	p.Use(standby)
	return again
}

// List gives the captures at the address in use and, now and then, those at the
// other one. Of two with the same name the one in use counts. A folder of marks that only
// one of them has is no fault.
func (p *Pair) List(ctx context.Context) ([]Entry, Stats, error) {
	var list []Entry
	var stats Stats
	err := p.try(ctx, func(in Inbox) (err error) {
		list, stats, err = in.List(ctx)
		return err
	})
	if err != nil && !errors.Is(err, ErrNoFolder) {
		return list, stats, err
	}
	half := true
	if p.otherIsDue() {
		list, half = p.withOther(ctx, list)
	}
	stats.Away = half && p.OnStandby()
	return list, stats, nil
}

func (p *Pair) otherIsDue() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lists++
	return p.lists%otherEvery == 0
}

// withOther adds to a listing what lies at the address that is not in use; half if it does
// not have all of that.
func (p *Pair) withOther(ctx context.Context, list []Entry) (all []Entry, half bool) {
	ctx, cancel := context.WithTimeout(ctx, otherTime)
	defer cancel()
	_, other, _ := p.order()
	more, _, err := other.List(ctx)
	if err != nil && !errors.Is(err, ErrNoFolder) {
		p.log.Debug("the address not in use cannot be listed", "inbox", p.Name(), "err", err)
		return list, true
	}
	have := make(map[string]bool, len(list))
	for _, e := range list {
		have[e.Name] = true
	}
	for _, e := range more {
		if have[e.Name] {
			half = true
			continue
		}
		list = append(list, e)
	}
	sortEntries(list)
	return list, half
}

// both runs op where the file is: at the address in use or, if that says that it
// has no such file, at the other one. Only if both say so is it not found.
func (p *Pair) both(ctx context.Context, op func(Inbox) error) error {
	var asked Inbox
	err := p.try(ctx, func(in Inbox) error {
		asked = in
		return op(in)
	})
	if !errors.Is(err, recording.ErrNotFound) {
		return err
	}
	other := p.standby
	if asked == p.standby {
		other = p.main
	}
	return op(other)
}

// Stat looks at one file, wherever it is.
func (p *Pair) Stat(ctx context.Context, name string) (stamp recording.Stamp, err error) {
	err = p.both(ctx, func(in Inbox) (err error) {
		stamp, err = in.Stat(ctx, name)
		return err
	})
	return stamp, err
}

// Open reads a file, wherever it is. A copy that breaks goes on at the other
// address only if that has the very same file.
func (p *Pair) Open(ctx context.Context, name string, offset int64, want recording.Stamp) (body io.ReadCloser, err error) {
	err = p.both(ctx, func(in Inbox) (err error) {
		body, err = in.Open(ctx, name, offset, want)
		return err
	})
	return body, err
}

// Delete removes a file, wherever it is. That it was gone before is success only
// if both addresses say so.
func (p *Pair) Delete(ctx context.Context, name string, want recording.Stamp) error {
	err := p.both(ctx, func(in Inbox) error {
		if _, err := in.Stat(ctx, name); err != nil {
			return err
		}
		return in.Delete(ctx, name, want)
	})
	if errors.Is(err, recording.ErrNotFound) {
		return nil
	}
	return err
}

// unreachable reports whether err says that the server did not answer: no
// connection, a broken one, or silence.
func unreachable(ctx context.Context, err error) bool {
	switch {
	case err == nil || ctx.Err() != nil:
		return false
	case errors.Is(err, ErrIdle), errors.Is(err, io.EOF):
		return true
	case errors.Is(err, ErrListing):
		return false
	}
	_, network := errors.AsType[net.Error](err)
	return network || errors.Is(err, io.ErrUnexpectedEOF)
}

// StandbyConfig is the config of the standby address: c with another URL. A host,
// or host:port, takes the place of the one in url.
func (c Config) StandbyConfig() (Config, error) {
	s := c
	s.Standby = ""
	if strings.Contains(c.Standby, "://") {
		s.URL = c.Standby
		return s, nil
	}
	u, err := url.Parse(c.URL)
	if err != nil || c.Standby == "" || strings.ContainsAny(c.Standby, "/?#@ ") {
		return c, fmt.Errorf("%q is no address", c.Standby)
	}
	u.Host = c.Standby
	s.URL = u.String()
	return s, nil
}
