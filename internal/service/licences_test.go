package service_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"callreel/internal/clock"
	"callreel/internal/pbx"
	"callreel/internal/pbxsim"
	"callreel/internal/recording"
	"callreel/internal/service"
)

// TestLicencesOfThePBX counts agents down against what the PBX says, follows it when
// that changes, and keeps the last count when it cannot be read.
func TestLicencesOfThePBX(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *service.Config) {
		c.Licence.Count, c.Licence.Name, c.Licence.Every = "pbx", "Recording", pbx.Duration(300*time.Millisecond)
	})
	r.light(t, service.LampPBX, service.Green)
	if st := r.light(t, service.LampSoftware, service.Red); !strings.Contains(st.Error, "404") {
		t.Errorf("the list is not there: %+v", st)
	}
	r.sim.SetLicences("Recording", 2)
	who := ""
	until(t, "who has no licence is named", func() error {
		who = r.light(t, service.LampSoftware, service.Red).Error
		return contains(who, "2 agents have no licence")
	})
	if !strings.HasSuffix(who, ": Luca Bianchi, Mary Example") {
		t.Errorf("%s", who)
	}
	want := map[string]recording.Outcome{}
	call := func(user string, kept bool, o recording.Outcome) {
		t.Helper()
		c := r.place(t, pbxsim.Plan{Scenario: pbxsim.ExternalToAgent, User: user, Talk: 600 * time.Millisecond})
		<-c.Done()
		if c.Kept = kept; kept {
			r.calls = append(r.calls, c)
		}
		want[c.Conf] = o
	}
	call("Anna Rossi", true, recording.OutcomeFiled)
	call("Mary Example", false, recording.OutcomeNoLicence)
	r.lines(t, want)
	r.sim.SetLicences("Recording", 4)
	r.light(t, service.LampSoftware, service.Green)
	call("Mary Example", true, recording.OutcomeFiled)

	r.sim.SetLicences("Recording", -1)
	if st := r.light(t, service.LampSoftware, service.Red); !strings.Contains(st.Error, "read the licences of PBX sim") {
		t.Errorf("%+v", st)
	}
	call("Luca Bianchi", true, recording.OutcomeFiled)
	r.lines(t, want)
	r.allFiled(t)
}

// TestLicenceLostInACall: somebody joins the group, before others in the order of names,
// and the last of them is without a licence in the middle of a call. That call is kept, his
// next is not.
func TestLicenceLostInACall(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *service.Config) { c.Licence.Count = int64(4) })
	r.light(t, service.LampPBX, service.Green)
	r.knows(t, "Mary Example", true)
	up := r.talking(t, pbxsim.Plan{Scenario: pbxsim.ExternalToAgent, User: "Mary Example", Talk: 3 * time.Second})
	r.sim.AddUser(pbxsim.User{CN: "Aaron", Number: "79", Agent: true})
	until(t, "Mary has no licence", func() error {
		return contains(r.s.Lamp(service.LampSoftware).Error, "1 agents have no licence and are not recorded: Mary Example")
	})
	<-up.Done()
	next := r.place(t, pbxsim.Plan{Scenario: pbxsim.ExternalToAgent, User: "Mary Example", Talk: 600 * time.Millisecond})
	<-next.Done()
	up.Kept, next.Kept = true, false
	r.calls = append(r.calls, up)
	r.lines(t, map[string]recording.Outcome{up.Conf: recording.OutcomeFiled, next.Conf: recording.OutcomeNoLicence})
	r.allFiled(t)
}

// TestLicencesOverARestart: the count that was last read holds when the PBX says
// nothing any more.
func TestLicencesOverARestart(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.light(t, service.LampPBX, service.Green)
	r.sim.SetLicences("Recording", 3)
	cfg := r.cfg
	cfg.Catalog, cfg.Spool, cfg.Archive.Path = cfg.Catalog+"2", cfg.Spool+"2", cfg.Archive.Path+"2"
	cfg.Licence.Count, cfg.Licence.Every = "pbx", pbx.Duration(300*time.Millisecond)
	lamp := func(s *service.Service, want string) func() error {
		return func() error { return contains(s.Lamp(service.LampSoftware).Error, want) }
	}
	s, stop := begin(t, cfg)
	until(t, "one too many", lamp(s, "1 agents have no licence and are not recorded: Mary Example"))
	stop()
	r.sim.SetLicences("Recording", -1)
	s, stop = begin(t, cfg)
	defer stop()
	// The older of the two faults is shown: the count of before held from the start on.
	until(t, "still one too many", lamp(s, "1 agents have no licence and are not recorded: Mary Example"))
}

// TestLicencesOfTheSetup: who looks back counts the agents of the setup down as the
// recorder did.
func TestLicencesOfTheSetup(t *testing.T) {
	t.Parallel()
	cfg := plain(t)
	cfg.Agent = []service.AgentConfig{{Number: "24"}, {Number: "25"}}
	cfg.Licence.Count = int64(1)
	s := running(t, cfg)
	post(t, s, cdrOf("25", numberedConf(1)))
	file := filepath.Join(cfg.Inbox[0].Path, string(numberedConf(1))+".pcap")
	if err := os.WriteFile(file, pcapOf(time.Now(), sipCall("0012345", "25")...), 0o600); err != nil {
		t.Fatal(err)
	}
	rec := theOnly(t, cfg)
	if rec.Verdict.Rule != recording.NoLicence {
		t.Fatalf("%s by %q", rec.State, rec.Verdict.Rule)
	}
	if text, _ := told(t, cfg, string(numberedConf(1))); strings.Contains(text, "would say something else") || !strings.Contains(text, "25 is no agent") {
		t.Errorf("explained as if there were a licence:\n%s", text)
	}
}

// begin starts a recorder; stop ends it and waits.
func begin(t *testing.T, cfg service.Config) (s *service.Service, stop func()) {
	t.Helper()
	log := slog.New(slog.NewTextHandler(testWriter{t}, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s, err := service.Open(t.Context(), cfg, service.Options{Clock: clock.System(), Log: log, Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	return s, func() {
		t.Helper()
		cancel()
		if err := errors.Join(<-done, s.Close()); err != nil {
			t.Errorf("the recorder ended: %v", err)
		}
	}
}

func contains(text, part string) error {
	if !strings.Contains(text, part) {
		return fmt.Errorf("%q does not contain %q", text, part)
	}
	return nil
}
