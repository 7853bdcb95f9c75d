package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"callreel/internal/clock"
	"callreel/internal/pbx"
	"callreel/internal/recording"
	"callreel/internal/service"
)

const markUsage = `Usage: callreel mark [--config FILE] [--skip] [--conf ID] [--at TIME] NUMBER

Marks a call of the agent with this number or name: the one that he is in now, else, to
keep it, the one that he was in last. In the mode tcr only marked calls are kept; in the
others a mark gives the recording a star. With --skip the call is not kept.

The recorder may run meanwhile, and takes the mark up at once.

Exit code 3: no agent has this number, or there is no catalog yet.`

func runMark(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	fl := newFlags("mark", markUsage, stderr)
	config := fl.String("config", "callreel.toml", "the setup, a TOML `file`")
	skip := fl.Bool("skip", false, "do not keep the call")
	conf := fl.String("conf", "", "the call meant, whenever it was, by its conference `id` or the unique id of an Asterisk channel")
	at := fl.String("at", "", "mark the call of this `time` instead of now: 2026-11-21T12:30:00, by the clock of the setup, or with its own +01:00")
	if err := fl.Parse(args); err != nil {
		return asUsage(err)
	}
	if fl.NArg() != 1 {
		return usagef("mark needs the number of one agent, behind all flags")
	}
	cfg, err := service.ReadConfig(*config)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	m := recording.Mark{Kind: recording.MarkKeep, Number: fl.Arg(0), From: "command"}
	if *skip {
		m.Kind = recording.MarkSkip
	}
	now := clock.System().Now()
	if err := fillMark(&m, cfg, *conf, *at, now); err != nil {
		return err
	}
	marker, err := service.OpenMarker(ctx, cfg)
	if err != nil {
		return &exitError{exitNothing, err}
	}
	defer marker.Close()
	err = marker.Mark(ctx, m, now)
	if errors.Is(err, service.ErrNobody) {
		return &exitError{exitNothing, fmt.Errorf("%q: %w; nothing was marked", m.Number, err)}
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "the mark of %s is stored\n", m.Number)
	return err
}

// fillMark reads what the flags say of a mark.
func fillMark(m *recording.Mark, cfg service.Config, conf, at string, now time.Time) (err error) {
	if !pbx.ValidMarkNumber(m.Number) {
		return usagef("%.100q is no number or name of an agent", m.Number)
	}
	if conf != "" {
		if m.Conf, err = recording.ParseCallID(conf); err != nil {
			return &exitError{exitUsage, err}
		}
	}
	if m.At = now; at == "" {
		return nil
	}
	zone, err := cfg.Location()
	if err != nil {
		return err
	}
	m.At, err = time.Parse(time.RFC3339, at)
	if err != nil {
		m.At, err = time.ParseInLocation("2006-01-02T15:04:05", at, zone)
	}
	switch {
	case err != nil:
		return usagef("--at %q is no time; write it as 2026-11-21T12:30:00", at)
	case m.At.After(now):
		return usagef("--at %q is yet to come", at)
	}
	return nil
}
