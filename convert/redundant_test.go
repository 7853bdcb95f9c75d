package convert

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"callreel/internal/recording"
)

// described is a call between host1, port 4000, and host2, port 5000, of which each
// party has described its media.
func described(b *builder, caller, callee string) {
	for i, body := range []string{caller, callee} {
		src, dst, first := host1, host2, "INVITE sip:2@x SIP/2.0"
		if i == 1 {
			src, dst, first = host2, host1, "SIP/2.0 200 OK"
		}
		b.udp(time.Duration(i)*100*time.Millisecond, src+":5060", dst+":5060", fmt.Appendf(nil,
			"%s\r\nCall-ID: a\r\nFrom: <sip:1@x>;tag=1\r\nTo: <sip:2@x>\r\nCSeq: 1 INVITE\r\n\r\nv=0\r\nc=IN IP4 %s\r\n%s", first, src, body))
	}
}

const redundant = "m=audio 5000 RTP/AVP 121 8\r\na=rtpmap:121 red/8000\r\na=fmtp:121 8/8\r\n"

// wrapped sends n packets of G.711, each with the one before it, of which those that
// lose names are not captured.
func wrapped(b *builder, n int, lose func(i int) bool) *talker {
	k := newTalker(b, host1+":4000", host2+":5000")
	k.at = time.Second
	for i := range n {
		payload := bytes.Repeat([]byte{0x80}, 160)
		for at := range payload {
			payload[at] |= byte((i*7 + at*3) % 48)
		}
		packet := append([]byte{8}, payload...)
		if i > 0 {
			before := k.sent[len(k.sent)-160:]
			packet = bytes.Join([][]byte{{0x80 | 8, 160 >> 6, 160 << 2 & 0xff, 160, 8}, before, payload}, nil)
		}
		if !lose(i) {
			k.packet(121, packet)
		}
		k.sent = append(k.sent, payload...)
		k.step()
	}
	return k
}

// TestRedundantVoice: what is packed as redundant audio (RFC 2198) is heard, and what
// was lost is taken from the packet behind it.
func TestRedundantVoice(t *testing.T) {
	for name, lose := range map[string]func(int) bool{
		"nothing is lost":       func(int) bool { return false },
		"every fifth packet is": func(i int) bool { return i%5 == 2 },
	} {
		b := newBuilder()
		described(b, "m=audio 4000 RTP/AVP 8\r\n", redundant)
		k := wrapped(b, 100, lose)
		a, w := converted(t, b.capture(), Options{})
		if a.Status != recording.AudioOK || !bytes.Equal(w.channel(0), k.sent) || a.Truth[0].Lost != 0 || a.Truth[0].Duplicates != 0 || a.Streams[0].Codec != "PCMA" {
			t.Errorf("%s: %s %s: %+v", name, a.Status, a.Reason, a.Truth)
		}
	}
	b := newBuilder()
	described(b, "m=audio 4000 RTP/AVP 8\r\n", redundant)
	k := newTalker(b, host1+":4000", host2+":5000")
	k.pt = 121
	k.send(50) // no redundant audio
	speak(b, 0, host2+":5000", host1+":4000", 50)
	if a, _ := converted(t, b.capture(), Options{}); a.Status != recording.AudioUnsupported || !strings.Contains(a.Reason, "red (payload type 121)") {
		t.Errorf("%s: %s", a.Status, a.Reason)
	}
}
