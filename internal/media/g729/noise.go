package g729

// Figures of Annex B.4.4.
const (
	noiseSeed   = 11111 // INIT_SEED
	gainMax     = 5000  // G_MAX
	noiseShare  = 19043 // FRAC1: sqrt(40)·α/2 - 1 in Q15, where α = 1/2 of the noise is white
	noisePart   = 24576 // K0: 1 - α² in Q15
	gainKept    = 28672 // A_GAIN0: 7/8
	gainTaken   = 4096  // A_GAIN1
	lagRandom   = 40    // the least of a random lag
	gainRandom  = 0x1fff
	energyShare = 410 // 1/80 in Q15
)

// comfort makes comfort noise.
type comfort struct {
	lsp    [order]int16 // lspSid
	target int16        // sid_gain, in Q3
	gain   int16        // cur_gain: on its way there
	seed   int16
	energy int16 // sid_sav: of the last frame that came, a 16-bit number
	exp    int   // sh_sid_sav: and its exponent
}

func newComfort() comfort {
	return comfort{
		lsp:    [order]int16{31441, 27566, 21458, 13612, 4663, -4663, -13612, -21458, -27566, -31441},
		target: noiseGain[0],
		seed:   noiseSeed,
		exp:    1,
	}
}

// measure notes the energy of an excitation, for the case that the description of
// the noise that follows is lost.
func (c *comfort) measure(exc []int16) {
	e := correlate(exc, exc)
	n := norm(e)
	c.energy, c.exp = high(e<<n), 16-n
}

// rustle makes a frame of noise, new noise if s is not nil.
func (d *Decoder) rustle(out *[FrameSamples]int16, s *silence) {
	c := &d.cng
	first := d.last == speech
	switch {
	case s != nil:
		c.target = noiseGain[s.gain]
		c.lsp = d.lsf.decodeNoise(s)
	case first:
		c.target = noiseGain[energyIndex(shift(int32(c.energy), c.exp))]
	}
	if first {
		c.gain = c.target
	} else {
		c.gain = add(multR(c.gain, gainKept), multR(c.target, gainTaken))
	}
	a := d.interpolate(c.lsp)
	for i := range a {
		c.excite(d.exc[i*subSamples:][:past+subSamples])
	}
	for i := range a {
		d.synthesize(&a[i], i)
	}
	d.sharp, d.last = sharpMin, noise
	d.finish(out, &a, [2]int{d.lag, d.lag})
}

// decodeNoise gives the line spectral pairs of a description of noise (B.4.2.2).
func (s *spectrum) decodeNoise(p *silence) [order]int16 {
	first := &codebook1[noiseFirst[p.first]]
	var v [order]int16
	for i := range v {
		v[i] = first[i] + codebook2[noiseSecond[i/(order/2)][p.second]][i]
	}
	spread(&v, gapFirst)
	out := s.predict(v, &noiseLSF[p.predictor], &noiseRests[p.predictor])
	return pairs(&out)
}

// energyIndex quantizes the energy of a frame as a coder would do (B.4.2.1): in
// steps of 4 dB up to 14 dB a sample, of 2 dB from there on.
func energyIndex(energy int32) int {
	const zero, top, knee = -2721, 22111, 4762 // -8, 65 and 14 dB
	whole, fraction := log2(mulLong(energy, energyShare))
	e := whole<<10 + multR(fraction, 1<<10)
	switch {
	case e <= zero:
		return 0
	case e > top:
		return 31
	case e <= knee:
		return max(1, int(mult(e+3401, 24)))
	}
	return max(6, int(mult(e-340, 193)>>2)-1)
}

// draw is what chance decides of a subframe.
type draw struct {
	lag, third int
	at         [4]int
	plus       [4]bool
	gain       int16 // of the last period, in Q15
}

func (c *comfort) draw() (r draw) {
	x := int(random(&c.seed))
	if r.third = x&3 - 1; r.third == 2 {
		r.third = 0
	}
	r.lag = x>>2&63 + lagRandom
	y := int(random(&c.seed))
	r.at = positions(x>>8&7 | x>>12&7<<3 | y&7<<6 | y>>4&15<<9)
	r.plus = [4]bool{x>>11&1 == 1, x>>15&1 == 1, y>>3&1 == 1, y>>8&1 == 1}
	r.gain = random(&c.seed) & gainRandom << 1
	return r
}

// excite makes the excitation of a subframe, at the end of exc: white noise and
// what resembles voice without a pitch, together of the wanted energy (B.4.4).
func (c *comfort) excite(exc []int16) {
	now := (*[subSamples]int16)(exc[past:])
	if c.gain == 0 {
		*now = [subSamples]int16{}
		return
	}
	r := c.draw()
	white := c.white()
	delay(exc, r.lag, r.third)
	for i := range now {
		now[i] = add(multR(now[i], r.gain), white[i])
	}
	g, ok := c.pulseGain(now, &r)
	if !ok {
		*now = white
		g = c.pulseGainWhite(now, &r)
	}
	for i, at := range r.at {
		if r.plus[i] {
			now[at] = add(now[at], g)
		} else {
			now[at] = sub(now[at], g)
		}
	}
}

// white is noise of a quarter of the wanted energy.
func (c *comfort) white() (out [subSamples]int16) {
	var energy int32
	for i := range out {
		out[i] = c.gauss()
		energy = mac(energy, out[i], out[i])
	}
	factor := mulLong(inverseRoot(energy>>1), add(c.gain, multR(c.gain, noiseShare)))
	n := norm(factor)
	f := int16(factor << n >> 16)
	for i := range out {
		out[i] = shiftRound(multR(out[i], f), n-14)
	}
	return out
}

// gauss is a number of about normal distribution.
func (c *comfort) gauss() int16 {
	sum := int32(0)
	for range 12 {
		sum += int32(random(&c.seed))
	}
	return int16(sum >> 7)
}

// wanted is 40 times the square of the gain, times 4.
func (c *comfort) wanted() int32 {
	return mul(c.gain, int16(mul(c.gain, subSamples)>>6))
}

// pulseGain is by how much the pulses must be multiplied for the wanted energy
// together with x: the smaller root of 4g² + 2bg + c = 0. There is none if x has
// too much of it already.
func (c *comfort) pulseGain(x *[subSamples]int16, r *draw) (g int16, ok bool) {
	most := int16(0)
	for _, v := range x {
		most = max(most, v, sub(0, v))
	}
	n := 0
	if most != 0 {
		n = max(0, 3-norm16(most))
	}
	var scaled [subSamples]int16
	for i, v := range x {
		scaled[i] = v >> n
	}
	b := r.sum(&scaled, 0) >> 1
	d := sat32(int64(c.wanted()>>(2*n+1)) - int64(correlate(scaled[:], scaled[:])))
	if d = mac(d, b, b); d < 0 {
		return 0, false
	}
	return smallerRoot(d, b, n+1), true
}

// pulseGainWhite is pulseGain where there is only white noise.
func (c *comfort) pulseGainWhite(x *[subSamples]int16, r *draw) int16 {
	var all int16
	for _, at := range r.at {
		all |= max(x[at], sub(0, x[at]))
	}
	n := 1
	if all&0x4000 != 0 {
		n = 2
	}
	b := r.sum(x, n)
	d := mulLong(c.wanted(), noisePart) >> (2*n - 1)
	return smallerRoot(mac(d, b, b), b, n)
}

// sum adds up what of x lies under the pulses, with their signs.
func (r *draw) sum(x *[subSamples]int16, n int) (sum int16) {
	for i, at := range r.at {
		if r.plus[i] {
			sum = add(sum, x[at]>>n)
		} else {
			sum = sub(sum, x[at]>>n)
		}
	}
	return sum
}

// smallerRoot is the smaller of (-b ± √d)/4, where b and √d were moved to the right
// by n.
func smallerRoot(d int32, b int16, n int) int16 {
	q := root(d)
	x, y := sub(q, b), sub(0, add(b, q))
	if max(y, sub(0, y)) < max(x, sub(0, x)) {
		x = y
	}
	return max(-gainMax, min(gainMax, shiftRound(x, 2-n)))
}
