package g722_test

import (
	"encoding/binary"
	"math"
	"os"
	"slices"
	"testing"

	"callreel/internal/corpus"
	"callreel/internal/media/g722"
)

func read(tb testing.TB, name string) []byte {
	tb.Helper()
	b, err := os.ReadFile(corpus.Vectors(tb, name))
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func linear(b []byte) []int16 {
	out := make([]int16, len(b)/2)
	for i := range out {
		out[i] = int16(binary.LittleEndian.Uint16(b[2*i:]))
	}
	return out
}

// decoded decodes in pieces of an odd size, for that must not matter.
func decoded(mode g722.Mode, b []byte) []int16 {
	d := g722.NewDecoder(mode)
	out := make([]int16, 2*len(b))
	at := 0
	for part := range slices.Chunk(b, 157) {
		at += d.Decode(out[at:], part)
	}
	return out[:at]
}

func differ(tb testing.TB, got, want []int16) {
	tb.Helper()
	if len(got) != len(want) {
		tb.Fatalf("%d samples, want %d", len(got), len(want))
	}
	for i, w := range want {
		if got[i] != w {
			tb.Fatalf("sample %d: %d, want %d", i, got[i], w)
		}
	}
}

func TestDecoderEqualsTheReference(t *testing.T) {
	for _, row := range []struct {
		octets, samples string
		header          int
		mode            g722.Mode
	}{
		{"stl/g722/codspw.g722", "stl/g722/outsp1.bin", 0, g722.Mode64k},
		{"stl/g722/codspw.g722", "stl/g722/outsp2.bin", 0, g722.Mode56k},
		{"stl/g722/codspw.g722", "stl/g722/outsp3.bin", 0, g722.Mode48k},
		{"fate/conf-adminmenu-162.g722", "fate/conf-adminmenu-162.ffmpeg.wav", 78, g722.Mode64k},
	} {
		t.Run(row.samples, func(t *testing.T) {
			want := linear(read(t, row.samples)[row.header:])
			differ(t, decoded(row.mode, read(t, row.octets)), want)
		})
	}
}

func TestEncoderEqualsTheReference(t *testing.T) {
	samples := linear(read(t, "stl/g722/inpsp.bin"))
	got := make([]byte, len(samples)/2)
	if n := g722.NewEncoder().Encode(got, samples); n != len(got) {
		t.Fatalf("%d octets", n)
	}
	want := read(t, "stl/g722/codspw.g722")
	for i, w := range want {
		if got[i] != w {
			t.Fatalf("octet %d: %#x, want %#x", i, got[i], w)
		}
	}
}

// tone is amplitude·sin at f Hz.
func tone(f, amplitude float64, n int) []int16 {
	out := make([]int16, n)
	for i := range out {
		out[i] = int16(math.Round(amplitude * math.Sin(2*math.Pi*f*float64(i)/16000)))
	}
	return out
}

func power(x []int16) (sum float64) {
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	return sum / float64(len(x))
}

// TestTonesPass needs no vectors: tones in both sub-bands keep their level, also
// with the lower bits left out.
func TestTonesPass(t *testing.T) {
	for _, f := range []float64{300, 1000, 3000, 5000, 6500} {
		in := tone(f, 8000, 8000)
		octets := make([]byte, 4000)
		g722.NewEncoder().Encode(octets, in)
		for _, mode := range []g722.Mode{g722.Mode64k, g722.Mode56k, g722.Mode48k} {
			out := decoded(mode, octets)[800:]
			if level := 10 * math.Log10(power(out)/power(in)); math.Abs(level) > 0.5 {
				t.Errorf("%v Hz, mode %d: level %.2f dB", f, mode, level)
			}
		}
	}
}

// TestLowBand wants tones below 4 kHz to keep their level and place in the low band
// alone, and nothing there of one above it.
func TestLowBand(t *testing.T) {
	for _, row := range []struct{ f, level float64 }{{300, 0}, {1000, 0}, {3000, 0}, {6500, -40}} {
		in := tone(row.f, 8000, 8000)
		octets, out := make([]byte, 4000), make([]int16, 4000)
		g722.NewEncoder().Encode(octets, in)
		d, at := g722.NewDecoder(g722.Mode64k), 0
		for part := range slices.Chunk(octets, 157) {
			at += d.DecodeLow(out[at:], part)
		}
		level := 10 * math.Log10((power(out[400:])+1)/power(in))
		if at != len(out) || row.level == 0 && math.Abs(level) > 0.5 || level > row.level+0.5 {
			t.Errorf("%v Hz: %d samples, level %.2f dB", row.f, at, level)
		}
		if crossed := crossings(out[400:]); row.level == 0 && math.Abs(crossed-2*row.f*3600/8000) > 2 {
			t.Errorf("%v Hz: %v changes of sign", row.f, crossed)
		}
	}
}

// crossings counts how often the sign changes.
func crossings(x []int16) (n float64) {
	for i, v := range x[1:] {
		if (v < 0) != (x[i] < 0) {
			n++
		}
	}
	return n
}

func BenchmarkDecode(b *testing.B) {
	octets := make([]byte, 80000) // 10 s
	g722.NewEncoder().Encode(octets, tone(700, 5000, 160000))
	out := make([]int16, 160000)
	for b.Loop() {
		g722.NewDecoder(g722.Mode64k).Decode(out, octets)
	}
	b.ReportMetric(10*float64(b.N)/b.Elapsed().Seconds(), "x")
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("any octets are speech"), uint8(1))
	f.Fuzz(func(t *testing.T, b []byte, mode uint8) {
		out := decoded(g722.Mode(mode%3+1), b)
		g722.NewDecoder(g722.Mode(mode%3+1)).DecodeLow(out, b)
		back := make([]byte, len(out)/2)
		if n := g722.NewEncoder().Encode(back, out); n != len(b) {
			t.Fatalf("%d octets of %d samples", n, len(out))
		}
	})
}
