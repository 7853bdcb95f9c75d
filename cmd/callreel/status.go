package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"callreel/internal/clock"
	"callreel/internal/control"
	"callreel/internal/service"
)

const statusUsage = `Usage: callreel status [--config FILE] [--watch] [--json] [--lines N]

Shows on one screen how a running recorder is: lamps, master alarm, what was filed, what
is being recorded and waited for, the last messages and errors.

Exit code 3: no recorder runs with this setup.`

// watchEvery is the pause between two screens.
const watchEvery = 2 * time.Second

func runStatus(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	fl := newFlags("status", statusUsage, stderr)
	config := fl.String("config", "callreel.toml", "the setup, a TOML `file`")
	watch := fl.Bool("watch", false, "show it anew every two seconds until Ctrl-C")
	asJSON := fl.Bool("json", false, "as JSON, with all it knows")
	lines := fl.Int("lines", 8, "at most so `many` messages, errors and open calls; 100 are kept")
	if err := fl.Parse(args); err != nil {
		return asUsage(err)
	}
	if fl.NArg() > 0 {
		return usagef("status takes no arguments, only flags; got %q", fl.Args())
	}
	cfg, err := service.ReadConfig(*config)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	show := statusShow{cfg: cfg, json: *asJSON, lines: max(*lines, 0), out: stdout}
	if !*watch {
		return show.once(ctx)
	}
	for {
		if !*asJSON {
			fmt.Fprint(stdout, "\x1b[H\x1b[2J") // home and clear: what terminals know since the VT100
		}
		err := show.once(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, control.ErrNotRunning):
			fmt.Fprintln(stdout, err) // it may come
		case err != nil:
			return err
		}
		if !clock.System().Wait(ctx.Done(), watchEvery) {
			return nil
		}
	}
}

type statusShow struct {
	cfg   service.Config
	json  bool
	lines int
	out   io.Writer
}

func (s statusShow) once(ctx context.Context) error {
	var st service.Status
	if err := askRunning(s.cfg, func(c *control.Client) error { return c.Ask(ctx, service.AskStatus, &st) }); err != nil {
		return err
	}
	if s.json {
		return json.NewEncoder(s.out).Encode(st)
	}
	zone, err := s.cfg.Location()
	if err != nil {
		return err
	}
	_, err = io.WriteString(s.out, st.Text(zone, s.lines))
	return err
}

// askRunning asks the recorder that runs with a setup; where none does, the exit code
// is 3.
func askRunning(cfg service.Config, ask func(*control.Client) error) error {
	c, err := service.Running(cfg)
	if err == nil {
		err = ask(c)
	}
	if errors.Is(err, control.ErrNotRunning) {
		return &exitError{exitNothing, err}
	}
	return err
}
