package convert

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"callreel/internal/recording"
)

// TestDamageLeavesTheRest spoils the records 100 to 104 of a call of 200 in
// several ways: what lies before and behind them must sound where it did.
func TestDamageLeavesTheRest(t *testing.T) {
	b := newBuilder()
	k := newTalker(b, hostC, hostD)
	k.send(200)
	begin, end := b.ends[99], b.ends[104]
	noise := make([]byte, end-begin)
	for i := range noise {
		noise[i] = byte(rand.New(rand.NewPCG(1, uint64(i))).Uint32())
	}
	for _, row := range []struct {
		name string
		mend func(whole []byte) []byte
		gone int // packets
	}{
		{"zeros", func(w []byte) []byte { clear(w[begin:end]); return w }, 5},
		{"noise", func(w []byte) []byte { copy(w[begin:end], noise); return w }, 5},
		{"bytes missing", func(w []byte) []byte { return slices.Delete(w, begin+7, end-7) }, 5},
		{"bytes too many", func(w []byte) []byte { return slices.Insert(w, begin, noise...) }, 0},
		{"one length too long", func(w []byte) []byte { binary.LittleEndian.PutUint32(w[begin+8:], 5000); return w }, 1},
		{"one length beyond the end", func(w []byte) []byte { binary.LittleEndian.PutUint32(w[begin+8:], 200_000); return w }, 1},
		{"one length too short", func(w []byte) []byte { binary.LittleEndian.PutUint32(w[begin+8:], 100); return w }, 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			a, w := converted(t, bytes.NewReader(row.mend(slices.Clone(b.buf.Bytes()))), Options{Channels: External})
			if a.Status != recording.AudioOK || a.Passed["damaged"] == 0 || !strings.Contains(a.Reason, "at offset") {
				t.Fatalf("%s, %q, passed %v", a.Status, a.Reason, a.Passed)
			}
			if len(w.data) != len(k.sent) {
				t.Fatalf("%d samples, want %d", len(w.data), len(k.sent))
			}
			heard := 0
			for i := range 200 {
				if bytes.Equal(w.data[160*i:160*i+160], k.sent[160*i:160*i+160]) {
					heard++
				} else if i < 99 || i > 104 {
					t.Errorf("packet %d is spoilt", i)
				}
			}
			if heard < 200-row.gone {
				t.Errorf("%d packets sound, want %d", heard, 200-row.gone)
			}
			for _, s := range a.Truth[0].Spans {
				if s.Kind != "received" && s.Kind != "cut" {
					t.Errorf("span %+v, want it cut", s)
				}
			}
		})
	}
}

func TestDamageToTheEnd(t *testing.T) {
	b, local, _ := twoSides(50)
	b.buf.Write(bytes.Repeat([]byte{0xff}, 640))
	a, w := converted(t, b.capture(), Options{})
	if a.Status != recording.AudioOK || !bytes.HasPrefix(w.channel(1), local.sent) || a.Passed["damaged"] != 1 {
		t.Fatalf("%s, passed %v", a.Status, a.Passed)
	}
	if want := "nothing behind it can be read"; !strings.Contains(a.Reason, want) {
		t.Errorf("%q, want %q", a.Reason, want)
	}
	spans := a.Truth[1].Spans
	if last := spans[len(spans)-1]; last.Kind != "cut" || last.ToS != a.DurationS {
		t.Errorf("last span of the side that ends first: %+v", last)
	}
}

func TestHolesInSilence(t *testing.T) {
	p := &plan{holes: []hole{{int64(2 * time.Second), int64(3 * time.Second)}}}
	got := p.markHoles([]span{{8000, kindReceived}, {40000, kindSilence}, {48000, kindReceived}})
	want := []span{{8000, kindReceived}, {16000, kindSilence}, {24000, kindCut}, {40000, kindSilence}, {48000, kindReceived}}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
