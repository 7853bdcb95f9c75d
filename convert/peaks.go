package convert

import "callreel/internal/media/lanes"

// peaksOfSamples adds the lowest and highest value of each 20 ms, the last of
// what is left.
func (t *track) peaksOfSamples() {
	if !t.drawn {
		return
	}
	size := peakTicks * t.factor
	for b := t.linear; len(b) > 0; b = b[min(len(b), size):] {
		low, high := int16(32767), int16(-32768)
		for _, v := range b[:min(len(b), size)] {
			low, high = min(low, v), max(high, v)
		}
		t.peaks = append(t.peaks, byte(low>>8), byte(high>>8))
	}
}

// peaksOfBytes does the same with G.711 codes.
func (t *track) peaksOfBytes() {
	if !t.drawn {
		return
	}
	mask := byte(lanes.MaskA)
	if t.law == lawMu {
		mask = lanes.MaskMu
	}
	for b := t.bytes; len(b) > 0; b = b[min(len(b), peakTicks):] {
		low, high := lanes.Extent(b[:min(len(b), peakTicks)], mask)
		t.peaks = append(t.peaks, byte(t.peakBytes[low]), byte(t.peakBytes[high]))
	}
}
