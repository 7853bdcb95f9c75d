package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"callreel/internal/clock"
	"callreel/internal/ledger"
	"callreel/internal/recording"
	"callreel/internal/service"
)

const ledgerUsage = `Usage: callreel ledger [--config FILE] [--day YYYY-MM-DD | --month YYYY-MM] [flags]

Every call of an agent has a line, whatever became of it: filed, or why not. Without
--day or --month the lines of today are shown. Below them stand their sums, held against
the files of the archive and the captures of the inboxes; what does not agree is named,
and the exit code is 4.

  filed         it has its file
  with-other    it is in a file that is kept for another agent, or for another part of the call
  discarded     a rule did not keep it
  not-marked    nobody marked it in time
  no-licence    there was no licence for its agent
  not-answered  there was no talk
  internal      nobody outside took part, and captures are made at the trunk
  no-capture    no capture of it ever came
  no-cdr        in quarantine: nobody could tell whose it is
  unusable      its capture cannot become a recording
  vanished      its capture vanished from the inbox before it was fetched
  open          still going on; the line says what it waits for

A call without a capture makes the lamp PCAP red. --accept, with its conference or
"all", puts that out once somebody has looked.

`

// ledgerFlags are what the command is asked.
type ledgerFlags struct {
	day, month, agent, only, accept string
	csv, json                       bool
}

func runLedger(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	fl := newFlags("ledger", ledgerUsage, stderr)
	config := fl.String("config", "callreel.toml", "the setup, a TOML `file`")
	var f ledgerFlags
	fl.StringVar(&f.day, "day", "", "the calls of a day, `YYYY-MM-DD`")
	fl.StringVar(&f.month, "month", "", "the calls of a month, `YYYY-MM`")
	fl.StringVar(&f.agent, "agent", "", "only those of an agent, by `number` or long name")
	fl.StringVar(&f.only, "only", "", "only those with an `outcome`")
	fl.StringVar(&f.accept, "accept", "", "the calls of a `conference` without a capture, or all, are looked at and left")
	fl.BoolVar(&f.csv, "csv", false, "as a table of comma-separated values, without sums")
	fl.BoolVar(&f.json, "json", false, "as JSON")
	if err := fl.Parse(args); err != nil {
		return asUsage(err)
	}
	if err := f.check(fl.Args()); err != nil {
		return err
	}
	cfg, err := service.ReadConfig(*config)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	l, err := service.OpenLedger(ctx, cfg)
	if err != nil {
		return &exitError{exitNothing, err}
	}
	defer l.Close()
	if f.accept != "" {
		return acceptMissing(ctx, l, f.accept, stdout)
	}
	return f.show(ctx, l, stdout, stderr)
}

func (f ledgerFlags) check(rest []string) error {
	switch {
	case len(rest) > 0:
		return usagef("ledger takes flags only, and not %q", rest[0])
	case f.day != "" && f.month != "":
		return usagef("--day and --month exclude each other")
	case f.csv && f.json:
		return usagef("--csv and --json exclude each other")
	case f.only != "" && !slices.Contains(recording.Outcomes(), recording.Outcome(f.only)):
		return usagef("%q is no outcome; \"callreel ledger -h\" lists them", f.only)
	}
	return nil
}

func acceptMissing(ctx context.Context, l *service.Ledger, which string, stdout io.Writer) error {
	var conf recording.ConfID
	if which != "all" {
		var err error
		if conf, err = recording.ParseCallID(which); err != nil {
			return usagef("%v; write the conference of a line, or all", err)
		}
	}
	n, err := l.Accept(ctx, conf)
	if err != nil {
		return err
	}
	if n == 0 {
		return &exitError{exitNothing, errors.New("there is no such call without a capture that was not accepted")}
	}
	_, err = fmt.Fprintf(stdout, "%d calls without a capture are accepted\n", n)
	return err
}

// span is the time that is asked for, in whole days.
func (f ledgerFlags) span(zone *time.Location) (from, to time.Time, err error) {
	switch {
	case f.month != "":
		if from, to, err = clock.ParseMonth(f.month, zone); err != nil {
			return from, to, usagef("--month %w", err)
		}
		return from, to, nil
	case f.day != "":
		if from, to, err = clock.ParseDay(f.day, zone); err != nil {
			return from, to, usagef("--day %w", err)
		}
		return from, to, nil
	}
	from, to = clock.DayOf(clock.System().Now().In(zone))
	return from, to, nil
}

func (f ledgerFlags) show(ctx context.Context, l *service.Ledger, stdout, stderr io.Writer) error {
	from, to, err := f.span(l.Zone())
	if err != nil {
		return err
	}
	list, err := l.Between(ctx, from, to)
	if err != nil {
		return err
	}
	check, err := l.Check(ctx, from, to)
	if err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(e recording.Entry) bool {
		return f.only != "" && string(e.Outcome) != f.only || f.agent != "" && f.agent != e.Agent.E164 && f.agent != e.Agent.CN
	})
	switch {
	case f.csv:
		err = ledger.WriteCSV(stdout, list, l.Zone())
	case f.json:
		err = ledgerJSON(stdout, list, check)
	default:
		err = ledgerText(stdout, list, check, l.Zone())
	}
	if err != nil || len(check.Differences) == 0 {
		return err
	}
	for _, d := range check.Differences {
		fmt.Fprintln(stderr, d)
	}
	return &exitError{exitSomeLeft, fmt.Errorf("ledger, archive and inbox differ in %d points; each is named above", len(check.Differences))}
}

func ledgerJSON(w io.Writer, list []recording.Entry, check service.LedgerCheck) error {
	if list == nil {
		list = []recording.Entry{}
	}
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	return out.Encode(struct {
		Entries     []recording.Entry         `json:"entries"`
		Sums        map[recording.Outcome]int `json:"sums"`
		Captures    map[recording.State]int   `json:"captures"`
		Differences []string                  `json:"differences,omitempty"`
	}{list, ledger.Sum(list), check.Captures, check.Differences})
}

func ledgerText(w io.Writer, list []recording.Entry, check service.LedgerCheck, zone *time.Location) error {
	for _, e := range list {
		if _, err := io.WriteString(w, ledgerLine(e, zone)); err != nil {
			return err
		}
	}
	var captures []string
	n := 0
	for _, st := range recording.States() {
		if k := check.Captures[st]; k > 0 {
			captures = append(captures, fmt.Sprintf("%d %s", k, st))
			n += k
		}
	}
	_, err := fmt.Fprintf(w, "%s\n%d captures seen%s\n", ledger.InWords(ledger.Sum(list)), n, after(": ", strings.Join(captures, ", ")))
	return err
}

func after(sep, text string) string {
	if text == "" {
		return ""
	}
	return sep + text
}

// ledgerLine is an entry for people: what became of it first, then why and where.
func ledgerLine(e recording.Entry, zone *time.Location) string {
	arrow := map[recording.Direction]string{recording.In: "from", recording.Out: "to"}[e.Direction]
	mark := ""
	if e.Accepted {
		mark = "*"
	}
	rule := after("rule ", e.Rule)
	return recording.OneLine(fmt.Sprintf("%s  %-13s %s %s %s, %d s%s; %s; conference %s%s (%s)",
		e.Began.In(zone).Format(time.DateTime), string(e.Outcome)+mark, agentOf(e.Agent), cmp.Or(arrow, "with"), cmp.Or(e.External, "unknown"), e.Seconds,
		after("; ", rule), e.Reason, cmp.Or(string(e.Conf), "unknown"), after("; ", ledger.Files(e)), strings.Join(e.Sources, ", "))) + "\n"
}

func agentOf(a recording.Agent) string {
	if a.CN != "" && a.E164 != "" {
		return a.E164 + " (" + a.CN + ")"
	}
	return ledger.Name(a)
}
