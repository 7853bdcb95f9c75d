package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"callreel/internal/service"
	"callreel/internal/setup"
	"callreel/internal/tomlfile"
)

const configUsage = `Usage: callreel config [--config FILE] check|show|explain KEY

  check        says what is wrong with the setup: file, line, what is allowed; opens
               the secrets too, and reads the file of rules. It connects to nothing;
               "callreel setup" tries the links
  show         prints what holds, defaults marked, passwords hidden
  explain KEY  prints what a key means: "inbox.poll", or "poll" for all of that name,
               or "inbox" for the whole section

Exit code 2: the setup cannot be used. Exit code 3: there is no such key.`

func runConfig(_ context.Context, args []string, stdout, stderr io.Writer) error {
	fl := newFlags("config", configUsage, stderr)
	file := fl.String("config", "callreel.toml", "the setup, a TOML `file`")
	if err := fl.Parse(args); err != nil {
		return asUsage(err)
	}
	switch {
	case fl.NArg() == 1 && fl.Arg(0) == "check":
		return checkConfig(*file, stdout)
	case fl.NArg() == 1 && fl.Arg(0) == "show":
		return showConfig(*file, stdout)
	case fl.NArg() == 2 && fl.Arg(0) == "explain":
		return explainKey(fl.Arg(1), stdout)
	}
	return usagef("config needs check, show or explain KEY, behind all flags")
}

func checkConfig(file string, stdout io.Writer) error {
	cfg, err := service.LoadConfig(file)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	if err := cfg.CheckRules(); err != nil {
		return &exitError{exitUsage, err}
	}
	_, err = fmt.Fprintf(stdout, "%s can be used: %d inboxes, %d PBXes, recordings go to %s\n",
		file, len(cfg.Inbox), len(cfg.PBX)+len(cfg.Asterisk), cfg.Archive.Path)
	return err
}

func showConfig(file string, stdout io.Writer) error {
	cfg, err := service.ReadConfig(file)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	cfg = cfg.WithDefaults()
	return setup.Show(stdout, &cfg, tomlfile.FindLines(data))
}

func explainKey(word string, stdout io.Writer) error {
	keys := setup.Find(word)
	if len(keys) == 0 {
		return &exitError{exitNothing, fmt.Errorf("there is no key %q; \"callreel config show\" lists all there are", word)}
	}
	return setup.Explain(stdout, keys)
}
