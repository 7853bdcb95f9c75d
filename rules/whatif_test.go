package rules_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"callreel/internal/recording"
	"callreel/rules"
)

// change finds what an explanation says under a condition that begins so.
func change(e rules.Explanation, what string) (rules.Change, bool) {
	i := slices.IndexFunc(e.Changes, func(c rules.Change) bool { return strings.HasPrefix(c.What, what) })
	if i < 0 {
		return rules.Change{}, false
	}
	return e.Changes[i], true
}

// TestExplainAsksAgain holds what is told of each case without one of its records against
// what its file expects of that.
func TestExplainAsksAgain(t *testing.T) {
	for _, c := range trials(t) {
		rec := recording.Recording{Capture: c.capture, Call: recording.Call{CDRs: c.cdrs, Live: c.legs}}
		e := rules.First().Explain(rec, rules.Facts{Now: c.capture.SeenAt, Agents: c.known(len(c.legs) > 0), All: c.all})
		if got := outcome(e.Verdict); got != c.expect {
			t.Errorf("%s: %s, want %s", c.file, got, c.expect)
		}
		n := 0
		for _, one := range e.Changes {
			if !strings.Contains(one.What, "had not come") {
				continue
			}
			left := slices.Delete(slices.Clone(c.cdrs), n, n+1)
			if got, want := outcome(one.Verdict), outcome(c.ask(left, c.legs)); got != want {
				t.Errorf("%s: if %s: %s, want %s", c.file, one.What, got, want)
			}
			n++
		}
		if n != len(c.cdrs) {
			t.Errorf("%s: %d of %d records were taken away once", c.file, n, len(c.cdrs))
		}
	}
}

// TestExplainConditions looks at single conditions and what they do.
func TestExplainConditions(t *testing.T) {
	filtered, err := rules.Parse("f", []byte("[ownership]\nexceptions = \"keep\"\n[[filter]]\nname = \"in\"\naction = \"drop\"\ndirection = \"in\"\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		file, what string
		set        rules.Set
		changes    bool
		want       string
	}{
		{"02-external-to-user", "31 (Bianchi) were an agent", rules.First(), true, "keep 31 i 0012345 ring 3 by agent-took-part"},
		{"01-external-to-agent", "24 (Rossi) were no agent", rules.First(), true, "discard by no-agent"},
		{"01-trunk-is-no-agent", "24 (Rossi) were no agent", rules.First(), true, "discard by no-agent"},
		{"08-agent-transfers-to-agent", "24 (Rossi) were no agent", rules.First(), true, "keep 25 i 0012345 ring 4 by agent-took-part"},
		{"13-queue-agent-to-user-announced", `the rules had exceptions = "keep"`, rules.First(), true, "keep 24 i 0012345 ring 3 by agent-took-part"},
		{"13-queue-agent-to-user-announced", `there were no rule "queue-announced-to-user"`, rules.First(), true, "keep 24 i 0012345 ring 3 by agent-took-part"},
		{"13-queue-agent-to-user-announced", `there were no rule "filter in"`, filtered, true, "keep 24 i 0012345 ring 3 by agent-took-part"},
		{"13-queue-agent-to-user-announced", `the rules had exceptions = "manual"`, filtered, false, "discard by queue-announced-to-user"},
		{"33-two-recordings-phone", "the capture's name did not tell", rules.First(), true, "keep 24 i 0012345 ring 3 by agent-took-part"},
	} {
		i := slices.IndexFunc(trials(t), func(c trial) bool { return c.file == row.file })
		if i < 0 {
			t.Fatalf("no case %s", row.file)
		}
		c := trials(t)[i]
		rec := recording.Recording{Capture: c.capture, Call: recording.Call{CDRs: c.cdrs, Live: c.legs}}
		e := row.set.Explain(rec, rules.Facts{Now: c.capture.SeenAt, Roster: rules.NewRoster(c.known(true)), All: c.all})
		got, found := change(e, row.what)
		if !found || got.Changes != row.changes || outcome(got.Verdict) != row.want {
			t.Errorf("%s: if %s: %v %s, want %v %s", row.file, row.what, got.Changes, outcome(got.Verdict), row.changes, row.want)
		}
	}
}

// TestExplainMissingRecord supposes the record of an agent whom only the PBX showed.
func TestExplainMissingRecord(t *testing.T) {
	rec := recording.Recording{Capture: recording.Capture{Conf: conf}, Call: recording.Call{
		CDRs: []recording.CDR{trunk("from", extEv("setup-from", 0, "0012345"))},
		Live: []recording.Leg{{Agent: rossi, Conf: conf, Alerted: noon, Connected: noon.Add(4 * time.Second), ToAgent: true}},
	}}
	e := rules.First().Explain(rec, rules.Facts{Now: noon, Agents: []recording.Agent{rossi}})
	got, found := change(e, "the CDR of 24 (Rossi) had come")
	if want := "keep 24 i 0012345 ring 4 by agent-took-part"; !found || got.Changes || outcome(got.Verdict) != want || e.Verdict.Rule != rules.AgentWithoutCDR {
		t.Errorf("%+v, %v, want %s", got, found, want)
	}
	if len(e.Parties) != 1 || e.Parties[0].Known != "SOAP" || !e.Parties[0].Agent {
		t.Errorf("parties %+v", e.Parties)
	}
}

// TestExplainWaiting: of a call that is waited for it is told what comes if nothing does.
func TestExplainWaiting(t *testing.T) {
	rec := recording.Recording{Call: recording.Call{
		CDRs: []recording.CDR{user(verdi, "to", ev("setup-to", 0, "0012345"), ev("conn-from", 1, "0012345"))},
		Raw:  []recording.RawCDR{{Received: noon}},
	}}
	e := rules.First().Explain(rec, rules.Facts{Now: noon.Add(time.Second), Agents: []recording.Agent{rossi}, Settle: 5 * time.Second, DiscardSettle: 30 * time.Second})
	got, found := change(e, "nothing more comes")
	if e.Verdict.Decision != recording.Wait || !found || !got.Changes || got.Verdict.Rule != "no-agent" {
		t.Errorf("%s by %s; then %s by %s", e.Verdict.Decision, e.Verdict.Rule, got.Verdict.Decision, got.Verdict.Rule)
	}
	if got, found = change(e, "25 (Verdi) were an agent"); !found || got.Verdict.Decision != recording.Keep {
		t.Errorf("as an agent: %s by %s", got.Verdict.Decision, got.Verdict.Rule)
	}
}

// TestExplainSIP does the same with a capture of which only its SIP tells.
func TestExplainSIP(t *testing.T) {
	rec := recording.Recording{Call: recording.Call{SIP: &recording.Signalling{Parties: &recording.SIPParties{From: "0012345", To: "24"}}}}
	e := rules.First().Explain(rec, rules.Facts{Agents: []recording.Agent{rossi}})
	if got, found := change(e, "24 were no agent"); !found || got.Verdict.Decision != recording.Discard {
		t.Errorf("%v %+v", found, got)
	}
	if got, found := change(e, "0012345 were an agent"); !found || got.Changes {
		t.Errorf("the called one is the owner: %v %+v", found, got)
	}
}

// TestExplainEarly: each fact that made it certain that no agent took part.
func TestExplainEarly(t *testing.T) {
	rec := recording.Recording{Capture: recording.Capture{Conf: conf, NotBefore: noon, SeenAt: noon.Add(5 * time.Second), StillAt: noon.Add(time.Minute)}}
	v, sure := rules.First().Early(rec, rules.Facts{Now: noon.Add(time.Hour), Live: rules.Coverage{Linked: true, Since: noon.Add(-time.Hour)}})
	if !sure {
		t.Fatal(v.Reason)
	}
	rec.Verdict = v
	rec.Call.CDRs = []recording.CDR{user(rossi, "to", ev("setup-to", 0, "0012345"), ev("conn-from", 1, "0012345"))}
	e := rules.First().ExplainEarly(rec, rules.Facts{Agents: []recording.Agent{rossi}})
	if len(e.Changes) < 6 {
		t.Fatalf("%+v", e.Changes)
	}
	for _, c := range e.Changes {
		if !c.Changes || c.Verdict.Decision != recording.Keep || !strings.Contains(c.Verdict.Reason, "fetched, because ") {
			t.Errorf("if %s: %v %s, %s", c.What, c.Changes, c.Verdict.Decision, c.Verdict.Reason)
		}
	}
}
