package convert

import (
	"fmt"
	"testing"
	"time"

	"callreel/internal/corpus"
)

func TestHold(t *testing.T) {
	for _, row := range []struct {
		name   string
		first  string // attribute of the first descriptions
		hold   string // of the caller's second
		resume bool
		want   string // spans of the caller's channel
	}{
		{"held and taken back", "", "sendonly", true, "[{0 1 received} {1 1.5 silence} {1.5 3.5 hold} {3.5 4 silence} {4 5 received}]"},
		{"never taken back", "", "inactive", false, "[{0 1 received} {1 1.5 silence} {1.5 4 hold} {4 5 received}]"},
		{"one-way from the start", "sendonly", "sendonly", true, "[{0 1 received} {1 4 silence} {4 5 received}]"},
		{"nothing but a new description", "", "sendrecv", true, "[{0 1 received} {1 4 silence} {4 5 received}]"},
	} {
		t.Run(row.name, func(t *testing.T) {
			b := newBuilder()
			say := func(at time.Duration, first, attribute string) {
				body := "v=0\r\nc=IN IP4 192.0.2.11\r\nm=audio 4000 RTP/AVP 8\r\n"
				if first == "SIP/2.0 200 OK" {
					body = "v=0\r\nc=IN IP4 192.0.2.12\r\nm=audio 5000 RTP/AVP 8\r\n"
				}
				if attribute != "" {
					body += "a=" + attribute + "\r\n"
				}
				b.udp(at, host1+":5060", host2+":5060", fmt.Appendf(nil,
					"%s\r\nCall-ID: a\r\nFrom: <sip:1@x>;tag=1\r\nTo: <sip:2@x>\r\nCSeq: 1 INVITE\r\n\r\n%s", first, body))
			}
			say(0, "INVITE sip:2@x SIP/2.0", row.first)
			say(500*time.Millisecond, "SIP/2.0 200 OK", "")
			speak(b, time.Second, host1+":4000", host2+":5000", 50)
			say(2500*time.Millisecond, "INVITE sip:2@x SIP/2.0", row.hold)
			if row.resume {
				say(4500*time.Millisecond, "INVITE sip:2@x SIP/2.0", "sendrecv")
			}
			k := newTalker(b, host1+":4000", host2+":5000")
			k.at, k.seq, k.ts, k.ssrc = 5*time.Second, 150, 1000+32000, 1_000_004_000
			k.send(50)
			a, _ := converted(t, b.capture(), Options{Channels: External})
			if got := fmt.Sprint(a.Truth[0].Spans); got != row.want {
				t.Errorf("%s, want %s", got, row.want)
			}
		})
	}
}

// TestHoldEndsWithItsDialogue: a party that was put on hold is handed over to a third
// one. Whoever is silent there is not on hold.
func TestHoldEndsWithItsDialogue(t *testing.T) {
	b := newBuilder()
	dial(b, sipLine{src: host1, dst: host2, id: "a", from: "1", to: "2", port: 4000}, 5000)
	speak(b, time.Second, host1+":4000", host2+":5000", 50)
	b.udp(2*time.Second, host1+":5060", host2+":5060", []byte("INVITE sip:2@x SIP/2.0\r\nCall-ID: a\r\nFrom: <sip:1@x>;tag=1\r\nTo: <sip:2@x>\r\nCSeq: 2 INVITE\r\n\r\n"+
		"v=0\r\nc=IN IP4 192.0.2.11\r\nm=audio 4000 RTP/AVP 8\r\na=sendonly\r\n"))
	dial(b, sipLine{at: 3 * time.Second, src: host3, dst: host2, id: "b", from: "3", to: "2", more: "Replaces: a;to-tag=x;from-tag=y\r\n", port: 4500}, 5000)
	sipLine{at: 4 * time.Second, src: host2, dst: host1, id: "a", from: "2", to: "1", first: "BYE sip:1@x SIP/2.0"}.add(b)
	speak(b, 6*time.Second, host3+":4500", host2+":5000", 50)
	a, _ := converted(t, b.capture(), Options{Channels: External})
	if got, want := fmt.Sprint(a.Truth[0].Spans), "[{0 1 received} {1 3 hold} {3 5 silence} {5 6 received}]"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestHoldOfACapture: a real call that was on hold for 3.2 s.
func TestHoldOfACapture(t *testing.T) {
	a, _ := converted(t, open(t, corpus.File(t, "generated/bs_pcma_hold_dtmf.pcap")), Options{})
	for _, truth := range a.Truth {
		held := 0.0
		for _, s := range truth.Spans {
			if s.Kind == "hold" {
				held += s.ToS - s.FromS
			}
		}
		if held < 2.9 || held > 3.4 {
			t.Errorf("%s: on hold for %.2f s: %v", truth.Side, held, truth.Spans)
		}
		if truth.Packets < 590 || truth.Lost != 0 || truth.MOS < 4.3 {
			t.Errorf("%s: %d packets, %d lost, MOS %.2f", truth.Side, truth.Packets, truth.Lost, truth.MOS)
		}
	}
}

// TestQuality: a side of which a twentieth is lost sounds worse than the other.
func TestQuality(t *testing.T) {
	b := newBuilder()
	k := newTalker(b, hostC, hostD)
	for i := range 200 {
		if i%20 == 10 {
			k.step()
		} else {
			k.send(1)
		}
	}
	speak(b, 0, hostD, hostC, 200)
	a, _ := converted(t, b.capture(), Options{})
	worse, good := a.Truth[0], a.Truth[1]
	if worse.Lost == 0 {
		worse, good = good, worse
	}
	if worse.Lost != 10 || worse.Packets != 190 || good.Packets != 200 || worse.MOS > 3.95 || worse.MOS < 3.8 || good.MOS < 4.39 {
		t.Errorf("%+v, %+v", worse, good)
	}
	if r := NewReport(a); r.Streams[0].MOS == 0 || r.Streams[0].MOS+r.Streams[1].MOS != worse.MOS+good.MOS {
		t.Errorf("%+v", r.Streams)
	}
}
