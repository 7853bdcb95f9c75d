package rules_test

import (
	"testing"

	"callreel/internal/recording"
	"callreel/rules"
)

// party makes an event with a number and an H.323 name.
func party(msg string, at int64, number, h323 string) recording.CDREvent {
	e := ev(msg, at, number)
	e.H323 = h323
	return e
}

func named(c recording.CDR, number, h323 string) recording.CDR {
	c.E164, c.H323 = number, h323
	return c
}

// passedTo is the record of who passed a call of a withheld number on.
func passedTo(a recording.Agent, number, h323 string) recording.CDR {
	e := party("transfer-from", 20, a.E164, "")
	e.To = []recording.Number{{E164: number, H323: h323}}
	return user(a, "ct", extEv("setup-to", 20, ""), e, ev("conn-to", 25, a.E164))
}

// TestFarParty has calls of which it is not plain who the far party is: with the number
// withheld, with one that looks like an agent's, and with objects that are called by
// other numbers from another node of the PBX.
func TestFarParty(t *testing.T) {
	bianchi := recording.Agent{CN: "Bianchi", E164: "31", GUID: "cc"}
	withheld := []recording.CDREvent{extEv("setup-to", 0, ""), extEv("alert-from", 0, ""), extEv("conn-from", 3, ""), ev("rel-to", 20, "")}
	later := []recording.CDREvent{extEv("setup-to", 20, ""), extEv("alert-from", 20, ""), extEv("conn-from", 25, "")}
	for _, row := range []struct {
		name string
		cdrs []recording.CDR
		want string
	}{
		{
			"withheld, A transfers to B, no record of the trunk",
			[]recording.CDR{user(rossi, "to", withheld...), passedTo(rossi, "25", ""), user(verdi, "to", later...)},
			"keep 24 i unknown ring 3 by agent-took-part",
		},
		{
			"withheld, U transfers to A, no record of the trunk",
			[]recording.CDR{user(bianchi, "to", withheld...), passedTo(bianchi, "24", ""), user(rossi, "to", later...)},
			"keep 24 i unknown ring 5 by agent-took-part",
		},
		{
			"withheld, U transfers to A, who is on another node",
			[]recording.CDR{
				trunk("from", ev("setup-from", 0, "31")), user(bianchi, "to", withheld...), passedTo(bianchi, "7724", "rossi"),
				named(user(rossi, "to", later...), "7724", "rossi"),
			},
			"keep 24 i unknown ring 5 by agent-took-part",
		},
		{
			"U calls A, who is on another node: he himself is not the far party",
			[]recording.CDR{
				named(user(bianchi, "from", ev("setup-from", 0, ""), party("alert-to", 0, "7724", "rossi"), party("conn-to", 3, "7724", "rossi")), "31", "bianchi"),
				named(user(rossi, "to", party("setup-to", 0, "031", "bianchi"), party("alert-from", 0, "031", "bianchi"), party("conn-from", 3, "031", "bianchi")), "7724", "rossi"),
			},
			"keep 24 i 031 ring 3 by agent-took-part",
		},
		{
			"E, whose number is written like A's, calls U: the PBX marks no ringing as external",
			[]recording.CDR{
				trunk("from", ev("setup-from", 0, "31")), user(bianchi, "to", extEv("setup-to", 0, "24"), ev("alert-from", 0, "24"), extEv("conn-from", 3, "24")),
			},
			"discard by no-agent",
		},
	} {
		rec := recording.Recording{Capture: recording.Capture{Conf: conf}, Call: recording.Call{CDRs: row.cdrs}}
		if v := rules.First().Decide(rec, rules.Facts{Now: noon, Agents: []recording.Agent{rossi, verdi}}); outcome(v) != row.want {
			t.Errorf("%s: %s (%s), want %s", row.name, outcome(v), v.Reason, row.want)
		}
	}
}

// TestNobodyTookTheQueuesCall: a user inside calls a waiting queue and hears its
// announcement; an agent's telephone rings in vain. Who called is not who took the call.
func TestNobodyTookTheQueuesCall(t *testing.T) {
	bianchi := recording.Agent{CN: "Bianchi", E164: "31", GUID: "cc"}
	queue := recording.CDR{GUID: "qq", CN: "Hotline", E164: "700", Dir: "to", Pseudo: "waiting", UTC: noon, Events: []recording.CDREvent{ev("setup-to", 0, "31"), ev("conn-from", 1, "31")}}
	rec := recording.Recording{Capture: recording.Capture{Conf: conf}, Call: recording.Call{CDRs: []recording.CDR{
		user(bianchi, "from", ev("setup-from", 0, ""), ev("conn-to", 1, "700"), ev("rel-from", 40, "")), queue,
		user(rossi, "to", ev("setup-to", 0, "31"), ev("alert-from", 0, "31"), ev("rel-from", 40, "")),
	}}}
	const want = "keep 24 i 31 ring 1 by agent-took-part"
	if v := rules.First().Decide(rec, rules.Facts{Now: noon, Agents: []recording.Agent{rossi}}); outcome(v) != want {
		t.Errorf("%s (%s), want %s", outcome(v), v.Reason, want)
	}
}
