package resample_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"callreel/internal/media/resample"
)

// ratio resamples in parts of odd and changing length, and holds the number of
// samples against the time there was.
func ratio(t *testing.T, in []int16, from, to int) (out []int16) {
	t.Helper()
	r := resample.NewRatio(from, to)
	for at, n := 0, 1; at < len(in); at, n = at+n, n*3%2000+1 {
		n = min(n, len(in)-at)
		out = r.Append(out, in[at:at+n])
		if want := (at + n) * to / from; len(out) != want {
			t.Fatalf("%d samples of %d, want %d", len(out), at+n, want)
		}
	}
	return out
}

// rates that are brought to 16 kHz.
func rates() []int { return []int{11025, 12000, 22050, 24000, 32000, 44100, 48000} }

func TestRatioIsTheSameTone(t *testing.T) {
	const to = 16000
	for _, from := range rates() {
		for _, share := range []float64{0.02, 0.1, 0.3, 0.5, 0.75} {
			f := share * float64(min(from, to)) / 2
			out := ratio(t, tone(f, float64(from), 12000, from, 0), from, to)
			want := tone(f, to, 12000, to, resample.RatioDelay)
			if got := noise(want[:len(out)], out); got > -55 {
				t.Errorf("%d Hz, tone of %.0f: noise %.1f dB", from, f, got)
			}
		}
	}
}

// level is the power of the samples against a sine of amplitude 12,000, in dB.
func level(x []int16) float64 {
	sum := 0.0
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	return 10 * math.Log10(sum/float64(len(x))/(12000*12000/2))
}

// TestRatioSweep: tones over all of the input's band either come through as they
// are, or, where the output has no room for them, hardly at all.
func TestRatioSweep(t *testing.T) {
	const to = 16000
	for _, from := range rates() {
		nyquist := float64(min(from, to)) / 2
		for f := 100.0; f < float64(from)/2; f += 390 {
			out := ratio(t, tone(f, float64(from), 12000, 4000, 0), from, to)[200:]
			switch got := level(out); {
			case f < 0.8*nyquist && math.Abs(got) > 0.1:
				t.Errorf("%d Hz: tone of %.0f comes through at %.2f dB", from, f, got)
			case f > 1.03*nyquist && got > -55:
				t.Errorf("%d Hz: tone of %.0f comes through at %.1f dB", from, f, got)
			case got > 0.1:
				t.Errorf("%d Hz: tone of %.0f is louder by %.2f dB", from, f, got)
			}
		}
	}
}

// TestRatioHasNoImages: of a tone below the transition nothing is mirrored.
func TestRatioHasNoImages(t *testing.T) {
	const from, to = 11025, 16000
	for f := 500.0; f < 4500; f += 500 {
		out := ratio(t, tone(f, from, 12000, from, 0), from, to)
		for mirrored := 5900.0; mirrored < 8000; mirrored += 350 {
			re, im := 0.0, 0.0
			for i, v := range out[200:] {
				w := 2 * math.Pi * mirrored * float64(i) / to
				re, im = re+float64(v)*math.Cos(w), im+float64(v)*math.Sin(w)
			}
			if a := 2 * math.Hypot(re, im) / float64(len(out)-200); 20*math.Log10(a/12000) > -55 {
				t.Errorf("tone of %.0f: %.0f at %.1f dB", f, mirrored, 20*math.Log10(a/12000))
			}
		}
	}
}

func TestRatioKeepsLevelAndSaturates(t *testing.T) {
	for _, from := range rates() {
		flat := slices.Repeat([]int16{-12345}, from)
		for i, v := range ratio(t, flat, from, 16000)[100:] {
			if v != -12345 {
				t.Fatalf("%d Hz: sample %d of a constant is %d", from, i, v)
			}
		}
		loud := tone(float64(from)/2.2, float64(from), 32767, 4000, 0)
		for i := range loud {
			loud[i] = int16(math.Copysign(32767, float64(loud[i])))
		}
		ratio(t, loud, from, 16000)
	}
}

func BenchmarkRatio(b *testing.B) {
	for _, from := range []int{11025, 44100, 48000} {
		b.Run(fmt.Sprint(from), func(b *testing.B) {
			r, in, out := resample.NewRatio(from, 16000), tone(300, float64(from), 9000, from, 0), []int16(nil)
			for b.Loop() {
				out = r.Append(out[:0], in)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "×realtime")
		})
	}
}
