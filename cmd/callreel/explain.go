package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"

	"callreel/internal/clock"
	"callreel/internal/explain"
	"callreel/internal/recording"
	"callreel/internal/service"
)

const explainUsage = `Usage: callreel explain [--config FILE] [--json] CALL...

Says why a call was kept, or not, and for whom: what has become of it, what is
known of it and from whom, the rules in their order with the one that decided, and
what would have changed the outcome.

CALL is the number of a recording, a UID, a conference id, the unique id of an Asterisk
channel, or the name of a capture or of a filed recording, with or without folder and
extension, in upper or lower case. A call that was not kept, or of which no capture came, is
told of as long as its CDRs are here.

Exit codes: 0 told, 3 nothing is known of it, 4 of some of several nothing is known.`

func runExplain(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	fl := newFlags("explain", explainUsage, stderr)
	config := fl.String("config", "callreel.toml", "the setup, a TOML `file`")
	asJSON := fl.Bool("json", false, "write JSON, with everything that was tried")
	if err := fl.Parse(args); err != nil {
		return asUsage(err)
	}
	if fl.NArg() == 0 {
		return usagef("explain needs a call: the number of a recording, a UID, a conference id or a file's name")
	}
	past, err := openPast(ctx, *config)
	if err != nil {
		return err
	}
	defer past.Close()
	stories, err := tellAll(ctx, past, fl.Args())
	if *asJSON && len(stories) > 0 {
		e := json.NewEncoder(stdout)
		e.SetIndent("", "  ")
		return errors.Join(e.Encode(stories), err)
	}
	return errors.Join(explain.Write(stdout, stories, past.Zone()), err)
}

// openPast opens what a setup's recorder has done, for who looks back.
func openPast(ctx context.Context, config string) (*service.Past, error) {
	cfg, err := service.ReadConfig(config)
	if err != nil {
		return nil, &exitError{exitUsage, err}
	}
	past, err := service.OpenPast(ctx, cfg, clock.System())
	if err != nil {
		return nil, &exitError{exitNothing, err}
	}
	return past, nil
}

// tellAll explains each call; an error names those of which nothing is known.
func tellAll(ctx context.Context, past *service.Past, words []string) (all []explain.Story, _ error) {
	var unknown error
	for _, word := range words {
		stories, err := past.Explain(ctx, word)
		if err != nil && !errors.Is(err, recording.ErrNotFound) {
			return all, err
		}
		unknown = errors.Join(unknown, err)
		all = append(all, stories...)
	}
	switch {
	case unknown == nil:
		return all, nil
	case len(all) == 0:
		return nil, &exitError{exitNothing, unknown}
	}
	return all, &exitError{exitSomeLeft, unknown}
}
