package convert

import (
	"fmt"
	"testing"
	"time"

	"callreel/internal/recording"
)

// TestSignallingInTCP: a description is found however its message is cut into
// segments, and with others in one.
func TestSignallingInTCP(t *testing.T) {
	message := func(first, ip string, port int) string {
		body := fmt.Sprintf("v=0\r\nc=IN IP4 %s\r\nm=audio %d RTP/AVP 97\r\na=rtpmap:97 L16/8000\r\n", ip, port)
		return fmt.Sprintf("%s\r\nCall-ID: a\r\nFrom: <sip:1@x>;tag=1\r\nTo: <sip:2@x>\r\nCSeq: 1 INVITE\r\nContent-Length: %d\r\n\r\n%s", first, len(body), body)
	}
	invite := "OPTIONS sip:x SIP/2.0\r\nCall-ID: o\r\nContent-Length: 0\r\n\r\n" + message("INVITE sip:2@x SIP/2.0", host1, 4000)
	answer := message("SIP/2.0 200 OK", host2, 5000)
	for _, row := range []struct {
		name  string
		cuts  []int // where the caller's bytes are cut
		again int   // the segment that is sent again
	}{
		{"whole", nil, -1},
		{"in the headers", []int{100}, -1},
		{"in the description, and one again", []int{len(invite) - 90, len(invite) - 10}, 1},
		{"byte by byte at the end", []int{len(invite) - 3, len(invite) - 2, len(invite) - 1}, 0},
	} {
		b := newBuilder()
		from := 0
		for i, to := range append(row.cuts, len(invite)) {
			for n := range 2 {
				if n == 0 || i == row.again {
					b.tcp(time.Duration(i)*time.Millisecond, host1+":5060", host2+":5060", 4294967200+from, []byte(invite[from:to]))
				}
			}
			from = to
		}
		b.tcp(100*time.Millisecond, host2+":5060", host1+":5060", 7, []byte(answer))
		for _, way := range [][2]string{{host1 + ":4000", host2 + ":5000"}, {host2 + ":5000", host1 + ":4000"}} {
			k := newTalker(b, way[0], way[1])
			k.at = time.Second
			for range 50 {
				k.packet(97, make([]byte, 320))
				k.step()
			}
		}
		a, _ := converted(t, b.capture(), Options{})
		if a.Status != recording.AudioOK || a.SidesBy != recording.ByCaller || a.SIP.To != "2" || a.Passed["sip"] != 3 {
			t.Errorf("%s: %s: %s; sides by %s, passed %v", row.name, a.Status, a.Reason, a.SidesBy, a.Passed)
		}
	}
	b := newBuilder() // the rest was not captured
	b.tcp(0, host1+":5060", host2+":5060", 7, []byte(invite[:len(invite)-3]))
	k := newTalker(b, host2+":5000", host1+":4000")
	k.send(50)
	if a, _ := converted(t, b.capture(), Options{}); a.SidesBy != recording.ByCaller || !a.SIP.Invite.Equal(epoch) {
		t.Errorf("the end is missing: sides by %s, %+v", a.SidesBy, a.SIP)
	}
}
