package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"

	"callreel/internal/clock"
	"callreel/internal/service"
)

const converterUsage = `Usage: callreel converter [--config FILE] [--once] [--workers N]

Makes WAV or MP3 files of the captures that a recorder filed as they came, as [audio] of
the setup says: mode = "pcap" files them so. Of the setup only [archive], [keys], [audio]
and timezone count. It runs beside the recorder, on another machine too that has the
archive's folder and a copy of the key ring, and as many of them as are wanted: no two work
on the same capture. What was sealed stays sealed; what was not is sealed with
encrypt_audio. Each capture is removed when its audio and its new sidecar were read back.
A capture that cannot be converted stays as it is.

Without --once it goes on, with what comes, until it is stopped.

Exit code 0: done, or stopped. 4: some captures were not converted.`

func runConverter(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	fl := newFlags("converter", converterUsage, stderr)
	config := fl.String("config", "callreel.toml", "the setup, a TOML `file`")
	once := fl.Bool("once", false, "convert what is there, and end")
	workers := fl.Int("workers", runtime.GOMAXPROCS(0), "captures that are converted at the same time")
	level := fl.String("log", "info", "debug, info, warn or error")
	if err := fl.Parse(args); err != nil {
		return asUsage(err)
	}
	switch {
	case fl.NArg() > 0:
		return usagef("converter takes no arguments, only flags; got %q", fl.Args())
	case *workers < 1:
		return usagef("workers %d is not allowed; allowed: 1 and more", *workers)
	}
	log, err := newLog(*level, stderr)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	cfg, err := service.LoadConverterConfig(*config)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	c, err := service.OpenConverter(ctx, cfg, service.Options{Clock: clock.System(), Log: log, Version: version}, *workers)
	if err != nil {
		return &exitError{exitNothing, err}
	}
	limitMemory(*workers)
	if *once {
		err = convertOnce(ctx, c, stdout, stderr)
	} else {
		log.Info("converting", "version", version, "archive", cfg.Archive.Path, "workers", *workers)
		err = c.Run(ctx)
	}
	return errors.Join(err, c.Close())
}

func convertOnce(ctx context.Context, c *service.Converter, stdout, stderr io.Writer) error {
	var progress func(done, all int)
	if isTerminal(stderr) {
		progress = func(done, all int) { fmt.Fprintf(stderr, "\r%d of %d captures", done, all) }
		defer fmt.Fprintln(stderr)
	}
	sum, err := c.Once(ctx, progress)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(stdout, "%d captures converted, %d left to other converters, %d not converted\n", sum.Done, sum.Others, len(sum.Failed)); err != nil {
		return err
	}
	if n := len(sum.Failed); n > 0 {
		return &exitError{exitSomeLeft, fmt.Errorf("%d captures were not converted; the first: %s", n, sum.Failed[0])}
	}
	return nil
}
