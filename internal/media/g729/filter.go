package g729

// The filters of the tenth order are the most of the work. They are summed up
// without limits, while watch notes whether a part of a sum ever left the 32 bits
// of the standard; if so, they are done over with its limits at every step.

// leaves has bit 31 or a higher one set if x, half of a value of 32 bits, is too
// large for it.
func leaves(x int64) uint64 { return uint64(x + 1<<30) }

// synthesize runs x through 1/A(z). y begins with the ten samples that came before.
// It reports whether nothing had to be limited.
func synthesize(a *lpc, x, y []int16) bool {
	var watch uint64
	for i, v := range x {
		w := (*[order + 1]int16)(y[i:])
		s := int64(v) * int64(a[0])
		s -= int64(a[1]) * int64(w[9])
		watch |= leaves(s)
		s -= int64(a[2]) * int64(w[8])
		watch |= leaves(s)
		s -= int64(a[3]) * int64(w[7])
		watch |= leaves(s)
		s -= int64(a[4]) * int64(w[6])
		watch |= leaves(s)
		s -= int64(a[5]) * int64(w[5])
		watch |= leaves(s)
		s -= int64(a[6]) * int64(w[4])
		watch |= leaves(s)
		s -= int64(a[7]) * int64(w[3])
		watch |= leaves(s)
		s -= int64(a[8]) * int64(w[2])
		watch |= leaves(s)
		s -= int64(a[9]) * int64(w[1])
		watch |= leaves(s)
		s -= int64(a[10]) * int64(w[0])
		watch |= leaves(s<<3) | leaves(s<<3+1<<14)
		w[order] = int16((s<<3 + 1<<14) >> 15)
	}
	if watch>>31 == 0 {
		return true
	}
	return synthesizeLimited(a, x, y)
}

// synthesizeLimited is synthesize as the standard has it.
func synthesizeLimited(a *lpc, x, y []int16) bool {
	clean := true
	for i, v := range x {
		w := (*[order + 1]int16)(y[i:])
		s := mul(v, a[0])
		for k := 1; k <= order; k++ {
			t := msu(s, a[k], w[order-k])
			clean = clean && int64(t) == int64(s)-2*int64(a[k])*int64(w[order-k])
			s = t
		}
		t := shift(s, 3)
		clean = clean && int64(t) == int64(s)<<3 && t < 1<<31-1<<15
		w[order] = high(t)
	}
	return clean
}

// residual runs x, which begins with the ten samples that came before, through
// A(z).
func residual(a *lpc, x, y []int16) {
	var watch uint64
	for i := range y {
		w := (*[order + 1]int16)(x[i:])
		s := int64(a[0]) * int64(w[10])
		s += int64(a[1]) * int64(w[9])
		watch |= leaves(s)
		s += int64(a[2]) * int64(w[8])
		watch |= leaves(s)
		s += int64(a[3]) * int64(w[7])
		watch |= leaves(s)
		s += int64(a[4]) * int64(w[6])
		watch |= leaves(s)
		s += int64(a[5]) * int64(w[5])
		watch |= leaves(s)
		s += int64(a[6]) * int64(w[4])
		watch |= leaves(s)
		s += int64(a[7]) * int64(w[3])
		watch |= leaves(s)
		s += int64(a[8]) * int64(w[2])
		watch |= leaves(s)
		s += int64(a[9]) * int64(w[1])
		watch |= leaves(s)
		s += int64(a[10]) * int64(w[0])
		watch |= leaves(s<<3) | leaves(s<<3+1<<14)
		y[i] = int16((s<<3 + 1<<14) >> 15)
	}
	if watch>>31 != 0 {
		residualLimited(a, x, y)
	}
}

// residualLimited is residual as the standard has it.
func residualLimited(a *lpc, x, y []int16) {
	for i := range y {
		w := (*[order + 1]int16)(x[i:])
		s := mul(w[order], a[0])
		for k := 1; k <= order; k++ {
			s = mac(s, a[k], w[order-k])
		}
		y[i] = high(shift(s, 3))
	}
}

// correlate is the sum of the products of a and b.
func correlate(a, b []int16) int32 {
	sum, all := int64(0), int64(0)
	b = b[:len(a)]
	for i, x := range a {
		p := int64(x) * int64(b[i])
		sum += p
		all |= p ^ p>>63
	}
	if (all+1)*int64(len(a)) < 1<<30 {
		return int32(2 * sum)
	}
	var s int32
	for i, x := range a {
		s = mac(s, x, b[i])
	}
	return s
}

// widen is A(z/γ), with γ in Q15.
func widen(a *lpc, gamma int16) (out lpc) {
	out[0] = a[0]
	factor := int32(gamma)
	for i := 1; i <= order; i++ {
		out[i] = int16((int32(a[i])*factor + 1<<14) >> 15)
		factor = (factor*int32(gamma) + 1<<14) >> 15
	}
	return out
}

// highpass cuts below 100 Hz and doubles (clause 4.2.5).
type highpass struct {
	x [2]int32
	y [2]int32
}

func (h *highpass) filter(signal *[FrameSamples]int16) {
	for i, v := range signal {
		x := int32(v)
		s := int64(mulLong(h.y[0], 15836)) + int64(mulLong(h.y[1], -7667)) + 2*7699*int64(x)
		s = int64(sat32(s)) - 2*15398*int64(h.x[0])
		s = int64(sat32(s)) + 2*7699*int64(h.x[1])
		y := shift(sat32(s), 2)
		h.x[1], h.x[0] = h.x[0], x
		h.y[1], h.y[0] = h.y[0], y
		signal[i] = high(shift(y, 1))
	}
}
