package g729

import (
	"encoding/binary"
	"math/bits"
)

// parameters is a frame of speech taken apart (clause 4.1, table 8).
type parameters struct {
	predictor     int
	first         int    // L1
	second        [2]int // L2, L3
	lag           [2]int // P1, P2
	lagOK         bool   // the parity of P1 is right
	pulses, signs [2]int // C, S
	gain          [2]int // GA and GB
}

// bitReader takes bits off the upper end.
type bitReader struct {
	high uint64
	low  uint64
}

func (b *bitReader) next(n int) int {
	v := b.high >> (64 - n)
	b.high = b.high<<n | b.low>>(64-n)
	b.low <<= n
	return int(v)
}

func unpack(octets []byte) (p parameters) {
	b := bitReader{
		high: binary.BigEndian.Uint64(octets),
		low:  uint64(binary.BigEndian.Uint16(octets[8:])) << 48,
	}
	p.predictor, p.first = b.next(1), b.next(7)
	p.second = [2]int{b.next(5), b.next(5)}
	p.lag[0] = b.next(8)
	p.lagOK = (bits.OnesCount(uint(p.lag[0])>>2)+b.next(1))&1 == 1
	p.pulses[0], p.signs[0], p.gain[0] = b.next(13), b.next(4), b.next(7)
	p.lag[1] = b.next(5)
	p.pulses[1], p.signs[1], p.gain[1] = b.next(13), b.next(4), b.next(7)
	return p
}

// silence is a description of noise taken apart (Annex B.4.3, table B.2).
type silence struct {
	predictor int
	first     int
	second    int
	gain      int
}

func unpackNoise(octets []byte) silence {
	v := int(binary.BigEndian.Uint16(octets))
	return silence{v >> 15, v >> 10 & 31, v >> 6 & 15, v >> 1 & 31}
}
