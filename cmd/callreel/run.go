package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"

	"callreel/internal/clock"
	"callreel/internal/daemon"
	"callreel/internal/service"
)

func runRun(ctx context.Context, args []string, _, stderr io.Writer) error {
	fs := newFlags("run", "Usage: callreel run --config FILE\n\nRecords until it is stopped. doc/config.md tells what stands in the file.", stderr)
	file := fs.String("config", "callreel.toml", "the setup, a TOML `file`")
	level := fs.String("log-level", "", "debug, info, warn or error; overrides the setup")
	if err := fs.Parse(args); err != nil {
		return asUsage(err)
	}
	if fs.NArg() > 0 {
		return usagef("run takes no arguments, only flags; got %q", fs.Args())
	}
	how := recorder{file: *file, level: *level, out: stderr}
	if daemon.UnderWindows() {
		return daemon.Serve(how.underWindows)
	}
	return how.record(ctx, daemon.NotifierFrom(os.Getenv, os.Getpid()))
}

// recorder is one run of the recorder.
type recorder struct {
	file, level string
	out         io.Writer // the log as lines
	errors      io.Writer // errors alone, beside the log; nil: nowhere
}

// underWindows records as a service of Windows, which has no console to write to.
func (r recorder) underWindows(ctx context.Context, w daemon.Windows) error {
	r.out, r.errors = io.Discard, w.Errors()
	return r.record(ctx, w)
}

func (r recorder) record(ctx context.Context, host service.Manager) error {
	cfg, err := service.LoadConfig(r.file)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	if r.level != "" {
		cfg.LogLevel = r.level
	}
	log, err := newLog(cfg.LogLevel, r.out)
	if err != nil {
		return usagef("%w", err)
	}
	if r.errors != nil {
		log = slog.New(slog.NewMultiHandler(log.Handler(), service.NewLog(r.errors, slog.LevelError).Handler()))
	}
	s, err := service.Open(ctx, cfg, service.Options{Clock: clock.System(), Log: log, Version: version, Manager: host})
	if err != nil {
		return err
	}
	easeCollector()
	if at := s.Addr("player"); at != "" {
		log.Info("player", "url", "http://"+at+"/")
	}
	if at := s.Addr("receiver"); at != "" {
		log.Info("CDR receiver", "url", "http://"+at+cfg.Receiver.Path)
	}
	err = s.Run(ctx)
	if errors.Is(err, service.ErrCutOff) {
		// Closing would wait for the same. The next start goes on where each call stands.
		log.Warn("stopped in the middle of what would not end; it is done again at the next start")
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	if closing := s.Close(); err == nil {
		err = closing
	}
	return err
}

// Memory that the collector may leave until it works again, in percent of what is in
// use, and from where on it works harder, in bytes. A recorder needs some tens of MB.
const (
	collectAt  = 400
	memorySoft = 512 << 20
)

// easeCollector trades memory for speed, unless the environment says otherwise.
func easeCollector() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(collectAt)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memorySoft)
	}
}

// newLog writes plain lines of key=value to w.
func newLog(level string, w io.Writer) (*slog.Logger, error) {
	l, err := service.Config{LogLevel: level}.Level()
	if err != nil {
		return nil, fmt.Errorf("log level %q is not allowed; allowed: debug, info, warn, error", level)
	}
	return service.NewLog(w, l), nil
}
