package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"callreel/internal/clock"
	"callreel/internal/recording"
	"callreel/internal/service"
)

const tanUsage = `Usage: callreel tan [--config FILE] CALL TAN

Gives a filed recording a TAN of six digits, or another one than it has. CALL is the
number of the recording, a UID, a conference id, or the name of the capture or of the
filed recording. The recorder gives audio, sidecar and their copies the new name within
some ten seconds, or when it runs again; the old name stays valid. A TAN cannot be taken
away again: give 000000 for none.

Exit code 3: nothing is filed of it, or there is no catalog yet.`

func runTAN(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	fl := newFlags("tan", tanUsage, stderr)
	config := fl.String("config", "callreel.toml", "the setup, a TOML `file`")
	if err := fl.Parse(args); err != nil {
		return asUsage(err)
	}
	if fl.NArg() != 2 {
		return usagef("tan needs a call and six digits, behind all flags")
	}
	cfg, err := service.ReadConfig(*config)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	id, err := service.WishTAN(ctx, cfg, clock.System(), fl.Arg(0), fl.Arg(1))
	switch {
	case errors.Is(err, service.ErrTAN), errors.Is(err, service.ErrSeveral):
		return &exitError{exitUsage, err}
	case err != nil && (errors.Is(err, recording.ErrNotFound) || id == 0):
		return &exitError{exitNothing, err}
	case err != nil:
		return err
	}
	_, err = fmt.Fprintf(stdout, "recording %d gets the TAN %s\n", id, fl.Arg(1))
	return err
}
