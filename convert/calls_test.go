package convert

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"callreel/internal/corpus"
	"callreel/internal/recording"
)

// sipLine is a message between two hosts.
type sipLine struct {
	at       time.Duration
	src, dst string
	first    string
	id       string
	from, to string
	more     string // headers
	port     int    // of a session description; 0 = none
}

func (l sipLine) add(b *builder) {
	body := ""
	if l.port != 0 {
		e := endpoint(l.src + ":1")
		body = fmt.Sprintf("v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nc=IN IP4 %d.%d.%d.%d\r\nt=0 0\r\nm=audio %d RTP/AVP 8\r\n", e.ip[0], e.ip[1], e.ip[2], e.ip[3], l.port)
	}
	b.udp(l.at, l.src+":5060", l.dst+":5060", fmt.Appendf(nil, "%s\r\nCall-ID: %s\r\nFrom: <sip:%s@x>;tag=%s\r\nTo: <sip:%s@x>\r\nCSeq: 1 INVITE\r\n%sContent-Length: %d\r\n\r\n%s",
		l.first, l.id, l.from, l.from, l.to, l.more, len(body), body))
}

// dial is an INVITE with its answer.
func dial(b *builder, l sipLine, answerPort int) {
	l.first = "INVITE sip:x@x SIP/2.0"
	l.add(b)
	l.src, l.dst, l.first, l.port = l.dst, l.src, "SIP/2.0 200 OK", answerPort
	l.at += 100 * time.Millisecond
	l.add(b)
}

// speak sends n packets of a voice that is like no other's.
func speak(b *builder, at time.Duration, src, dst string, n int) {
	k := newTalker(b, src, dst)
	k.at = at
	k.ssrc = uint32(at) + uint32(endpoint(src).port)
	random := rand.New(rand.NewPCG(uint64(k.ssrc), 1))
	for range n {
		payload := make([]byte, 160)
		for i := range payload {
			payload[i] = 0x80 | byte(random.IntN(48))
		}
		k.packet(8, payload)
		k.step()
	}
}

const (
	host1, host2, host3, host4 = "192.0.2.11", "192.0.2.12", "192.0.2.13", "192.0.2.14"
)

func TestCalls(t *testing.T) {
	for _, row := range []struct {
		name  string
		build func(b *builder)
		want  []float64 // seconds of each call
		to    []string
	}{
		{"one", func(b *builder) {
			dial(b, sipLine{src: host1, dst: host2, id: "a", from: "1", to: "2", port: 4000}, 5000)
			speak(b, time.Second, host1+":4000", host2+":5000", 50)
		}, []float64{1}, []string{"2"}},
		{"two at the same time between the same hosts", func(b *builder) {
			dial(b, sipLine{src: host1, dst: host2, id: "a", from: "1", to: "2", port: 4000}, 5000)
			dial(b, sipLine{at: time.Second, src: host1, dst: host2, id: "b", from: "1", to: "3", port: 4002}, 5002)
			speak(b, 2*time.Second, host1+":4000", host2+":5000", 100)
			speak(b, 2*time.Second, host2+":5000", host1+":4000", 100)
			speak(b, 3*time.Second, host1+":4002", host2+":5002", 50)
		}, []float64{2, 1}, []string{"2", "3"}},
		{"one after the other on the same ports", func(b *builder) {
			dial(b, sipLine{src: host1, dst: host2, id: "a", from: "1", to: "2", port: 4000}, 5000)
			speak(b, time.Second, host1+":4000", host2+":5000", 50)
			dial(b, sipLine{at: 10 * time.Second, src: host1, dst: host2, id: "b", from: "1", to: "2", port: 4000}, 5000)
			speak(b, 11*time.Second, host1+":4000", host2+":5000", 100)
		}, []float64{1, 2}, []string{"2", "2"}},
		{"through an exchange that answers for itself", func(b *builder) {
			sipLine{src: host1, dst: host2, id: "a", from: "1", to: "2", port: 4000, first: "INVITE sip:x@x SIP/2.0"}.add(b)
			dial(b, sipLine{at: time.Second, src: host2, dst: host3, id: "b", from: "1", to: "2", port: 6000}, 5000)
			speak(b, 2*time.Second, host1+":4000", host2+":6002", 50)
			speak(b, 2*time.Second, host3+":5000", host2+":6000", 50)
		}, []float64{1}, []string{"2"}},
		{"two through an exchange at the same moment", func(b *builder) {
			sipLine{src: host1, dst: host2, id: "a", from: "1", to: "2", port: 4000, first: "INVITE sip:x@x SIP/2.0"}.add(b)
			sipLine{at: 100 * time.Millisecond, src: host4, dst: host2, id: "b", from: "3", to: "4", port: 4000, first: "INVITE sip:x@x SIP/2.0"}.add(b)
			dial(b, sipLine{at: 200 * time.Millisecond, src: host2, dst: host3, id: "c", from: "1", to: "2", port: 6000}, 5000)
			dial(b, sipLine{at: 400 * time.Millisecond, src: host2, dst: host3, id: "d", from: "3", to: "44", port: 6010}, 5010)
			speak(b, 2*time.Second, host1+":4000", host2+":6002", 50)
			speak(b, 2*time.Second, host3+":5000", host2+":6000", 50)
			speak(b, 4*time.Second, host4+":4000", host2+":6012", 100)
			speak(b, 4*time.Second, host3+":5010", host2+":6010", 100)
		}, []float64{1, 2}, []string{"2", "44"}},
		{"a call that takes another's place", func(b *builder) {
			dial(b, sipLine{src: host1, dst: host2, id: "a", from: "1", to: "2", port: 4000}, 5000)
			speak(b, time.Second, host1+":4000", host2+":5000", 50)
			dial(b, sipLine{at: 3 * time.Second, src: host3, dst: host2, id: "b", from: "3", to: "2", more: "Replaces: a;to-tag=x;from-tag=y\r\n", port: 4500}, 5000)
			speak(b, 4*time.Second, host3+":4500", host2+":5000", 50)
		}, []float64{4}, []string{"2"}},
		{"a call that a party was referred to", func(b *builder) {
			dial(b, sipLine{src: host1, dst: host2, id: "a", from: "1", to: "2", port: 4000}, 5000)
			speak(b, time.Second, host1+":4000", host2+":5000", 50)
			sipLine{at: 2 * time.Second, src: host2, dst: host1, id: "a", from: "2", to: "1", first: "REFER sip:1@x SIP/2.0", more: "Refer-To: <sip:3@x>\r\n"}.add(b)
			dial(b, sipLine{at: 3 * time.Second, src: host1, dst: host3, id: "b", from: "1", to: "3", port: 4000}, 5000)
			speak(b, 4*time.Second, host1+":4000", host3+":5000", 50)
		}, []float64{4}, []string{"2"}},
		{"one of which there is no voice, and another", func(b *builder) {
			dial(b, sipLine{src: host1, dst: host2, id: "a", from: "1", to: "2", port: 4000}, 5000)
			dial(b, sipLine{at: 10 * time.Second, src: host1, dst: host3, id: "b", from: "4", to: "3", port: 4002}, 5002)
			speak(b, 11*time.Second, host1+":4002", host3+":5002", 50)
		}, []float64{1}, []string{"3"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			b := newBuilder()
			row.build(b)
			for i, want := range row.want {
				a, _ := converted(t, b.capture(), Options{Call: i + 1})
				if a.Status != recording.AudioOK || a.DurationS != want || a.SIP.To != row.to[i] {
					t.Errorf("call %d: %s, %.2f s, to %s; want %.2f s", i+1, a.Status, a.DurationS, a.SIP.To, want)
				}
				if n := len(row.want); n > 1 && (a.Calls != n || a.Call != i+1) || n == 1 && a.Calls != 0 {
					t.Errorf("call %d of %d", a.Call, a.Calls)
				}
			}
			var out bytes.Buffer
			if _, err := Convert(t.Context(), b.capture(), &out, Options{Call: len(row.want) + 1}); !errors.Is(err, ErrNoCall) {
				t.Errorf("one call more: %v", err)
			}
		})
	}
}

// TestTooManyCalls: where more calls are set up than are kept in mind, the voice of
// those behind must not go into another's.
func TestTooManyCalls(t *testing.T) {
	b := newBuilder()
	for i := range 2 {
		dial(b, sipLine{src: host1, dst: host2, id: fmt.Sprint(i), from: "1", to: "2", port: 4000 + 2*i}, 5000+2*i)
		speak(b, time.Second, fmt.Sprintf("%s:%d", host1, 4000+2*i), fmt.Sprintf("%s:%d", host2, 5000+2*i), 50)
	}
	for i := range maxCalls {
		sipLine{at: 2 * time.Second, src: host3, dst: host4, id: fmt.Sprint("flood", i), from: "3", to: "4", first: "INVITE sip:x@x SIP/2.0"}.add(b)
	}
	dial(b, sipLine{at: 3 * time.Second, src: host1, dst: host2, id: "last", from: "1", to: "9", port: 4010}, 5010)
	speak(b, 4*time.Second, host1+":4010", host2+":5010", 50)
	a, _ := converted(t, b.capture(), Options{})
	if a.Status != recording.AudioUnsupported || !strings.Contains(a.Reason, "1024 calls") {
		t.Errorf("%s: %s; %.2f s", a.Status, a.Reason, a.DurationS)
	}
	if told, err := Inspect(t.Context(), b.capture(), 0); err != nil || told.Parties != nil {
		t.Errorf("%+v, %v", told, err)
	}
	if a, _ = converted(t, b.capture(), Options{Together: true}); a.Status != recording.AudioOK || a.DurationS != 4 {
		t.Errorf("together: %s: %s; %.2f s", a.Status, a.Reason, a.DurationS)
	}
}

func TestTogether(t *testing.T) {
	b := newBuilder()
	dial(b, sipLine{src: host1, dst: host2, id: "a", from: "1", to: "2", port: 4000}, 5000)
	speak(b, time.Second, host1+":4000", host2+":5000", 50)
	dial(b, sipLine{at: 10 * time.Second, src: host1, dst: host2, id: "b", from: "1", to: "2", port: 4000}, 5000)
	speak(b, 11*time.Second, host1+":4000", host2+":5000", 50)
	if a, _ := converted(t, b.capture(), Options{Together: true}); a.DurationS != 11 || a.Calls != 0 {
		t.Errorf("%.2f s, %d calls", a.DurationS, a.Calls)
	}
	b = newBuilder()
	dial(b, sipLine{src: host1, dst: host2, id: "a", from: "1", to: "2", port: 4000}, 5000)
	dial(b, sipLine{at: time.Second, src: host1, dst: host3, id: "b", from: "1", to: "3", port: 4002}, 5002)
	speak(b, 2*time.Second, host1+":4002", host3+":5002", 50)
	if a, _ := converted(t, b.capture(), Options{Together: true}); a.SIP.To != "3" {
		t.Errorf("the parties are those of a call without voice: to %s", a.SIP.To)
	}
}

// TestCallsOfCaptures: two calls that overlap, between the same hosts, and two
// that follow each other to the same port.
func TestCallsOfCaptures(t *testing.T) {
	for name, want := range map[string][]float64{
		"generated/bs_two_concurrent_pcma.pcap": {11.6, 4.2},
		"pcap2wav/sip-rtp-g711.pcap":            {8.5, 8.3},
		"generated/bs_pcma_hold_dtmf.pcap":      {15.4},
	} {
		t.Run(name, func(t *testing.T) {
			content, err := os.ReadFile(corpus.File(t, name))
			if err != nil {
				t.Fatal(err)
			}
			for i, s := range want {
				a, _ := converted(t, bytes.NewReader(content), Options{Call: i + 1})
				if a.DurationS < s-0.2 || a.DurationS > s+0.2 || max(1, a.Calls) != len(want) {
					t.Errorf("call %d of %d: %.2f s, want %.1f", i+1, a.Calls, a.DurationS, s)
				}
			}
		})
	}
}

// TestSameMusic: two calls on hold hear the same music at the same moment, and stay
// two; the two halves of one call through a relay that its signalling does not tie
// together become one.
func TestSameMusic(t *testing.T) {
	apart := func() *builder {
		b := newBuilder()
		dial(b, sipLine{src: host1, dst: host2, id: "a", from: "1", to: "9", port: 4000}, 5000)
		dial(b, sipLine{at: 5 * time.Second, src: host3, dst: host4, id: "b", from: "1", to: "9", port: 4000}, 5000)
		return b
	}
	b := apart()
	speak(b, 6*time.Second, host1+":4000", host2+":5000", 100)
	speak(b, 7*time.Second, host3+":4000", host4+":5000", 50)
	repeat(b, 8*time.Second, host2+":5000", host1+":4000", host4+":5000", host3+":4000")
	for i, want := range []float64{6, 5} {
		a, _ := converted(t, b.capture(), Options{Call: i + 1})
		if a.Calls != 2 || a.DurationS != want || len(a.Streams) != 2 || a.Passed["copy"] != 0 {
			t.Errorf("call %d of %d: %.2f s, %d streams, %v; want %.2f s", i+1, a.Calls, a.DurationS, len(a.Streams), a.Passed, want)
		}
	}
	b = apart()
	repeat(b, 8*time.Second, host1+":4000", host2+":5000", host3+":4000", host4+":5000")
	repeat(b, 8*time.Second, host2+":5000", host1+":4000", host4+":5000", host3+":4000")
	if a, _ := converted(t, b.capture(), Options{}); a.Calls != 0 || len(a.Streams) != 2 || a.Passed["copy"] != 400 {
		t.Errorf("two halves: %d calls, %d streams, %v", a.Calls, len(a.Streams), a.Passed)
	}
}

// repeat sends four seconds of the same voice over two flows, as two streams.
func repeat(b *builder, at time.Duration, src, dst, src2, dst2 string) {
	first, second := newTalker(b, src, dst), newTalker(b, src2, dst2)
	first.at, second.at = at, at
	first.ssrc, second.ssrc = first.ssrc^uint32(endpoint(dst).port)<<16, second.ssrc^0x7777
	random := rand.New(rand.NewPCG(uint64(endpoint(src).port), 2))
	for range 200 {
		payload := make([]byte, 160)
		for i := range payload {
			payload[i] = 0x80 | byte(random.IntN(48))
		}
		first.packet(8, payload)
		second.packet(8, payload)
		first.step()
		second.step()
	}
}

// TestGuessedCall: what no signalling describes goes to the call that is heard at its
// time, and the report says so; what has a call's ports is no guess.
func TestGuessedCall(t *testing.T) {
	b := newBuilder()
	dial(b, sipLine{src: host1, dst: host2, id: "a", from: "1", to: "2", port: 4000}, 5000)
	speak(b, time.Second, host1+":4000", host2+":5000", 100)
	speak(b, time.Second, host3+":7000", host4+":7002", 100)
	dial(b, sipLine{at: 10 * time.Second, src: host1, dst: host2, id: "b", from: "1", to: "3", port: 4002}, 5002)
	speak(b, 11*time.Second, host1+":4002", host2+":5002", 100)
	for i, want := range []string{"streams that no signalling describes and that only their time assigns to this call: 1", ""} {
		if a, _ := converted(t, b.capture(), Options{Call: i + 1}); a.Calls != 2 || a.Status != recording.AudioOK || a.Reason != want {
			t.Errorf("call %d of %d: %s, %q", i+1, a.Calls, a.Status, a.Reason)
		}
	}
	if a, _ := converted(t, b.capture(), Options{Together: true}); a.Reason != "" {
		t.Errorf("together: %q", a.Reason)
	}
}
