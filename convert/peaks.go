package convert

import (
	"bytes"
	"encoding/binary"
)

// peaksOfSamples adds the lowest and highest value of each 20 ms, the last of
// what is left.
func (t *track) peaksOfSamples() {
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
	mask := byte(0xd5)
	if t.law == lawMu {
		mask = 0xff
	}
	for b := t.bytes; len(b) > 0; b = b[min(len(b), peakTicks):] {
		part := b[:min(len(b), peakTicks)]
		low, high, ok := extremes(part, mask)
		if ok {
			t.peaks = append(t.peaks, byte(t.peakBytes[low]), byte(t.peakBytes[high]))
			continue
		}
		t.peaks = append(t.peaks, t.peak(part)...)
	}
}

// peak looks at one code after the other.
func (t *track) peak(codes []byte) []byte {
	low, high := int8(127), int8(-128)
	for _, code := range codes {
		v := t.peakBytes[code]
		low, high = min(low, v), max(high, v)
	}
	return []byte{byte(low), byte(high)}
}

const (
	ones  = 0x0101010101010101
	signs = 0x80 * ones
)

// extremes finds the codes of the lowest and the highest sample, eight codes at
// a time. Behind the mask a code of either law has its top bit set if it is
// negative, and seven bits of magnitude. It gives up where not both signs occur,
// unless all codes are the same.
func extremes(codes []byte, mask byte) (low, high byte, ok bool) {
	if len(codes)%8 != 0 {
		return 0, 0, false
	}
	if bytes.Equal(codes[1:], codes[:len(codes)-1]) {
		return codes[0], codes[0], true
	}
	var up, down, some uint64 // greatest magnitudes; signs that occur
	every := uint64(signs)
	words := uint64(mask) * ones
	for ; len(codes) >= 8; codes = codes[8:] {
		x := binary.LittleEndian.Uint64(codes) ^ words
		negative := x & signs
		some, every = some|negative, every&negative
		magnitude := x &^ signs
		below := magnitude & (negative - negative>>7)
		up, down = greater(up, magnitude^below), greater(down, below)
	}
	if some == 0 || every == signs {
		return 0, 0, false
	}
	return greatest(down) ^ mask ^ 0x80, greatest(up) ^ mask, true
}

// greater takes the greater of each two bytes of 7 bits.
func greater(a, b uint64) uint64 {
	not := (a | signs) - b // top bits: a is not less
	not &= signs
	return b ^ (a^b)&(not-not>>7)
}

func greatest(x uint64) (most byte) {
	for ; x != 0; x >>= 8 {
		most = max(most, byte(x))
	}
	return most
}
