package rules_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"callreel/internal/recording"
	"callreel/rules"
)

func preferring(t *testing.T, kind string) rules.Set {
	t.Helper()
	set, err := rules.Parse("f", []byte("[ownership]\nprefer = \""+kind+"\"\n"))
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// TestPrefer asks about a call of which there are two recordings, in every state that the
// wanted one may be in.
func TestPrefer(t *testing.T) {
	talk := []recording.CDR{
		user(rossi, "to", extEv("setup-to", 0, "0012345"), ev("alert-from", 1, "0012345"), ev("conn-from", 4, "0012345"), ev("rel-from", 64, "")),
		trunk("from", ev("setup-from", 0, "24"), ev("conn-to", 4, "24"), ev("rel-to", 64, "")),
	}
	talk[0].Device = "00:90:33:01:02:03"
	phone := recording.Twin{ID: 7, RecordedOn: recording.OnPhone, State: recording.Filed, Safe: true, Owner: rossi, Start: noon.Add(4 * time.Second), Seconds: 60}
	as := func(change func(*recording.Twin)) []recording.Twin {
		other := phone
		change(&other)
		return []recording.Twin{other}
	}
	fetched := noon.Add(70 * time.Second)
	for _, row := range []struct {
		name   string
		on     recording.RecordedOn
		mac    string
		prefer string
		twins  []recording.Twin
		after  time.Duration // since it was fetched
		want   recording.Decision
		rule   string
		until  time.Duration // since it was fetched
	}{
		{"the phone's is filed", "gateway", "", "phone", []recording.Twin{phone}, 30 * time.Second, "discard", "recorded-twice", 0},
		{"the phone's is filed, a CDR may be late", "gateway", "", "phone", []recording.Twin{phone}, time.Second, "wait", "recorded-twice", 30 * time.Second},
		{"the phone's itself", "phone", "", "phone", as(func(o *recording.Twin) { o.RecordedOn = "gateway" }), time.Second, "keep", "agent-took-part", 0},
		{"both are of gateways", "gateway", "", "phone", as(func(o *recording.Twin) { o.RecordedOn = "gateway" }), time.Minute, "keep", "agent-took-part", 0},
		{"the inbox says gateway, the name says phone", "gateway", "009033010203", "phone", []recording.Twin{phone}, time.Second, "keep", "agent-took-part", 0},
		{"the other's name says phone", "gateway", "", "phone", as(func(o *recording.Twin) { o.RecordedOn, o.MAC = "gateway", "009033010203" }), 30 * time.Second, "discard", "recorded-twice", 0},
		{"the gateway's is wanted", "phone", "", "gateway", as(func(o *recording.Twin) { o.RecordedOn = "gateway" }), 30 * time.Second, "discard", "recorded-twice", 0},
		{"nothing is known of the device", "", "", "phone", []recording.Twin{phone}, time.Second, "keep", "agent-took-part", 0},
		{"filed, and its file is gone", "gateway", "", "phone", as(func(o *recording.Twin) { o.Safe = false }), time.Minute, "keep", "agent-took-part", 0},
		{"for another agent", "gateway", "", "phone", as(func(o *recording.Twin) { o.Owner = verdi }), time.Minute, "keep", "agent-took-part", 0},
		{"cut at its end", "gateway", "", "phone", as(func(o *recording.Twin) { o.Seconds = 45 }), time.Minute, "keep", "agent-took-part", 0},
		{"begins in the middle", "gateway", "", "phone", as(func(o *recording.Twin) { o.Start = noon.Add(20 * time.Second) }), time.Minute, "keep", "agent-took-part", 0},
		{"unusable", "gateway", "", "phone", as(func(o *recording.Twin) { o.State, o.Safe = recording.Unusable, false }), time.Minute, "keep", "agent-took-part", 0},
		{"on its way", "gateway", "", "phone", as(func(o *recording.Twin) { o.State, o.Safe = recording.Spooled, false }), time.Minute, "wait", "recorded-twice", 70 * time.Second},
		{"on its way, the last look", "gateway", "", "phone", as(func(o *recording.Twin) { o.State, o.Safe = recording.Seen, false }), time.Hour - time.Second, "wait", "recorded-twice", time.Hour},
		{"on its way for too long", "gateway", "", "phone", as(func(o *recording.Twin) { o.State, o.Safe = recording.Seen, false }), time.Hour, "keep", "agent-took-part", 0},
		{"it may still appear", "gateway", "", "phone", nil, 10 * time.Second, "wait", "recorded-twice", 30 * time.Second},
		{"it does not appear", "gateway", "", "phone", nil, 30 * time.Second, "keep", "agent-took-part", 0},
		{"the clock was set back", "gateway", "", "phone", as(func(o *recording.Twin) { o.State, o.Safe = recording.Seen, false }), -2 * time.Hour, "keep", "agent-took-part", 0},
	} {
		rec := recording.Recording{
			Capture: recording.Capture{Conf: conf, RecordedOn: row.on, MAC: row.mac, FetchedAt: fetched},
			Call:    recording.Call{CDRs: talk, Twins: row.twins},
		}
		v := preferring(t, row.prefer).Decide(rec, rules.Facts{Now: fetched.Add(row.after), Agents: []recording.Agent{rossi, verdi}, DiscardSettle: 30 * time.Second})
		if v.Decision != row.want || v.Rule != row.rule || row.until > 0 && !v.Until.Equal(fetched.Add(row.until)) {
			t.Errorf("%s: %s by %s until %s (%s), want %s by %s", row.name, v.Decision, v.Rule, v.Until, v.Reason, row.want, row.rule)
		}
		if v.Decision == recording.Discard && v.Owner != (recording.Agent{}) {
			t.Errorf("%s: not kept, and still for %v", row.name, v.Owner)
		}
	}
}

// TestPreferNeverDropsBoth: of two recordings of one call, filed or not, at least one
// stays, whichever is asked first.
func TestPreferNeverDropsBoth(t *testing.T) {
	talk := []recording.CDR{user(rossi, "to", extEv("setup-to", 0, "0012345"), ev("conn-from", 4, "0012345"), ev("rel-from", 64, ""))}
	for _, kind := range []string{"phone", "gateway"} {
		set := preferring(t, kind)
		for _, one := range []recording.RecordedOn{"phone", "gateway", ""} {
			for _, other := range []recording.RecordedOn{"phone", "gateway", ""} {
				drops := 0
				for _, pair := range [][2]recording.RecordedOn{{one, other}, {other, one}} {
					rec := recording.Recording{Capture: recording.Capture{Conf: conf, RecordedOn: pair[0]}, Call: recording.Call{CDRs: talk, Twins: []recording.Twin{{
						ID: 2, RecordedOn: pair[1], State: recording.Filed, Safe: true, Owner: rossi, Start: noon, Seconds: 90,
					}}}}
					if set.Decide(rec, rules.Facts{Now: noon, Agents: []recording.Agent{rossi}}).Decision == recording.Discard {
						drops++
					}
				}
				if drops > 1 || drops == 0 && one != other && one != "" && other != "" {
					t.Errorf("prefer %s, %q and %q: %d left out", kind, one, other, drops)
				}
			}
		}
	}
}

// TestPreferTransferred: the phone of who passed the call on holds its beginning only, so
// the gateway's recording stays (case 33 of doc/rules.md).
func TestPreferTransferred(t *testing.T) {
	for _, c := range trials(t) {
		if c.file != "33-two-recordings-trunk" {
			continue
		}
		rec := recording.Recording{Capture: c.capture, Call: recording.Call{CDRs: c.cdrs, Live: c.legs, Twins: []recording.Twin{{
			ID: 2, RecordedOn: recording.OnPhone, State: recording.Done, Safe: true, Owner: c.known(true)[0], Start: noon, Seconds: 30,
		}}}}
		v := preferring(t, "phone").Decide(rec, rules.Facts{Now: c.capture.SeenAt.Add(time.Hour), Agents: c.known(true)})
		why := slices.IndexFunc(v.Trace, func(t recording.Tried) bool { return strings.Contains(t.Why, "does not hold all of the talk") })
		if outcome(v) != c.expect || why < 0 {
			t.Errorf("%s, %+v", outcome(v), v.Trace)
		}
		return
	}
	t.Fatal("no such case")
}
