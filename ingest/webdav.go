package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/studio-b12/gowebdav"

	"callreel/internal/clock"
	"callreel/internal/recording"
)

// dav is an inbox on a WebDAV server, by gowebdav behind exchange.
type dav struct {
	cfg   Config
	base  *url.URL
	wire  http.RoundTripper
	clock clock.Clock
	log   *slog.Logger
	last  atomic.Pointer[map[string]recording.Stamp] // the files of the last listing; it does not change
}

func newDAV(cfg Config, clk clock.Clock, log *slog.Logger) (*dav, error) {
	base, err := url.Parse(cfg.URL)
	if err != nil {
		return nil, fmt.Errorf("inbox %q: url: %w", cfg.Name, err)
	}
	wire, err := newTransport(cfg)
	if err != nil {
		return nil, err
	}
	return &dav{cfg: cfg, base: base, wire: wire, clock: clk, log: log}, nil
}

func (d *dav) Name() string { return d.cfg.Name }

// wanted reports whether a file of this name is listed. What stood in the last listing need
// not be taken apart again.
func (d *dav) wanted(name string) bool {
	if last := d.last.Load(); last != nil {
		if _, known := (*last)[name]; known {
			return true
		}
	}
	return d.cfg.wanted(name)
}

// noAuth keeps gowebdav out of authentication, which the transport does. With it
// no request is sent twice.
type noAuth struct{}

func (noAuth) Authorize(_ *http.Client, rq *http.Request, _ string) error {
	rq.Header.Set(gowebdav.XInhibitRedirect, "1")
	return nil
}
func (noAuth) Verify(*http.Client, *http.Response, string) (bool, error) { return false, nil }
func (noAuth) Clone() gowebdav.Authenticator                             { return noAuth{} }
func (noAuth) Close() error                                              { return nil }

// call runs one operation of gowebdav and gives the error that really happened.
func (d *dav) call(x *exchange, op func(*gowebdav.Client) error) error {
	x.next, x.base = d.wire, d.base
	root := url.URL{Scheme: d.base.Scheme, Host: placeholder}
	c := gowebdav.NewAuthClient(root.String()+strings.TrimSuffix(d.base.Path, "/"), gowebdav.NewPreemptiveAuth(noAuth{}))
	c.SetTransport(x)
	err := op(c)
	if x.err != nil {
		return x.err
	}
	if status, ok := errors.AsType[gowebdav.StatusError](err); ok {
		return &StatusError{Code: status.Status}
	}
	return err
}

func (d *dav) fault(do, name string, err error) error {
	return fault(d.cfg.Name, do, name, notFound(err))
}

func (d *dav) List(ctx context.Context) ([]Entry, Stats, error) {
	ctx, cancel := short(ctx, d.cfg)
	defer cancel()
	x := &exchange{ctx: ctx, wanted: d.wanted}
	err := d.call(x, func(c *gowebdav.Client) error {
		_, err := c.ReadDir("/")
		return err
	})
	if err == nil && !x.listing.folder {
		err = fmt.Errorf("%w: it is of no folder", ErrListing)
	}
	if err != nil {
		return nil, Stats{}, d.fault("list", "", d.cfg.missing(err))
	}
	d.last.Store(&x.listing.good)
	stats := Stats{Ignored: x.listing.others, Date: x.date}
	for _, name := range x.listing.refused {
		stats.refuse(name)
	}
	entries := make([]Entry, 0, len(x.listing.good))
	for name, stamp := range x.listing.good {
		entries = append(entries, Entry{name, stamp})
	}
	sortEntries(entries)
	return entries, stats, nil
}

func (d *dav) Stat(ctx context.Context, name string) (recording.Stamp, error) {
	if !d.wanted(name) {
		return recording.Stamp{}, d.fault("look at", name, errName)
	}
	ctx, cancel := short(ctx, d.cfg)
	defer cancel()
	x := &exchange{ctx: ctx, wanted: d.wanted}
	err := d.call(x, func(c *gowebdav.Client) error {
		_, err := c.Stat("/" + name)
		if err != nil || x.err != nil {
			return err
		}
		switch {
		case x.listing.gone:
			return &StatusError{Code: http.StatusNotFound}
		case !x.listing.found:
			return fmt.Errorf("%w: it tells nothing of the file", ErrListing)
		case x.listing.folder:
			return errors.New("it is a folder")
		}
		return nil
	})
	if err != nil {
		return recording.Stamp{}, d.fault("look at", name, err)
	}
	return x.listing.first, nil
}

func (d *dav) Open(ctx context.Context, name string, offset int64, want recording.Stamp) (io.ReadCloser, error) {
	if !d.wanted(name) {
		return nil, d.fault("read", name, errName)
	}
	if offset < 0 || offset > want.Size {
		return nil, d.fault("read", name, fmt.Errorf("offset %d of %d bytes", offset, want.Size))
	}
	if offset == want.Size && offset > 0 {
		return io.NopCloser(strings.NewReader("")), nil
	}
	x := &exchange{ctx: ctx, want: want, offset: offset, header: http.Header{"Accept-Encoding": {"identity"}}}
	var body io.ReadCloser
	err := d.call(x, func(c *gowebdav.Client) (err error) {
		if offset == 0 {
			body, err = c.ReadStream("/" + name)
			return err
		}
		x.setIfRange()
		body, err = c.ReadStreamRange("/"+name, offset, want.Size-offset)
		return err
	})
	if err != nil {
		return nil, d.fault("read", name, err)
	}
	return body, nil
}

// setIfRange asks for the whole file if it is not the wanted one any more. A weak
// ETag may not be used (RFC 9110 §13.1.5); where there is none, the time is.
func (x *exchange) setIfRange() {
	switch {
	case strings.HasPrefix(x.want.ETag, `"`):
		x.header.Set("If-Range", x.want.ETag)
	case !x.want.ModTime.IsZero():
		x.header.Set("If-Range", x.want.ModTime.Format(http.TimeFormat))
	}
}

// setIfMatch asks for the file with this ETag alone. A weak one never matches
// (RFC 9110 §13.1.1), so it is left out.
func (x *exchange) setIfMatch(etag string) {
	if strings.HasPrefix(etag, `"`) {
		x.header.Set("If-Match", etag)
	}
}

func (d *dav) Delete(ctx context.Context, name string, want recording.Stamp) error {
	if !d.clock.Wait(ctx.Done(), time.Duration(d.cfg.DeleteDelay)) {
		return context.Cause(ctx)
	}
	return deleteProved(ctx, d, name, want)
}

// Remove implements Remover.
func (d *dav) Remove(ctx context.Context, name string, want recording.Stamp) (gone bool, err error) {
	if !d.clock.Wait(ctx.Done(), time.Duration(d.cfg.DeleteDelay)) {
		return false, context.Cause(ctx)
	}
	return removeWanted(ctx, d, name, want)
}

func (d *dav) remove(ctx context.Context, name string, got recording.Stamp) error {
	ctx, cancel := short(ctx, d.cfg)
	defer cancel()
	x := &exchange{ctx: ctx, header: http.Header{}}
	x.setIfMatch(got.ETag)
	err := d.call(x, func(c *gowebdav.Client) error { return c.Remove("/" + name) })
	if err != nil {
		return d.fault("delete", name, err)
	}
	d.log.Debug("source deleted", "inbox", d.cfg.Name, "name", name)
	return nil
}
