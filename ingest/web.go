package ingest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"callreel/internal/clock"
	"callreel/internal/recording"
)

// looksPerList bounds the HEAD requests of one listing. Of a fuller folder the
// files never looked at come first, then those looked at longest ago.
const looksPerList = 256

// web is an inbox on a server that speaks plain HTTP: GET of a listing page, HEAD
// for size and time, GET and DELETE of a file.
type web struct {
	cfg   Config
	base  *url.URL // of the folder, with a slash at its end
	wire  http.RoundTripper
	clock clock.Clock
	log   *slog.Logger

	mu    sync.Mutex
	looks map[string]look // of the files of the last listing
	count int             // of listings
}

// look is what HEAD last said of a file.
type look struct {
	stamp recording.Stamp
	known bool
	list  int // the listing in which it was asked; 0 = never
}

func newWeb(cfg Config, clk clock.Clock, log *slog.Logger) (*web, error) {
	base, err := url.Parse(cfg.URL)
	if err != nil {
		return nil, fmt.Errorf("inbox %q: url: %w", cfg.Name, err)
	}
	wire, err := newTransport(cfg)
	if err != nil {
		return nil, err
	}
	return &web{cfg: cfg, base: base.JoinPath("/"), wire: wire, clock: clk, log: log, looks: map[string]look{}}, nil
}

func (w *web) Name() string { return w.cfg.Name }

// List reads the listing page and looks at its files. A file that was not looked
// at this time keeps its stamp of the last time: Open and Delete ask again anyhow
// and refuse another one. A file of which nothing is known gets a stamp that is
// never the same twice, so that it does not count as standing still.
func (w *web) List(ctx context.Context) ([]Entry, Stats, error) {
	ctx, cancel := short(ctx, w.cfg)
	defer cancel()
	page, err := w.index(ctx)
	if err != nil {
		return nil, Stats{}, fault(w.cfg.Name, "list", "", w.cfg.missing(err))
	}
	stats := Stats{Ignored: page.others, Date: page.date}
	for _, name := range page.refused {
		stats.refuse(name)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.lookAt(ctx, page.names, &stats); err != nil {
		return nil, Stats{}, fault(w.cfg.Name, "list", "", err)
	}
	entries := make([]Entry, 0, len(w.looks))
	for name, l := range w.looks {
		if !l.known {
			l.stamp.ETag = fmt.Sprintf("%s in listing %d", notKnown, w.count)
		}
		entries = append(entries, Entry{name, l.stamp})
	}
	sortEntries(entries)
	return entries, stats, nil
}

// index gets and reads the listing page.
func (w *web) index(ctx context.Context) (*indexPage, error) {
	x := &exchange{ctx: ctx, header: http.Header{"Accept": {"text/html"}, "Cache-Control": {"no-cache"}}}
	res, err := w.send(x, methodList, "")
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if !isPage(res) || res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%w: answer %d of type %.60q is no page", ErrListing, res.StatusCode, res.Header.Get("Content-Type"))
	}
	framed := res.ContentLength >= 0 || slices.Contains(res.TransferEncoding, "chunked") || res.ProtoMajor > 1
	page, err := readIndex(res.Body, w.base, framed, w.cfg.wanted)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrListing, err)
	}
	page.date = dateOf(res)
	return page, nil
}

func isPage(res *http.Response) bool {
	kind, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	return kind == "text/html" || kind == "application/xhtml+xml"
}

// lookAt brings looks up to date with the names of a listing. The caller holds mu.
func (w *web) lookAt(ctx context.Context, names []string, stats *Stats) error {
	w.count++
	next := make(map[string]look, len(names))
	for _, name := range names {
		next[name] = w.looks[name]
	}
	due := slices.Clone(names)
	slices.SortStableFunc(due, func(a, b string) int { return cmp.Compare(next[a].list, next[b].list) })
	var failed error
	good := 0
	for _, name := range due[:min(len(due), looksPerList)] {
		stamp, err := w.head(ctx, name)
		switch {
		case errors.Is(err, recording.ErrNotFound): // deleted since
			delete(next, name)
		case errors.Is(err, errLength):
			delete(next, name)
			stats.refuse(name)
		case err != nil && !ofOneFile(err):
			return err
		case err != nil:
			failed = err
			next[name] = look{list: w.count}
		default:
			good++
			next[name] = look{stamp, true, w.count}
		}
	}
	if failed != nil && good == 0 {
		return failed
	}
	w.looks = next
	return nil
}

// ofOneFile reports whether an error may concern one file only, for instance one
// that is being written. Then the others are listed all the same.
func ofOneFile(err error) bool {
	status, ok := errors.AsType[*StatusError](err)
	if !ok {
		return errors.Is(err, errPage)
	}
	none := status.Refusal() && status.Code != http.StatusForbidden
	return !none && status.Code != http.StatusMethodNotAllowed && status.Code != http.StatusNotImplemented
}

var (
	errLength = errors.New("the server does not tell the file's length")
	errPage   = errors.New("the server answers with a page instead of the file")
)

// head asks for a file's length, time and ETag. A weak ETag is left out: Apache
// gives one to a fresh file and makes it a strong one a second later.
func (w *web) head(ctx context.Context, name string) (recording.Stamp, error) {
	res, err := w.send(&exchange{ctx: ctx}, http.MethodHead, name)
	if err != nil {
		return recording.Stamp{}, notFound(err)
	}
	_ = res.Body.Close()
	switch {
	case isPage(res):
		return recording.Stamp{}, errPage
	case res.ContentLength < 0 || res.StatusCode != http.StatusOK:
		return recording.Stamp{}, errLength
	}
	s := recording.Stamp{Size: res.ContentLength}
	if tag := res.Header.Get("ETag"); strings.HasPrefix(tag, `"`) {
		s.ETag = tag
	}
	if t, err := http.ParseTime(res.Header.Get("Last-Modified")); err == nil {
		s.ModTime = t.UTC()
	}
	return s, nil
}

// methodList is the GET of the listing page; its answer is no file.
const methodList = "GET of the listing"

// send sends one request and refuses every status that is not wanted. Nothing is
// redirected, because no http.Client is in between.
func (w *web) send(x *exchange, method, name string) (*http.Response, error) {
	where := w.base
	if name != "" {
		where = w.base.JoinPath(url.PathEscape(name))
	}
	verb := method
	if method == methodList {
		verb = http.MethodGet
	}
	req, err := http.NewRequestWithContext(x.ctx, verb, where.String(), http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", "callreel")
	req.Header.Set("Accept-Encoding", "identity")
	maps.Copy(req.Header, x.header)
	res, err := w.wire.RoundTrip(req)
	if err != nil {
		return nil, orCause(x.ctx, err)
	}
	if err := x.check(method, res); err != nil {
		_ = res.Body.Close()
		return nil, err
	}
	return res, nil
}

func (w *web) Stat(ctx context.Context, name string) (recording.Stamp, error) {
	if !w.cfg.wanted(name) {
		return recording.Stamp{}, fault(w.cfg.Name, "look at", name, errName)
	}
	ctx, cancel := short(ctx, w.cfg)
	defer cancel()
	stamp, err := w.head(ctx, name)
	if err != nil {
		return recording.Stamp{}, fault(w.cfg.Name, "look at", name, err)
	}
	return stamp, nil
}

func (w *web) Open(ctx context.Context, name string, offset int64, want recording.Stamp) (io.ReadCloser, error) {
	if !w.cfg.wanted(name) {
		return nil, fault(w.cfg.Name, "read", name, errName)
	}
	if offset < 0 || offset > want.Size {
		return nil, fault(w.cfg.Name, "read", name, fmt.Errorf("offset %d of %d bytes", offset, want.Size))
	}
	if offset == want.Size && offset > 0 {
		return io.NopCloser(strings.NewReader("")), nil
	}
	x := &exchange{ctx: ctx, want: want, offset: offset, header: http.Header{}}
	if offset > 0 {
		x.setIfRange()
		x.header.Set("Range", fmt.Sprintf("bytes=%d-%d", offset, want.Size-1))
	}
	res, err := w.send(x, http.MethodGet, name)
	if err != nil {
		return nil, fault(w.cfg.Name, "read", name, notFound(err))
	}
	switch {
	case isPage(res):
		err = errPage
	case res.StatusCode == http.StatusOK && offset > 0: // the server has no ranges: pass over what is known
		_, err = io.CopyN(io.Discard, res.Body, offset)
	}
	if err != nil {
		_ = res.Body.Close()
		return nil, fault(w.cfg.Name, "read", name, err)
	}
	return res.Body, nil
}

func (w *web) Delete(ctx context.Context, name string, want recording.Stamp) error {
	if !w.clock.Wait(ctx.Done(), time.Duration(w.cfg.DeleteDelay)) {
		return context.Cause(ctx)
	}
	return deleteProved(ctx, w, name, want)
}

func (w *web) remove(ctx context.Context, name string, got recording.Stamp) error {
	ctx, cancel := short(ctx, w.cfg)
	defer cancel()
	x := &exchange{ctx: ctx, header: http.Header{}}
	x.setIfMatch(got.ETag)
	res, err := w.send(x, http.MethodDelete, name)
	if err != nil {
		return fault(w.cfg.Name, "delete", name, notFound(err))
	}
	_ = res.Body.Close()
	w.log.Debug("source deleted", "inbox", w.cfg.Name, "name", name)
	return nil
}
