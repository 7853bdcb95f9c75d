package g729

// Figures of Annex A.4.2, in Q15.
const (
	gammaNumerator   = 18022 // GAMMA2_PST, 0.55
	gammaDenominator = 22938 // GAMMA1_PST, 0.7
	gammaTilt        = 26214 // MU, 0.8
	gammaPitch       = 16384 // GAMMAP, 0.5
	pitchOld         = 10923 // the share of the last period at most: GAMMAP_2
	pitchNew         = 21845 // and of the signal itself: INV_GAMMAP
	slow             = 29491 // AGC_FAC, 0.9
	response         = 22    // L_H: so much of the impulse response is looked at
)

// postfilter makes speech sound cleaner (Annex A.4.2).
type postfilter struct {
	residual [lagMax + FrameSamples]int16 // res2, and before it the end of the last frame's
	quarter  [lagMax + FrameSamples]int16 // scal_res2: a quarter of it
	end      [order]int16                 // mem_syn_pst
	tilt     int16                        // mem_pre
	gain     int16                        // past_gain, in Q12
}

// frame is what there is to filter.
type frame struct {
	synth  *[order + FrameSamples]int16
	a      *[2]lpc
	lags   [2]int
	voiced bool
}

func (p *postfilter) filter(out *[FrameSamples]int16, f frame) {
	var y [order + FrameSamples]int16
	copy(y[:], p.end[:])
	for i := range f.a {
		at := i * subSamples
		numerator, denominator := widen(&f.a[i], gammaNumerator), widen(&f.a[i], gammaDenominator)
		p.take(&numerator, f.synth[at:], i)
		x := p.pitch(i, f.lags[i], f.voiced)
		p.emphasize(&x, tilt(&numerator, &denominator))
		synthesize(&denominator, x[:], y[at:])
		copy(out[at:][:subSamples], y[order+at:])
		p.level(f.synth[order+at:][:subSamples], out[at:][:subSamples])
	}
	copy(p.end[:], y[FrameSamples:])
	copy(p.residual[:lagMax], p.residual[FrameSamples:])
	copy(p.quarter[:lagMax], p.quarter[FrameSamples:])
}

// take makes the residual of a subframe.
func (p *postfilter) take(a *lpc, synth []int16, i int) {
	at := lagMax + i*subSamples
	residual(a, synth, p.residual[at:][:subSamples])
	for k := at; k < at+subSamples; k++ {
		p.quarter[k] = p.residual[k] >> 2
	}
}

// pitch adds to a subframe's residual what resembles it a period before (Annex
// A.4.2.1).
func (p *postfilter) pitch(i, lag int, voiced bool) (out [subSamples]int16) {
	at := lagMax + i*subSamples
	now := p.residual[at:][:subSamples]
	if !voiced {
		copy(out[:], now)
		return out
	}
	lag, likeness := p.likeliest(at, min(lag-3, lagMax-6))
	whole, part := p.shares(at, lag, max(likeness, 0))
	before := p.residual[at-lag:][:subSamples]
	for k := range out {
		out[k] = int16(int32(now[k])*whole>>15 + int32(before[k])*part>>15)
	}
	return out
}

// likeliest finds the best of seven lags from least on.
func (p *postfilter) likeliest(at, least int) (lag int, likeness int32) {
	now := p.quarter[at:][:subSamples]
	likeness = -1 << 31
	lag = least
	for l := least; l <= least+6; l++ {
		if c := correlate(now, p.quarter[at-l:]); c > likeness {
			lag, likeness = l, c
		}
	}
	return lag, likeness
}

// shares are those of the signal and of the last period, in Q15; none of the
// latter if it would gain less than 3 dB.
func (p *postfilter) shares(at, lag int, likeness int32) (whole, part int32) {
	now, before := p.quarter[at:][:subSamples], p.quarter[at-lag:][:subSamples]
	e, e0 := sat32(int64(correlate(before, before))+1), sat32(int64(correlate(now, now))+1)
	n := norm(max(likeness, e, e0))
	c, energy, energy0 := high(likeness<<n), high(e<<n), high(e0<<n)
	switch {
	case 2*int64(c)*int64(c) < int64(energy)*int64(energy0):
		return 1 << 15, 0
	case c > energy:
		return pitchNew, pitchOld
	}
	c = mult(c, gammaPitch) >> 1
	sum := c + energy>>1
	if sum <= 0 {
		return 1<<15 - 1, 0
	}
	part = int32(divide(c, sum))
	return 1<<15 - 1 - part, part
}

// tilt is how much the formant filter tilts the spectrum, in Q15 (Annex A.4.2.3).
func tilt(numerator, denominator *lpc) int16 {
	var x [response]int16
	var h [order + response]int16
	copy(x[:], numerator[:])
	synthesize(denominator, x[:], h[:])
	r0 := int16(correlate(h[order:], h[order:]) >> 16)
	r1 := int16(correlate(h[order:][:response-1], h[order+1:]) >> 16)
	if r1 <= 0 {
		return 0
	}
	return divide(mult(r1, gammaTilt), r0)
}

// emphasize undoes a tilt.
func (p *postfilter) emphasize(x *[subSamples]int16, g int16) {
	before := p.tilt
	p.tilt = x[subSamples-1]
	for i, v := range x {
		x[i] = sub(v, mult(g, before))
		before = v
	}
}

// level gives out the loudness of in (Annex A.4.2.4).
func (p *postfilter) level(in, out []int16) {
	after := quarterEnergy(out)
	if after == 0 {
		p.gain = 0
		return
	}
	target := int16(0)
	if before := quarterEnergy(in); before != 0 {
		n, m := norm(after)-1, norm(before)
		ratio := int32(divide(high(shift(after, n)), high(before<<m))) << 7 // Q22
		r := inverseRoot(shift(ratio, m-n))
		target = mult(high(shift(r, 9)), 1<<15-1-slow)
	}
	gain := p.gain
	for i, x := range out {
		gain = add(mult(gain, slow), target)
		out[i] = int16(sat32(int64(x)*int64(gain)<<4) >> 16)
	}
	p.gain = gain
}

func quarterEnergy(x []int16) int32 {
	var q [subSamples]int16
	for i, v := range x {
		q[i] = v >> 2
	}
	return correlate(q[:], q[:])
}
