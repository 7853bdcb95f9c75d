package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"callreel/internal/pbxsim"
)

const simUsage = `Usage: callreel sim --inbox DIR [--cdr URL] [--calls N]

Runs a simulated PBX with phones that make calls: a SOAP interface, a WebDAV
drop directory in DIR, and CDRs sent to URL. Nothing listens outside this
machine.`

func runSim(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	fs := newFlags("sim", simUsage, stderr)
	inbox := fs.String("inbox", "", "`folder` behind the drop directory")
	cdr := fs.String("cdr", "", "`URL` that CDRs are sent to; without it they wait")
	listen := fs.String("listen", "127.0.0.1:0", "loopback `address` of the SOAP interface")
	drop := fs.String("inbox-listen", "127.0.0.1:0", "loopback `address` of the drop directory")
	calls := fs.Int("calls", 0, "so many calls; 0 goes on until Ctrl-C")
	every := fs.Duration("every", 4*time.Second, "pause between the beginnings of two calls")
	scale := fs.Float64("time-scale", 1, "let time pass so many `times` as fast, 1 to 100")
	level := fs.String("log-level", "info", "debug, info, warn or error")
	if err := fs.Parse(args); err != nil {
		return asUsage(err)
	}
	if *inbox == "" || fs.NArg() > 0 {
		return usagef("sim needs --inbox DIR and takes no arguments")
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
	sim, err := pbxsim.Start(ctx, pbxsim.Config{
		Listen: *listen, InboxListen: *drop, InboxDir: *inbox, CDRTarget: *cdr, Clock: clk, Log: log,
	})
	if err != nil {
		return err
	}
	defer sim.Close()
	user, _, group := sim.Credentials()
	fmt.Fprintf(stdout, "PBX    %s\ninbox  %s\nuser   %s\ngroup  %s\n", sim.PBXURL(), sim.InboxURL(), user, group)
	_, err = sim.Traffic(ctx, pbxsim.TrafficPlan{
		Calls: *calls, Every: *every, MinRing: time.Second, MaxRing: 4 * time.Second, MinTalk: 4 * time.Second, MaxTalk: 20 * time.Second,
		Placed: func(c *pbxsim.Call) {
			log.Info("call", "scenario", c.Scenario, "conf", c.Conf, "user", c.Internal)
		},
	})
	if err == nil {
		err = sim.Wait(ctx)
	}
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}
