package convert

import (
	"bytes"
	"testing"
	"time"
)

// TestBegins: signalling comes before the voice; a capture that is none, or holds no
// voice, begins nowhere.
func TestBegins(t *testing.T) {
	b := newBuilder()
	b.udp(0, "192.0.2.1:5060", "192.0.2.2:5060", []byte("INVITE sip:24@192.0.2.2 SIP/2.0\r\n\r\n"))
	silent := bytes.Clone(b.buf.Bytes())
	k := &talker{b: b, src: "192.0.2.1:16388", dst: "192.0.2.2:4000", at: 3 * time.Second}
	k.send(2)
	whole := b.buf.Bytes()
	for _, row := range []struct {
		name    string
		content []byte
		want    time.Time
	}{
		{"whole", whole, epoch.Add(3 * time.Second)},
		{"cut in the last packet", whole[:len(whole)-50], epoch.Add(3 * time.Second)},
		{"no voice", silent, time.Time{}},
		{"no capture", []byte("hello"), time.Time{}},
		{"empty", nil, time.Time{}},
	} {
		if got := Begins(bytes.NewReader(row.content)); !got.Equal(row.want) {
			t.Errorf("%s: begins %s, want %s", row.name, got, row.want)
		}
	}
}
