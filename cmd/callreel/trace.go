package main

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"time"

	"callreel/internal/control"
	"callreel/internal/service"
)

const traceUsage = `Usage: callreel trace [--config FILE] [--for TIME] on | off

Has a running recorder write everything it does into its trace log, for a time. Numbers
and names of files stand in it: give it only to whom you would give the calls.

Exit code 3: no recorder runs with this setup.`

func runTrace(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	fl := newFlags("trace", traceUsage, stderr)
	config := fl.String("config", "callreel.toml", "the setup, a TOML `file`")
	length := fl.Duration("for", 15*time.Minute, "end it by itself after this `time`, at most 24h")
	if err := fl.Parse(args); err != nil {
		return asUsage(err)
	}
	if fl.NArg() != 1 || fl.Arg(0) != "on" && fl.Arg(0) != "off" {
		return usagef("trace needs on or off, behind all flags")
	}
	if fl.Arg(0) == "off" {
		*length = 0
	} else if *length <= 0 {
		return usagef("for %s is not allowed; a trace needs some time, for instance 15m", *length)
	}
	cfg, err := service.ReadConfig(*config)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	zone, err := cfg.Location()
	if err != nil {
		return err
	}
	var until time.Time
	err = askRunning(cfg, func(c *control.Client) error {
		return c.Do(ctx, service.DoTrace, url.Values{"for": {length.String()}}, &until)
	})
	switch {
	case err != nil:
		return err
	case until.IsZero():
		_, err = fmt.Fprintln(stdout, "the trace is off")
	default:
		_, err = fmt.Fprintln(stdout, "the trace is on until", until.In(zone).Format("2006-01-02 15:04:05"))
	}
	return err
}
