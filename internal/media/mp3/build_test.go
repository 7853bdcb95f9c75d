package mp3_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"callreel/internal/media/mp3"
)

// encode makes a whole file of a call, per frames at a time.
func encode(tb testing.TB, f mp3.Format, pcm [][]int16, per int) []byte {
	tb.Helper()
	e, err := mp3.NewEncoder(f)
	if err != nil {
		tb.Fatal(err)
	}
	samples := int64(len(pcm[0]))
	out := f.Info(samples)
	for k, all := 0, int(f.Frames(samples)); k < all; k += per {
		n := min(per, all-k)
		parts := make([][]int16, len(pcm))
		for c := range pcm {
			parts[c] = around(pcm[c], k*mp3.FrameSamples, n*mp3.FrameSamples)
		}
		out = e.Encode(out, parts, n)
	}
	return out
}

// around is n samples from position at on and what the encoder needs beside them.
func around(x []int16, at, n int) []int16 {
	part := make([]int16, mp3.Before+n+mp3.After)
	for i := range part {
		if k := at - mp3.Before + i; k >= 0 && k < len(x) {
			part[i] = x[k]
		}
	}
	return part
}

// speech is like a voice: syllables of a glottal tone with formants, breath and
// pauses. The same seed gives the same voice.
func speech(rate, samples int, seed uint64) []int16 {
	r := rand.New(rand.NewPCG(seed, 7))
	x := make([]int16, samples)
	for at := rate / 10 * int(seed%3); at < samples; {
		n := rate/8 + r.IntN(rate/4)
		pitch := 90 + 120*r.Float64()
		formants := [3]float64{300 + 500*r.Float64(), 900 + 1200*r.Float64(), 2300 + 800*r.Float64()}
		phase := 0.
		for i := 0; i < n && at+i < samples; i++ {
			t := float64(i) / float64(n)
			phase += 2 * math.Pi * pitch * (1 + 0.1*math.Sin(3*t)) / float64(rate)
			v := 0.
			for h := 1.; h*pitch < 0.45*float64(rate) && h*pitch < 3600; h++ {
				for k, f := range formants {
					d := (h*pitch - f) / (60 + 40*float64(k))
					v += math.Sin(h*phase) / (1 + d*d) / float64((k+1)*(k+1))
				}
			}
			x[at+i] = int16(4000*math.Sin(math.Pi*t)*v/2 + 4*r.NormFloat64())
		}
		at += n
		if r.IntN(4) == 0 {
			at += r.IntN(rate / 2)
		}
	}
	return x
}

// interleaved is pcm as bytes, all channels of a sample side by side.
func interleaved(pcm [][]int16) []byte {
	var b []byte
	for i := range pcm[0] {
		for _, x := range pcm {
			b = binary.LittleEndian.AppendUint16(b, uint16(x[i]))
		}
	}
	return b
}

// parted is the other way round.
func parted(b []byte, channels int) [][]int16 {
	pcm := make([][]int16, channels)
	for i := 0; i+2*channels <= len(b); i += 2 * channels {
		for c := range pcm {
			pcm[c] = append(pcm[c], int16(binary.LittleEndian.Uint16(b[i+2*c:])))
		}
	}
	return pcm
}

// run runs a decoder or encoder, and skips the test where there is none. The
// names IN and OUT in args are of files; it returns what is in OUT.
func run(tb testing.TB, in []byte, program string, args ...string) []byte {
	tb.Helper()
	if _, err := exec.LookPath(program); err != nil {
		tb.Skip(program + " not here")
	}
	dir := tb.TempDir()
	names := map[string]string{"IN": filepath.Join(dir, "in"), "OUT": filepath.Join(dir, "out")}
	if err := os.WriteFile(names["IN"], in, 0o600); err != nil {
		tb.Fatal(err)
	}
	for i, a := range args {
		if name, ok := names[a]; ok {
			args[i] = name
		}
	}
	cmd := exec.CommandContext(tb.Context(), program, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	err := cmd.Run()
	out, unread := os.ReadFile(names["OUT"])
	if err := errors.Join(err, unread); err != nil {
		tb.Fatalf("%s: %v\n%s", program, err, &stderr)
	}
	return out
}
