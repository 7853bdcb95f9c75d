package convert

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"callreel/internal/corpus"
	"callreel/internal/media/resample"
)

// linear sends n packets of ms milliseconds of a tone in L16, right louder than
// left if there are two channels, and returns the mean of the channels.
func (k *talker) linear(f float64, clock, channels, ms, n int) (mean []int16) {
	each := clock * ms / 1000
	for p := range n {
		var b []byte
		for i := range each {
			x := 8000 * math.Sin(2*math.Pi*f*float64(p*each+i)/float64(clock))
			left, right := int16(x), int16(1.5*x)
			b = binary.BigEndian.AppendUint16(b, uint16(left))
			if channels == 2 {
				b = binary.BigEndian.AppendUint16(b, uint16(right))
				left = int16((int(left) + int(right)) / 2)
			}
			mean = append(mean, left)
		}
		k.packet(k.pt, b)
		k.seq, k.ts, k.at = k.seq+1, k.ts+uint32(each), k.at+time.Second*time.Duration(each)/time.Duration(clock)
	}
	return mean
}

func TestLinear(t *testing.T) {
	for _, row := range []struct {
		pt                      uint8
		clock, channels, ms, hz int
	}{
		{97, 8000, 1, 20, 8000},
		{97, 8000, 2, 20, 8000},
		{97, 11025, 1, 32, 16000},
		{97, 16000, 1, 20, 16000},
		{97, 16000, 2, 10, 16000},
		{97, 24000, 1, 20, 16000},
		{97, 44100, 2, 7, 16000},
		{97, 48000, 1, 20, 16000},
		{10, 44100, 2, 5, 16000},
		{11, 44100, 1, 5, 16000},
	} {
		t.Run(fmt.Sprintf("%d Hz, %d channels, type %d", row.clock, row.channels, row.pt), func(t *testing.T) {
			b := newBuilder()
			if row.pt >= firstDynamic {
				describe(b, 0, "RTP/AVP", "97", fmt.Sprintf("a=rtpmap:97 L16/%d/%d\r\n", row.clock, row.channels))
			}
			k := newTalker(b, hostC, hostD)
			k.pt = row.pt
			mean := k.linear(700, row.clock, row.channels, row.ms, 200)
			a, w := converted(t, b.capture(), Options{PCM: true, Channels: External})
			want := mean
			if row.clock > 8000 && row.clock != 16000 {
				want = resample.NewRatio(row.clock, 16000).Append(nil, mean)
			}
			want = want[:len(want)/(row.hz/8000)*(row.hz/8000)]
			if got := samples16(w.data); a.SampleRate != row.hz || !slices.Equal(got, want) {
				t.Errorf("%d samples at %d Hz that differ, want %d at %d", len(got), a.SampleRate, len(want), row.hz)
			}
			if spans := a.Truth[0].Spans; len(spans) != 1 {
				t.Errorf("one stretch became %d: %+v", len(spans), spans[:2])
			}
		})
	}
}

// TestLinearDoesNotDrift: two minutes at a rate that is no multiple of 8 kHz ends
// where it must, and after a loss it goes on where it must.
func TestLinearDoesNotDrift(t *testing.T) {
	b := newBuilder()
	describe(b, 0, "RTP/AVP", "97", "a=rtpmap:97 L16/11025\r\n")
	k := newTalker(b, hostC, hostD)
	k.pt = 97
	const lost = 20
	for i := range 120 * 5 {
		if i%1000 == lost {
			k.seq, k.ts, k.at = k.seq+1, k.ts+2205, k.at+200*time.Millisecond
			continue
		}
		k.linear(700, 11025, 1, 200, 1)
	}
	a, w := converted(t, b.capture(), Options{PCM: true, Channels: External})
	if math.Abs(a.DurationS-120) > 0.001 || len(w.data) != 120*2*16000 {
		t.Errorf("%v s", a.DurationS)
	}
	got := samples16(w.data)
	for i := range 120 {
		phase := resample.RatioDelay + i*16000 + 4000 // every 200 ms begins at a zero of the tone
		if i%200 == 4 || i%200 == 3 {
			continue
		}
		if at := crossing(got, phase); math.Abs(at-float64(phase)) > 2 {
			t.Fatalf("second %d: the tone is at %.1f, want %d", i, at, phase)
		}
	}
	spans := a.Truth[0].Spans
	for i, s := range spans {
		if want := []string{"received", "concealed", "lost"}[i%3]; s.Kind != want {
			t.Fatalf("span %d: %+v, want %s", i, s, want)
		}
	}
	if len(spans) != 3+1 {
		t.Errorf("%d spans", len(spans))
	}
}

// crossing is where a wave goes through zero upwards, next to position from.
func crossing(x []int16, from int) float64 {
	for d := range 12 {
		for _, i := range []int{from + d, from - d} {
			if i >= 0 && i+1 < len(x) && x[i] <= 0 && x[i+1] > 0 {
				return float64(i) + float64(-x[i])/float64(x[i+1]-x[i])
			}
		}
	}
	return math.Inf(1)
}

// TestLinearRefused: what nobody sends is refused by its name.
func TestLinearRefused(t *testing.T) {
	for _, attribute := range []string{"L16/8000/6", "L16/7999", "L16/0", "L16/-8000", "L16/999999999999999999999"} {
		b := newBuilder()
		describe(b, 0, "RTP/AVP", "97", "a=rtpmap:97 "+attribute+"\r\n")
		k := newTalker(b, hostC, hostD)
		k.pt = 97
		k.linear(700, 8000, 1, 20, 50)
		if a, _ := converted(t, b.capture(), Options{}); a.Reason == "" || a.Status != "unsupported" {
			t.Errorf("%s: %s: %s", attribute, a.Status, a.Reason)
		}
	}
}

// TestLinearCapture: four calls one after the other, of which each gives the same
// payload type another meaning. The third says 11,025 Hz and sends its packets
// slower than that, so only the others are compared with the same voice in G.711.
func TestLinearCapture(t *testing.T) {
	a, w := converted(t, open(t, corpus.File(t, "rtp-pcap/sip-rtp-l16.pcap")), Options{Channels: Mono, Together: true})
	if len(a.Streams) != 4 || a.SampleRate != 16000 || math.Abs(a.DurationS-37.55) > 0.04 {
		t.Fatalf("%v s at %d, %+v", a.DurationS, a.SampleRate, a.Streams)
	}
	voice := samples(w.data)
	for i, s := range a.Streams {
		if i == 2 {
			continue
		}
		part := voice[int(s.StartS*16000):int(s.EndS*16000)]
		if r := besideG711(t, part, 1600); r < 0.99 || math.Abs(s.EndS-s.StartS-8.5) > 0.001 {
			t.Errorf("call %d, %v s: envelopes %.4f", i, s.EndS-s.StartS, r)
		}
	}
}
