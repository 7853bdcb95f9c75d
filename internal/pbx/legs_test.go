package pbx

import (
	"testing"
	"time"

	"callreel/internal/pbx/wsdl11"
	"callreel/internal/recording"
)

const (
	confA = "c03a55c2e909d311b6450090331b3e3b"
	confB = "d03a55c2e909d311b6450090331b3e3b"
)

func anna() recording.Agent { return recording.Agent{CN: "Anna", PBX: "main"} }

func noon() time.Time { return time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC) }

// at is a call event: seconds after noon, call handle, state, message,
// conference. The message "del" is the end.
type at struct {
	s     int
	call  int32
	state int32
	msg   string
	conf  string
}

func (a at) info() *wsdl11.CallInfo {
	c := &wsdl11.CallInfo{
		User: 1, Call: a.call, Active: a.msg != "del", State: a.state, Msg: a.msg,
		No: []*wsdl11.No{{Type_: "this", Cn: "Anna"}, {Type_: "peer", E164: "0012345"}},
	}
	if a.conf != "" {
		c.Info = []*wsdl11.Info{{Type_: "cause", Vali: 16}, {Type_: "conf", Vals: a.conf}}
	}
	return c
}

// seen is a leg as the rows below write it: seconds after noon, -1 = never.
type seen struct {
	conf                       string
	began, alert, conn, ended  int
	toAgent, held, isUncertain bool
}

func sight(l recording.Leg) seen {
	sec := func(t time.Time) int {
		if t.IsZero() {
			return -1
		}
		return int(t.Sub(noon()) / time.Second)
	}
	return seen{string(l.Conf), sec(l.Began), sec(l.Alerted), sec(l.Connected), sec(l.Ended), l.ToAgent, l.Held, l.Uncertain}
}

func TestEventsBecomeLegs(t *testing.T) {
	rows := []struct {
		name   string
		events []at
		want   []seen
	}{
		{"called, answered, held, hung up", []at{
			{0, 5, 0x81, "x-setup", confA},
			{1, 5, 0x84, "r-alert", confA},
			{4, 5, 0x85, "r-conn", confA},
			{9, 5, 0x185, "x-hold", confA},
			{12, 5, 0x85, "x-retr", confA},
			{20, 5, 0x87, "r-disc", confA},
			{20, 5, 0x87, "del", confA},
		}, []seen{
			{confA, 0, -1, -1, -1, true, false, false},
			{confA, 0, 1, -1, -1, true, false, false},
			{confA, 0, 1, 4, -1, true, false, false},
			{confA, 0, 1, 4, -1, true, true, false},
			{confA, 0, 1, 4, -1, true, false, false},
			{confA, 0, 1, 4, 20, true, false, false},
		}},
		{"calls out; the conference is named late, the end names none", []at{
			{0, 5, 1, "r-setup", ""},
			{2, 5, 4, "x-alert", confA},
			{3, 5, 5, "x-conn", ""},
			{8, 5, 0, "del", ""},
		}, []seen{
			{confA, 0, 2, -1, -1, false, false, false},
			{confA, 0, 2, 3, -1, false, false, false},
			{confA, 0, 2, 3, 8, false, false, false},
		}},
		{"a transfer ends one leg and begins another", []at{
			{0, 5, 0x85, "r-conn", confA},
			{7, 5, 0x85, "r-ct", confB},
			{9, 5, 0x85, "del", confB},
		}, []seen{
			{confA, 0, -1, 0, -1, true, false, false},
			{confA, 0, -1, 0, 7, true, false, false},
			{confB, 7, -1, 7, -1, true, false, false},
			{confB, 7, -1, 7, 9, true, false, false},
		}},
		{"two phones ring in one conference, one answers", []at{
			{0, 5, 0x84, "r-alert", confA},
			{0, 6, 0x84, "r-alert", confA},
			{3, 6, 0x85, "r-conn", confA},
			{3, 5, 0x87, "del", confA},
			{9, 6, 0x85, "del", confA},
		}, []seen{
			{confA, 0, 0, -1, -1, true, false, false},
			{confA, 0, 0, 3, -1, true, false, false},
			{confA, 0, 0, 3, 9, true, false, false},
		}},
		{"the last event alone", []at{{5, 5, 0x87, "del", confA}}, []seen{{confA, 5, -1, -1, 5, true, false, false}}},
		{"a call without conference is no leg", []at{{0, 5, 5, "x", ""}, {1, 5, 5, "del", ""}}, nil},
		{"a conference id that is none", []at{{0, 5, 5, "x", "not a guid"}}, nil},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			tr := &tracker{}
			var got []seen
			for _, e := range row.events {
				changed, unknown := tr.event(anna(), e.info(), noon().Add(time.Duration(e.s)*time.Second))
				if unknown {
					t.Error("a known call was reported as unknown")
				}
				for _, l := range changed {
					got = append(got, sight(l))
					if l.Peer.E164 != "0012345" || l.Agent != anna() {
						t.Errorf("parties of %+v", l)
					}
				}
			}
			if len(got) != len(row.want) {
				t.Fatalf("got %v, want %v", got, row.want)
			}
			for i := range got {
				if got[i] != row.want[i] {
					t.Errorf("leg %d: got %v, want %v", i, got[i], row.want[i])
				}
			}
		})
	}
}

func TestUnknownEndAsksForASnapshot(t *testing.T) {
	tr := &tracker{}
	tr.snapshot(anna(), []*wsdl11.CallInfo{at{0, 0, 0x85, "", confA}.info()}, noon(), false)
	changed, unknown := tr.event(anna(), at{3, 9, 0, "del", ""}.info(), noon())
	if !unknown || len(changed) != 0 {
		t.Fatalf("changed %v, unknown %v", changed, unknown)
	}
	got := tr.snapshot(anna(), nil, noon().Add(4*time.Second), false)
	if len(got) != 1 || sight(got[0]) != (seen{confA, 0, -1, 0, 4, true, false, true}) {
		t.Errorf("got %v", got)
	}
}

// In a new session a call is known without its handle. An event of another conference may
// be its transfer; only the PBX can tell.
func TestTransferAfterALostSessionAsksForASnapshot(t *testing.T) {
	tr := &tracker{}
	old := at{0, 0, 0x85, "", confA}
	tr.snapshot(anna(), []*wsdl11.CallInfo{old.info()}, noon(), false)
	second := at{3, 9, 0x85, "r-ct", confB}
	changed, unknown := tr.event(anna(), second.info(), noon().Add(3*time.Second))
	if !unknown || len(changed) != 1 || sight(changed[0]) != (seen{confB, 3, -1, 3, -1, true, false, false}) {
		t.Fatalf("changed %v, unknown %v", changed, unknown)
	}
	if _, unknown := tr.event(anna(), second.info(), noon().Add(3*time.Second)); unknown {
		t.Error("it is asked again for a call that is known by now")
	}
	if got := tr.snapshot(anna(), []*wsdl11.CallInfo{old.info(), second.info()}, noon().Add(4*time.Second), false); len(got) != 0 {
		t.Errorf("both live: %v", got)
	}
	got := tr.snapshot(anna(), []*wsdl11.CallInfo{second.info()}, noon().Add(5*time.Second), false)
	if len(got) != 1 || sight(got[0]) != (seen{confA, 0, -1, 0, 5, true, false, true}) {
		t.Errorf("the first was transferred: %v", got)
	}
}

func TestSnapshotAfterALostSession(t *testing.T) {
	tr := &tracker{}
	tr.event(anna(), at{0, 5, 0x85, "r-conn", confA}.info(), noon())
	tr.event(anna(), at{0, 6, 0x85, "r-conn", confB}.info(), noon())
	tr.event(anna(), at{0, 7, 0x84, "x-setup", ""}.info(), noon())
	tr.lost()
	got := tr.snapshot(anna(), []*wsdl11.CallInfo{at{0, 99, 0x85, "", confB}.info()}, noon().Add(time.Minute), true)
	if len(got) != 2 {
		t.Fatalf("got %v", got)
	}
	if sight(got[0]) != (seen{confB, 0, -1, 0, -1, true, false, true}) {
		t.Errorf("still alive: %v", sight(got[0]))
	}
	if sight(got[1]) != (seen{confA, 0, -1, 0, 60, true, false, true}) {
		t.Errorf("gone: %v", sight(got[1]))
	}
	end, _ := tr.event(anna(), at{0, 3, 0x85, "del", confB}.info(), noon().Add(2*time.Minute))
	if len(end) != 1 || sight(end[0]) != (seen{confB, 0, -1, 0, 120, true, false, true}) {
		t.Errorf("end: %v", end)
	}
	if len(tr.calls) != 0 {
		t.Errorf("%d calls are left", len(tr.calls))
	}
}

func TestResumedLegs(t *testing.T) {
	tr := &tracker{}
	old := recording.Leg{Agent: anna(), Conf: confA, Began: noon(), ToAgent: true}
	tr.resume([]recording.Leg{old, old, {Agent: anna(), Conf: confB, Ended: noon()}, {Agent: anna()}})
	got := tr.snapshot(anna(), nil, noon().Add(time.Second), true)
	if len(got) != 1 || sight(got[0]) != (seen{confA, 0, -1, -1, 1, true, false, true}) {
		t.Errorf("got %v", got)
	}
}

func TestSnapshotWithoutConferenceConcludesNothing(t *testing.T) {
	tr := &tracker{}
	tr.event(anna(), at{0, 5, 0x85, "r-conn", confA}.info(), noon())
	if got := tr.snapshot(anna(), []*wsdl11.CallInfo{at{0, 0, 0x85, "", ""}.info()}, noon(), false); len(got) != 0 || !tr.busy("Anna") {
		t.Errorf("got %v", got)
	}
}

func TestCallsAreBounded(t *testing.T) {
	tr := &tracker{}
	for range maxLive {
		leg := recording.Leg{Agent: recording.Agent{CN: "Other"}, Conf: confB}
		tr.calls = append(tr.calls, &live{leg: leg, sent: leg})
	}
	got, _ := tr.event(anna(), at{0, 5, 0x85, "r-conn", confA}.info(), noon())
	if len(tr.calls) != maxLive || len(got) != 1 || got[0].Conf != confA {
		t.Errorf("%d calls; changed %v", len(tr.calls), got)
	}
}
