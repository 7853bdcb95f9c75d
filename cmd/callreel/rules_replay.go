package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"callreel/internal/explain"
	"callreel/internal/recording"
	"callreel/internal/service"
	"callreel/rules"
)

func replayRules(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	fl := newFlags("rules replay", rulesUsage, stderr)
	config := fl.String("config", "callreel.toml", "the setup, a TOML `file`")
	file := fl.String("rules", "", "the `file` of rules to try")
	month := fl.String("month", "", "only calls of a `month`, as 2026_11")
	if err := fl.Parse(args); err != nil {
		return asUsage(err)
	}
	if *file == "" || fl.NArg() > 0 {
		return usagef("rules replay needs --rules and a file, and no other argument")
	}
	_, set, err := rulesOf(*config, *file)
	if err != nil {
		return err
	}
	past, err := openPast(ctx, *config)
	if err != nil {
		return err
	}
	defer past.Close()
	from, to, err := past.Month(*month)
	if err != nil {
		return usagef("%w", err)
	}
	t := replayTally{stdout: stdout, zone: past.Zone()}
	if err := past.Replay(ctx, from, to, set, t.add); err != nil {
		return err
	}
	return t.end()
}

// replayTally writes what would change, and counts.
type replayTally struct {
	stdout  io.Writer
	zone    *time.Location
	calls   int
	skipped int
	gained  int // would be kept, and were not
	lost    int // would not be kept, and were
	other   int // would be for somebody else, or with another direction or number
	now     int // of which the agents are not known as of then
	drifted int // of which the rules in use say something else than was decided then
}

func (t *replayTally) add(r service.Replayed) error {
	t.calls++
	name := fmt.Sprintf("recording %d, %s, %s", r.Rec.ID, r.Rec.Started().In(t.zone).Format("2006-01-02 15:04"), r.Rec.Capture.UID)
	if r.Why != "" {
		t.skipped++
		_, err := fmt.Fprintf(t.stdout, "not asked  %s\n    %s\n", name, r.Why)
		return err
	}
	if !r.Then {
		t.now++
	}
	if r.Rec.Verdict.Rule != "" && !r.Rec.Verdict.Early && rules.Differs(r.Rec.Verdict, r.InUse) {
		t.drifted++
	}
	if !r.Changes {
		return nil
	}
	note := ""
	if r.Rec.Verdict.Early {
		note = "\n    (its capture was deleted unfetched, which no rule changes: early_discard)"
	}
	_, err := fmt.Fprintf(t.stdout, "%-9s  %s\n    in use  %s\n    new     %s%s\n", t.kind(r), name,
		recording.OneLine(explain.Outcome(r.InUse)), recording.OneLine(explain.Outcome(r.New)), note)
	return err
}

// kind counts a change and names it.
func (t *replayTally) kind(r service.Replayed) string {
	switch is, was := r.New.Decision == recording.Keep, r.InUse.Decision == recording.Keep; {
	case is && !was:
		t.gained++
		return "kept"
	case was && !is:
		t.lost++
		return "not kept"
	}
	t.other++
	return "otherwise"
}

// end writes the sums.
func (t *replayTally) end() error {
	changed := t.gained + t.lost + t.other
	_, err := fmt.Fprintf(t.stdout, "%d calls: %d would change (%d kept that are not, %d not kept that are, %d for another agent or with another number or direction), %d would not, %d could not be asked about\n",
		t.calls, changed, t.gained, t.lost, t.other, t.calls-t.skipped-changed, t.skipped)
	if err == nil && t.now > 0 {
		_, err = fmt.Fprintf(t.stdout, "Of %d calls it is not known who was an agent then; those who are one now were taken.\n", t.now)
	}
	if err == nil && t.drifted > 0 {
		_, err = fmt.Fprintf(t.stdout, "Of %d calls the rules in use say something else now than was decided then: rules, agents or CDRs have changed since; \"callreel explain\" tells.\n", t.drifted)
	}
	switch {
	case err != nil:
		return err
	case t.calls == 0:
		return &exitError{exitNothing, errors.New("no call of that time is in the catalog")}
	case t.skipped > 0:
		return &exitError{exitSomeLeft, fmt.Errorf("%d of %d calls could not be asked about; each is named above with its reason", t.skipped, t.calls)}
	}
	return nil
}
