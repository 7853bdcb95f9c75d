package g729

import "math/bits"

// The standard is written in saturating operations on 16 and 32 bits. Here they
// stand only where a value can leave its range; all else is plain arithmetic.

func sat16(x int32) int16 { return int16(max(-1<<15, min(1<<15-1, x))) }
func sat32(x int64) int32 { return int32(max(-1<<31, min(1<<31-1, x))) }

func add(a, b int16) int16 { return sat16(int32(a) + int32(b)) }
func sub(a, b int16) int16 { return sat16(int32(a) - int32(b)) }

// mult is the product of two fractions, cut.
func mult(a, b int16) int16 { return sat16(int32(a) * int32(b) >> 15) }

// multR is the product of two fractions, rounded.
func multR(a, b int16) int16 { return sat16((int32(a)*int32(b) + 1<<14) >> 15) }

// mul is the product of two fractions on 32 bits.
func mul(a, b int16) int32 { return sat32(2 * int64(a) * int64(b)) }

// mac is acc and the product of two fractions.
func mac(acc int32, a, b int16) int32 { return sat32(int64(acc) + int64(mul(a, b))) }

// msu is acc without the product of two fractions.
func msu(acc int32, a, b int16) int32 { return sat32(int64(acc) - int64(mul(a, b))) }

// high is the rounded upper half.
func high(x int32) int16 { return int16(sat32(int64(x)+1<<15) >> 16) }

// shift moves to the left by n, or to the right if n is negative.
func shift(x int32, n int) int32 {
	switch {
	case n <= 0:
		return x >> min(-n, 31)
	case n > 31 && x != 0:
		return sat32(int64(x) << 32)
	}
	return sat32(int64(x) << min(n, 31))
}

// shiftRound moves 16 bits to the right by n and rounds, or to the left if n is
// negative.
func shiftRound(x int16, n int) int16 {
	switch {
	case n <= 0:
		return sat16(shift(int32(x), min(-n, 16)))
	case n > 15:
		return 0
	}
	return x>>n + x>>(n-1)&1
}

// norm is by how much x can be moved to the left without a loss.
func norm(x int32) int {
	if x == 0 {
		return 0
	}
	return bits.LeadingZeros32(uint32(x^x>>31)) - 1
}

// norm16 is norm on 16 bits.
func norm16(x int16) int { return max(0, norm(int32(x))-16) }

// mulLong is the product of a fraction of 31 and one of 16 bits.
func mulLong(x int32, n int16) int32 {
	upper, lower := int64(x>>16), int32(x>>1&0x7fff)
	return sat32(2 * (upper*int64(n) + int64(lower*int32(n)>>15)))
}

// divide is the fraction num/den; 1 where num is not below den.
func divide(num, den int16) int16 {
	if num >= den {
		return 1<<15 - 1
	}
	return int16(int32(num) << 15 / int32(den))
}

// between interpolates in a table of 5 bits and more: x has the index from bit 15
// on and the fraction below.
func between(table []int16, x int32) int32 {
	i, fraction := x>>15, x&0x7fff
	a, b := int32(table[i]), int32(table[i+1])
	return a<<16 - (a-b)*fraction*2
}

// log2 gives the whole part and the fraction, in Q15, of the logarithm to the
// base 2; 0 for what has none.
func log2(x int32) (whole, fraction int16) {
	if x <= 0 {
		return 0, 0
	}
	n := norm(x)
	return int16(30 - n), int16(between(log2Table[:], x<<n>>10-32<<15) >> 16)
}

// pow2 is 2 to the power of 14 and a fraction in Q15.
func pow2(fraction int16) int16 {
	x := between(pow2Table[:], int32(fraction)<<5)
	return int16((x>>15 + 1) >> 1)
}

// inverseRoot is 1/sqrt(x) in Q30.
func inverseRoot(x int32) int32 {
	if x <= 0 {
		return 1<<30 - 1
	}
	n := norm(x)
	x <<= n
	exp := 30 - n
	if exp&1 == 0 {
		x >>= 1
	}
	return between(rootTable[:], x>>10-16<<15) >> (exp/2 + 1)
}

// root is the root of x/2.
func root(x int32) (out int16) {
	for step := int32(1 << 14); step > 1; step >>= 1 {
		if r := int32(out) + step; x >= mul(int16(r), int16(r)) {
			out = int16(r)
		}
	}
	return out
}

// random steps a generator.
func random(seed *int16) int16 {
	*seed = int16(int32(*seed)*31821 + 13849)
	return *seed
}
