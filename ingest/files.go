package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path"
	"strings"

	"callreel/internal/atomicfile"
)

// Files reads, writes and removes what is no capture in an inbox: scripts for the PBX,
// and the probe of who sets it up. Names are slash-separated, below the inbox. A file
// that is not there is recording.ErrNotFound. It is used by one goroutine.
type Files interface {
	Read(ctx context.Context, name string) ([]byte, error)
	Write(ctx context.Context, name string, data []byte) error // makes the folders too
	Remove(ctx context.Context, name string) error
}

// maxFile bounds what Read reads.
const maxFile = 1 << 20

// OpenFiles opens an inbox of any kind, at its main address.
func OpenFiles(cfg Config) (Files, error) {
	cfg = cfg.WithDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Kind == KindFolder {
		return folderFiles{cfg}, nil
	}
	base, err := url.Parse(cfg.URL)
	if err != nil {
		return nil, fmt.Errorf("inbox %q: url: %w", cfg.Name, err)
	}
	wire, err := newTransport(cfg)
	if err != nil {
		return nil, err
	}
	return &serverFiles{cfg, base, wire}, nil
}

// checkFile refuses names that leave the inbox or are those of captures.
func checkFile(name string) error {
	if !fs.ValidPath(name) || name == "." || IsCapture(path.Base(name)) {
		return fmt.Errorf("%.100q is not the name of a file beside the captures", name)
	}
	for part := range strings.SplitSeq(name, "/") {
		if !harmless(part) {
			return fmt.Errorf("%.100q is not the name of a file beside the captures", name)
		}
	}
	return nil
}

// folderFiles are those of an inbox on a disk.
type folderFiles struct{ cfg Config }

func (f folderFiles) in(ctx context.Context, do, name string, work func(*os.Root) error) error {
	if err := checkFile(name); err != nil {
		return err
	}
	root, err := (&folder{cfg: f.cfg}).open(ctx)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := work(root); err != nil {
		return (&folder{cfg: f.cfg}).fault(do, name, err)
	}
	return nil
}

func (f folderFiles) Read(ctx context.Context, name string) (data []byte, err error) {
	err = f.in(ctx, "read", name, func(root *os.Root) error {
		file, err := root.Open(name)
		if err != nil {
			return err
		}
		defer file.Close()
		data, err = readBounded(file)
		return err
	})
	return data, err
}

func (f folderFiles) Write(ctx context.Context, name string, data []byte) error {
	return f.in(ctx, "write", name, func(root *os.Root) error {
		if dir := path.Dir(name); dir != "." {
			if err := root.MkdirAll(dir, 0o755); err != nil { // the PBX's web server reads it
				return err
			}
		}
		file, err := atomicfile.Create(root, name, 0o644)
		if err != nil {
			return err
		}
		defer file.Abort()
		if _, err := file.Write(data); err != nil {
			return err
		}
		return file.Commit()
	})
}

func (f folderFiles) Remove(ctx context.Context, name string) error {
	return f.in(ctx, "delete", name, func(root *os.Root) error { return root.Remove(name) })
}

// serverFiles are those of an inbox on a server, by plain GET, PUT and DELETE, which
// WebDAV has too.
type serverFiles struct {
	cfg  Config
	base *url.URL
	wire http.RoundTripper
}

func (s *serverFiles) Read(ctx context.Context, name string) (data []byte, err error) {
	return s.send(ctx, http.MethodGet, "read", name, nil)
}

func (s *serverFiles) Remove(ctx context.Context, name string) error {
	_, err := s.send(ctx, http.MethodDelete, "delete", name, nil)
	return err
}

func (s *serverFiles) Write(ctx context.Context, name string, data []byte) error {
	for at, r := range name {
		if r != '/' {
			continue
		}
		// 405 says that the folder is there (RFC 4918 §9.3.1); where a server knows no
		// folders, the PUT tells.
		_, err := s.send(ctx, "MKCOL", "make the folder", name[:at], nil)
		if _, answered := errors.AsType[*StatusError](err); err != nil && !answered {
			return err
		}
	}
	_, err := s.send(ctx, http.MethodPut, "write", name, data)
	return err
}

func (s *serverFiles) send(ctx context.Context, method, do, name string, data []byte) ([]byte, error) {
	if err := checkFile(name); err != nil {
		return nil, err
	}
	ctx, cancel := short(ctx, s.cfg)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, s.base.JoinPath(strings.Split(name, "/")...).String(), bytes.NewReader(data))
	if err != nil {
		return nil, fault(s.cfg.Name, do, name, err)
	}
	res, err := s.wire.RoundTrip(req)
	if err != nil {
		return nil, fault(s.cfg.Name, do, name, err)
	}
	defer res.Body.Close()
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return nil, fault(s.cfg.Name, do, name, notFound(statusError(res)))
	}
	got, err := readBounded(res.Body)
	if err != nil {
		return nil, fault(s.cfg.Name, do, name, err)
	}
	return got, nil
}

func readBounded(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = fmt.Errorf("it is larger than %d bytes", maxFile)
	}
	return data, err
}
