package convert

import (
	"bytes"
	"encoding/binary"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"callreel/internal/recording"
)

// TestAbsurdDates gives the packets of a call times that no call can have.
func TestAbsurdDates(t *testing.T) {
	const year = 365 * 24 * time.Hour
	since1970 := epoch.Sub(time.Unix(0, 0))
	for _, row := range []struct {
		name   string
		at     func(i int) time.Duration // after the epoch, of packet i of 100
		status recording.AudioStatus
		reason string
		whole  bool // every packet sounds, one after the other
	}{
		{"all at once", func(int) time.Duration { return 0 }, recording.AudioOK, "", true},
		{"from 1970 on", func(i int) time.Duration { return time.Duration(i)*20*time.Millisecond - since1970 }, recording.AudioOK, "", true},
		{"up to 2106", func(i int) time.Duration {
			return 1<<32*time.Second - since1970 - time.Duration(100-i)*20*time.Millisecond
		}, recording.AudioOK, "", true},
		{"back by a second each", func(i int) time.Duration { return -time.Duration(i) * time.Second }, recording.AudioOK, "", true},
		{"back by a year each", func(i int) time.Duration { return -time.Duration(i%20) * year }, recording.AudioOK, "", true},
		{"on by a year each", func(i int) time.Duration { return time.Duration(i%50) * year }, recording.AudioOK, "", true},
		{"one packet in 1970", func(i int) time.Duration {
			return time.Duration(i)*20*time.Millisecond - time.Duration(i/50-i/51)*since1970
		}, recording.AudioOK, "", true},
		{"ten years ago and now", func(i int) time.Duration { return time.Duration(i)*20*time.Millisecond - 10*year*time.Duration(1-i%2) }, recording.AudioOK, "", true},
	} {
		t.Run(row.name, func(t *testing.T) {
			b := newBuilder()
			k := newTalker(b, hostC, hostD)
			for i := range 100 {
				k.at = row.at(i)
				k.send(1)
			}
			a, w := converted(t, b.capture(), Options{Channels: External})
			if a.Status != row.status || !strings.Contains(a.Reason, row.reason) {
				t.Fatalf("%s: %q", a.Status, a.Reason)
			}
			if row.whole && !bytes.Equal(w.data, k.sent) {
				t.Errorf("%d samples that differ from the %d sent", len(w.data), len(k.sent))
			}
		})
	}
}

// TestEndsOfTime has blocks at the first and the last moment that pcapng can tell, by
// two interfaces of which one adds and one takes off as many seconds as fit.
func TestEndsOfTime(t *testing.T) {
	const far = math.MaxInt64/1_000_000_000 - 2
	le := binary.LittleEndian
	block := func(kind uint32, body ...byte) []byte {
		b := le.AppendUint32(le.AppendUint32(nil, kind), uint32(len(body)+12))
		return le.AppendUint32(append(b, body...), uint32(len(body)+12))
	}
	file := block(0x0a0d0d0a, 0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255)
	for _, offset := range []int64{-far, far} {
		file = append(file, block(1, le.AppendUint64([]byte{1, 0, 0, 0, 0, 0, 0, 0, 14, 0, 8, 0}, uint64(offset))...)...)
	}
	b := newBuilder()
	k := newTalker(b, hostC, hostD)
	k.send(100)
	for i, end := range b.ends {
		frame := b.buf.Bytes()[end-14-20-8-12-160 : end]
		body := le.AppendUint32(make([]byte, 0, 300), uint32(i%2))
		body = le.AppendUint32(append(body, 0, 0, 0, 0, 0, 0, 0, 0), uint32(len(frame)))
		body = append(le.AppendUint32(body, uint32(len(frame))), frame...)
		file = append(file, block(6, append(body, 0, 0)...)...)
	}
	a, w := converted(t, bytes.NewReader(file), Options{Channels: External})
	if a.Status != recording.AudioOK || !bytes.Equal(w.data, k.sent) {
		t.Errorf("%s: %q, %d samples", a.Status, a.Reason, len(w.data))
	}
}

// TestTwoCallsYearsApart: no timeline reaches over years.
func TestTwoCallsYearsApart(t *testing.T) {
	b := newBuilder()
	k := newTalker(b, hostC, hostD)
	k.send(100)
	k.ssrc, k.seq, k.at = 99, 7, 5*365*24*time.Hour
	k.send(100)
	a, _ := converted(t, b.capture(), Options{})
	if a.Status != recording.AudioDamaged || !strings.Contains(a.Reason, "its packets lie 438") {
		t.Errorf("%s: %q", a.Status, a.Reason)
	}
}

// TestRTPClockOutOfItsMind: every packet is on a clock of its own.
func TestRTPClockOutOfItsMind(t *testing.T) {
	packets := 70_000
	if soak() {
		packets = 2_000_000
	}
	src := newFlood(packets, func(i int) packetShape {
		return packetShape{
			at: time.Duration(i) * 20 * time.Millisecond, port: 4000, ssrc: 7, kind: 8,
			seq: uint16(3 * i), ts: uint32(i) * 2654435761, payload: uint32(i)*2654435761&0x0f0f0f0f | 0x80808080,
		}
	})
	var a recording.Audio
	used := memory(func() {
		var err error
		if a, err = Convert(t.Context(), src, io.Discard, Options{}); err != nil {
			t.Error(err)
		}
	})
	if a.Status != recording.AudioDamaged || !strings.Contains(a.Reason, "make no sense") {
		t.Errorf("%s: %q", a.Status, a.Reason)
	}
	if used > 128<<20 {
		t.Errorf("%d MiB of memory", used>>20)
	}
}
