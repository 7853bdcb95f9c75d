package main_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"callreel/internal/pbxsim"
)

// withStandby gives the setup's PBX a standby address.
func (r *rig) withStandby(t *testing.T) {
	t.Helper()
	text, err := os.ReadFile(r.config)
	if err != nil {
		t.Fatal(err)
	}
	with := strings.Replace(string(text), "[[pbx]]\n", fmt.Sprintf("[[pbx]]\nstandby = %q\n", r.sim.StandbyHost()), 1)
	if err := os.WriteFile(r.config, []byte(with), 0o600); err != nil {
		t.Fatal(err)
	}
}

// step is what is done when the log has a line.
type step struct {
	line string
	do   func()
}

// killAfter starts the recorder, goes through steps, and kills it at the last one.
func (r *rig) killAfter(t *testing.T, steps ...step) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd, log := r.start(ctx, t)
	lines := bufio.NewScanner(log)
	lines.Buffer(nil, 1<<20)
	for len(steps) > 0 && lines.Scan() {
		if strings.Contains(lines.Text(), steps[0].line) {
			if steps[0].do != nil {
				steps[0].do()
			}
			steps = steps[1:]
		}
	}
	_ = cmd.Process.Kill()
	_, _ = io.Copy(io.Discard, log)
	_ = cmd.Wait()
	if len(steps) > 0 {
		t.Fatalf("the line %q did not come", steps[0].line)
	}
}

// TestKilledWhileThePBXSwitches kills the program while the PBX it follows dies and its
// standby takes over, in each moment of that and of the way back: every call is filed once.
func TestKilledWhileThePBXSwitches(t *testing.T) {
	r := newRig(t, "")
	r.withStandby(t)
	traffic := r.talk(t, 200*time.Millisecond)
	main := func(dead bool) func() {
		return func() {
			r.sim.Fault(pbxsim.PBXDown, dead)
			r.sim.Fault(pbxsim.StandbyDown, !dead)
			r.sim.ForgetCalls()
		}
	}
	const up, down = `msg="PBX link is up" pbx=sim`, `msg="PBX link is down"`
	const inUse = `msg="PBX address in use" pbx=sim standby=`
	r.killAfter(t, step{inUse + "false", nil}, step{up, main(true)}, step{down, nil})
	r.killAfter(t, step{inUse + "true", nil})
	r.killAfter(t, step{inUse + "true", nil}, step{up, main(false)}, step{down, nil})
	r.killAfter(t, step{inUse + "false", nil}, step{up, main(true)}, step{inUse + "true", nil}, step{up, nil})
	r.killAfter(t, step{down, main(false)}, step{inUse + "false", nil}, step{up, nil})
	calls := traffic()
	r.runToTheEnd(t, calls)
	r.wantCalls(t, calls, "archive", "backup")
	t.Logf("%d calls", len(calls))
}
