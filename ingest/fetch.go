package ingest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"log/slog"
	"time"

	"callreel/internal/clock"
	"callreel/internal/recording"
)

// SpoolFile is a copy that is being written. Commit makes it durable; Abort throws
// it away and does nothing after Commit.
type SpoolFile = interface {
	io.Writer
	Commit() error
	Abort()
}

// SpoolReader is a copy that is open, in the clear.
type SpoolReader = interface {
	io.ReaderAt
	Size() int64
	io.Closer
}

// Spool keeps the work copies.
type Spool interface {
	Create(name string) (SpoolFile, error)
	Open(name string) (SpoolReader, error)
	Remove(name string) error
}

const (
	defaultGiveUp = 5 * time.Minute
	firstDelay    = time.Second
	longestDelay  = 30 * time.Second
)

// Fetcher copies captures from an inbox into the spool.
type Fetcher struct {
	Inbox  Inbox
	Spool  Spool
	Clock  clock.Clock
	Log    *slog.Logger
	GiveUp time.Duration // how long without a byte of progress; 0 = 5 minutes
	Broken func(error)   // if not nil, told of each transfer that broke and is tried again
}

// Fetch copies the capture c to the spool name and gives c with Spool, SpoolSize,
// SHA256 and FetchedAt, and with UID if the name gave none. When it returns
// without error the copy is durable, has the length of the listing, and the source
// was the same after the copy as before. A broken transfer is resumed, with
// growing delay, until GiveUp passes without progress. recording.ErrChanged says
// that the source has changed: look again and copy again. On an error nothing is
// left in the spool.
func (f Fetcher) Fetch(ctx context.Context, name string, c recording.Capture) (recording.Capture, error) {
	if f.GiveUp == 0 {
		f.GiveUp = defaultGiveUp
	}
	t := &transfer{Fetcher: f, spoolName: name, want: c.Stamp, source: c.Source.Name}
	defer t.abort()
	if err := t.run(ctx); err != nil {
		return c, fmt.Errorf("fetch %.100q: %w", c.Source.Name, err)
	}
	now, err := t.Inbox.Stat(ctx, c.Source.Name)
	switch {
	case errors.Is(err, recording.ErrNotFound):
		// Gone, but we have all of it: keep the only copy.
		f.Log.Warn("capture has gone from its inbox while it was copied", "inbox", c.Source.Inbox)
	case err != nil:
		return c, fmt.Errorf("fetch %.100q: look again: %w", c.Source.Name, err)
	case !now.Same(c.Stamp):
		return c, fmt.Errorf("fetch %.100q: %w", c.Source.Name, recording.ErrChanged)
	}
	if err := t.file.Commit(); err != nil {
		return c, fmt.Errorf("fetch %.100q: %w", c.Source.Name, err)
	}
	c.Spool, c.SpoolSize, c.FetchedAt = name, t.offset, f.Clock.Now().UTC()
	c.SHA256 = hex.EncodeToString(t.hash.Sum(nil))
	if c.UID == "" {
		c.UID = c.SHA256[:32]
	}
	return c, nil
}

// transfer is one copy on its way.
type transfer struct {
	Fetcher
	spoolName string
	source    string
	want      recording.Stamp

	file   SpoolFile
	hash   hash.Hash
	offset int64     // bytes that are in file and in hash
	since  time.Time // of the first failure after the last progress
	delay  time.Duration
	whole  bool // the server cannot resume
}

// run copies until all bytes are there.
func (t *transfer) run(ctx context.Context) error {
	if err := t.begin(); err != nil {
		return err
	}
	for {
		before := t.offset
		err := t.once(ctx)
		if err == nil {
			return nil
		}
		if t.final(ctx, err) {
			return err
		}
		if err := t.pause(ctx, err, t.offset > before && !t.whole); err != nil {
			return err
		}
		if errors.Is(err, ErrNoResume) || t.whole {
			t.whole = true
			if err := t.begin(); err != nil {
				return err
			}
		}
	}
}

// begin starts the copy from its first byte.
func (t *transfer) begin() error {
	t.abort()
	file, err := t.Spool.Create(t.spoolName)
	if err != nil {
		return err
	}
	t.file, t.hash, t.offset = file, sha256.New(), 0
	return nil
}

func (t *transfer) abort() {
	if t.file != nil {
		t.file.Abort()
	}
}

// spoolError is a fault of our own disk; no other try at the source mends it.
type spoolError struct{ error }

func (e spoolError) Unwrap() error { return e.error }

// once reads from offset as far as the connection goes.
func (t *transfer) once(ctx context.Context) error {
	r, err := t.Inbox.Open(ctx, t.source, t.offset, t.want)
	if err != nil {
		return err
	}
	defer r.Close()
	// One byte more than wanted shows a file that has grown.
	_, err = io.Copy(t, io.LimitReader(r, t.want.Size-t.offset+1))
	switch {
	case err != nil:
		return err
	case t.offset > t.want.Size:
		return fmt.Errorf("it has become longer than %d bytes: %w", t.want.Size, recording.ErrChanged)
	case t.offset < t.want.Size:
		return fmt.Errorf("it ends after %d of %d bytes: %w", t.offset, t.want.Size, io.ErrUnexpectedEOF)
	}
	return nil
}

// Write takes bytes from the source. It is exported for io.Copy only.
func (t *transfer) Write(p []byte) (int, error) {
	n, err := t.file.Write(p)
	t.hash.Write(p[:n])
	t.offset += int64(n)
	if err != nil {
		return n, spoolError{err}
	}
	return n, nil
}

// final reports whether trying again is of no use.
func (t *transfer) final(ctx context.Context, err error) bool {
	var status *StatusError
	var ours spoolError
	return ctx.Err() != nil || errors.As(err, &ours) ||
		errors.Is(err, recording.ErrChanged) || errors.Is(err, recording.ErrNotFound) ||
		errors.As(err, &status) && status.Refusal()
}

// pause waits before the next try, longer each time, and gives up with the last
// error when nothing has come for GiveUp.
func (t *transfer) pause(ctx context.Context, err error, progress bool) error {
	now := t.Clock.Now()
	if progress || t.since.IsZero() {
		t.since, t.delay = now, firstDelay
	}
	if now.Sub(t.since) >= t.GiveUp {
		return fmt.Errorf("given up after %s: %w", t.GiveUp, err)
	}
	t.Log.Debug("copy is broken, trying again", "inbox", t.Inbox.Name(), "offset", t.offset, "delay", t.delay, "error", err)
	if t.Broken != nil {
		t.Broken(err)
	}
	if !t.Clock.Wait(ctx.Done(), t.delay) {
		return context.Cause(ctx)
	}
	t.delay = min(2*t.delay, longestDelay)
	return nil
}

// IsSame reports whether the copy in the spool is the one that c tells of, by its
// length and SHA-256. Ask it after a restart, before a source is deleted.
func IsSame(sp Spool, c recording.Capture) (bool, error) {
	r, err := sp.Open(c.Spool)
	if err != nil {
		return false, fmt.Errorf("check the copy %q: %w", c.Spool, err)
	}
	defer r.Close()
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(r, 0, r.Size())); err != nil {
		return false, fmt.Errorf("check the copy %q: %w", c.Spool, err)
	}
	want, err := hex.DecodeString(c.SHA256)
	return err == nil && r.Size() == c.SpoolSize && bytes.Equal(h.Sum(nil), want), nil
}
