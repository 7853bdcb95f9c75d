package service

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"callreel/internal/logfile"
)

// LogConfig is [log] of the setup: the files beside what the program writes to its
// console.
type LogConfig struct {
	Folder string `toml:"folder"`  // empty = "logs" beside the catalog
	SizeMB int    `toml:"size_mb"` // of one file
	Number int    `toml:"number"`  // of files of each kind
	Events bool   `toml:"events"`  // write the event log too; errors are always written
}

// Validate checks the values.
func (c LogConfig) Validate() error {
	switch {
	case c.SizeMB < 1 || c.SizeMB > 1000:
		return fmt.Errorf("log: size_mb %d is not allowed; allowed: 1 to 1000", c.SizeMB)
	case c.Number < 1 || c.Number > 1000:
		return fmt.Errorf("log: number %d is not allowed; allowed: 1 to 1000", c.Number)
	}
	return nil
}

// mostLines is how many of the last messages, and of the last errors, are shown (the
// old recorder's panels had as many).
const mostLines = 100

// mostTrace is the longest time that a trace may run.
const mostTrace = 24 * time.Hour

// logbook is where everything that is logged goes, beside the console: the error log,
// the event log, the trace while it is on, and the last lines in memory. It is safe for
// concurrent use.
type logbook struct {
	errors, events, trace *logfile.Writer // events is nil where it is not wanted
	lastErrors, lastLines lines
	tracing               atomic.Bool

	mu    sync.Mutex
	until time.Time // of the trace
}

func newLogbook(cfg Config) *logbook {
	folder := cmp.Or(cfg.Log.Folder, filepath.Join(filepath.Dir(cfg.Catalog), "logs"))
	name := strings.TrimSuffix(filepath.Base(cfg.Catalog), filepath.Ext(cfg.Catalog))
	file := func(kind string) *logfile.Writer {
		return logfile.New(logfile.Config{Folder: folder, Name: name + "-" + kind, Size: int64(cfg.Log.SizeMB) << 20, Number: cfg.Log.Number})
	}
	b := &logbook{errors: file("error"), trace: file("trace")}
	if cfg.Log.Events {
		b.events = file("event")
	}
	return b
}

// fault is why a file cannot be written.
func (b *logbook) fault() error {
	err := errors.Join(b.errors.Fault(), b.trace.Fault())
	if b.events != nil {
		err = errors.Join(err, b.events.Fault())
	}
	return err
}

// Close closes the files.
func (b *logbook) Close() error {
	err := errors.Join(b.errors.Close(), b.trace.Close())
	if b.events != nil {
		err = errors.Join(err, b.events.Close())
	}
	return err
}

// traceUntil switches the trace on until a time, or off by the zero time.
func (b *logbook) traceUntil(at time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.until = at
	b.tracing.Store(!at.IsZero())
}

// tracedUntil is until when the trace is on; zero while it is off. It ends a trace whose
// time is over.
func (b *logbook) tracedUntil(now time.Time) time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.until.IsZero() && (!now.Before(b.until) || b.until.Sub(now) > mostTrace) {
		b.until = time.Time{}
		b.tracing.Store(false)
	}
	return b.until
}

// lines keeps the last lines that are written to it.
type lines struct {
	mu  sync.Mutex
	all []string
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.all) == mostLines {
		l.all = append(l.all[:0:0], l.all[1:]...)
	}
	l.all = append(l.all, strings.TrimSuffix(string(p), "\n"))
	return len(p), nil
}

func (l *lines) list() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string{}, l.all...)
}

// spread hands each record to those who want it.
type spread struct {
	console slog.Handler
	tracing *atomic.Bool
	trace   slog.Handler   // everything, while it is on
	info    []slog.Handler // from Info on
	warn    []slog.Handler // from Warn on
}

// handler is console with the logbook beside it.
func (b *logbook) handler(console slog.Handler) slog.Handler {
	text := func(w io.Writer, level slog.Level) slog.Handler {
		return slog.NewTextHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: withoutNames})
	}
	h := spread{
		console: console, tracing: &b.tracing, trace: text(b.trace, slog.LevelDebug),
		info: []slog.Handler{text(&b.lastLines, slog.LevelInfo)},
		warn: []slog.Handler{text(&b.lastErrors, slog.LevelWarn), text(b.errors, slog.LevelWarn)},
	}
	if b.events != nil {
		h.info = append(h.info, text(b.events, slog.LevelInfo))
	}
	return h
}

func (h spread) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelInfo || h.tracing.Load() || h.console.Enabled(ctx, level)
}

func (h spread) Handle(ctx context.Context, r slog.Record) error {
	var all error
	to := func(one slog.Handler) { all = errors.Join(all, one.Handle(ctx, r)) }
	if h.console.Enabled(ctx, r.Level) {
		to(h.console)
	}
	if h.tracing.Load() {
		to(h.trace)
	}
	if r.Level >= slog.LevelInfo {
		for _, one := range h.info {
			to(one)
		}
	}
	if r.Level >= slog.LevelWarn {
		for _, one := range h.warn {
			to(one)
		}
	}
	return all
}

func (h spread) WithAttrs(attrs []slog.Attr) slog.Handler {
	return h.each(func(one slog.Handler) slog.Handler { return one.WithAttrs(attrs) })
}

func (h spread) WithGroup(name string) slog.Handler {
	return h.each(func(one slog.Handler) slog.Handler { return one.WithGroup(name) })
}

func (h spread) each(f func(slog.Handler) slog.Handler) slog.Handler {
	list := func(all []slog.Handler) (out []slog.Handler) {
		for _, one := range all {
			out = append(out, f(one))
		}
		return out
	}
	return spread{console: f(h.console), tracing: h.tracing, trace: f(h.trace), info: list(h.info), warn: list(h.warn)}
}

func (s *Service) openLogs(context.Context) error {
	s.book = newLogbook(s.cfg)
	s.onClose(s.book.Close)
	s.log = slog.New(s.book.handler(s.log.Handler()))
	return nil
}

// Trace writes everything that happens into the trace log for a time, at most a day; zero
// ends it. It returns until when. File names and numbers of people stand in it.
func (s *Service) Trace(length time.Duration) (until time.Time, err error) {
	if length < 0 || length > mostTrace {
		return until, fmt.Errorf("a trace of %s is not allowed; allowed: up to %s", length, mostTrace)
	}
	if length > 0 {
		until = s.clock.Now().UTC().Add(length)
	}
	s.book.traceUntil(until)
	s.log.Info("trace", "until", until)
	return until, nil
}
