package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"callreel/internal/pbxsim"
)

const simUsage = `Usage: callreel sim --inbox DIR [--cdr URL] [--calls N | --load N]

Runs a simulated PBX with phones that make calls: a SOAP interface, a WebDAV
drop directory in DIR, and CDRs sent to URL. Nothing listens outside this
machine.

With --load N it is a steady load instead: N agents talk at the same time, each in
one call after the other, and the log has a line for every call that ended. CDRs
are sent at once.`

// loadStep is how much of a capture a phone of a load sends at a time: few writes,
// because the simulation is to cost less than what is measured.
const loadStep = time.Second

func runSim(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	fs := newFlags("sim", simUsage, stderr)
	inbox := fs.String("inbox", "", "`folder` behind the drop directory")
	cdr := fs.String("cdr", "", "`URL` that CDRs are sent to; without it they wait")
	listen := fs.String("listen", "127.0.0.1:0", "loopback `address` of the SOAP interface")
	drop := fs.String("inbox-listen", "127.0.0.1:0", "loopback `address` of the drop directory")
	calls := fs.Int("calls", 0, "so many calls; 0 goes on until Ctrl-C")
	every := fs.Duration("every", 4*time.Second, "pause between the beginnings of two calls")
	load := fs.Int("load", 0, "a steady load of so many calls at once, until Ctrl-C")
	talk := fs.Duration("talk", 20*time.Second, "length of each call of the load")
	scale := fs.Float64("time-scale", 1, "let time pass so many `times` as fast, 1 to 100")
	level := fs.String("log-level", "info", "debug, info, warn or error")
	if err := fs.Parse(args); err != nil {
		return asUsage(err)
	}
	if *inbox == "" || fs.NArg() > 0 {
		return usagef("sim needs --inbox DIR and takes no arguments")
	}
	if *load < 0 || *load > 20_000 || *talk < time.Second || *load > 0 && *calls > 0 {
		return usagef("--load takes 1 to 20000 calls of at least 1s, and no --calls")
	}
	if err := os.MkdirAll(*inbox, 0o750); err != nil {
		return err
	}
	clk, err := scaledClock(*scale)
	if err != nil {
		return err
	}
	log, err := newLog(*level, stderr)
	if err != nil {
		return usagef("%w", err)
	}
	cfg := pbxsim.Config{Listen: *listen, InboxListen: *drop, InboxDir: *inbox, CDRTarget: *cdr, Clock: clk, Log: log}
	if *load > 0 {
		cfg.Users, cfg.UploadStep, cfg.CDRDelay = pbxsim.LoadUsers(*load), loadStep, time.Millisecond
	}
	sim, err := pbxsim.Start(ctx, cfg)
	if err != nil {
		return err
	}
	defer sim.Close()
	user, _, group := sim.Credentials()
	fmt.Fprintf(stdout, "PBX    %s\ninbox  %s\nuser   %s\ngroup  %s\n", sim.PBXURL(), sim.InboxURL(), user, group)
	if *load > 0 {
		err = playLoad(ctx, sim, pbxsim.LoadPlan{Calls: *load, Talk: *talk}, log)
	} else {
		err = playTraffic(ctx, sim, *calls, *every, log)
	}
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// playLoad keeps a load up and logs when each call ended.
func playLoad(ctx context.Context, sim *pbxsim.Sim, p pbxsim.LoadPlan, log *slog.Logger) error {
	p.Ended = func(c *pbxsim.Call) {
		log.Info("call ended", "conf", c.Conf, "end", c.End, "err", c.Err())
	}
	return sim.Load(ctx, p)
}

// playTraffic places calls one after the other and waits for their end.
func playTraffic(ctx context.Context, sim *pbxsim.Sim, calls int, every time.Duration, log *slog.Logger) error {
	_, err := sim.Traffic(ctx, pbxsim.TrafficPlan{
		Calls: calls, Every: every, MinRing: time.Second, MaxRing: 4 * time.Second, MinTalk: 4 * time.Second, MaxTalk: 20 * time.Second,
		Placed: func(c *pbxsim.Call) {
			log.Info("call", "scenario", c.Scenario, "conf", c.Conf, "user", c.Internal)
		},
	})
	if err == nil {
		err = sim.Wait(ctx)
	}
	return err
}
