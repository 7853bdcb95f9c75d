// Command callreel records the calls of PBXes: it picks captures up from an
// inbox, finds out who spoke to whom, and files them as sealed, playable
// recordings. This package parses flags, calls one package and maps errors to
// exit codes; it holds no logic of its own.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
)

// version is set by the linker (-X main.version=…).
var version = "development"

// The exit codes of SPEC §7, the same for every command.
const (
	exitDone     = 0
	exitFault    = 1
	exitUsage    = 2
	exitNothing  = 3
	exitSomeLeft = 4
)

// exitError carries the exit code an error ends the program with.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

func usagef(format string, a ...any) error {
	return &exitError{exitUsage, fmt.Errorf(format, a...)}
}

// command is one word after "callreel".
type command struct {
	name, does string
	run        func(ctx context.Context, args []string, stdout, stderr io.Writer) error
}

func commands() []command {
	return []command{
		{"run", "record, as the setup says", runRun},
		{"setup", "ask for all that is needed, try every link, write the setup", runSetup},
		{"service", "let systemd or Windows run it: install, start, stop, status, uninstall", runService},
		{"config", "check, show and explain the setup", runConfig},
		{"demo", "show it all on this machine, with a simulated PBX", runDemo},
		{"sim", "run the simulated PBX alone", runSim},
		{"convert", "make a WAV or MP3 file of one capture", runConvert},
		{"converter", "make WAV or MP3 files of captures that were filed as they came", runConverter},
		{"status", "show how the recorder is", runStatus},
		{"alarm", "reset the master alarm, switch it off and on, test it", runAlarm},
		{"trace", "log everything for a time", runTrace},
		{"doctor", "find what is wrong without a lamp being red", runDoctor},
		{"explain", "say why a call was kept or not, and for whom", runExplain},
		{"rules", "check rules, test them with cases, try them on past calls", runRules},
		{"aside", "list what could not become a recording, and try it again", runAside},
		{"ledger", "every call of an agent, and what became of it", runLedger},
		{"tan", "give a recording a TAN, or another one", runTAN},
		{"scripts", "write the scripts for the PBX's voicemail objects", runScripts},
		{"mark", "mark a call of an agent, to keep it or not", runMark},
		{"keys", "list, add, retire and exchange keys", runKeys},
		{"decrypt", "write a sealed file in clear", runDecrypt},
		{"token", "make, list and revoke tokens of the API", runToken},
		{"version", "say which version this is", runVersion},
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(exitCode(err, os.Stderr))
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) == 0 {
		help(stderr)
		return usagef("no command given")
	}
	if slices.Contains([]string{"help", "-h", "-help", "--help"}, args[0]) {
		help(stdout)
		return nil
	}
	for _, c := range commands() {
		if c.name == args[0] {
			return c.run(ctx, args[1:], stdout, stderr)
		}
	}
	help(stderr)
	return usagef("no command %q", args[0])
}

func exitCode(err error, stderr io.Writer) int {
	var coded *exitError
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return exitDone
	case errors.As(err, &coded):
		fmt.Fprintln(stderr, "callreel:", err)
		return coded.code
	default:
		fmt.Fprintln(stderr, "callreel:", err)
		return exitFault
	}
}

func help(w io.Writer) {
	var b strings.Builder
	b.WriteString("callreel records the calls of PBXes.\n\nUsage: callreel COMMAND [flags]\n\n")
	for _, c := range commands() {
		fmt.Fprintf(&b, "  %-10s %s\n", c.name, c.does)
	}
	b.WriteString("\n\"callreel COMMAND -h\" tells a command's flags.\n\n" +
		"Exit codes: 0 done, 1 fault, 2 usage, 3 nothing to do it with (it says why), 4 some items not done (each is named).\n")
	_, _ = io.WriteString(w, b.String())
}

// newFlags makes a flag set that reports errors instead of exiting and starts
// its help with usage.
func newFlags(name, usage string, stderr io.Writer) *flag.FlagSet {
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.Usage = func() {
		fmt.Fprintln(stderr, usage)
		fs.PrintDefaults()
	}
	return fs
}

// asUsage makes an error of a flag set a usage error; asking for help is none.
func asUsage(err error) error {
	if errors.Is(err, flag.ErrHelp) {
		return err
	}
	return &exitError{exitUsage, err}
}

func runVersion(_ context.Context, _ []string, stdout, _ io.Writer) error {
	_, err := fmt.Fprintln(stdout, "callreel", version)
	return err
}
