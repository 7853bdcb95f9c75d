package emodel

import (
	"math"
	"testing"
)

// TestRate holds the rating against the values of G.107, G.113 and their use in the
// literature: G.711 without loss 93.2 less the delay, G.729A 82.2, and the figures
// of G.113's table of packet loss.
func TestRate(t *testing.T) {
	for _, row := range []struct {
		name string
		path Path
		r    float64
		mos  float64
	}{
		{"the default connection", Path{Codec: "PCMA"}, 93.2, 4.41},
		{"G.711, packets of 20 ms", Path{Codec: "PCMU", PacketMS: 20}, 92.72, 4.40},
		{"G.729", Path{Codec: "G729"}, 82.2, 4.11},
		{"G.729 by another name", Path{Codec: "g729AB"}, 82.2, 4.11},
		{"G.723.1", Path{Codec: "G723"}, 78.2, 3.96},
		{"GSM", Path{Codec: "GSM"}, 73.2, 3.75},
		{"G.726 in ATM's packing", Path{Codec: "AAL2-G726-32"}, 86.2, 4.24},
		{"G.711, 1 % lost", Path{Codec: "PCMA", Loss: 0.01}, 89.56, 4.32},
		{"G.711, 5 % lost", Path{Codec: "PCMA", Loss: 0.05}, 77.42, 3.93},
		{"G.729, 3 % lost", Path{Codec: "G729", Loss: 0.03}, 70.75, 3.63},
		{"the same in bursts of four", Path{Codec: "G729", Loss: 0.03, Lost: 40, Bursts: 10}, 69.46, 3.57},
		{"single losses are no bursts", Path{Codec: "G729", Loss: 0.03, Lost: 40, Bursts: 40}, 70.75, 3.63},
		{"delay that all notice", Path{Codec: "PCMA", PacketMS: 20, JitterMS: 140}, 72.50, 3.71},
		{"all lost", Path{Codec: "PCMA", Loss: 1}, 17.26, 1.18},
		{"a strange codec", Path{Codec: "opus"}, 93.2, 4.41},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := Rate(row.path)
			if math.Abs(r-row.r) > 0.02 || math.Abs(MOS(r)-row.mos) > 0.01 {
				t.Errorf("R %.2f, MOS %.2f; want %.2f, %.2f", r, MOS(r), row.r, row.mos)
			}
		})
	}
}

func TestMOSStaysInRange(t *testing.T) {
	last := 0.0
	for r := -20.0; r <= 120; r += 0.5 {
		m := MOS(r)
		if m < 1 || m > 4.5 || r > 10 && m < last {
			t.Fatalf("R %.1f: %.3f after %.3f", r, m, last)
		}
		last = m
	}
}

func FuzzRate(f *testing.F) {
	f.Add("G729", 20.0, 1.0, 0.01, 3, 4)
	f.Fuzz(func(t *testing.T, codec string, packet, jitter, lost float64, bursts, n int) {
		if packet < 0 || jitter < 0 || math.IsNaN(packet+jitter+lost) || math.IsInf(packet+jitter+lost, 0) {
			return
		}
		if m := MOS(Rate(Path{codec, packet, jitter, lost, bursts, n})); !(m >= 1 && m <= 4.5) {
			t.Fatal(m)
		}
	})
}
