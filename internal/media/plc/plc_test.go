package plc_test

import (
	"encoding/binary"
	"math"
	"os"
	"slices"
	"testing"

	"callreel/internal/corpus"
	"callreel/internal/media/plc"
)

const frame = 80 // samples of 10 ms

func samples(t *testing.T, name string) []int16 {
	t.Helper()
	b, err := os.ReadFile(corpus.Vectors(t, "stl/g711iplc/"+name))
	if err != nil {
		t.Fatal(err)
	}
	out := make([]int16, len(b)/2)
	for i := range out {
		out[i] = int16(binary.LittleEndian.Uint16(b[2*i:]))
	}
	return out
}

// erasures is the ITU's pattern: which frames are lost.
func erasures(t *testing.T, name string, frames int) []bool {
	t.Helper()
	const lost = 0x6b20
	pattern := samples(t, name)
	out := make([]bool, frames)
	for i := range out {
		out[i] = pattern[i%len(pattern)] == lost
	}
	return out
}

// concealed is voice with its lost frames filled in.
func concealed(voice []int16, lost []bool) []int16 {
	f, out := plc.New(8000), slices.Clone(voice)
	for i := 0; i < len(lost); i++ {
		if !lost[i] {
			continue
		}
		end := i
		for end < len(lost) && lost[end] {
			end++
		}
		gap := out[i*frame : end*frame]
		clear(gap)
		f.Fill(gap, out[:i*frame], out[end*frame:])
		i = end
	}
	return out
}

// fidelity is the signal-to-noise ratio of the lost frames in dB.
func fidelity(want, got []int16, lost []bool) float64 {
	signal, noise := 1.0, 1.0
	for i, x := range want {
		if lost[i/frame] {
			d := float64(x) - float64(got[i])
			signal, noise = signal+float64(x)*float64(x), noise+d*d
		}
	}
	return 10 * math.Log10(signal/noise)
}

// TestAgainstAppendixI: what is filled in must be nearer to what was said than
// the ITU's own program of G.711 Appendix I came, on its own speech.
func TestAgainstAppendixI(t *testing.T) {
	for _, row := range []struct{ pattern, reference string }{{"fe10.g192", "f2_10.raw"}, {"fe10_2.g192", "f2_10_2.raw"}} {
		t.Run(row.pattern, func(t *testing.T) {
			const delay = 30 // samples, of the ITU's program
			voice, reference := samples(t, "f2.le"), samples(t, row.reference)
			frames := len(voice) / frame
			voice = voice[:frames*frame]
			lost := erasures(t, row.pattern, frames)
			theirs := append(slices.Clone(reference[delay:]), make([]int16, delay)...)
			ours := fidelity(voice, concealed(voice, lost), lost)
			if itu := fidelity(voice, theirs[:len(voice)], lost); ours < itu+1 {
				t.Errorf("%.1f dB, Appendix I %.1f dB", ours, itu)
			} else {
				t.Logf("%.1f dB, Appendix I %.1f dB", ours, itu)
			}
		})
	}
}

func tone(n int, period float64) []int16 {
	out := make([]int16, n)
	for i := range out {
		out[i] = int16(8000 * math.Sin(2*math.Pi*float64(i)/period))
	}
	return out
}

func TestFill(t *testing.T) {
	for _, row := range []struct {
		name          string
		rate, gap     int
		before, after int // samples that are there
		period        float64
		least         float64 // dB
	}{
		{"a tone over 20 ms", 8000, 160, 400, 400, 57, 20},
		{"a tone over 40 ms", 8000, 320, 400, 400, 80, 15},
		{"at 16 kHz", 16000, 320, 800, 800, 150, 20},
		{"nothing before", 8000, 80, 0, 400, 57, 8},
		{"nothing behind", 8000, 80, 400, 0, 57, 8},
		{"little before", 8000, 80, 30, 400, 57, 2},
	} {
		t.Run(row.name, func(t *testing.T) {
			all := tone(row.before+row.gap+row.after, row.period)
			gap := make([]int16, row.gap)
			plc.New(row.rate).Fill(gap, all[:row.before], all[row.before+row.gap:])
			signal, noise := 1.0, 1.0
			for i, x := range all[row.before : row.before+row.gap] {
				d := float64(x) - float64(gap[i])
				signal, noise = signal+float64(x)*float64(x), noise+d*d
			}
			if got := 10 * math.Log10(signal/noise); got < row.least {
				t.Errorf("%.1f dB, want %.0f", got, row.least)
			}
		})
	}
}

func TestNothingIsMadeOfNothing(t *testing.T) {
	gap := []int16{5, 5, 5}
	plc.New(8000).Fill(gap, nil, nil)
	if !slices.Equal(gap, []int16{0, 0, 0}) {
		t.Error(gap)
	}
}

// TestLongGapEnds: after 60 ms there is silence, up to 60 ms before the end.
func TestLongGapEnds(t *testing.T) {
	all, gap := tone(800, 57), make([]int16, 8000)
	plc.New(8000).Fill(gap, all, all)
	for i, x := range gap[480 : len(gap)-480] {
		if x != 0 {
			t.Fatalf("sample %d is %d", 480+i, x)
		}
	}
	if gap[10] == 0 || gap[len(gap)-10] == 0 {
		t.Error("nothing was filled in at the ends")
	}
}

func FuzzFill(f *testing.F) {
	f.Add([]byte("\x00\x80\xff\x7f\x00\x80\xff\x7f"), uint16(100), uint16(3), true)
	f.Fuzz(func(_ *testing.T, voice []byte, n, cut uint16, wide bool) {
		all := make([]int16, len(voice)/2)
		for i := range all {
			all[i] = int16(binary.LittleEndian.Uint16(voice[2*i:]))
		}
		rate, at := 8000, 0
		if wide {
			rate = 16000
		}
		if len(all) > 0 {
			at = int(cut) % len(all)
		}
		plc.New(rate).Fill(make([]int16, n), all[:at], all[at:])
	})
}

func BenchmarkFill(b *testing.B) {
	all, gap := tone(800, 57), make([]int16, 160)
	f := plc.New(8000)
	for b.Loop() {
		f.Fill(gap, all[:400], all[400:])
	}
}
