package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"time"

	"callreel/internal/clock"
	"callreel/internal/control"
	"callreel/internal/service"
)

const alarmUsage = `Usage: callreel alarm [--config FILE] ACTION

The master alarm of a recorder. Where none runs, reset, off and on hold from its next
start on.

  show   how it is, and which messages could not be delivered yet
  reset  put it out; while a lamp is red it comes on again, without telling anybody anew
  off    switch it off: it neither comes on nor tells anybody, also after a restart
  on     switch it on again
  test   send a message by every way of the setup, to see whether it arrives

Exit code 3: no recorder runs with this setup, or none ever did. 4, of test: there is no way, or not all
have taken the message within half a minute.`

func runAlarm(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	fl := newFlags("alarm", alarmUsage, stderr)
	config := fl.String("config", "callreel.toml", "the setup, a TOML `file`")
	if err := fl.Parse(args); err != nil {
		return asUsage(err)
	}
	if fl.NArg() != 1 || !slices.Contains([]string{"show", "reset", "off", "on", "test"}, fl.Arg(0)) {
		return usagef("alarm needs one of show, reset, off, on, test, behind all flags")
	}
	cfg, err := service.ReadConfig(*config)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	zone, err := cfg.Location()
	if err != nil {
		return err
	}
	var now service.Alarm
	err = askRunning(cfg, func(c *control.Client) error {
		if err := c.Do(ctx, service.DoAlarm, url.Values{"action": {fl.Arg(0)}}, &now); err != nil || fl.Arg(0) != "test" {
			return err
		}
		return delivered(ctx, c, &now)
	})
	if errors.Is(err, control.ErrNotRunning) && slices.Contains([]string{"reset", "off", "on"}, fl.Arg(0)) {
		return changeStopped(cfg, fl.Arg(0), stdout)
	}
	if now.State != "" {
		_, _ = io.WriteString(stdout, now.Text(func(t time.Time) string { return t.In(zone).Format("2006-01-02 15:04:05") }))
	}
	return err
}

// changeStopped changes the master alarm of a recorder that does not run.
func changeStopped(cfg service.Config, action string, stdout io.Writer) error {
	switch err := service.ChangeAlarm(cfg, clock.System(), action); {
	case errors.Is(err, service.ErrNoCatalog):
		return &exitError{exitNothing, err}
	case err != nil:
		return err
	}
	_, err := fmt.Fprintf(stdout, "no recorder runs; the master alarm's %q holds from its start on\n", action)
	return err
}

// delivered waits until no message waits for any way.
func delivered(ctx context.Context, c *control.Client, now *service.Alarm) error {
	if len(now.Ways) == 0 {
		return &exitError{exitSomeLeft, errors.New("the setup names no way to tell anybody; see [alarm] in doc/config.md")}
	}
	for range 60 {
		left := 0
		for _, w := range now.Ways {
			left += len(w.Messages)
		}
		if left == 0 {
			return nil
		}
		if !clock.System().Wait(ctx.Done(), time.Second/2) {
			return ctx.Err()
		}
		if err := c.Do(ctx, service.DoAlarm, url.Values{"action": {"show"}}, now); err != nil {
			return err
		}
	}
	return &exitError{exitSomeLeft, errors.New("not every message was taken; it is tried again, and the error log says why")}
}
