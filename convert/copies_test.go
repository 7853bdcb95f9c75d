package convert

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"callreel/internal/recording"
)

// TestCopiesAreCompletedFromEachOther: a voice that is captured before and behind a
// relay, here and there only on one of both ways, is heard whole, once and on one side.
func TestCopiesAreCompletedFromEachOther(t *testing.T) {
	random := rand.New(rand.NewPCG(8, 15))
	for name, row := range map[string]struct {
		before, behind func(i int) bool // whether it was captured there
		renamed        bool             // the relay gives another SSRC, and other numbers
	}{
		"the second ends later": {func(i int) bool { return i < 190 }, func(i int) bool { return i > 10 }, false},
		"most is on one only":   {func(i int) bool { return i < 105 }, func(i int) bool { return i >= 95 }, false},
		"each lost others":      {func(i int) bool { return i%17 != 3 }, func(i int) bool { return i%23 != 5 }, false},
		"one lost a second":     {func(i int) bool { return i < 50 || i >= 100 }, func(i int) bool { return i > 20 }, false},
		"renamed, ends later":   {func(i int) bool { return i < 190 }, func(i int) bool { return i > 10 }, true},
		"renamed, mostly alone": {func(i int) bool { return i < 105 }, func(i int) bool { return i >= 95 }, true},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBuilder()
			k := newTalker(b, hostC, hostD)
			for i := range 200 {
				payload := bytes.Repeat([]byte{0x80}, 160)
				for n := range payload {
					payload[n] |= byte(random.IntN(48))
				}
				k.sent = append(k.sent, payload...)
				relayed := *k
				relayed.src, relayed.dst, relayed.at = "192.0.2.4:7000", "192.0.2.10:8000", k.at+3*time.Millisecond
				if row.renamed {
					relayed.ssrc, relayed.seq, relayed.ts = 99, k.seq+9, k.ts+99
				}
				if row.before(i) || i == 3 && !row.renamed {
					k.packet(8, payload)
				}
				if row.behind(i) && i != 3 {
					relayed.packet(8, payload)
				}
				k.step()
			}
			a, w := converted(t, b.capture(), Options{})
			if !bytes.Equal(w.channel(0), k.sent) || len(bytes.Trim(w.channel(1), "\xd5")) != 0 {
				t.Errorf("not what was sent: %v, %v; passed %v", a.Truth[0].Spans, a.Truth[1].Spans, a.Passed)
			}
			if want := fmt.Sprint([]recording.Span{{FromS: 0, ToS: 4, Kind: "received"}}); fmt.Sprint(a.Truth[0].Spans) != want || a.Truth[0].Lost != 0 || a.Truth[0].Packets != 200 {
				t.Errorf("%+v", a.Truth[0])
			}
		})
	}
}
