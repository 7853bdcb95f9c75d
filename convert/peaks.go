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
	if len(codes)%16 != 0 {
		return 0, 0, false
	}
	if bytes.Equal(codes[1:], codes[:len(codes)-1]) {
		return codes[0], codes[0], true
	}
	// Two chains of words, for each step must wait for the one before it.
	var up0, up1, down0, down1 uint64       // greatest magnitudes
	some, every := uint64(0), uint64(signs) // signs that occur
	words, half := uint64(mask)*ones, len(codes)/2
	first, second := codes[:half], codes[half:]
	for len(first) >= 8 && len(second) >= 8 {
		above, below, negative := parts(binary.LittleEndian.Uint64(first) ^ words)
		some, every = some|negative, every&negative
		up0, down0 = greater(up0, above), greater(down0, below)
		above, below, negative = parts(binary.LittleEndian.Uint64(second) ^ words)
		some, every = some|negative, every&negative
		up1, down1 = greater(up1, above), greater(down1, below)
		first, second = first[8:], second[8:]
	}
	if some == 0 || every == signs {
		return 0, 0, false
	}
	low, high = greatest(greater(down0, down1), greater(up0, up1))
	return low ^ mask ^ 0x80, high ^ mask, true
}

// parts are the magnitudes above and below zero, and the signs.
func parts(x uint64) (above, below, negative uint64) {
	negative = x & signs
	magnitude := x &^ signs
	below = magnitude & (negative - negative>>7)
	return magnitude ^ below, below, negative
}

// greater takes the greater of each two bytes of 7 bits.
func greater(a, b uint64) uint64 {
	not := (a | signs) - b // top bits: a is not less
	not &= signs
	return b ^ (a^b)&(not-not>>7)
}

// greatest finds the greatest byte of each of two words of 7-bit bytes.
func greatest(a, b uint64) (ofA, ofB byte) {
	const half = 0xffffffff
	a, b = greater(a, a>>32), greater(b, b>>32)
	x := a&half | b<<32
	x = greater(x, x>>16&0x0000ffff0000ffff)
	x = greater(x, x>>8&0x000000ff000000ff)
	return byte(x), byte(x >> 32)
}
