// Package g711 converts between linear samples and the two laws of ITU-T
// G.711. Its results equal the reference program of ITU-T G.191 (STL) for every
// one of the 65,536 linear values and all 256 codes.
package g711

// The codes of silence: what a side that sends nothing sounds like.
const (
	IdleA  = 0xd5
	IdleMu = 0xff
)

// The tables are constant after package initialisation; callers must not write
// to them.
var (
	// DecodeA gives the 16-bit sample of an A-law code.
	DecodeA = table(expandA) //nolint:gochecknoglobals // constant table
	// DecodeMu gives the 16-bit sample of a µ-law code.
	DecodeMu = table(expandMu) //nolint:gochecknoglobals // constant table
	// MuToA gives the A-law code that is nearest to a µ-law code.
	MuToA = recode(&DecodeMu) //nolint:gochecknoglobals // constant table
)

func table(expand func(byte) int16) (t [256]int16) {
	for i := range t {
		t[i] = expand(byte(i))
	}
	return t
}

func recode(from *[256]int16) (t [256]byte) {
	for i, sample := range from {
		t[i] = EncodeA(sample)
	}
	return t
}

// EncodeA is the A-law code of a 16-bit sample. Negative samples are taken in
// one's complement, as G.191 does.
func EncodeA(x int16) byte {
	magnitude := int(x) >> 4
	if x < 0 {
		magnitude = int(^x) >> 4
	}
	code := magnitude
	if magnitude > 15 {
		exponent := 1
		for magnitude > 16+15 {
			magnitude >>= 1
			exponent++
		}
		code = magnitude - 16 + exponent<<4
	}
	if x >= 0 {
		code |= 0x80
	}
	return byte(code) ^ 0x55
}

// EncodeMu is the µ-law code of a 16-bit sample.
func EncodeMu(x int16) byte {
	const bias = 33
	magnitude := int(x)>>2 + bias
	if x < 0 {
		magnitude = int(^x)>>2 + bias
	}
	magnitude = min(magnitude, 0x1fff)
	segment := 1
	for i := magnitude >> 6; i != 0; i >>= 1 {
		segment++
	}
	code := (8-segment)<<4 | (0xf - magnitude>>segment&0xf)
	if x >= 0 {
		code |= 0x80
	}
	return byte(code)
}

func expandA(code byte) int16 {
	code ^= 0x55
	exponent, mantissa := int(code>>4&7), int(code&0xf)
	if exponent > 0 {
		mantissa += 16
	}
	mantissa = mantissa<<4 + 8
	if exponent > 1 {
		mantissa <<= exponent - 1
	}
	if code&0x80 != 0 {
		return int16(mantissa)
	}
	return int16(-mantissa)
}

func expandMu(code byte) int16 {
	inverted := ^code
	exponent, mantissa := int(inverted>>4&7), int(inverted&0xf)
	step := 4 << (exponent + 1)
	sample := 0x80<<exponent + step*mantissa + step/2 - 4*33
	if code < 0x80 {
		return int16(-sample)
	}
	return int16(sample)
}
