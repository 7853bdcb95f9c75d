package g729

// Distances of line spectral frequencies, in Q13 of radians.
const (
	gapFirst  = 10  // GAP1
	gapSecond = 5   // GAP2
	gapLast   = 321 // GAP3
	lsfMin    = 40
	lsfMax    = 25681
)

// spectrum decodes line spectral frequencies, in Q13 of radians.
type spectrum struct {
	past      [4][order]int16 // freq_prev: the quantizer's output, the newest first
	last      [order]int16    // prev_lsp: the frequencies of the last frame that came
	predictor int             // prev_ma
}

// newSpectrum has frequencies at equal distances.
func newSpectrum() (s spectrum) {
	s.last = [order]int16{2339, 4679, 7018, 9358, 11698, 14037, 16377, 18717, 21056, 23396}
	for i := range s.past {
		s.past[i] = s.last
	}
	return s
}

// decode gives a frame's line spectral pairs (clause 3.2.4), those of the last
// frame if p is nil.
func (s *spectrum) decode(p *parameters) [order]int16 {
	if p == nil {
		s.repeat()
		return pairs(&s.last)
	}
	var v [order]int16
	for i := range v {
		v[i] = codebook1[p.first][i] + codebook2[p.second[i/(order/2)]][i]
	}
	spread(&v, gapFirst)
	spread(&v, gapSecond)
	s.predictor = p.predictor
	s.last = s.predict(v, &predictLSF[p.predictor], &predictRest[p.predictor])
	return pairs(&s.last)
}

// predict adds what goes into a frame of the four before.
func (s *spectrum) predict(v [order]int16, share *[4][order]int16, rest *[order]int16) (out [order]int16) {
	for i := range out {
		sum := int64(v[i]) * int64(rest[i])
		for k := range s.past {
			sum += int64(s.past[k][i]) * int64(share[k][i])
		}
		out[i] = int16(sat32(2*sum) >> 16)
	}
	s.push(v)
	stabilize(&out)
	return out
}

// repeat finds what the quantizer would have put out for the last frequencies, as
// if they had come again.
func (s *spectrum) repeat() {
	share, inverse := &predictLSF[s.predictor], &predictInverse[s.predictor]
	var v [order]int16
	for i := range v {
		sum := int64(s.last[i]) << 16
		for k := range s.past {
			sum -= 2 * int64(s.past[k][i]) * int64(share[k][i])
		}
		v[i] = int16(shift(mul(int16(sat32(sum)>>16), inverse[i]), 3) >> 16)
	}
	s.push(v)
}

func (s *spectrum) push(v [order]int16) {
	copy(s.past[1:], s.past[:])
	s.past[0] = v
}

// spread moves frequencies apart that are nearer than gap.
func spread(v *[order]int16, gap int32) {
	for i := 1; i < order; i++ {
		if by := int16((int32(v[i-1]) - int32(v[i]) + gap) >> 1); by > 0 {
			v[i-1] -= by
			v[i] += by
		}
	}
}

// stabilize puts frequencies in order and apart.
func stabilize(v *[order]int16) {
	for i := 1; i < order; i++ {
		if v[i] < v[i-1] {
			v[i], v[i-1] = v[i-1], v[i]
		}
	}
	v[0] = max(v[0], lsfMin)
	for i := 1; i < order; i++ {
		if int32(v[i])-int32(v[i-1]) < gapLast {
			v[i] = add(v[i-1], gapLast)
		}
	}
	v[order-1] = min(v[order-1], lsfMax)
}

// pairs is the cosine of frequencies, in Q15 (Lsf_lsp2).
func pairs(lsf *[order]int16) (lsp [order]int16) {
	const turns = 20861 // 1/2π in Q17
	for i, w := range lsf {
		x := int32(mult(w, turns))
		at := min(x>>8, 63)
		lsp[i] = add(cosine[at], int16(int32(cosineSlope[at])*(x&255)>>12))
	}
	return lsp
}

// predictor turns line spectral pairs into a filter (clause 3.2.6).
func predictor(lsp *[order]int16) (a lpc) {
	sum, difference := polynomial(lsp[:]), polynomial(lsp[1:])
	for i := order / 2; i > 0; i-- {
		sum[i] = sat32(int64(sum[i]) + int64(sum[i-1]))
		difference[i] = sat32(int64(difference[i]) - int64(difference[i-1]))
	}
	a[0] = 1 << 12
	for i := 1; i <= order/2; i++ {
		f, g := int64(sum[i]), int64(difference[i])
		a[i] = int16((sat32(f+g)>>12 + 1) >> 1)
		a[order+1-i] = int16((sat32(f-g)>>12 + 1) >> 1)
	}
	return a
}

// polynomial multiplies out the factors of every second pair, in Q24.
func polynomial(lsp []int16) (f [order/2 + 1]int32) {
	f[0] = 1 << 24
	f[1] = -int32(lsp[0]) << 10
	for i := 2; i <= order/2; i++ {
		q := lsp[2*i-2]
		f[i] = f[i-2]
		for k := i; k > 1; k-- {
			t := sat32(2 * int64(mulLong(f[k-1], q)))
			f[k] = sat32(int64(sat32(int64(f[k])+int64(f[k-2]))) - int64(t))
		}
		f[1] = sat32(int64(f[1]) - int64(q)<<10)
	}
	return f
}
