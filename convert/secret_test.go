package convert

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"callreel/internal/recording"
)

// noisy sends n packets of bytes as a cipher gives them, each of which lasts so many
// ticks.
func (k *talker) noisy(n, size int, ticks uint32) {
	random := rand.New(rand.NewPCG(uint64(size), 3))
	for range n {
		payload := make([]byte, size)
		for i := range payload {
			payload[i] = byte(random.IntN(256))
		}
		k.packet(k.pt, payload)
		k.seq, k.ts, k.at = k.seq+1, k.ts+ticks, k.at+time.Duration(ticks)*time.Second/rate
	}
}

// TestEncryptedWithoutAnyWord: SRTP of which nothing tells but its packets is never
// heard as noise, be there few of them or only the end of a stream.
func TestEncryptedWithoutAnyWord(t *testing.T) {
	for _, codec := range []struct {
		name  string
		pt    uint8
		size  int
		ticks uint32
	}{
		{"PCMA", 8, 160, 160},
		{"PCMU of 30 ms", 0, 240, 240},
		{"G722 of 10 ms", 9, 80, 80},
		{"G726", 2, 80, 160},
		{"GSM", 3, 33, 160},
		{"G729", 18, 20, 160},
	} {
		for _, tag := range []int{4, 10, 14, 16} {
			for _, n := range []int{3, 20, 200} {
				b := newBuilder()
				k := newTalker(b, hostC, hostD)
				k.pt = codec.pt
				k.noisy(n, codec.size+tag, codec.ticks)
				a, _ := converted(t, b.capture(), Options{})
				if a.Status != recording.AudioEncrypted || !strings.Contains(a.Reason, "encrypted (SRTP) and no key") {
					t.Errorf("%d packets of %s and %d octets: %s: %s", n, codec.name, tag, a.Status, a.Reason)
				}
			}
		}
	}
	b := newBuilder()
	k := newTalker(b, hostC, hostD)
	k.send(1000)
	k.noisy(20, 170, 160)
	if a, _ := converted(t, b.capture(), Options{}); a.Status != recording.AudioEncrypted {
		t.Errorf("clear, then encrypted: %s", a.Status)
	}
}

// TestDigitsDoNotJitter: a key was pressed when its packets say, not when they came.
func TestDigitsDoNotJitter(t *testing.T) {
	b := newBuilder()
	k := newTalker(b, hostC, hostD)
	for i := range 5 {
		k.send(40)
		late := *k
		for n := range 10 {
			late.at = k.at + 90*time.Millisecond
			late.packet(101, []byte{byte(i), 10, 0, byte(20 * n)})
			k.step()
			late.seq = k.seq
		}
	}
	k.send(40)
	a, _ := converted(t, b.capture(), Options{})
	want := ""
	for i := range 5 {
		want += fmt.Sprintf("%d at %.2f s ", i, 0.8+float64(i))
	}
	got := ""
	for _, d := range a.Digits {
		got += fmt.Sprintf("%s at %.2f s ", d.Digit, d.AtS)
	}
	if got != want {
		t.Errorf("%s; want %s", got, want)
	}
}
