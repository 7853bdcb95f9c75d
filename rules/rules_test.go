package rules_test

import (
	"fmt"
	"testing"
	"time"

	"callreel/internal/recording"
	"callreel/rules"
)

const conf = recording.ConfID("c03a55c2e909d311b6450090331b3e3b")

var (
	noon  = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	rossi = recording.Agent{CN: "Rossi", E164: "24", GUID: "aa", PBX: "main"}
	verdi = recording.Agent{CN: "Verdi", E164: "25", GUID: "bb", PBX: "main"}
)

// ev makes an event at a time in seconds.
func ev(msg string, at int64, number string) recording.CDREvent {
	return recording.CDREvent{Msg: msg, Time: at, E164: number}
}

func extEv(msg string, at int64, number string) recording.CDREvent {
	e := ev(msg, at, number)
	e.Type = "ext"
	return e
}

func user(a recording.Agent, dir recording.Dir, events ...recording.CDREvent) recording.CDR {
	return recording.CDR{GUID: a.GUID, CN: a.CN, E164: a.E164, Dir: dir, IsUser: true, UTC: noon, Events: events}
}

func trunk(dir recording.Dir, events ...recording.CDREvent) recording.CDR {
	return recording.CDR{GUID: "tt", CN: "Trunk", E164: "0", Dir: dir, Pseudo: "trunk", UTC: noon, Events: events}
}

func TestDecide(t *testing.T) {
	bianchi := recording.Agent{CN: "Bianchi", E164: "31", GUID: "cc"} // a user, no agent
	in := []recording.CDREvent{extEv("setup-to", 0, "0012345"), ev("alert-from", 1, "0012345"), ev("conn-from", 4, "0012345"), ev("rel-from", 9, "")}
	out := []recording.CDREvent{ev("setup-from", 0, "00123456789"), ev("alert-to", 2, "00123456789"), ev("conn-to", 9, "00123456789"), ev("rel-to", 20, "")}
	for _, row := range []struct {
		name string
		cdrs []recording.CDR
		live []recording.Leg
		mac  string
		want recording.Verdict
	}{
		{
			"1: E→A",
			[]recording.CDR{user(rossi, "to", in...), trunk("from", ev("setup-from", 0, "24"))},
			nil, "",
			recording.Verdict{Decision: recording.Keep, Rule: "agent-took-part", Owner: rossi, Direction: "i", Internal: "24", External: "0012345", Ring: 3},
		},
		{
			"2: E→U",
			[]recording.CDR{user(bianchi, "to", in...), trunk("from", ev("setup-from", 0, "31"))},
			nil, "",
			recording.Verdict{Decision: recording.Discard, Rule: "no-agent", Direction: "i", Internal: "31", External: "0012345", Ring: 3},
		},
		{
			"15: A→E",
			[]recording.CDR{user(rossi, "from", out...)},
			nil, "",
			recording.Verdict{Decision: recording.Keep, Rule: "agent-took-part", Owner: rossi, Direction: "o", Internal: "24", External: "00123456789", Ring: 7},
		},
		{
			"8: E→A, A transfers to B",
			[]recording.CDR{user(rossi, "to", in...), user(verdi, "to", in...)},
			nil, "",
			recording.Verdict{Decision: recording.Keep, Rule: "agent-took-part", Owner: rossi, Direction: "i", Internal: "24", External: "0012345", Ring: 3},
		},
		{
			"4: E→U, A picks up",
			[]recording.CDR{
				user(bianchi, "to", extEv("setup-to", 0, "0012345"), ev("alert-from", 0, "0012345")), user(rossi, "to", in...),
			},
			nil, "",
			recording.Verdict{Decision: recording.Keep, Rule: "agent-took-part", Owner: rossi, Direction: "i", Internal: "24", External: "0012345", Ring: 3},
		},
		{
			"3: E→A, U picks up: kept for A, ring to U's answer",
			[]recording.CDR{
				user(rossi, "to", extEv("setup-to", 0, "0012345"), ev("alert-from", 0, "0012345"), ev("rel-to", 6, "")),
				user(bianchi, "to", in...),
			},
			nil, "",
			recording.Verdict{Decision: recording.Keep, Rule: "agent-took-part", Owner: rossi, Direction: "i", Internal: "24", External: "0012345", Ring: 4},
		},
		{
			"26: E→A, CFU to U",
			[]recording.CDR{
				user(rossi, "cf", extEv("setup-to", 0, "0012345"), ev("cf-from", 0, "")), user(bianchi, "to", in...),
			},
			nil, "",
			recording.Verdict{Decision: recording.Discard, Rule: "no-agent", Direction: "i", Internal: "31", External: "0012345", Ring: 3},
		},
		{
			"two agents, the capture is from the second one's phone",
			[]recording.CDR{
				user(rossi, "to", in...), withDevice(user(verdi, "to", in...), "00:90:33:01:02:03"),
			},
			nil, "009033010203",
			recording.Verdict{Decision: recording.Keep, Rule: "agent-took-part", Owner: verdi, Direction: "i", Internal: "25", External: "0012345", Ring: 3},
		},
		{
			"no mark of external: the longest number",
			[]recording.CDR{
				user(rossi, "to", ev("setup-to", 0, "31"), ev("conn-from", 2, "31"), ev("conn-from", 4, "00390471")),
			},
			nil, "",
			recording.Verdict{Decision: recording.Keep, Rule: "agent-took-part", Owner: rossi, Direction: "i", Internal: "24", External: "00390471", Ring: 2},
		},
		{
			"times that run backwards give no negative ring",
			[]recording.CDR{
				user(rossi, "to", ev("setup-to", 5, "0012345"), ev("alert-from", 5, "0012345"), ev("conn-from", 3, "0012345")),
			},
			nil, "",
			recording.Verdict{Decision: recording.Keep, Rule: "agent-took-part", Owner: rossi, Direction: "i", Internal: "24", External: "0012345", Ring: 0},
		},
		{
			"no CDR of the agent, but the PBX showed him",
			[]recording.CDR{trunk("from", extEv("setup-from", 0, "0012345"))},
			[]recording.Leg{{Agent: rossi, Conf: conf, Connected: noon, ToAgent: true}},
			"",
			recording.Verdict{Decision: recording.Keep, Rule: rules.AgentWithoutCDR, Owner: rossi, Direction: "i", Internal: "24", External: "0012345"},
		},
		{"no CDR", nil, nil, "", recording.Verdict{Decision: recording.Wait, Rule: "no-cdr"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			rec := recording.Recording{
				Capture: recording.Capture{Conf: conf, MAC: row.mac},
				Call:    recording.Call{CDRs: row.cdrs, Live: row.live},
			}
			got := rules.First().Decide(rec, rules.Facts{Now: noon, Agents: []recording.Agent{rossi, verdi}})
			w := row.want
			if got.Decision != w.Decision || got.Rule != w.Rule || got.Owner != w.Owner {
				t.Errorf("got %s by %s for %q, want %s by %s for %q", got.Decision, got.Rule, got.Owner.CN, w.Decision, w.Rule, w.Owner.CN)
			}
			if w.Decision != recording.Wait && (got.Direction != w.Direction || got.Internal != w.Internal || got.External != w.External || got.Ring != w.Ring) {
				t.Errorf("got %s %s %s ring %d, want %s %s %s ring %d",
					got.Internal, got.Direction, got.External, got.Ring, w.Internal, w.Direction, w.External, w.Ring)
			}
			if n := len(got.Trace); n == 0 || !got.Trace[n-1].Fired || got.Trace[n-1].Rule != got.Rule || got.Reason == "" {
				t.Errorf("trace does not end with the rule that fired: %+v", got.Trace)
			}
		})
	}
}

func withDevice(c recording.CDR, device string) recording.CDR {
	c.Device = device
	return c
}

func TestAgentsOfTheSetup(t *testing.T) {
	rec := recording.Recording{Call: recording.Call{CDRs: []recording.CDR{
		user(rossi, "to", ev("setup-to", 0, "0012345"), ev("conn-from", 1, "0012345")),
	}}}
	for _, row := range []struct {
		name  string
		facts rules.Facts
		want  recording.Decision
	}{
		{"by number", rules.Facts{Agents: []recording.Agent{{E164: "24", CN: "written otherwise"}}}, recording.Keep},
		{"by name", rules.Facts{Agents: []recording.Agent{{CN: "Rossi"}}}, recording.Keep},
		{"all", rules.Facts{All: true}, recording.Keep},
		{"another GUID is another object", rules.Facts{Agents: []recording.Agent{{CN: "Rossi", GUID: "zz"}}}, recording.Discard},
		{"nobody", rules.Facts{}, recording.Discard},
	} {
		if got := rules.First().Decide(rec, row.facts); got.Decision != row.want {
			t.Errorf("%s: %s, want %s", row.name, got.Decision, row.want)
		}
	}
}

func TestEarly(t *testing.T) {
	seen := recording.Recording{Capture: recording.Capture{Conf: conf, NotBefore: noon, SeenAt: noon.Add(5 * time.Second)}}
	sure := rules.Facts{Now: noon.Add(time.Minute), Live: rules.Coverage{Linked: true, Since: noon.Add(-time.Hour)}}
	for _, row := range []struct {
		name   string
		change func(*recording.Recording, *rules.Facts)
		want   bool
	}{
		{"watched from before, no agent", func(*recording.Recording, *rules.Facts) {}, true},
		{"an agent took part", func(r *recording.Recording, _ *rules.Facts) { r.Call.Live = []recording.Leg{{Agent: rossi}} }, false},
		{"link came up later", func(_ *recording.Recording, f *rules.Facts) { f.Live.Since = noon.Add(time.Second) }, false},
		{"link is down", func(_ *recording.Recording, f *rules.Facts) { f.Live.Linked = false }, false},
		{"first listing ever", func(r *recording.Recording, _ *rules.Facts) { r.Capture.NotBefore = time.Time{} }, false},
		{"foreign file", func(r *recording.Recording, _ *rules.Facts) { r.Capture.Conf = "" }, false},
		{"a conference id changed", func(_ *recording.Recording, f *rules.Facts) { f.Live.ConfChanged = true }, false},
		{"CDRs are here", func(r *recording.Recording, _ *rules.Facts) { r.Call.CDRs = []recording.CDR{{}} }, false},
		{"everybody is an agent", func(_ *recording.Recording, f *rules.Facts) { f.All = true }, false},
	} {
		rec, facts := seen, sure
		row.change(&rec, &facts)
		v, got := rules.First().Early(rec, facts)
		if got != row.want || got && v.Decision != recording.Discard || v.Reason == "" {
			t.Errorf("%s: %v %+v, want %v", row.name, got, v, row.want)
		}
	}
}

func TestWaitsForLateCDRs(t *testing.T) {
	agents := user(rossi, "to", ev("setup-to", 0, "0012345"), ev("conn-from", 1, "0012345"))
	others := trunk("from", ev("setup-from", 0, "24"))
	for _, row := range []struct {
		name  string
		cdrs  []recording.CDR
		after time.Duration
		want  recording.Decision
		rule  string
	}{
		{"agent, just now", []recording.CDR{agents}, time.Second, recording.Wait, "cdrs-still-coming"},
		{"agent, settled", []recording.CDR{agents}, 5 * time.Second, recording.Keep, "agent-took-part"},
		{"no agent, settled for keeping only", []recording.CDR{others}, 5 * time.Second, recording.Wait, "cdr-may-be-late"},
		{"no agent, settled for good", []recording.CDR{others}, 30 * time.Second, recording.Discard, "no-agent"},
	} {
		rec := recording.Recording{Call: recording.Call{CDRs: row.cdrs, Raw: []recording.RawCDR{{Received: noon}}}}
		got := rules.First().Decide(rec, rules.Facts{
			Now: noon.Add(row.after), Agents: []recording.Agent{rossi}, Settle: 5 * time.Second, DiscardSettle: 30 * time.Second,
		})
		if got.Decision != row.want || got.Rule != row.rule {
			t.Errorf("%s: %s by %s, want %s by %s", row.name, got.Decision, got.Rule, row.want, row.rule)
		}
		if got.Decision == recording.Wait && !got.Until.After(noon) {
			t.Errorf("%s: waits until %v", row.name, got.Until)
		}
	}
}

// BenchmarkDecide asks about a transferred call from a waiting queue, 5 records, and
// about the one with the most records, with few agents and with many, of whom the roster is made once.
func BenchmarkDecide(b *testing.B) {
	for _, c := range trials(b) {
		if c.file != "13-queue-agent-to-user-announced" && c.file != "10-queue-menu-queue-agent" && c.file != "01-external-to-agent" && c.file != "11-queue-rings-others-then-transfer" {
			continue
		}
		for _, many := range []int{20, 500} {
			var agents []recording.Agent
			for i := range many {
				agents = append(agents, recording.Agent{CN: fmt.Sprint("Agent ", i), E164: fmt.Sprint(3000 + i), H323: fmt.Sprint("agent", i), GUID: fmt.Sprintf("%08xe909d311b1010090331b3e3b", 0x9a1f40c8+i*7919)})
			}
			facts := rules.Facts{Now: c.capture.SeenAt, Roster: rules.NewRoster(append(agents, c.known(true)...))}
			rec := recording.Recording{Capture: c.capture, Call: recording.Call{CDRs: c.cdrs, Live: c.legs}}
			b.Run(fmt.Sprintf("%s/%d-records/%d-agents", c.file, len(c.cdrs), many), func(b *testing.B) {
				b.ReportAllocs()
				set := rules.First()
				for b.Loop() {
					set.Decide(rec, facts)
				}
			})
		}
	}
}

// TestSettleCountsFromTheCapturesEnd: what is kept need not wait for the fetch as well;
// what is not kept does.
func TestSettleCountsFromTheCapturesEnd(t *testing.T) {
	in := []recording.CDREvent{extEv("setup-to", 0, "0012345"), ev("conn-from", 4, "0012345"), ev("rel-from", 9, "")}
	for _, row := range []struct {
		what  string
		who   recording.Agent
		still time.Time
		want  recording.Decision
	}{
		{"it stood still before", rossi, noon.Add(-6 * time.Second), recording.Keep},
		{"it stood still just now", rossi, noon.Add(-time.Second), recording.Wait},
		{"that is not known", rossi, time.Time{}, recording.Wait},
		{"a clock that was wrong", rossi, noon.Add(time.Hour), recording.Wait},
		{"nobody's", verdi, noon.Add(-6 * time.Second), recording.Wait},
	} {
		rec := recording.Recording{
			Capture: recording.Capture{Conf: conf, StillAt: row.still, FetchedAt: noon},
			Call:    recording.Call{CDRs: []recording.CDR{user(row.who, "to", in...)}, Raw: []recording.RawCDR{{Received: noon.Add(-7 * time.Second)}}},
		}
		v := rules.First().Decide(rec, rules.Facts{
			Now: noon.Add(time.Second), Agents: []recording.Agent{rossi}, Settle: 5 * time.Second, DiscardSettle: 30 * time.Second,
		})
		if v.Decision != row.want {
			t.Errorf("%s: %s by %s: %s", row.what, v.Decision, v.Rule, v.Reason)
		}
	}
}
