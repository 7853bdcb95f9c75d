package service_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"callreel/internal/catalog"
	"callreel/internal/pbxsim"
	"callreel/internal/recording"
	"callreel/internal/service"
)

// talking places a call and waits until it is up and its capture seen.
func (r *rig) talking(t *testing.T, p pbxsim.Plan) *pbxsim.Call {
	t.Helper()
	c := r.place(t, p)
	until(t, "the capture is seen", func() error {
		list, err := recordingsOf(t, r.cfg, c.Conf)
		if err == nil && len(list) == 0 {
			err = fmt.Errorf("conference %s is not seen", c.Conf)
		}
		return err
	})
	return c
}

func recordingsOf(t *testing.T, cfg service.Config, conf string) ([]recording.Recording, error) {
	t.Helper()
	c, err := catalog.OpenReader(t.Context(), cfg.Catalog)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return c.ByConf(t.Context(), recording.ConfID(conf))
}

// knows waits until the recorder has, or has no more, an agent.
func (r *rig) knows(t *testing.T, cn string, want bool) {
	t.Helper()
	c, err := catalog.OpenReader(t.Context(), r.cfg.Catalog)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	until(t, "agents", func() error {
		list, err := c.Agents(t.Context())
		got := false
		for _, a := range list {
			got = got || a.CN == cn
		}
		if err == nil && got != want {
			err = fmt.Errorf("%s is an agent: %v, want %v", cn, got, want)
		}
		return err
	})
}

// TestAgentsComeAndGo: users appear, leave and change their group while the recorder
// runs, before and in the middle of calls. A call that was begun as an agent, or in
// which one became an agent, is kept.
func TestAgentsComeAndGo(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name   string
		plan   pbxsim.Plan
		before func(*rig) // the call
		during func(*rig)
		cn     string
		agent  bool // he is one when that is done
		kept   bool
	}{
		{"a user appears", pbxsim.Plan{Scenario: pbxsim.ExternalToAgent, User: "Nora New"}, func(r *rig) {
			r.sim.AddUser(pbxsim.User{CN: "Nora New", Number: "28", H323: "new", Agent: true})
		}, nil, "Nora New", true, true},
		{"an executive object appears", pbxsim.Plan{Scenario: pbxsim.AgentToExternal, User: "Elena Chief"}, func(r *rig) {
			r.sim.AddUser(pbxsim.User{CN: "Elena Chief", Number: "29", H323: "chief", Agent: true, Executive: true})
		}, nil, "Elena Chief", true, true},
		{"an agent leaves the group before a call", pbxsim.Plan{Scenario: pbxsim.ExternalToUser, User: "Anna Rossi"}, func(r *rig) {
			r.sim.SetAgent("Anna Rossi", false)
		}, nil, "Anna Rossi", false, false},
		{"a user enters the group before a call", pbxsim.Plan{Scenario: pbxsim.ExternalToAgent, User: "Reception"}, func(r *rig) {
			r.sim.SetAgent("Reception", true)
		}, nil, "Reception", true, true},
		{"an agent leaves the group in the middle", pbxsim.Plan{Scenario: pbxsim.ExternalToAgent, User: "Anna Rossi"}, nil, func(r *rig) {
			r.sim.SetAgent("Anna Rossi", false)
		}, "Anna Rossi", false, true},
		{"an agent leaves the group on hold", pbxsim.Plan{Scenario: pbxsim.ExternalToAgent, User: "Anna Rossi", Talk: 4 * time.Second, Hold: 1500 * time.Millisecond}, nil, func(r *rig) {
			r.sim.SetAgent("Anna Rossi", false)
		}, "Anna Rossi", false, true},
		{"an agent is deleted in the middle", pbxsim.Plan{Scenario: pbxsim.AgentToExternal, User: "Mary Example"}, nil, func(r *rig) {
			r.sim.RemoveUser("Mary Example")
		}, "Mary Example", false, true},
		{"a user enters the group in the middle", pbxsim.Plan{Scenario: pbxsim.UserToExternal, User: "Reception"}, nil, func(r *rig) {
			r.sim.SetAgent("Reception", true)
		}, "Reception", true, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			r.light(t, service.LampPBX, service.Green)
			if row.before != nil {
				row.before(r)
				r.knows(t, row.cn, row.agent)
			}
			if row.plan.Talk == 0 {
				row.plan.Talk = 2 * time.Second
			}
			c := r.talking(t, row.plan)
			if row.during != nil {
				row.during(r)
				r.knows(t, row.cn, row.agent)
			}
			<-c.Done()
			c.Kept = row.kept
			r.calls = append(r.calls, c)
			r.allFiled(t)
			want := map[string]recording.Outcome{}
			if row.kept {
				want[c.Conf] = recording.OutcomeFiled
			}
			r.lines(t, want)
		})
	}
}

// TestTwoPBXes: two PBXes have the same staff, with the same names and numbers. Each
// call is filed for the agent of its own PBX, also when his own CDR never comes.
func TestTwoPBXes(t *testing.T) {
	t.Parallel()
	second := filepath.Join(t.TempDir(), "inbox2")
	if err := os.MkdirAll(second, 0o750); err != nil {
		t.Fatal(err)
	}
	sim, err := pbxsim.Start(t.Context(), pbxsim.Config{InboxDir: second, CDRDelay: 200 * time.Millisecond, PollHold: time.Second, Seed: 4})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	r := newRig(t, func(c *service.Config) {
		c.PBX = append(c.PBX, c.PBX[0])
		c.PBX[1].Name, c.PBX[1].URL = "another", sim.PBXURL()
		c.Inbox = append(c.Inbox, c.Inbox[0])
		c.Inbox[1].Name, c.Inbox[1].URL = "others", sim.InboxURL()
	})
	sim.SetCDRTarget("http://" + r.s.Addr("receiver") + "/cdr")
	r.light(t, service.LampPBX, service.Green)
	want := map[string]recording.Outcome{}
	of := map[string]string{} // PBX by conference
	for name, s := range map[string]*pbxsim.Sim{"sim": r.sim, "another": sim} {
		for _, lost := range []bool{false, true} {
			c, err := s.Place(t.Context(), pbxsim.Plan{Scenario: pbxsim.ExternalToAgent, User: "Anna Rossi", Talk: 700 * time.Millisecond, NoOwnCDR: lost})
			if err != nil {
				t.Fatal(err)
			}
			<-c.Done()
			r.calls = append(r.calls, c)
			want[c.Conf], of[c.Conf] = recording.OutcomeFiled, name
		}
	}
	r.allFiled(t)
	for _, e := range r.lines(t, want) {
		if e.Agent.PBX != of[string(e.Conf)] {
			t.Errorf("conference %s of PBX %s is in the ledger for %+v", e.Conf, of[string(e.Conf)], e.Agent)
		}
		list, err := recordingsOf(t, r.cfg, string(e.Conf))
		if err != nil || len(list) != 1 || list[0].Verdict.Owner.PBX != of[string(e.Conf)] {
			t.Errorf("conference %s of PBX %s: %+v, %v", e.Conf, of[string(e.Conf)], list, err)
		}
	}
}

// TestStandbyInTheMiddleOfCalls: the PBX goes away and its standby takes over, and comes
// back, while calls are going on: each is filed once and has one line.
func TestStandbyInTheMiddleOfCalls(t *testing.T) {
	t.Parallel()
	r := newRigOf(t, pbxsim.Config{Standby: true}, nil)
	r.light(t, service.LampPBX, service.Green)
	want := map[string]recording.Outcome{}
	for _, user := range []string{"Anna Rossi", "Mary Example", "Luca Bianchi"} {
		c := r.talking(t, pbxsim.Plan{Scenario: pbxsim.ExternalToAgent, User: user, Talk: 6 * time.Second, Hold: 3 * time.Second})
		r.calls = append(r.calls, c)
		want[c.Conf] = recording.OutcomeFiled
	}
	r.sim.Fault(pbxsim.PBXDown, true)
	r.light(t, service.LampPBX, service.Red)
	r.light(t, service.LampPBX, service.Green) // at the standby address
	r.sim.Fault(pbxsim.PBXDown, false)
	for _, c := range r.calls {
		<-c.Done()
	}
	c := r.call(t, pbxsim.AgentToExternal)
	want[c.Conf] = recording.OutcomeFiled
	r.allFiled(t)
	r.lines(t, want)
}
