package resample_test

import (
	"math"
	"slices"
	"testing"

	"callreel/internal/media/resample"
)

// tone is a sine of f Hz at the given rate, delayed by late samples.
func tone(f, rate, amplitude float64, n, late int) []int16 {
	out := make([]int16, n)
	for i := range out {
		out[i] = int16(math.Round(amplitude * math.Sin(2*math.Pi*f*float64(i-late)/rate)))
	}
	return out
}

// up and down resample in parts of odd and changing length.
func up(in []int16) []int16 {
	u, out := resample.NewUp(), make([]int16, 2*len(in))
	for at, n := 0, 1; at < len(in); at, n = at+n, n*3%2000+1 {
		n = min(n, len(in)-at)
		u.Process(out[2*at:2*(at+n)], in[at:at+n])
	}
	return out
}

func down(in []int16) []int16 {
	d, out := resample.NewDown(), make([]int16, len(in)/2)
	for at, n := 0, 1; at < len(out); at, n = at+n, n*3%2000+1 {
		n = min(n, len(out)-at)
		d.Process(out[at:at+n], in[2*at:2*(at+n)])
	}
	return out
}

// noise is the power of a-b below a's, in dB, without the first 200 samples.
func noise(a, b []int16) float64 {
	var signal, rest float64
	for i := 200; i < len(a); i++ {
		d := float64(a[i]) - float64(b[i])
		signal, rest = signal+float64(a[i])*float64(a[i]), rest+d*d
	}
	return 10 * math.Log10(rest/signal)
}

func TestUpIsTheSameTone(t *testing.T) {
	for f, most := range map[float64]float64{200: -60, 1000: -55, 2500: -55, 3400: -45} {
		in := tone(f, 8000, 12000, 8000, 0)
		out := up(in)
		want := tone(f, 16000, 12000, 16000, resample.UpDelay)
		if got := noise(want, out); got > most {
			t.Errorf("%v Hz: noise %.1f dB, want %v", f, got, most)
		}
		for i := range 7989 {
			if out[2*i+resample.UpDelay] != in[i] {
				t.Fatalf("%v Hz: input sample %d has changed", f, i)
			}
		}
	}
}

func TestDownKeepsWhatFits(t *testing.T) {
	for f, most := range map[float64]float64{200: -60, 1000: -55, 2500: -55, 3300: -50} {
		out := down(tone(f, 16000, 12000, 16000, 0))
		if got := noise(tone(f, 8000, 12000, 8000, resample.DownDelay), out); got > most {
			t.Errorf("%v Hz: noise %.1f dB, want %v", f, got, most)
		}
	}
	for _, f := range []float64{4100, 5000, 7000} {
		in := tone(f, 16000, 12000, 16000, 0)
		out := down(in)[200:]
		var sum float64
		for _, v := range out {
			sum += float64(v) * float64(v)
		}
		if level := 10 * math.Log10(sum/float64(len(out))/(12000*12000/2)); level > -55 {
			t.Errorf("%v Hz comes through at %.1f dB", f, level)
		}
	}
}

func TestLevelsAreExact(t *testing.T) {
	for _, level := range []int16{1, -1, 32767, -32768} {
		in := slices.Repeat([]int16{level}, 3000)
		for name, out := range map[string][]int16{"up": up(in), "down": down(in)} {
			if i := slices.IndexFunc(out[200:], func(v int16) bool { return v != level }); i >= 0 {
				t.Errorf("%s: %d became %d at %d", name, level, out[200+i], 200+i)
			}
		}
	}
}

// TestLoudEdgesDoNotWrap: a square wave of full scale overshoots and must be
// held.
func TestLoudEdgesDoNotWrap(t *testing.T) {
	in := make([]int16, 4000)
	for i := range in {
		in[i] = 32767
		if i/40%2 == 1 {
			in[i] = -32768
		}
	}
	for i, v := range up(in)[resample.UpDelay:] {
		if at := i % 80; at > 4 && at < 76 && (v > 0) != (i/80%2 == 0) {
			t.Fatalf("up: sample %d is %d", i, v)
		}
	}
	for i, v := range down(in)[resample.DownDelay:] {
		if at := i % 20; at > 2 && at < 18 && (v > 0) != (i/20%2 == 0) {
			t.Fatalf("down: sample %d is %d", i, v)
		}
	}
}

func BenchmarkUp(b *testing.B) {
	in, out := tone(700, 8000, 9000, 80000, 0), make([]int16, 160000)
	u := resample.NewUp()
	for b.Loop() {
		u.Process(out, in)
	}
	b.ReportMetric(10*float64(b.N)/b.Elapsed().Seconds(), "x")
}

func BenchmarkDown(b *testing.B) {
	in, out := tone(700, 16000, 9000, 160000, 0), make([]int16, 80000)
	d := resample.NewDown()
	for b.Loop() {
		d.Process(out, in)
	}
	b.ReportMetric(10*float64(b.N)/b.Elapsed().Seconds(), "x")
}
