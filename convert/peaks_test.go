package convert

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// TestExtremes holds the quick way against looking at one code after the other.
func TestExtremes(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for _, l := range []law{lawA, lawMu} {
		p := &plan{src: bytes.NewReader(nil), ticks: 1, out: output{law: l, factor: 1, channels: 1, sides: [][]side{{left}}}}
		track := p.tracks()[0]
		found := 0
		for i := range 5000 {
			codes := make([]byte, 160)
			fixed, either := byte(random.Uint32()), byte(random.Uint32())
			for k := range codes {
				codes[k] = byte(random.Uint32())&^either | fixed&either
			}
			if i%7 == 0 {
				codes = codes[:1+random.IntN(160)]
			}
			mask := byte(0xd5)
			if l == lawMu {
				mask = 0xff
			}
			low, high, ok := extremes(codes, mask)
			if !ok {
				continue
			}
			found++
			got, want := []byte{byte(track.peakBytes[low]), byte(track.peakBytes[high])}, track.peak(codes)
			if !bytes.Equal(got, want) {
				t.Fatalf("law %d, % x: %d, want %d", l, codes, got, want)
			}
		}
		if found < 1000 {
			t.Errorf("law %d: only %d found", l, found)
		}
	}
}

func TestInterleaveWords(t *testing.T) {
	for n := range 40 {
		l, r := make([]byte, n), make([]byte, n)
		var want []byte
		for i := range n {
			l[i], r[i] = byte(3*i+1), byte(200-i)
			want = append(want, l[i], r[i])
		}
		if got := weave(make([]byte, 2*n), l, r); !bytes.Equal(got, want) {
			t.Fatalf("%d: % x, want % x", n, got, want)
		}
	}
}

func BenchmarkExtremes(b *testing.B) {
	codes := make([]byte, 160)
	for i := range codes {
		codes[i] = byte(i * 37)
	}
	b.SetBytes(160)
	for b.Loop() {
		extremes(codes, 0xd5)
	}
}
