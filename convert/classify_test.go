package convert

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"callreel/internal/recording"
)

// TestOtherMedia: what a description says is no voice does not stop a call, and what
// is voice is not taken for anything else because a port is the same.
func TestOtherMedia(t *testing.T) {
	b := newBuilder()
	described(b, "m=audio 4000 RTP/AVP 8\r\nm=text 4002 RTP/AVP 98\r\na=rtpmap:98 t140/1000\r\n", "m=audio 5000 RTP/AVP 8\r\nm=text 5002 RTP/AVP 98\r\na=rtpmap:98 t140/1000\r\n")
	speak(b, time.Second, host1+":4000", host2+":5000", 50)
	text := newTalker(b, host1+":4002", host2+":5002")
	for range 60 {
		text.packet(98, []byte("letters"))
		text.step()
	}
	a, _ := converted(t, b.capture(), Options{})
	if a.Status != recording.AudioOK || a.DurationS != 1 || a.Passed["other_rtp"] != 60 {
		t.Errorf("text: %s %s, %.2f s, passed %v", a.Status, a.Reason, a.DurationS, a.Passed)
	}
	b = newBuilder()
	described(b, "m=audio 4000 RTP/AVP 8\r\nm=video 4002 RTP/AVP 34\r\n", "m=audio 5000 RTP/AVP 8\r\nm=video 5002 RTP/AVP 34\r\n")
	speak(b, time.Second, host3+":7000", host4+":5002", 50) // addresses that were not described
	a, _ = converted(t, b.capture(), Options{})
	if a.Status != recording.AudioOK || a.DurationS != 1 {
		t.Errorf("a port that is video's elsewhere: %s %s, passed %v", a.Status, a.Reason, a.Passed)
	}
}

// TestFixedPortsBesideOthers: streams from a device's fixed ports keep their sides
// where there is another; phones that signal such a port as theirs are no device.
func TestFixedPortsBesideOthers(t *testing.T) {
	b := newBuilder()
	speak(b, 0, host3+":7000", host4+":5002", 30)
	local, remote := newTalker(b, hostA, hostC), newTalker(b, hostB, hostD)
	local.at, remote.at = 2*time.Second, time.Second
	local.send(50)
	remote.send(100)
	a, w := converted(t, b.capture(), Options{})
	if right := w.channel(1); a.SidesBy != recording.ByPorts || !bytes.Equal(right[len(right)-len(local.sent):], local.sent) {
		t.Errorf("sides by %s, streams %+v", a.SidesBy, a.Streams)
	}
	b = newBuilder()
	for i, port := range []int{portLocal, portRemote} {
		dial(b, sipLine{src: host1, dst: host2, id: fmt.Sprint(i), from: "1", to: "2", port: port}, 17000+port)
		speak(b, time.Second, fmt.Sprint(host1, ":", port), fmt.Sprint(host2, ":", 17000+port), 50)
		speak(b, time.Second, fmt.Sprint(host2, ":", 17000+port), fmt.Sprint(host1, ":", port), 50)
	}
	if a, _ := converted(t, b.capture(), Options{}); a.Calls != 2 || a.Truth[0].Packets != 50 || a.Truth[1].Packets != 50 {
		t.Errorf("%d calls, sides by %s, %+v", a.Calls, a.SidesBy, a.Truth)
	}
}

// TestFewUndecoded: some packets in a codec that is not built in are told as lost and
// counted; tones of a fax that nobody describes are no voice.
func TestFewUndecoded(t *testing.T) {
	b := newBuilder()
	k := newTalker(b, hostC, hostD)
	k.send(100)
	k.pt = 97
	k.send(9)
	k.pt = 8
	k.send(100)
	a, _ := converted(t, b.capture(), Options{Conceal: Silent})
	if got, want := fmt.Sprint(a.Truth[0].Spans), "[{0 2 received} {2 2.18 lost} {2.18 4.18 received}]"; got != want || a.Passed["undecoded"] != 9 {
		t.Errorf("%s, want %s; passed %v", got, want, a.Passed)
	}
	b = newBuilder()
	k = newTalker(b, hostC, hostD)
	k.send(100)
	for i := range 20 {
		k.packet(101, []byte{36, 10, 0, byte(i)})
		k.seq++
	}
	k.send(100)
	if a, _ = converted(t, b.capture(), Options{}); a.Status != recording.AudioOK || len(a.Digits) != 0 {
		t.Errorf("%s: %s; digits %v", a.Status, a.Reason, a.Digits)
	}
}
