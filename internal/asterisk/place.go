package asterisk

import (
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// file is a file on this machine, gzip'd if its name says so.
type file string

func (f file) String() string { return string(f) }

func (f file) open(_ context.Context, offset int64) (io.ReadCloser, error) {
	in, err := os.Open(string(f))
	if err != nil {
		return nil, err
	}
	if strings.HasSuffix(string(f), ".gz") {
		return unzip(in, offset)
	}
	info, err := in.Stat()
	if err == nil && info.Size() < offset {
		err = errShort
	}
	if err == nil {
		_, err = in.Seek(offset, io.SeekStart)
	}
	if err != nil {
		return nil, errors.Join(err, in.Close())
	}
	return in, nil
}

// unzip reads a gzip'd file from an offset of its content on.
func unzip(in *os.File, offset int64) (io.ReadCloser, error) {
	z, err := gzip.NewReader(in)
	if err == nil {
		_, err = io.CopyN(io.Discard, z, offset)
	}
	if errors.Is(err, io.EOF) {
		err = errShort
	}
	if err != nil {
		return nil, errors.Join(err, in.Close())
	}
	return struct {
		io.Reader
		io.Closer
	}{z, in}, nil
}

// before finds the files that rotation has given longer names: "Master.csv.1",
// "Master.csv-20261128.gz".
func (f file) before(context.Context) ([]place, error) {
	dir, base := filepath.Split(string(f))
	entries, err := os.ReadDir(cmp.Or(dir, "."))
	if err != nil {
		return nil, err
	}
	type old struct {
		file
		at time.Time
	}
	var all []old
	for _, e := range entries {
		info, err := e.Info()
		if err == nil && e.Type().IsRegular() && strings.HasPrefix(e.Name(), base) && e.Name() != base {
			all = append(all, old{file(filepath.Join(dir, e.Name())), info.ModTime()})
		}
	}
	slices.SortStableFunc(all, func(a, b old) int { return a.at.Compare(b.at) })
	places := make([]place, 0, len(all))
	for _, o := range all {
		places = append(places, o.file)
	}
	return places, nil
}

// patience is how long a web server may take, in real time.
const patience = 30 * time.Second

// web is a file on a web server.
type web struct {
	cfg    Config
	client *http.Client
}

func newWeb(cfg Config) *web { return &web{cfg, &http.Client{Timeout: patience}} }

func (w *web) String() string { return w.cfg.URL }

// before is not known: a web server tells of no rotated file.
func (w *web) before(context.Context) ([]place, error) { return nil, nil }

func (w *web) open(ctx context.Context, offset int64) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.cfg.URL, http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Range", fmt.Sprintf("bytes=%d-", offset))
	if w.cfg.User != "" {
		req.SetBasicAuth(w.cfg.User, w.cfg.Password)
	}
	res, err := w.client.Do(req)
	if err != nil {
		return nil, err
	}
	body, err := w.from(res, offset)
	if err != nil {
		return nil, errors.Join(err, res.Body.Close())
	}
	return body, nil
}

// from is the answer's body from an offset of the file on, whether the server knows
// ranges or sends all.
func (w *web) from(res *http.Response, offset int64) (io.ReadCloser, error) {
	switch res.StatusCode {
	case http.StatusPartialContent:
		if want := fmt.Sprintf("bytes %d-", offset); !strings.HasPrefix(res.Header.Get("Content-Range"), want) {
			return nil, fmt.Errorf("the server answers with the range %q, asked was %q", res.Header.Get("Content-Range"), want)
		}
		return res.Body, nil
	case http.StatusOK:
		_, err := io.CopyN(io.Discard, res.Body, offset)
		if errors.Is(err, io.EOF) {
			err = errShort
		}
		return res.Body, err
	case http.StatusRequestedRangeNotSatisfiable:
		return w.atEnd(res, offset)
	case http.StatusNotFound:
		return nil, fmt.Errorf("the server answers %s: %w", res.Status, fs.ErrNotExist)
	default:
		return nil, fmt.Errorf("the server answers %s", res.Status)
	}
}

// atEnd tells a file that ends just where it was read to from one that is shorter.
func (w *web) atEnd(res *http.Response, offset int64) (io.ReadCloser, error) {
	if size := res.Header.Get("Content-Range"); size != "" && size != fmt.Sprintf("bytes */%d", offset) {
		return nil, errShort
	}
	if err := res.Body.Close(); err != nil {
		return nil, err
	}
	return http.NoBody, nil
}
