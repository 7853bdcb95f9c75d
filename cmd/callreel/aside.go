package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	"callreel/internal/recording"
	"callreel/internal/service"
)

const asideUsage = `Usage: callreel aside [--config FILE] ACTION

What could not become a recording by itself is put aside and kept: in quarantine
because nobody could tell whose call it is, or unusable.

  list                    what is put aside: number, state, when it was seen and
                          why; what somebody has accepted is marked with *
  again NUMBER... | all   try again from the kept capture on, with the setup as it
                          is now; all leaves out what was accepted
  accept NUMBER... | all  leave it where it is, so that its lamp goes out

The recorder may run meanwhile, and goes on with it at once.`

func runAside(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	fl := newFlags("aside", asideUsage, stderr)
	config := fl.String("config", "callreel.toml", "the setup, a TOML `file`")
	if err := fl.Parse(args); err != nil {
		return asUsage(err)
	}
	rest := fl.Args()
	if len(rest) == 0 {
		return usagef("aside needs an action: list, again or accept")
	}
	cfg, err := service.ReadConfig(*config)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	a, err := service.OpenAside(ctx, cfg)
	if err != nil {
		return &exitError{exitNothing, err}
	}
	defer a.Close()
	list, err := a.List(ctx)
	if err != nil {
		return err
	}
	switch rest[0] {
	case "list":
		return listAside(list, cfg, stdout)
	case "again":
		return asideJob{list, a.Again, "goes on"}.run(ctx, rest[1:], stdout, stderr)
	case "accept":
		return asideJob{list, a.Accept, "is accepted"}.run(ctx, rest[1:], stdout, stderr)
	}
	return usagef("aside has no action %q; it has list, again and accept", rest[0])
}

func listAside(list []recording.Recording, cfg service.Config, stdout io.Writer) error {
	zone, err := cfg.Location()
	if err != nil {
		return err
	}
	for _, rec := range list {
		mark := " "
		if rec.Retry.Accepted {
			mark = "*"
		}
		_, err := fmt.Fprintf(stdout, "%s %6d  %-11s  %s  %s\n", mark, rec.ID, rec.State, rec.Capture.SeenAt.In(zone).Format("2006-01-02 15:04"), rec.Retry.Reason)
		if err != nil {
			return err
		}
	}
	return nil
}

// asideJob does something with recordings that are put aside.
type asideJob struct {
	list []recording.Recording
	do   func(context.Context, recording.ID) error
	done string // what is said of each
}

// run takes the numbers that are named, or all. Those that could not be done are named
// on stderr.
func (j asideJob) run(ctx context.Context, names []string, stdout, stderr io.Writer) error {
	ids, err := j.chosen(names)
	if err != nil {
		return err
	}
	left := 0
	for _, id := range ids {
		if err := j.do(ctx, id); err != nil {
			left++
			fmt.Fprintf(stderr, "recording %d: %v\n", id, err)
			continue
		}
		fmt.Fprintf(stdout, "recording %d %s\n", id, j.done)
	}
	switch {
	case len(ids) == 0:
		return &exitError{exitNothing, errors.New("nothing is put aside that was not accepted")}
	case left > 0:
		return &exitError{exitSomeLeft, fmt.Errorf("%d recordings were left as they are; each is named above", left)}
	}
	return nil
}

func (j asideJob) chosen(names []string) (ids []recording.ID, err error) {
	if len(names) == 0 {
		return nil, usagef("name the numbers of recordings, or all; \"callreel aside list\" shows them")
	}
	if len(names) == 1 && names[0] == "all" {
		for _, rec := range j.list {
			if !rec.Retry.Accepted {
				ids = append(ids, rec.ID)
			}
		}
		return ids, nil
	}
	for _, name := range names {
		n, err := strconv.ParseInt(name, 10, 64)
		if err != nil {
			return nil, usagef("%q is no number of a recording", name)
		}
		ids = append(ids, recording.ID(n))
	}
	return ids, nil
}
