package ingest

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"callreel/internal/recording"
)

// placeholder stands for the server's address towards gowebdav, which cannot write
// an IPv6 address; exchange puts the real one in.
const placeholder = "inbox.invalid"

// exchange is the one way from gowebdav to the server. gowebdav has no contexts,
// follows redirects, takes half a listing for a whole one and drops errors of
// DELETE; so each call of it gets an exchange of its own, which sees the real
// answer and keeps what gowebdav would lose.
type exchange struct {
	ctx  context.Context //nolint:containedctx // lives as long as one call
	next http.RoundTripper
	base *url.URL

	header http.Header     // more headers of the request
	want   recording.Stamp // GET: the file wanted
	offset int64           // GET: the first byte wanted

	err     error                  // of the request itself or of its answer
	wanted  func(name string) bool // PROPFIND: which files are listed
	listing *listing               // PROPFIND
	date    time.Time              // PROPFIND: by the server's clock; zero where it does not tell
}

// RoundTrip sends the request and refuses every answer that does not hold.
func (x *exchange) RoundTrip(req *http.Request) (*http.Response, error) {
	out := req.Clone(x.ctx)
	if out.URL.Host != placeholder {
		return nil, x.fail(nil, fmt.Errorf("request to %q is not for this inbox", out.URL.Host))
	}
	out.URL.Host, out.Host = x.base.Host, x.base.Host
	out.Header.Del("X-Gowebdav-Inhibit-Redirect")
	maps.Copy(out.Header, x.header)
	res, err := x.next.RoundTrip(out)
	if err != nil {
		return nil, x.fail(nil, orCause(x.ctx, err))
	}
	if err := x.check(req.Method, res); err != nil {
		return nil, x.fail(res, err)
	}
	return res, nil
}

func (x *exchange) fail(res *http.Response, err error) error {
	if res != nil {
		_ = res.Body.Close()
	}
	x.err = err
	return err
}

func (x *exchange) check(method string, res *http.Response) error {
	switch {
	case method == http.MethodGet && res.StatusCode == http.StatusRequestedRangeNotSatisfiable:
		return fmt.Errorf("the file has become shorter: %w", recording.ErrChanged)
	case res.StatusCode == http.StatusPreconditionFailed:
		return recording.ErrChanged
	case res.StatusCode < 200 || res.StatusCode > 299:
		return statusError(res)
	case method == "PROPFIND":
		return x.readListing(res)
	case method == http.MethodGet:
		return x.checkContent(res)
	}
	return nil
}

func statusError(res *http.Response) *StatusError {
	e := &StatusError{Code: res.StatusCode}
	if u, err := url.Parse(res.Header.Get("Location")); err == nil && u.Host != "" {
		e.Location = u.Scheme + "://" + u.Host // the rest may hold a session
	}
	return e
}

// noListing is all that gowebdav gets of one: it is read here, once.
const noListing = `<multistatus xmlns="DAV:"/>`

// readListing reads the whole listing and proves it.
func (x *exchange) readListing(res *http.Response) error {
	if res.StatusCode != http.StatusMultiStatus {
		return statusError(res)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(io.LimitReader(res.Body, maxListing+1))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrListing, err)
	}
	if x.listing, err = parseListing(data, x.wanted); err != nil {
		return fmt.Errorf("%w: %w", ErrListing, err)
	}
	res.Body, x.date = io.NopCloser(strings.NewReader(noListing)), dateOf(res)
	return nil
}

// dateOf is when the server says that it answered.
func dateOf(res *http.Response) time.Time {
	t, err := http.ParseTime(res.Header.Get("Date"))
	if err != nil {
		return time.Time{}
	}
	return t
}

// checkContent proves that the answer is of the wanted file and begins where it
// was asked to.
func (x *exchange) checkContent(res *http.Response) error {
	total := res.ContentLength // -1 = unknown
	switch {
	case res.StatusCode == http.StatusOK:
	case res.StatusCode == http.StatusPartialContent && x.offset > 0:
		first, last, whole, ok := contentRange(res.Header.Get("Content-Range"))
		if !ok || first != x.offset || last < first {
			return fmt.Errorf("%w: asked for bytes from %d, got %.60q", ErrNoResume, x.offset, res.Header.Get("Content-Range"))
		}
		if total >= 0 && total != last-first+1 {
			return fmt.Errorf("%w: the range has %d bytes, the answer %d", ErrNoResume, last-first+1, total)
		}
		total = whole
	default:
		return fmt.Errorf("%w: answer %d", ErrNoResume, res.StatusCode)
	}
	if total >= 0 && total != x.want.Size {
		return fmt.Errorf("it has %d bytes now, %d when it was listed: %w", total, x.want.Size, recording.ErrChanged)
	}
	return x.checkVersion(res.Header)
}

// checkVersion compares ETag and time. Servers differ in how they quote an ETag, so
// a different one alone does not count against an equal time.
func (x *exchange) checkVersion(h http.Header) error {
	tag := h.Get("ETag")
	modified, err := http.ParseTime(h.Get("Last-Modified"))
	knowTime := err == nil && !x.want.ModTime.IsZero()
	sameTime := knowTime && modified.Equal(x.want.ModTime.Truncate(time.Second))
	sameTag := tag == "" || x.want.ETag == "" || bareTag(tag) == bareTag(x.want.ETag)
	if knowTime && !sameTime || !sameTag && !sameTime {
		return fmt.Errorf("ETag or time is not that of the listing: %w", recording.ErrChanged)
	}
	return nil
}

func bareTag(s string) string { return strings.Trim(strings.TrimPrefix(s, "W/"), `"`) }

// contentRange reads "bytes 5-9/10"; whole is -1 for "*" (RFC 9110 §14.4).
func contentRange(s string) (first, last, whole int64, ok bool) {
	span, size, ok1 := strings.Cut(strings.TrimPrefix(s, "bytes "), "/")
	from, to, ok2 := strings.Cut(span, "-")
	first, err1 := strconv.ParseInt(from, 10, 64)
	last, err2 := strconv.ParseInt(to, 10, 64)
	whole, err3 := strconv.ParseInt(size, 10, 64)
	if size == "*" {
		whole, err3 = -1, nil
	}
	ok = strings.HasPrefix(s, "bytes ") && ok1 && ok2 && err1 == nil && err2 == nil && err3 == nil && first >= 0
	return first, last, whole, ok
}
