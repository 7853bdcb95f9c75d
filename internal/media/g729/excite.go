package g729

// Limits of the gain of the adaptive codebook as a pitch sharpener, in Q14, and of
// the quantized energy, in Q10.
const (
	sharpMin  = 3277  // 0.2
	sharpMax  = 13017 // 0.8
	energyMin = -14336
)

// subframe is what excites a subframe.
type subframe struct {
	lost     bool
	lag      int // T0
	third    int // T0_frac
	pulses   int
	signs    int
	gainCode int
}

// subframe takes the parameters of a subframe out of a frame. If p is nil, the lag
// goes on and the pulses are chance (clause 4.4.4).
func (d *Decoder) subframe(p *parameters, i int) subframe {
	if p == nil {
		s := subframe{lost: true}
		d.keepLag(&s)
		s.pulses = int(random(&d.lost)) & 0x1fff
		s.signs = int(random(&d.lost)) & 15
		return s
	}
	s := subframe{pulses: p.pulses[i], signs: p.signs[i], gainCode: p.gain[i]}
	switch {
	case i > 0:
		s.lag, s.third = lagSecond(p.lag[1], d.now)
	case p.lagOK:
		s.lag, s.third = lagFirst(p.lag[0])
	default:
		d.keepLag(&s)
		return s
	}
	d.lag, d.now = s.lag, s.lag
	return s
}

// keepLag repeats a lag, which grows the while.
func (d *Decoder) keepLag(s *subframe) {
	s.lag, d.now = d.lag, d.lag
	d.lag = min(d.lag+1, lagMax)
}

// lagFirst decodes a lag and the thirds beyond it (clause 4.1.3).
func lagFirst(code int) (lag, third int) {
	if code >= 197 {
		return code - 112, 0
	}
	lag = (code+2)/3 + 19
	return lag, code - 3*lag + 58
}

// lagSecond decodes a lag that is near another.
func lagSecond(code, near int) (lag, third int) {
	least := min(max(near-5, lagMin), lagMax-9)
	steps := (code+2)/3 - 1
	return least + steps, code - 2 - 3*steps
}

// excite makes the excitation of a subframe out of both codebooks (clause 4.1.6).
func (d *Decoder) excite(i int, s *subframe) {
	at := past + i*subSamples
	delay(d.exc[at-past:at+subSamples], s.lag, s.third)
	var code [subSamples]int16
	place(&code, s.pulses, s.signs)
	sharp := d.sharp << 1
	for k := s.lag; k < subSamples; k++ {
		code[k] = add(code[k], mult(code[k-s.lag], sharp))
	}
	if s.lost {
		d.gains.fade()
	} else {
		d.gains.decode(s.gainCode, &code)
	}
	pitch, fixed := int64(d.gains.pitch), int64(d.gains.fixed)
	d.sharp = max(sharpMin, min(sharpMax, d.gains.pitch))
	exc := d.exc[at:][:subSamples]
	for k, c := range &code {
		exc[k] = int16(sat32(4*(int64(exc[k])*pitch+int64(c)*fixed)+1<<15) >> 16)
	}
}

// delay writes the last 40 samples of x, as they were some samples and thirds
// before (clause 3.7.1, equation 40). It may repeat what it writes.
func delay(x []int16, lag, third int) {
	at := past - lag - reach
	if third = -third; third < 0 {
		third += 3
		at--
	}
	var taps [2 * (reach - 1)]int32
	for k := range reach - 1 {
		taps[reach-2-k] = int32(sinc[third+3*k])
		taps[reach-1+k] = int32(sinc[3-third+3*k])
	}
	loud := peak(x[at+2:]) > quiet
	for k := range subSamples {
		w := (*[2 * (reach - 1)]int16)(x[at+2+k:])
		if loud {
			x[past+k] = interpolatedLimited(w, &taps)
			continue
		}
		x[past+k] = interpolated(w, &taps)
		loud = x[past+k] > quiet || x[past+k] < -quiet
	}
}

// quiet is a peak below which no interpolation can leave 32 bits: the taps of none
// are more than 1.82 together.
const quiet = 18000

func peak(x []int16) (most int16) {
	for _, v := range x {
		most = max(most, v, sub(0, v))
	}
	return most
}

// interpolated is the sum of what the taps weigh.
func interpolated(w *[2 * (reach - 1)]int16, taps *[2 * (reach - 1)]int32) int16 {
	var sum, other int32
	for i := 0; i < len(w); i += 2 {
		sum += int32(w[i]) * taps[i]
		other += int32(w[i+1]) * taps[i+1]
	}
	return int16((sum + other + 1<<14) >> 15)
}

// interpolatedLimited is interpolated in the standard's order and with its limits.
func interpolatedLimited(w *[2 * (reach - 1)]int16, taps *[2 * (reach - 1)]int32) int16 {
	var s int32
	for i := range reach - 1 {
		s = mac(s, w[reach-2-i], int16(taps[reach-2-i]))
		s = mac(s, w[reach-1+i], int16(taps[reach-1+i]))
	}
	return high(s)
}

// place puts the four pulses of the fixed codebook, in Q13 (clause 4.1.4).
func place(code *[subSamples]int16, pulses, signs int) {
	for i, at := range positions(pulses) {
		if signs>>i&1 == 1 {
			code[at] = 8191
		} else {
			code[at] = -8192
		}
	}
}

// positions are those of four pulses: three have every fifth sample, the last has
// every fifth of two tracks.
func positions(pulses int) [4]int {
	return [4]int{
		pulses & 7 * 5,
		pulses>>3&7*5 + 1,
		pulses>>6&7*5 + 2,
		pulses>>10&7*5 + 3 + pulses>>9&1,
	}
}

// gains are those of the two codebooks, and what predicts the second.
type gains struct {
	pitch  int16    // Q14
	fixed  int16    // Q1
	energy [4]int16 // past_qua_en: Q10, the newest first
}

// decode finds a subframe's gains (clause 4.1.5).
func (g *gains) decode(index int, code *[subSamples]int16) {
	a, b := &gainA[index>>4], &gainB[index&15]
	g.pitch = a[0] + b[0]
	predicted, exp := g.predict(code)
	correction := int32(a[1]) + int32(b[1]) // Q13
	g.fixed = int16(shift(mul(int16(correction>>1), predicted), 4-exp) >> 16)
	whole, fraction := log2(correction)
	x := shift(int32(whole-13)<<16+int32(fraction)<<1, 13) >> 16
	g.push(mult(int16(x), 24660)) // 20 log10(2)
}

// predict is the gain that the energies of the last four subframes and this code
// make likely, and its exponent (clause 3.9.1).
func (g *gains) predict(code *[subSamples]int16) (gain int16, exp int) {
	var energy int32
	for _, c := range code {
		energy = mac(energy, c, c)
	}
	whole, fraction := log2(energy)
	x := 2 * (int32(whole)*-24660 + int32(fraction)*-24660>>15)
	x = shift(mac(x, 32588, 32), 10)
	for i, share := range [4]int16{5571, 4751, 2785, 1556} {
		x = mac(x, share, g.energy[i])
	}
	x = mul(int16(x>>16), 5439) >> 8 // 1/(20 log10(2))
	return pow2(int16(x >> 1 & 0x7fff)), 14 - int(x>>16)
}

// fade is done to the gains for a frame that is lost (clauses 4.4.2, 4.4.3).
func (g *gains) fade() {
	g.pitch = min(mult(g.pitch, 29491), 29491)
	g.fixed = mult(g.fixed, 32111)
	sum := int32(0)
	for _, e := range g.energy {
		sum += int32(e)
	}
	g.push(max(int16(sum>>2)-4096, energyMin)) // 4 dB less
}

func (g *gains) push(energy int16) {
	copy(g.energy[1:], g.energy[:])
	g.energy[0] = energy
}
