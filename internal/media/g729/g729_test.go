package g729_test

import (
	"encoding/binary"
	"errors"
	"math"
	"os"
	"slices"
	"testing"

	"callreel/internal/corpus"
	"callreel/internal/media/g729"
)

// The files of the standard: per frame a mark, the number of bits, and a word for
// each bit; the words of a frame that is erased are 0.
const (
	words  = 82
	bitOne = 0x81
)

// serial takes the frames out of a file; those that are erased are nil.
func serial(tb testing.TB, name string) (frames [][]byte) {
	tb.Helper()
	b, err := os.ReadFile(corpus.Vectors(tb, name))
	if err != nil {
		tb.Fatal(err)
	}
	for ; len(b) >= 2*words; b = b[2*words:] {
		frames = append(frames, packed(b[4:2*words]))
	}
	return frames
}

func packed(b []byte) []byte {
	frame := make([]byte, g729.FrameBytes)
	for i := range 8 * len(frame) {
		switch binary.LittleEndian.Uint16(b[2*i:]) {
		case 0:
			return nil
		case bitOne:
			frame[i/8] |= 0x80 >> (i % 8)
		}
	}
	return frame
}

// TestVectors holds every sample of the standard's ten sequences of Annex A.
func TestVectors(t *testing.T) {
	for _, name := range []string{
		"ALGTHM", "ERASURE", "FIXED", "LSP", "OVERFLOW", "PARITY", "PITCH", "SPEECH", "TAME", "TEST",
	} {
		t.Run(name, func(t *testing.T) {
			ending := ".PST"
			if name == "TEST" {
				ending = ".pst"
			}
			frames := serial(t, "g729/g729AnnexA/"+name+".BIT")
			want, err := os.ReadFile(corpus.Vectors(t, "g729/g729AnnexA/"+name+ending))
			if err != nil {
				t.Fatal(err)
			}
			if len(frames) == 0 || len(want) != 2*g729.FrameSamples*len(frames) {
				t.Fatalf("%d frames, %d octets of samples", len(frames), len(want))
			}
			compare(t, frames, want)
		})
	}
}

func compare(t *testing.T, frames [][]byte, want []byte) {
	t.Helper()
	d := g729.NewDecoder()
	var out [g729.FrameSamples]int16
	for n, frame := range frames {
		if frame == nil {
			d.Conceal(&out)
		} else if err := d.Decode(&out, frame); err != nil {
			t.Fatal(err)
		}
		for i, got := range out {
			if x := int16(binary.LittleEndian.Uint16(want[2*i:])); got != x {
				t.Fatalf("frame %d of %d, sample %d: %d, want %d", n, len(frames), i, got, x)
			}
		}
		want = want[2*len(out):]
	}
}

func TestNoFrame(t *testing.T) {
	d, other := g729.NewDecoder(), g729.NewDecoder()
	var out, want [g729.FrameSamples]int16
	for _, n := range []int{1, 3, 9, 11, 20} {
		if err := d.Decode(&out, make([]byte, n)); !errors.Is(err, g729.ErrFrame) || out != want {
			t.Errorf("%d octets: %v", n, err)
		}
	}
	for _, frame := range mixed(20) {
		if err := errors.Join(d.Decode(&out, frame), other.Decode(&want, frame)); err != nil || out != want {
			t.Fatalf("what is no frame left a trace, or %v", err)
		}
	}
}

func TestNext(t *testing.T) {
	for _, row := range []struct {
		octets  int
		frames  []int
		rest    int
		samples int
	}{
		{0, nil, 0, 0},
		{10, []int{10}, 0, 80},
		{2, []int{2}, 0, 80},
		{22, []int{10, 10, 2}, 0, 240},
		{60, []int{10, 10, 10, 10, 10, 10}, 0, 480},
		{13, []int{10}, 3, 80},
		{1, nil, 1, 0},
	} {
		var frames []int
		frame, rest := g729.Next(make([]byte, row.octets))
		for ; frame != nil; frame, rest = g729.Next(rest) {
			frames = append(frames, len(frame))
		}
		if !slices.Equal(frames, row.frames) || len(rest) != row.rest || g729.Samples(row.octets) != row.samples {
			t.Errorf("%d octets: %v and %d, %d samples", row.octets, frames, len(rest), g729.Samples(row.octets))
		}
	}
}

// mixed makes frames of every kind of bits: eight of speech, then a description
// of noise, then five of which nothing was sent.
func mixed(n int) (frames [][]byte) {
	for len(frames) < n {
		k := len(frames)
		size := g729.FrameBytes
		switch {
		case k%14 == 8:
			size = g729.NoiseBytes
		case k%14 > 8:
			size = 0
		}
		frame := make([]byte, size)
		for i := range frame {
			frame[i] = byte(i*k*37 + k*11)
		}
		frames = append(frames, frame)
	}
	return frames
}

// TestBytesAreStable holds the decoder without the vectors, by the sum over
// made-up frames of speech and noise, of which every ninth is lost. Its figure is
// that of the decoder which was exact on the vectors.
func TestBytesAreStable(t *testing.T) {
	d := g729.NewDecoder()
	var out [g729.FrameSamples]int16
	sum := uint32(0)
	for n, frame := range mixed(500) {
		if n%9 == 7 {
			d.Conceal(&out)
		} else if err := d.Decode(&out, frame); err != nil {
			t.Fatal(err)
		}
		for _, x := range out {
			sum = sum*31 + uint32(uint16(x))
		}
	}
	if want := uint32(0x48064ff5); sum != want {
		t.Errorf("%#x, want %#x", sum, want)
	}
}

// TestNoiseHasItsLevel wants comfort noise to be louder by what its description
// says: 2 dB a step, and 4 dB in the lowest (Annex B.4.2.1).
func TestNoiseHasItsLevel(t *testing.T) {
	last := 0.0
	for index := 4; index < 30; index += 5 {
		d := g729.NewDecoder()
		var out [g729.FrameSamples]int16
		sid := []byte{0, byte(index << 1)}
		if err := d.Decode(&out, sid); err != nil {
			t.Fatal(err)
		}
		sum := 0.0
		for range 100 {
			if err := d.Decode(&out, nil); err != nil {
				t.Fatal(err)
			}
			for _, x := range out {
				sum += float64(x) * float64(x)
			}
		}
		level := 10 * math.Log10(sum/8000)
		if rise := level - last; last != 0 && (rise < 8 || rise > 16) {
			t.Errorf("description %d: %.1f dB, %.1f dB more than five before", index, level, rise)
		}
		last = level
	}
}

// TestConcealedFades wants speech to fade in a long loss, and noise to last.
func TestConcealedFades(t *testing.T) {
	for _, row := range []struct {
		name  string
		frame []byte
		least float64
		most  float64
	}{
		{"speech", []byte{0x78, 0x52, 0x80, 0xa0, 0x00, 0xfa, 0xc2, 0x07, 0xd6, 0x40}, 0, 0.01},
		{"noise", []byte{0, 40}, 0.25, 4},
	} {
		d := g729.NewDecoder()
		var out [g729.FrameSamples]int16
		for range 30 {
			if err := d.Decode(&out, row.frame); err != nil {
				t.Fatal(err)
			}
		}
		before := energy(&out)
		for range 100 {
			d.Conceal(&out)
		}
		if left := energy(&out) / before; before == 0 || left < row.least || left > row.most {
			t.Errorf("%s: %g of %g is left after a second", row.name, left, before)
		}
	}
}

func energy(x *[g729.FrameSamples]int16) (sum float64) {
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	return sum
}

func FuzzDecode(f *testing.F) {
	for _, frame := range mixed(10) {
		f.Add(append([]byte{10}, frame...))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		d := g729.NewDecoder()
		var out [g729.FrameSamples]int16
		for len(b) > 0 { // an octet, and so many of a frame; 255 is a loss
			n := int(b[0])
			b = b[1:]
			if n == 255 {
				d.Conceal(&out)
				continue
			}
			n = min(n%13, len(b))
			known := n == 0 || n == g729.NoiseBytes || n == g729.FrameBytes
			if err := d.Decode(&out, b[:n]); (err == nil) != known {
				t.Fatalf("%d octets: %v", n, err)
			}
			b = b[n:]
		}
	})
}

// BenchmarkDecode decodes the standard's sequence of speech.
func BenchmarkDecode(b *testing.B) { benchmark(b, serial(b, "g729/g729AnnexA/SPEECH.BIT")) }

// BenchmarkMixed needs no corpus; its noise is made up, so that the filters often
// reach their limits.
func BenchmarkMixed(b *testing.B) { benchmark(b, mixed(500)) }

func benchmark(b *testing.B, frames [][]byte) {
	d := g729.NewDecoder()
	var out [g729.FrameSamples]int16
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		if err := d.Decode(&out, frames[n%len(frames)]); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(0.01*float64(b.N)/b.Elapsed().Seconds(), "×realtime")
}
