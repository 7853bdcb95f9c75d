package service_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"callreel/ingest"
	"callreel/internal/callcheck"
	"callreel/internal/catalog"
	"callreel/internal/clock"
	"callreel/internal/pbx"
	"callreel/internal/pbxsim"
	"callreel/internal/service"
)

// rig is a whole recorder beside a simulated PBX, in this process.
type rig struct {
	dir   string
	cfg   service.Config
	sim   *pbxsim.Sim
	s     *service.Service
	calls []*pbxsim.Call
	end   func() // stops the recorder before the test ends
}

// newRig starts both; change may change the setup before.
func newRig(t *testing.T, change func(*service.Config)) *rig {
	t.Helper()
	return newRigOf(t, pbxsim.Config{}, change)
}

// newRigOf is newRig with a PBX of one's own, see newRigWith.
func newRigOf(t *testing.T, pbx pbxsim.Config, change func(*service.Config)) *rig {
	t.Helper()
	return newRigWith(t, pbx, func(_ *rig, c *service.Config) {
		if change != nil {
			change(c)
		}
	})
}

// newRigWith is newRig with a PBX of one's own; its times and folder are the rig's, and its
// clock, if it has one, is the recorder's too.
func newRigWith(t *testing.T, pbx pbxsim.Config, change func(*rig, *service.Config)) *rig {
	t.Helper()
	r := &rig{dir: t.TempDir()}
	inbox := filepath.Join(r.dir, "inbox")
	for _, dir := range []string{inbox, filepath.Join(r.dir, "backup")} {
		if err := os.MkdirAll(dir, 0o750); err != nil {
			t.Fatal(err)
		}
	}
	log := slog.New(slog.NewTextHandler(testWriter{t}, &slog.HandlerOptions{Level: slog.LevelDebug}))
	pbx.InboxDir, pbx.CDRDelay, pbx.CDRLateBy, pbx.PollHold, pbx.Seed = inbox, 200*time.Millisecond, 3*time.Second, time.Second, 3
	if pbx.Clock.Now == nil {
		pbx.Clock = clock.System()
	}
	sim, err := pbxsim.Start(t.Context(), pbx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	r.sim = sim
	r.cfg = setup(r.dir, sim)
	change(r, &r.cfg)
	s, err := service.Open(t.Context(), r.cfg, service.Options{Clock: pbx.Clock, Log: log, Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	r.s = s
	sim.SetCDRTarget("http://" + s.Addr("receiver") + "/cdr")
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	r.end = sync.OnceFunc(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("the recorder ended: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(r.end)
	return r
}

func setup(dir string, sim *pbxsim.Sim) service.Config {
	user, password, group := sim.Credentials()
	cfg := service.DefaultConfig()
	cfg.Catalog = filepath.Join(dir, "callreel.db")
	cfg.Keys.File = filepath.Join(dir, "callreel.keys")
	cfg.Archive.Path = filepath.Join(dir, "archive")
	cfg.Archive.Backup = filepath.Join(dir, "backup")
	cfg.Spool = filepath.Join(dir, "spool")
	cfg.Receiver.Listen, cfg.Player.Listen = "127.0.0.1:0", "127.0.0.1:0"
	cfg.CDR.FirstWait, cfg.CDR.SecondWait = pbx.Duration(500*time.Millisecond), pbx.Duration(500*time.Millisecond)
	cfg.CDR.Settle, cfg.CDR.DiscardSettle = pbx.Duration(300*time.Millisecond), pbx.Duration(600*time.Millisecond)
	cfg.PBX = []pbx.Config{{
		Name: "sim", URL: sim.PBXURL(), Standby: sim.StandbyHost(), User: user, Password: password, Group: group,
		PollTimeout: pbx.Duration(5 * time.Second), CallTimeout: pbx.Duration(2 * time.Second),
	}}
	in := ingest.Config{}
	in.Name, in.Kind, in.URL, in.User, in.Password = "phones", "webdav", sim.InboxURL(), user, password
	in.Poll, in.Settle, in.DeleteDelay = ingest.Duration(200*time.Millisecond), ingest.Duration(2*time.Second), 0
	in.IdleTimeout = ingest.Duration(700 * time.Millisecond)
	cfg.Inbox = []ingest.Config{in}
	return cfg
}

// testWriter sends the log to the test.
type testWriter struct{ t *testing.T }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Log(strings.TrimSuffix(string(p), "\n"))
	return len(p), nil
}

// call places one call of an agent and waits for its end.
func (r *rig) call(t *testing.T, scenario pbxsim.Scenario) *pbxsim.Call {
	t.Helper()
	c := r.place(t, pbxsim.Plan{Scenario: scenario, Talk: 600 * time.Millisecond})
	select {
	case <-c.Done():
	case <-time.After(time.Minute):
		t.Fatal("the call does not end")
	}
	r.calls = append(r.calls, c)
	return c
}

// place begins a call.
func (r *rig) place(t *testing.T, p pbxsim.Plan) *pbxsim.Call {
	t.Helper()
	c, err := r.sim.Place(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// until polls a condition; the test fails after a minute without it.
func until(t *testing.T, what string, holds func() error) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		err := holds()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: %v", what, err)
		}
		<-time.After(20 * time.Millisecond)
	}
}

// light waits until a lamp shows a colour.
func (r *rig) light(t *testing.T, lamp service.Lamp, want service.Light) service.LampState {
	t.Helper()
	var st service.LampState
	until(t, fmt.Sprintf("lamp %s", lamp), func() error {
		st = r.s.Lamp(lamp)
		if st.Light != want {
			return fmt.Errorf("is %s (%s), want %s", st.Light, st.Error, want)
		}
		return nil
	})
	return st
}

// allFiled waits until every call has come to its end, archive, backup, inbox
// and spool as they must be.
func (r *rig) allFiled(t *testing.T) {
	t.Helper()
	ring, err := service.ReadRing(r.cfg.Keys.File)
	if err != nil {
		t.Fatal(err)
	}
	until(t, "calls filed", func() error {
		if err := callcheck.Calls(r.cfg.Archive.Path, ring, r.calls); err != nil {
			return err
		}
		if err := callcheck.Calls(r.cfg.Archive.Backup, ring, r.calls); err != nil {
			return err
		}
		if err := callcheck.Empty(filepath.Join(r.dir, "inbox"), ".pcap"); err != nil {
			return err
		}
		return callcheck.Empty(r.cfg.Spool, ".pcap")
	})
}

// catalogOf opens the catalog of a recorder that does not run.
func catalogOf(t *testing.T, cfg service.Config) *catalog.Catalog {
	t.Helper()
	c, err := catalog.Open(t.Context(), cfg.Catalog)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}
