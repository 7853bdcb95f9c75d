package setup

import (
	"context"
	"fmt"
	"io"
	"strings"
)

// Level is how bad a finding is.
type Level int

// The levels, from good to bad.
const (
	OK    Level = iota
	Note        // works, and there is something to know or to decide
	Fault       // does not work
)

// String is the word that a finding begins with.
func (l Level) String() string {
	switch l {
	case OK:
		return "ok"
	case Note:
		return "note"
	case Fault:
		return "FAULT"
	}
	return ""
}

// Finding is what a check found, in words: what is tried, where, what came of it, and
// what is to be done about it.
type Finding struct {
	Level Level
	What  string // "inbox phones"
	Where string // an address or a folder; may be empty
	Why   string // one sentence without its full stop
	Do    string // one or more sentences; empty if there is nothing to do
}

// Line is the whole finding in one line.
func (f Finding) Line() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-5s %s", f.Level, f.What)
	if f.Where != "" {
		b.WriteString(" (" + f.Where + ")")
	}
	b.WriteString(": " + oneLine(f.Why))
	if f.Do != "" {
		b.WriteString(". " + oneLine(f.Do))
	}
	return b.String()
}

// oneLine keeps what servers and systems say from breaking lines, or a terminal.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f {
			return ' '
		}
		return r
	}, s)
	return strings.Join(strings.Fields(s), " ")
}

// Check is one link to be tried. A new kind of link needs a Stage with its questions, and
// a Check with the same Section, which internal/service makes in Links; the wizard, the
// flags and "callreel setup --check" then have both.
type Check struct {
	Name    string // as in a finding: "inbox phones"
	Section string // of the setup that it belongs to; it is run after its questions
	Index   int    // of a [[section]], else -1
	Run     func(ctx context.Context) Finding
}

// Spare is the check of a standby address. Some answer only while the main one is away,
// so what it finds is never a fault.
func Spare(c Check) Check {
	run := c.Run
	c.Run = func(ctx context.Context) Finding {
		f := run(ctx)
		if f.Level == Fault {
			f.Level = Note
			f.Do = strings.TrimSpace("It is the standby address: some answer only while the main one is away. " + f.Do)
		}
		return f
	}
	return c
}

// RunAll runs checks in their order, writes a line for each, and returns the findings.
// It stops early when ctx is done.
func RunAll(ctx context.Context, checks []Check, w io.Writer) ([]Finding, error) {
	found := make([]Finding, 0, len(checks))
	for _, c := range checks {
		f := c.Run(ctx)
		if ctx.Err() != nil {
			return found, context.Cause(ctx)
		}
		found = append(found, f)
		if _, err := fmt.Fprintln(w, f.Line()); err != nil {
			return found, err
		}
	}
	return found, nil
}

// Faults counts the findings that are faults.
func Faults(found []Finding) int {
	n := 0
	for _, f := range found {
		if f.Level == Fault {
			n++
		}
	}
	return n
}
