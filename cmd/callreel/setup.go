package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"os/user"
	"syscall"

	"callreel/internal/clock"
	"callreel/internal/secret"
	"callreel/internal/service"
	"callreel/internal/setup"
)

const setupUsage = `Usage: callreel setup [--config FILE] [flags]

Asks for all that is needed, tries each link and says what is wrong with it and how to
mend it, and writes the setup with its passwords sealed. A setup that is there is
changed; the old one stays as FILE.bak. "?" explains each question.

With --yes nobody is asked: what the flags do not say stays as it is; in a new setup it
is taken as suggested. Of several PBXes or inboxes they change the first; --set reaches the others.
With --check the links of a setup are tried and nothing is written.

Who has forgotten the setup password can take it away with --forget-setup-password as
a user who can read the setup and its key, FILE.key. That is noted in the archive, in
TMP/callreel-setup.log, and the recorder says so at each start until there is a new one.

Exit codes: 0 written, 1 fault or wrong setup password, 2 answers are missing or wrong,
4 checks found faults; the setup is written all the same with --anyway only.`

func runSetup(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	fl := newFlags("setup", setupUsage, stderr)
	file := fl.String("config", "callreel.toml", "the setup, a TOML `file`")
	yes := fl.Bool("yes", false, "ask nothing")
	job := setup.Job{Out: stdout}
	jobFlags(fl, &job)
	questionFlags(fl, &job.Answers)
	if err := fl.Parse(args); err != nil {
		return asUsage(err)
	}
	if fl.NArg() > 0 {
		return usagef("setup takes no arguments, only flags; got %q", fl.Args())
	}
	wire(&job, *file)
	if !*yes && !job.CheckOnly {
		job.Wizard = newWizard(job)
	}
	return setupCode(job.Run(ctx))
}

func jobFlags(fl *flag.FlagSet, job *setup.Job) {
	fl.BoolVar(&job.Anyway, "anyway", false, "write the setup although checks find faults")
	fl.BoolVar(&job.CheckOnly, "check", false, "try the links, write nothing")
	fl.BoolVar(&job.PutScripts, "scripts", false, "put the scripts for marks and TANs into the inboxes")
	fl.BoolVar(&job.Forget, "forget-setup-password", false, "take the setup password away without knowing it")
	fl.BoolVar(&job.Free, "no-setup-password", false, "take the setup password away, knowing it")
	secretFlags(fl, "setup-password", "the setup password", func(s string) { job.Password = s })
	secretFlags(fl, "new-setup-password", "a new setup password", func(s string) { job.NewPassword = s })
	fl.Func("set", "any other `key=value` of the setup, such as inbox[1].poll=2s; may be given several times", func(s string) error {
		job.Sets = append(job.Sets, s)
		return nil
	})
}

// wire hands the recorder's own reader of setups, and its links, to a job.
func wire(job *setup.Job, file string) {
	clk := clock.System()
	job.Session = &setup.Session{
		File: file, User: whoami(), Clock: clk,
		Validate: func(data []byte) error { _, err := service.ParseConfig(file, data); return err },
	}
	job.Checks = func(data []byte) ([]setup.Check, error) { return service.LinksOf(file, data, clk) }
	job.Scripts = func(ctx context.Context, data []byte) ([]string, error) {
		return service.PutScripts(ctx, file, data)
	}
}

// newWizard asks at the terminal. While it waits for a line Ctrl-C ends the program at
// once; a check is broken off in order, so that it leaves no probe behind.
func newWizard(job setup.Job) *setup.Wizard {
	signal.Reset(os.Interrupt, syscall.SIGTERM)
	return &setup.Wizard{
		Terminal: newTerminal(os.Stdin, job.Out), Out: job.Out, Checks: job.Checks,
		Guard: func(ctx context.Context) (context.Context, context.CancelFunc) {
			return signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
		},
	}
}

func setupCode(err error) error {
	switch {
	case errors.Is(err, setup.ErrChecks):
		return &exitError{exitSomeLeft, err}
	case errors.Is(err, setup.ErrAnswers):
		return &exitError{exitUsage, err}
	case errors.Is(err, setup.ErrNoSetup):
		return &exitError{exitNothing, err}
	case errors.Is(err, io.EOF), errors.Is(err, errInterrupted), errors.Is(err, context.Canceled):
		return errors.New("the questions were broken off; nothing was written")
	}
	return err
}

// questionFlags makes a flag of each question. Passwords are never on the command line,
// where everybody on the machine sees them.
func questionFlags(fl *flag.FlagSet, answers *[]setup.Answer) {
	for _, s := range setup.Stages() {
		for _, q := range s.Questions {
			take := func(text string) { *answers = append(*answers, setup.Answer{Stage: s, Question: q, Text: text}) }
			if secret.IsSecret(q.Key) {
				secretFlags(fl, q.Flag, q.Section+": "+q.Ask, take)
				continue
			}
			fl.Func(q.Flag, cmp.Or(q.Section, "setup")+": "+q.Ask, func(text string) error {
				take(text)
				return nil
			})
		}
	}
}

// secretFlags makes the two flags that say where a password is.
func secretFlags(fl *flag.FlagSet, name, what string, take func(string)) {
	read := func(from func(string) (string, error)) func(string) error {
		return func(where string) error {
			text, err := from(where)
			if err == nil && text == "" {
				err = fmt.Errorf("%s holds no password", where)
			}
			if err == nil {
				take(text)
			}
			return err
		}
	}
	fl.Func(name+"-env", what+", in this `variable` of the environment", read(secret.FromEnv))
	fl.Func(name+"-file", what+", in the first line of this `file`", read(secret.FromFile))
}

// whoami is the user of the machine, for what is noted of a setup.
func whoami() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "unknown"
}
