package convert

import (
	"bytes"
	"fmt"
	"math"
	"testing"

	"callreel/internal/media/g711"
	"callreel/internal/media/g722"
	"callreel/internal/recording"
)

// hum is n samples of a voice-like tone.
func hum(n, hz int) []int16 {
	out := make([]int16, n)
	for i := range out {
		x := 2 * math.Pi * float64(i) / float64(hz)
		out[i] = int16(6000*math.Sin(x*150) + 3000*math.Sin(x*300+1))
	}
	return out
}

// humming sends two seconds of a tone of which the packets from..to are lost.
func humming(pt uint8, from, to int) (*builder, []int16) {
	b := newBuilder()
	k := newTalker(b, hostC, hostD)
	said := hum(16000, rate)
	if pt == 9 {
		said = hum(32000, 2*rate)
	}
	octets := make([]byte, 16000)
	switch pt {
	case 0:
		for i, x := range said {
			octets[i] = g711.EncodeMu(x)
		}
	case 8:
		for i, x := range said {
			octets[i] = g711.EncodeA(x)
		}
	case 9:
		g722.NewEncoder().Encode(octets, said)
	}
	for i := range 100 {
		if i < from || i >= to {
			k.packet(pt, octets[160*i:][:160])
		}
		k.step()
	}
	return b, said
}

// nearness is the signal-to-noise ratio in dB.
func nearness(want, got []int16) float64 {
	signal, noise := 1.0, 1.0
	for i, x := range want {
		d := float64(x) - float64(got[i])
		signal, noise = signal+float64(x)*float64(x), noise+d*d
	}
	return 10 * math.Log10(signal/noise)
}

func TestConceal(t *testing.T) {
	for _, row := range []struct {
		name     string
		pt       uint8
		from, to int
		least    float64 // dB within the gap
	}{
		{"A-law, one packet", 8, 40, 41, 15},
		{"A-law, three packets", 8, 40, 43, 10},
		{"µ-law, two packets", 0, 50, 52, 15},
		{"G.722, one packet", 9, 50, 51, 5},
	} {
		t.Run(row.name, func(t *testing.T) {
			whole, _ := humming(row.pt, 0, 0)
			_, complete := converted(t, whole.capture(), Options{Channels: External, PCM: true})
			b, _ := humming(row.pt, row.from, row.to)
			a, w := converted(t, b.capture(), Options{Channels: External, PCM: true})
			_, silent := converted(t, b.capture(), Options{Channels: External, PCM: true, Conceal: Silent})
			said, got, without := samples16(complete.channel(0)), samples16(w.channel(0)), samples16(silent.channel(0))
			per := 160 * a.SampleRate / rate
			from, to := row.from*per, row.to*per
			spans := []recording.Span{
				{FromS: 0, ToS: float64(row.from) / 50, Kind: "received"},
				{FromS: float64(row.from) / 50, ToS: float64(row.to) / 50, Kind: "concealed"},
				{FromS: float64(row.to) / 50, ToS: 2, Kind: "received"},
			}
			if fmt.Sprint(a.Truth[0].Spans) != fmt.Sprint(spans) {
				t.Errorf("spans %v", a.Truth[0].Spans)
			}
			if near := nearness(said[from:to], got[from:to]); near < row.least {
				t.Errorf("%.1f dB, want %.0f", near, row.least)
			}
			for i := range got {
				if inGap := i >= from && i < to; inGap && without[i] != 0 && row.pt != 9 || !inGap && without[i] != got[i] {
					t.Fatalf("sample %d is %d, without concealment %d", i, got[i], without[i])
				}
			}
		})
	}
}

// TestConcealLeavesWhatCame: in a G.711 file every octet that came stands as it
// came, and what was lost is not left silent.
func TestConcealLeavesWhatCame(t *testing.T) {
	b, said := humming(8, 40, 42)
	_, w := converted(t, b.capture(), Options{Channels: External})
	for i, x := range said {
		if lost := i >= 40*160 && i < 42*160; !lost && w.data[i] != g711.EncodeA(x) {
			t.Fatalf("octet %d was changed", i)
		}
	}
	if gap := w.data[40*160 : 42*160]; bytes.Count(gap, []byte{g711.IdleA}) > len(gap)/4 {
		t.Error("the gap is silent")
	}
}

func TestLongLossIsNotMadeUp(t *testing.T) {
	b, _ := humming(8, 20, 70)
	a, w := converted(t, b.capture(), Options{Channels: External})
	want := "[{0 0.4 received} {0.4 0.46 concealed} {0.46 1.34 lost} {1.34 1.4 concealed} {1.4 2 received}]"
	if got := fmt.Sprint(a.Truth[0].Spans); got != want {
		t.Errorf("spans %s", got)
	}
	if n := bytes.Count(w.data[3680:10720], []byte{g711.IdleA}); n != 10720-3680 {
		t.Errorf("%d of %d octets of the loss are silent", n, 10720-3680)
	}
	if bytes.Count(w.data[3200:3680], []byte{g711.IdleA}) > 100 || bytes.Count(w.data[10720:11200], []byte{g711.IdleA}) > 100 {
		t.Error("the ends of the loss are silent")
	}
}

// TestDueIsKept: what stands behind a concealed gap that ends in the next eight
// seconds must not be in memory that another stream of the side reads into.
func TestDueIsKept(t *testing.T) {
	window := bytes.Repeat([]byte{0x91}, 160)
	pl := &player{
		rest: sound{at: 100, n: 160, samples: make([]int16, 160), factor: 1},
		due:  []sound{{at: 260, n: 160, law: lawA, codes: window}},
	}
	if err := pl.each(0, 180, func(int64, *sound) {}); err != nil {
		t.Fatal(err)
	}
	clear(window)
	if want := bytes.Repeat([]byte{0x91}, 160); !bytes.Equal(pl.due[0].codes, want) {
		t.Error("a packet was overwritten before it was heard")
	}
}
