package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"callreel/internal/daemon"
	"callreel/internal/service"
)

const serviceUsage = `Usage: callreel service install --config FILE [--name NAME] [--user USER]
       callreel service start|stop|status|uninstall [--name NAME]

Lets the service manager of this machine, systemd or that of Windows, run a recorder:
from the machine's start on, and anew within seconds if it dies. Each recorder of a
machine has a NAME and a setup of its own. Install again when a folder or port in the
setup has changed. Uninstall touches no recording, key or setup.

Exit code 3: there is no such service or no manager; of status also: it does not run.`

// serviceFlags are those of all five.
type serviceFlags struct {
	config, name, user, root string
}

func runService(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	verbs := map[string]func(daemon.Manager, string, serviceFlags, io.Writer) error{
		"install": installService, "uninstall": uninstallService,
		"start": startService, "stop": stopService, "status": tellService,
	}
	var f serviceFlags
	fl := newFlags("service", serviceUsage, stderr)
	fl.StringVar(&f.config, "config", "callreel.toml", "the setup, a TOML `file` (install)")
	fl.StringVar(&f.name, "name", "", "of this recorder, where there are several; the service is callreel-`NAME` then")
	fl.StringVar(&f.user, "user", defaultServiceUser(), "who runs it (install)")
	fl.StringVar(&f.root, "root", "", "install or uninstall in the system whose files lie in this `folder`, as systemctl --root does")
	if len(args) == 0 {
		fl.Usage()
		return usagef("service needs one of install, uninstall, start, stop, status")
	}
	verb := verbs[args[0]]
	if err := fl.Parse(flagsOf(args, verb != nil)); err != nil {
		return asUsage(err)
	}
	if verb == nil || fl.NArg() > 0 {
		return usagef("service needs one of install, uninstall, start, stop, status, and only flags after it; got %q", args)
	}
	if f.root != "" && !slices.Contains([]string{"install", "uninstall"}, args[0]) {
		return usagef("service %s works on the system that runs; --root is for install and uninstall", args[0])
	}
	name, err := daemon.ServiceName(f.name)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	manager, err := daemon.Here(ctx, f.root)
	if err == nil {
		err = verb(manager, name, f, stdout)
	}
	if errors.Is(err, daemon.ErrNoManager) || errors.Is(err, daemon.ErrNotInstalled) {
		return &exitError{exitNothing, fmt.Errorf("%s: %w", name, err)}
	}
	return err
}

// flagsOf leaves the verb out.
func flagsOf(args []string, verb bool) []string {
	if verb {
		return args[1:]
	}
	return args
}

// defaultServiceUser is the one that the packages make. Windows has its own choice.
func defaultServiceUser() string {
	if runtime.GOOS == "windows" {
		return ""
	}
	return "callreel"
}

func installService(m daemon.Manager, name string, f serviceFlags, out io.Writer) error {
	cfg, err := service.ReadConfig(f.config)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	config, err := filepath.Abs(f.config)
	if err != nil {
		return fmt.Errorf("find the setup: %w", err)
	}
	binary, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find callreel itself: %w", err)
	}
	done, err := m.Install(daemon.Unit{Service: name, Binary: binary, Config: config, User: f.user, Needs: cfg.Needs(config)})
	for _, line := range done {
		fmt.Fprintln(out, line)
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s is installed and starts with the machine; \"callreel service start%s\" starts it now\n", name, nameFlag(f))
	return err
}

func nameFlag(f serviceFlags) string {
	if f.name == "" {
		return ""
	}
	return " --name " + f.name
}

func uninstallService(m daemon.Manager, name string, _ serviceFlags, out io.Writer) error {
	if err := m.Uninstall(name); err != nil {
		return err
	}
	_, err := fmt.Fprintln(out, name, "is uninstalled; recordings, keys and setup are where they were")
	return err
}

func startService(m daemon.Manager, name string, _ serviceFlags, out io.Writer) error {
	if err := m.Start(name); err != nil {
		return err
	}
	_, err := fmt.Fprintln(out, name, "records")
	return err
}

func stopService(m daemon.Manager, name string, _ serviceFlags, out io.Writer) error {
	if err := m.Stop(name); err != nil {
		return err
	}
	_, err := fmt.Fprintln(out, name, "has stopped")
	return err
}

func tellService(m daemon.Manager, name string, _ serviceFlags, out io.Writer) error {
	st, err := m.State(name)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(out, "%s: %s\n", name, st.Text); err != nil {
		return err
	}
	if !st.Running {
		return &exitError{exitNothing, errors.New(name + " does not run")}
	}
	return nil
}
