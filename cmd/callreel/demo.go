package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"callreel/ingest"
	"callreel/internal/clock"
	"callreel/internal/pbx"
	"callreel/internal/pbxsim"
	"callreel/internal/service"
)

const demoUsage = `Usage: callreel demo [--dir DIR] [--listen ADDRESS]

Starts a simulated PBX whose phones make calls, a recorder that records them,
and the page on which to hear them. Nothing listens outside this machine.
Ctrl-C ends it all and leaves nothing behind, but for what is in DIR.`

func runDemo(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	fs := newFlags("demo", demoUsage, stderr)
	dir := fs.String("dir", "", "keep archive, keys and catalog in this `folder`; else they are removed at the end")
	addr := fs.String("listen", "127.0.0.1:8080", "loopback `address` of the page; port 0 takes a free one")
	calls := fs.Int("calls", 0, "end the calls after so many; 0 goes on until Ctrl-C")
	every := fs.Duration("every", 4*time.Second, "pause between the beginnings of two calls")
	scale := fs.Float64("time-scale", 1, "let time pass so many `times` as fast, 1 to 100")
	level := fs.String("log-level", "error", "debug, info, warn or error")
	if err := fs.Parse(args); err != nil {
		return asUsage(err)
	}
	if fs.NArg() > 0 {
		return usagef("demo takes no arguments, only flags; got %q", fs.Args())
	}
	clk, err := scaledClock(*scale)
	if err != nil {
		return err
	}
	d := demo{dir: *dir, addr: *addr, level: *level, clock: clk, plan: pbxsim.TrafficPlan{
		Calls: *calls, Every: *every, MinRing: time.Second, MaxRing: 3 * time.Second, MinTalk: 4 * time.Second, MaxTalk: 12 * time.Second,
	}}
	err = d.run(ctx, stdout, stderr)
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// scaledClock is a clock that runs faster, for simulations.
func scaledClock(scale float64) (clock.Clock, error) {
	if scale < 1 || scale > 100 {
		return clock.Clock{}, usagef("time-scale %v is not allowed; allowed: 1 to 100", scale)
	}
	if scale == 1 {
		return clock.System(), nil
	}
	return clock.Scaled(scale), nil
}

type demo struct {
	dir, addr, level string
	clock            clock.Clock
	plan             pbxsim.TrafficPlan
}

func (d demo) run(ctx context.Context, stdout, stderr io.Writer) (err error) {
	base := d.dir
	if base == "" {
		if base, err = os.MkdirTemp("", "callreel-demo-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(base)) }()
	}
	inbox := filepath.Join(base, "inbox")
	for _, dir := range []string{inbox, filepath.Join(base, "backup")} {
		if err := os.MkdirAll(dir, 0o750); err != nil {
			return err
		}
	}
	log, err := newLog(d.level, stderr)
	if err != nil {
		return usagef("%w", err)
	}
	sim, err := pbxsim.Start(ctx, pbxsim.Config{InboxDir: inbox, Clock: d.clock, Log: log, CDRDelay: time.Second})
	if err != nil {
		return err
	}
	defer sim.Close()
	cfg := demoConfig(base, sim)
	cfg.Player.Listen = d.addr
	s, err := service.Open(ctx, cfg, service.Options{Clock: d.clock, Log: log, Version: version})
	if err != nil {
		return err
	}
	defer func() {
		if !errors.Is(err, service.ErrCutOff) {
			err = errors.Join(err, s.Close())
		}
	}()
	sim.SetCDRTarget("http://" + s.Addr("receiver") + cfg.Receiver.Path)
	fmt.Fprintf(stdout, "callreel demo: a simulated PBX with %d phones, recorded on this machine only.\n"+
		"Open http://%s/ in a browser; the first recording is there within 15 seconds.\n"+
		"Recordings: %s\nCtrl-C ends it.\n", len(pbxsim.DefaultUsers()), s.Addr("player"), cfg.Archive.Path)
	return d.play(ctx, sim, s)
}

// play lets the recorder record while the simulated phones talk.
func (d demo) play(ctx context.Context, sim *pbxsim.Sim, s *service.Service) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		done <- d.talk(ctx, sim)
	}()
	err := s.Run(ctx)
	cancel()
	if traffic := <-done; err == nil && !errors.Is(traffic, context.Canceled) {
		err = traffic
	}
	return err
}

// talk places a short call first, so that there is something to hear soon, and
// then the planned ones.
func (d demo) talk(ctx context.Context, sim *pbxsim.Sim) error {
	first := pbxsim.Plan{Scenario: pbxsim.ExternalToAgent, Ring: time.Second, Talk: 6500 * time.Millisecond}
	if _, err := sim.Place(ctx, first); err != nil {
		return err
	}
	if !d.clock.Wait(ctx.Done(), d.plan.Every) {
		return ctx.Err()
	}
	if d.plan.Calls == 1 {
		return nil
	}
	d.plan.Calls = max(d.plan.Calls-1, 0)
	_, err := sim.Traffic(ctx, d.plan)
	return err
}

// demoConfig is a setup of short patience, for calls of a few seconds.
func demoConfig(base string, sim *pbxsim.Sim) service.Config {
	const second = pbx.Duration(time.Second)
	user, password, group := sim.Credentials()
	cfg := service.DefaultConfig()
	cfg.Catalog = filepath.Join(base, "callreel.db")
	cfg.Keys.File = filepath.Join(base, "callreel.keys")
	cfg.Archive.Path = filepath.Join(base, "archive")
	cfg.Archive.Backup = filepath.Join(base, "backup")
	cfg.Spool = filepath.Join(cfg.Archive.Path, "REC")
	cfg.Receiver.Listen = "127.0.0.1:0"
	cfg.CDR.FirstWait, cfg.CDR.Settle, cfg.CDR.DiscardSettle = second, second, 3*second
	cfg.PBX = []pbx.Config{{
		Name: "simulated", URL: sim.PBXURL(), User: user, Password: password, Group: group,
	}}
	in := ingest.Config{}
	in.Name, in.Kind, in.URL, in.User, in.Password = "phones", "webdav", sim.InboxURL(), user, password
	in.Poll, in.Settle, in.DeleteDelay = ingest.Duration(time.Second), ingest.Duration(10*time.Second), 0
	cfg.Inbox = []ingest.Config{in}
	return cfg
}
