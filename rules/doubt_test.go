package rules_test

import (
	"testing"
	"time"

	"callreel/internal/recording"
	"callreel/rules"
)

// TestEarlyInDoubt has captures whose call the PBX link may not have seen, though
// the file appeared under its eyes.
func TestEarlyInDoubt(t *testing.T) {
	grown := recording.Capture{
		Conf: conf, NotBefore: noon, SeenAt: noon.Add(5 * time.Second), StillAt: noon.Add(40 * time.Second),
		Stamp: recording.Stamp{Size: 900_000},
	}
	for _, row := range []struct {
		name   string
		change func(*recording.Capture)
		now    time.Time
		want   bool
	}{
		{"written while we watched", func(*recording.Capture) {}, noon.Add(2 * time.Minute), true},
		{"whole when it appeared", func(c *recording.Capture) { c.StillAt = c.SeenAt }, noon.Add(2 * time.Minute), false},
		{"an hour's call in forty seconds", func(c *recording.Capture) { c.Stamp.Size = 80 << 20 }, noon.Add(2 * time.Minute), false},
		{"the clock was set back", func(*recording.Capture) {}, noon.Add(-time.Hour), false},
	} {
		rec := recording.Recording{Capture: grown}
		row.change(&rec.Capture)
		facts := rules.Facts{Now: row.now, Agents: []recording.Agent{rossi}, Live: rules.Coverage{Linked: true, Since: noon.Add(-2 * time.Hour)}}
		if v, got := rules.First().Early(rec, facts); got != row.want {
			t.Errorf("%s: %v (%s), want %v", row.name, got, v.Reason, row.want)
		}
	}
}

// TestDiscardInDoubt has calls without a CDR of an agent, of which it is too soon
// or not certain enough to say that no agent took part.
func TestDiscardInDoubt(t *testing.T) {
	bianchi := recording.Agent{CN: "Bianchi", E164: "31", GUID: "cc"}
	rang := recording.Leg{Agent: rossi, Conf: conf, Began: noon, Alerted: noon, Ended: noon.Add(9 * time.Second)}
	for _, row := range []struct {
		name    string
		fetched time.Duration // before now
		cdr     time.Duration // before now
		live    []recording.Leg
		want    recording.Decision
		rule    string
	}{
		{"a user transferred ten minutes ago, the call has just ended", 2 * time.Second, 10 * time.Minute, nil, recording.Wait, "cdrs-still-coming"},
		{"the same, some seconds later", 20 * time.Second, 10 * time.Minute, nil, recording.Wait, "cdr-may-be-late"},
		{"long enough ago", time.Minute, 10 * time.Minute, nil, recording.Discard, "no-agent"},
		{"it rang at an agent, no CDR of his", time.Minute, 10 * time.Minute, []recording.Leg{rang}, recording.Keep, "agent-without-cdr"},
		{"a CDR from a clock that was years ahead", time.Minute, -10 * 365 * 24 * time.Hour, nil, recording.Discard, "no-agent"},
	} {
		now := noon.Add(time.Hour)
		rec := recording.Recording{
			Capture: recording.Capture{Conf: conf, FetchedAt: now.Add(-row.fetched)},
			Call: recording.Call{
				CDRs: []recording.CDR{user(bianchi, "to", ev("setup-to", 0, "0012345"), ev("conn-from", 1, "0012345"))},
				Raw:  []recording.RawCDR{{Received: now.Add(-row.cdr)}}, Live: row.live,
			},
		}
		got := rules.First().Decide(rec, rules.Facts{
			Now: now, Agents: []recording.Agent{rossi}, Settle: 5 * time.Second, DiscardSettle: 30 * time.Second,
		})
		if got.Decision != row.want || got.Rule != row.rule {
			t.Errorf("%s: %s by %s (%s), want %s by %s", row.name, got.Decision, got.Rule, got.Reason, row.want, row.rule)
		}
		if got.Decision == recording.Wait && got.Until.After(now.Add(30*time.Second)) {
			t.Errorf("%s: waits until %s", row.name, got.Until)
		}
	}
}

// TestDescribedWithoutOwnCDR: of a call's records only the trunk's has come. It sees
// the call from the other end.
func TestDescribedWithoutOwnCDR(t *testing.T) {
	trunk := recording.Agent{CN: "Trunk", GUID: "dd"}
	for _, row := range []struct {
		name string
		leg  recording.Leg
		cdr  recording.CDR
		dir  recording.Direction
	}{
		{"called, as the PBX showed", recording.Leg{ToAgent: true, Peer: recording.Number{E164: "0012345"}}, user(trunk, "from", ev("setup-from", 0, rossi.E164)), recording.In},
		{"calling, as the PBX showed", recording.Leg{Peer: recording.Number{E164: "0012345"}}, user(trunk, "to", ev("setup-to", 0, rossi.E164)), recording.Out},
		{"called, by the trunk's record alone", recording.Leg{ToAgent: true}, user(trunk, "from", ev("setup-from", 0, rossi.E164), ev("conn-from", 2, "0012345")), recording.In},
	} {
		t.Run(row.name, func(t *testing.T) {
			now := noon.Add(time.Hour)
			row.leg.Agent, row.leg.Conf, row.leg.Began = rossi, conf, noon
			rec := recording.Recording{
				Capture: recording.Capture{Conf: conf, FetchedAt: now.Add(-time.Minute)},
				Call: recording.Call{
					CDRs: []recording.CDR{row.cdr}, Live: []recording.Leg{row.leg},
					Raw: []recording.RawCDR{{Received: now.Add(-time.Minute)}},
				},
			}
			v := rules.First().Decide(rec, rules.Facts{Now: now, Agents: []recording.Agent{rossi}})
			if v.Rule != rules.AgentWithoutCDR || v.Direction != row.dir || v.External != "0012345" || v.Internal != rossi.E164 {
				t.Errorf("by %s: %s, external %q, internal %q", v.Rule, v.Direction, v.External, v.Internal)
			}
		})
	}
}

// TestRingWithoutOwnCDR: a link that was down, or a poll that came too late, did not
// see the telephone ring; the trunk's record did.
func TestRingWithoutOwnCDR(t *testing.T) {
	trunk := user(recording.Agent{CN: "Trunk", GUID: "dd"}, "from", ev("setup-from", 0, rossi.E164), ev("alert-from", 1, rossi.E164), ev("conn-from", 5, rossi.E164))
	for _, row := range []struct {
		name    string
		alerted time.Time
		cdrs    []recording.CDR
		want    int
	}{
		{"nobody watched while it rang", time.Time{}, []recording.CDR{trunk}, 4},
		{"watched", noon.Add(2 * time.Second), []recording.CDR{trunk}, 3},
	} {
		t.Run(row.name, func(t *testing.T) {
			now := noon.Add(time.Hour)
			leg := recording.Leg{
				Agent: rossi, Conf: conf, ToAgent: true, Peer: recording.Number{E164: "0012345"},
				Began: noon, Alerted: row.alerted, Connected: noon.Add(5 * time.Second),
			}
			rec := recording.Recording{
				Capture: recording.Capture{Conf: conf, FetchedAt: now.Add(-time.Minute)},
				Call:    recording.Call{CDRs: row.cdrs, Live: []recording.Leg{leg}},
			}
			v := rules.First().Decide(rec, rules.Facts{Now: now, Agents: []recording.Agent{rossi}})
			if v.Owner.CN != rossi.CN || v.Direction != recording.In || v.External != "0012345" || v.Ring != row.want {
				t.Errorf("of %q: %s, external %q, rang %d s, want %d", v.Owner.CN, v.Direction, v.External, v.Ring, row.want)
			}
		})
	}
}

// TestWhoPassedTheCallOn: of a call only the record of him to whom it was transferred, or
// who picked it up, has come. It tells from whom, and he was in the call before.
func TestWhoPassedTheCallOn(t *testing.T) {
	const asked = "7d11f0a4e909d311b6460090331b3e3b"
	by := ev("transfer-to", 20, rossi.E164)
	by.Conf = conf
	consulted := user(verdi, "to", ev("setup-to", 0, rossi.E164), ev("conn-from", 5, rossi.E164), by, ev("connected", 20, "0012345"))
	consulted.Events[0].Conf = asked
	blind := user(verdi, "to", extEv("setup-to", 0, "0012345"), extEv("conn-from", 5, "0012345"))
	blind.Events[0].CT = []recording.Number{{E164: rossi.E164}}
	picked := user(verdi, "to", extEv("setup-to", 0, "0012345"), extEv("conn-from", 0, "0012345"))
	picked.Events[0].CF = []recording.Number{{E164: rossi.E164}}
	for name, record := range map[string]recording.CDR{"announced": consulted, "unannounced": blind, "picked up": picked} {
		rec := recording.Recording{Capture: recording.Capture{Conf: conf}, Call: recording.Call{CDRs: []recording.CDR{record}}}
		v := rules.First().Decide(rec, rules.Facts{Now: noon.Add(time.Hour), Agents: []recording.Agent{rossi, verdi}})
		if v.Decision != recording.Keep || v.Owner.CN != rossi.CN || v.External != "0012345" {
			t.Errorf("%s: %s for %q with %q: %s", name, v.Decision, v.Owner.CN, v.External, v.Reason)
		}
	}
	diverted := user(verdi, "to", extEv("setup-to", 0, "0012345"), extEv("alert-from", 0, "0012345"), extEv("conn-from", 5, "0012345"))
	diverted.Events[0].CF = picked.Events[0].CF
	rec := recording.Recording{Capture: recording.Capture{Conf: conf}, Call: recording.Call{CDRs: []recording.CDR{diverted}}}
	if v := rules.First().Decide(rec, rules.Facts{Now: noon.Add(time.Hour), Agents: []recording.Agent{rossi, verdi}}); v.Owner.CN != verdi.CN {
		t.Errorf("a diversion: for %q: %s", v.Owner.CN, v.Reason)
	}
}
