package convert

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// TestPeaksOfBytes holds the quick way against looking at one code after the other.
func TestPeaksOfBytes(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for _, l := range []law{lawA, lawMu} {
		p := &plan{src: bytes.NewReader(nil), ticks: 1, out: output{law: l, factor: 1, channels: 1, sides: [][]side{{left}}}}
		track := p.tracks()[0]
		track.part = &part{bytes: make([]byte, 1000)}
		for i := range track.bytes {
			track.bytes[i] = byte(random.Uint32())
		}
		var want []byte
		for from := 0; from < 1000; from += peakTicks {
			low, high := int8(127), int8(-128)
			for _, code := range track.bytes[from:min(1000, from+peakTicks)] {
				low, high = min(low, track.peakBytes[code]), max(high, track.peakBytes[code])
			}
			want = append(want, byte(low), byte(high))
		}
		if track.peaksOfBytes(); !bytes.Equal(track.peaks, want) {
			t.Errorf("law %d: % x, want % x", l, track.peaks, want)
		}
	}
}
