package opus_test

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/thesyncim/gopus"

	"callreel/internal/media/opus"
)

// voice is n samples at 48 kHz of something with pitch and formants, in as many
// channels, the second one quieter.
func voice(n, channels int) []int16 {
	out := make([]int16, 0, n*channels)
	for i := range n {
		x, s := 0.0, float64(i)/opus.Clock
		for h := 1; h < 24; h++ {
			x += math.Sin(2*math.Pi*float64(h)*(150*s+8*math.Sin(2*math.Pi*0.7*s)/6)) / float64(h)
		}
		x *= 6000 * (0.6 + 0.4*math.Sin(2*math.Pi*3*s))
		out = append(out, int16(x))
		if channels == 2 {
			out = append(out, int16(x/2))
		}
	}
	return out
}

// coded is voice in packets of the given number of samples at 48 kHz.
func coded(t testing.TB, channels, size int, set func(*gopus.Encoder) error) (packets [][]byte) {
	t.Helper()
	e, err := gopus.NewEncoder(gopus.EncoderConfig{SampleRate: opus.Clock, Channels: channels, Application: gopus.ApplicationAudio})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(e.SetFrameSize(size), set(e)); err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, 4000)
	for part := range slices.Chunk(voice(2*opus.Clock, channels), size*channels) {
		n, err := e.EncodeInt16(part, buffer)
		if err != nil {
			t.Fatal(err)
		}
		packets = append(packets, slices.Clone(buffer[:n]))
	}
	return packets
}

// likeness is the best correlation of b with a within 10 ms.
func likeness(a, b []int16) (best float64) {
	for lag := range 160 {
		var ab, aa, bb float64
		for i := range min(len(a), len(b)) - lag {
			x, y := float64(a[i]), float64(b[i+lag])
			ab, aa, bb = ab+x*y, aa+x*x, bb+y*y
		}
		best = max(best, ab/math.Sqrt(aa*bb+1))
	}
	return best
}

func decoded(t *testing.T, packets [][]byte) (out []int16) {
	t.Helper()
	d := opus.NewDecoder()
	for i, p := range packets {
		n := len(out)
		var err error
		if out, err = d.Decode(out, p); err != nil {
			t.Fatal(err)
		}
		if want := opus.Ticks(p[0], append(p, 0)[1], len(p)) * opus.Rate / opus.Clock; len(out)-n != want {
			t.Fatalf("packet %d lasts %d samples, want %d", i, len(out)-n, want)
		}
	}
	return out
}

func TestDecode(t *testing.T) {
	want := make([]int16, 0, 2*opus.Rate)
	for i, x := range voice(2*opus.Clock, 1) {
		if i%3 == 0 {
			want = append(want, x)
		}
	}
	for _, row := range []struct {
		name                    string
		channels, size, bitrate int
	}{
		{"SILK", 1, 960, 16000},
		{"10 ms", 1, 480, 32000},
		{"hybrid or CELT", 1, 960, 40000},
		{"2.5 ms", 1, 120, 64000},
		{"stereo", 2, 960, 48000},
	} {
		t.Run(row.name, func(t *testing.T) {
			packets := coded(t, row.channels, row.size, func(e *gopus.Encoder) error { return e.SetBitrate(row.bitrate) })
			got := decoded(t, packets)
			if r := likeness(want[3200:], got[3200:]); len(got) != len(want) || r < 0.95 {
				t.Errorf("%d samples, want %d; likeness %.3f", len(got), len(want), r)
			}
		})
	}
}

// lossy is what is heard if every tenth packet is lost and replaced by fill.
func lossy(t *testing.T, packets [][]byte, fill func(d *opus.Decoder, out []int16, next []byte, n int) []int16) (out []int16) {
	t.Helper()
	d := opus.NewDecoder()
	for i, p := range packets {
		var err error
		if i%10 == 5 && i+1 < len(packets) {
			n := len(out)
			if out = fill(d, out, packets[i+1], opus.Rate/50); len(out)-n != opus.Rate/50 {
				t.Fatalf("%d samples for a lost packet", len(out)-n)
			}
		} else if out, err = d.Decode(out, p); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// lostParts are the samples of the packets that lossy loses.
func lostParts(x []int16) (out []int16) {
	const n = opus.Rate / 50
	for i := 5; (i+2)*n <= len(x); i += 10 {
		out = append(out, x[i*n:][:n]...)
	}
	return out
}

// TestRecover: what the next packet says of a lost one is nearer to it than what
// can be guessed, and a guess is nearer than nothing.
func TestRecover(t *testing.T) {
	packets := coded(t, 1, 960, func(e *gopus.Encoder) error {
		return errors.Join(e.SetBitrate(24000), e.SetInBandFEC(1), e.SetPacketLoss(20))
	})
	whole := lostParts(decoded(t, packets))
	recovered := lostParts(lossy(t, packets, (*opus.Decoder).Recover))
	guessed := lostParts(lossy(t, packets, func(d *opus.Decoder, out []int16, _ []byte, n int) []int16 { return d.Conceal(out, n) }))
	r, g := likeness(whole, recovered), likeness(whole, guessed)
	if r < 0.95 || r <= g || g < 0.3 {
		t.Errorf("likeness %.3f recovered, %.3f guessed", r, g)
	}
}

func TestConceal(t *testing.T) {
	d := opus.NewDecoder()
	if out := d.Conceal(nil, 1000); len(out) != 1000 || slices.Max(out) != 0 {
		t.Error("there is something before the first packet")
	}
	for _, p := range coded(t, 1, 960, func(*gopus.Encoder) error { return nil })[:50] {
		if _, err := d.Decode(nil, p); err != nil {
			t.Fatal(err)
		}
	}
	if out := d.Conceal(nil, opus.Rate); len(out) != opus.Rate || slices.Max(out[:320]) < 500 || slices.Max(out[opus.Rate/2:]) > slices.Max(out[:320]) {
		t.Errorf("a second of loss: %d samples, %d, then %d", len(out), slices.Max(out[:320]), slices.Max(out[opus.Rate/2:]))
	}
}

func TestTicks(t *testing.T) {
	for _, row := range []struct {
		toc, second  byte
		length, want int
	}{
		{0x08, 0, 40, 960},               // SILK NB, 20 ms
		{0x18, 0, 1, 2880},               // SILK NB, 60 ms, nothing in it
		{0x78, 0, 100, 960},              // hybrid FB, 20 ms
		{0x70, 0, 100, 480},              // hybrid FB, 10 ms
		{0x80, 0, 10, 120},               // CELT NB, 2.5 ms
		{0xf8, 0, 100, 960},              // CELT FB, 20 ms
		{0xf9, 0, 100, 1920},             // two alike
		{0xfa, 0, 100, 1920},             // two
		{0xfb, 3, 100, 2880},             // three
		{0xfb, 0x80 | 0x40 | 6, 9, 5760}, // six, with padding
		{0xfb, 7, 100, 0},                // longer than 120 ms
		{0x83, 48, 100, 5760},            // 48 of 2.5 ms
		{0x83, 49, 100, 0},
		{0xfb, 0, 100, 0},
		{0xfb, 0, 1, 0},
		{0x08, 0, 0, 0},
	} {
		if got := opus.Ticks(row.toc, row.second, row.length); got != row.want {
			t.Errorf("%#x %#x of %d bytes: %d, want %d", row.toc, row.second, row.length, got, row.want)
		}
	}
}

func TestNoPacket(t *testing.T) {
	d := opus.NewDecoder()
	for _, b := range [][]byte{nil, {0xfb}, {0xfb, 63, 1, 2}, {0x09, 1, 2, 3}} {
		out, err := d.Decode([]int16{5}, b)
		if !errors.Is(err, opus.ErrPacket) || !slices.Equal(out, []int16{5}) {
			t.Errorf("%x: %v, %v", b, out, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, p := range coded(f, 1, 960, func(e *gopus.Encoder) error { return errors.Join(e.SetInBandFEC(1), e.SetPacketLoss(20)) })[20:24] {
		f.Add(p, p)
	}
	f.Add([]byte{0x83, 48, 1, 2, 3}, []byte{0xfb, 3})
	f.Fuzz(func(t *testing.T, a, b []byte) {
		d := opus.NewDecoder()
		for _, p := range [][]byte{a, b, a} {
			out, err := d.Decode(nil, p)
			if len(p) > 0 && err == nil && len(out) != opus.Ticks(p[0], append(slices.Clip(p), 0)[1], len(p))/3 {
				t.Fatalf("%d samples of %x", len(out), p)
			}
			if out := d.Recover(nil, p, 700); len(out) != 700 {
				t.Fatalf("%d samples concealed", len(out))
			}
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	packets := coded(b, 1, 960, func(e *gopus.Encoder) error { return e.SetBitrate(24000) })
	d, out := opus.NewDecoder(), []int16(nil)
	for b.Loop() {
		for _, p := range packets {
			var err error
			if out, err = d.Decode(out[:0], p); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(0.02*float64(len(packets)*b.N)/b.Elapsed().Seconds(), "×realtime")
}
