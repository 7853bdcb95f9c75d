package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"callreel/internal/clock"
	"callreel/internal/doctor"
	"callreel/internal/service"
)

const doctorUsage = `Usage: callreel doctor [--config FILE] [--days N] [--json]
       callreel doctor --assumptions

Looks for patterns in what was recorded: telephones of which one side is not heard, left
and right swapped, clocks that are off, inboxes and disks that fill, unknown codecs, no
call detail records, calls without a capture, a backup that is behind. Each finding says
what, where, why and what to do. Nothing is changed; the recorder may run.

--assumptions lists what callreel takes for true of a PBX though no document says so, with
the setting that changes it.

Exit code 0: nothing was found. 4: something was. 3: there is no catalog yet.`

func runDoctor(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	fl := newFlags("doctor", doctorUsage, stderr)
	config := fl.String("config", "callreel.toml", "the setup, a TOML `file`")
	days := fl.Int("days", 7, "look back so many `days`, 1 to 90")
	asJSON := fl.Bool("json", false, "as JSON")
	guesses := fl.Bool("assumptions", false, "list what is assumed about the PBX")
	if err := fl.Parse(args); err != nil {
		return asUsage(err)
	}
	switch {
	case fl.NArg() > 0:
		return usagef("doctor takes no arguments, only flags; got %q", fl.Args())
	case *days < 1 || *days > 90:
		return usagef("days %d is not allowed; allowed: 1 to 90", *days)
	case *guesses:
		return showAssumptions(stdout, *asJSON)
	}
	cfg, err := service.LoadConfig(*config)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	if _, err := os.Stat(cfg.Catalog); errors.Is(err, fs.ErrNotExist) {
		return &exitError{exitNothing, fmt.Errorf("there is no catalog %s yet; nothing was recorded with this setup", cfg.Catalog)}
	}
	found, err := service.Doctor(ctx, cfg, clock.System(), *days)
	if err != nil {
		return err
	}
	if err := showFindings(stdout, found, *asJSON); err != nil {
		return err
	}
	if len(found) > 0 {
		return &exitError{exitSomeLeft, fmt.Errorf("%d findings", len(found))}
	}
	return nil
}

func showFindings(w io.Writer, found []doctor.Finding, asJSON bool) error {
	if asJSON {
		if found == nil {
			found = []doctor.Finding{}
		}
		return json.NewEncoder(w).Encode(found)
	}
	if len(found) == 0 {
		_, err := fmt.Fprintln(w, "Nothing is wrong, as far as can be seen from here.")
		return err
	}
	for _, f := range found {
		if _, err := fmt.Fprintf(w, "%s (%s)\n  what: %s\n  why:  %s\n  do:   %s\n\n", f.Where, f.Kind, f.What, f.Why, f.Do); err != nil {
			return err
		}
	}
	return nil
}

func showAssumptions(w io.Writer, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(doctor.Assumptions())
	}
	for _, a := range doctor.Assumptions() {
		if _, err := fmt.Fprintf(w, "%s\n  assumed: %s\n  change:  %s\n  check:   %s\n\n", a.About, a.Assumed, a.Change, a.Check); err != nil {
			return err
		}
	}
	return nil
}
