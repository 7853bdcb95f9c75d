package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"callreel/internal/casefile"
	"callreel/internal/recording"
	"callreel/internal/service"
	"callreel/rules"
)

const rulesUsage = `Usage: callreel rules ACTION

  check [--config FILE] [RULES]
      says everything that is wrong with a file of rules; without RULES with the
      one that the setup names
  test [--config FILE] [--rules RULES] CASE...
      asks the rules about cases, each a file with the CDRs of a call and what is
      expected of it, or a folder of such *.txt files; doc/rules.md tells how they
      are written
  case [--config FILE] CALL
      writes a call of the catalog as a case, to be edited; CALL is what "callreel
      explain" takes, and what is written expects what the rules in use say
  replay [--config FILE] [--month YYYY_MM] --rules RULES
      decides every call of the catalog with the rules in use and with RULES, and
      lists those that would become others; nothing is changed

Exit codes: 0 all is well, or nothing would change; 2 a file cannot be read or is
wrong; 3 there is nothing to ask about; 4 cases failed, or calls could not be asked
about (each is named).`

func runRules(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) == 0 {
		return usagef("rules needs an action: check, test, case or replay")
	}
	switch args[0] {
	case "check":
		return checkRules(args[1:], stdout, stderr)
	case "test":
		return testRules(args[1:], stdout, stderr)
	case "case":
		return writeCase(ctx, args[1:], stdout, stderr)
	case "replay":
		return replayRules(ctx, args[1:], stdout, stderr)
	case "-h", "-help", "--help", "help":
		_, err := fmt.Fprintln(stderr, rulesUsage)
		return err
	}
	return usagef("rules has no action %q; it has check, test, case and replay", args[0])
}

func checkRules(args []string, stdout, stderr io.Writer) error {
	fl := newFlags("rules check", rulesUsage, stderr)
	config := fl.String("config", "callreel.toml", "the setup, a TOML `file`")
	if err := fl.Parse(args); err != nil {
		return asUsage(err)
	}
	if fl.NArg() > 1 {
		return usagef("rules check takes one file; got %q", fl.Args())
	}
	name, _, err := rulesOf(*config, fl.Arg(0))
	if err != nil {
		return err
	}
	if name == "" {
		name = "the rules that are built in"
	}
	_, err = fmt.Fprintf(stdout, "%s: nothing is wrong\n", name)
	return err
}

// rulesOf reads a file of rules; without its name the one that the setup names. An empty
// name means those that are built in.
func rulesOf(config, file string) (string, rules.Set, error) {
	if file == "" {
		cfg, err := service.ReadConfig(config)
		if err != nil {
			return "", rules.Set{}, &exitError{exitUsage, err}
		}
		file = cfg.Rules.File
	}
	set, err := service.ReadRules(file)
	if err != nil {
		return file, set, &exitError{exitUsage, err}
	}
	return file, set, nil
}

func testRules(args []string, stdout, stderr io.Writer) error {
	fl := newFlags("rules test", rulesUsage, stderr)
	config := fl.String("config", "callreel.toml", "the setup, a TOML `file`")
	file := fl.String("rules", "", "the `file` of rules, instead of the one that the setup names")
	if err := fl.Parse(args); err != nil {
		return asUsage(err)
	}
	if fl.NArg() == 0 {
		return usagef("rules test needs a case, or a folder of cases")
	}
	_, set, err := rulesOf(*config, *file)
	if err != nil {
		return err
	}
	names, err := caseFiles(fl.Args())
	if err != nil {
		return err
	}
	cases := make([]casefile.Case, 0, len(names))
	var wrong error
	for _, name := range names {
		c, err := readCase(name)
		wrong = errors.Join(wrong, err)
		cases = append(cases, c)
	}
	if wrong != nil {
		return &exitError{exitUsage, wrong}
	}
	return tellCases(stdout, names, cases, set)
}

// caseFiles are the files that are named, and those in folders that are.
func caseFiles(args []string) (out []string, err error) {
	for _, arg := range args {
		st, err := os.Stat(arg)
		if err != nil {
			return nil, &exitError{exitUsage, err}
		}
		if !st.IsDir() {
			out = append(out, arg)
			continue
		}
		in, err := os.ReadDir(arg)
		if err != nil {
			return nil, &exitError{exitUsage, err}
		}
		for _, e := range in {
			if filepath.Ext(e.Name()) == ".txt" && !e.IsDir() {
				out = append(out, filepath.Join(arg, e.Name()))
			}
		}
	}
	if len(out) == 0 {
		return nil, &exitError{exitNothing, fmt.Errorf("no case, a file whose name ends with .txt, is in %q", args)}
	}
	return out, nil
}

// readCase reads a case; the records it names are looked for beside it.
func readCase(name string) (casefile.Case, error) {
	data, err := readAtMost(name)
	if err != nil {
		return casefile.Case{}, err
	}
	return casefile.Parse(name, data, func(records string) ([]byte, error) {
		if !filepath.IsLocal(records) {
			return nil, fmt.Errorf("%q is not in the folder of the case", records)
		}
		return readAtMost(filepath.Join(filepath.Dir(name), records))
	})
}

// readAtMost reads a little more than a case may have, so that too much is told as that.
func readAtMost(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, casefile.MaxSize+1))
}

func tellCases(stdout io.Writer, names []string, cases []casefile.Case, set rules.Set) error {
	failed := 0
	for i, c := range cases {
		missed := c.Run(set)
		result := "ok    "
		if len(missed) > 0 {
			failed++
			result = "FAILED"
		}
		fmt.Fprintf(stdout, "%s  %s  %s\n", result, names[i], c.What)
		for _, m := range missed {
			if m.When != "" {
				fmt.Fprintf(stdout, "        %s:\n", m.When)
			}
			fmt.Fprintf(stdout, "        expected  %s\n        got       %s\n        because   %s\n", m.Want, m.Got, m.Why)
		}
	}
	if _, err := fmt.Fprintf(stdout, "%d cases, %d failed\n", len(cases), failed); err != nil {
		return err
	}
	if failed > 0 {
		return &exitError{exitSomeLeft, fmt.Errorf("%d of %d cases failed; each is named above", failed, len(cases))}
	}
	return nil
}

func writeCase(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	fl := newFlags("rules case", rulesUsage, stderr)
	config := fl.String("config", "callreel.toml", "the setup, a TOML `file`")
	if err := fl.Parse(args); err != nil {
		return asUsage(err)
	}
	if fl.NArg() != 1 {
		return usagef("rules case needs one call; got %q", fl.Args())
	}
	past, err := openPast(ctx, *config)
	if err != nil {
		return err
	}
	defer past.Close()
	list, err := past.Cases(ctx, fl.Arg(0))
	switch {
	case errors.Is(err, recording.ErrNotFound):
		return &exitError{exitNothing, err}
	case err != nil:
		return err
	case len(list) > 1:
		return usagef("%d recordings are meant by %q; name one by its number, \"callreel explain\" tells them", len(list), fl.Arg(0))
	}
	_, err = io.WriteString(stdout, casefile.Format(list[0]))
	return err
}
