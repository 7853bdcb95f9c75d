// Package g722 decodes and encodes ITU-T G.722 (09/2012): 7 kHz audio at 64
// kbit/s, of which a decoder may leave out one or two bits of each octet (modes
// 2 and 3: 56 and 48 kbit/s). The blocks are those of the Recommendation's
// clauses 5 and 6 and bear their names. In all three modes the decoder's output
// equals that of the reference program of ITU-T G.191 (STL) bit for bit, and so
// does the encoder's in mode 1.
//
// It is our own because the one Go module there is, gotranspile/g722, does modes
// 2 and 3 only on octets without the bits left out, has no releases, and is C
// turned into Go by a program. In mode 1 it gives the same samples and takes 1.4
// times as long (1,700 times real time against 2,450 on one core).
//
// The RTP clock of G.722 runs at 8 kHz although 16,000 samples a second come of
// it (RFC 3551 §4.5.2); that is the affair of who places packets in time.
package g722

// Mode says how many bits of an octet are speech.
type Mode uint8

// The modes of operation. The bits that are left out are the lowest.
const (
	Mode64k Mode = 1 // all eight
	Mode56k Mode = 2
	Mode48k Mode = 3
)

// band is the state of one sub-band's adaptive predictor and quantiser.
type band struct {
	s, sp, sz int32    // signal predicted, by poles, by zeros
	nb, det   int32    // logarithmic scale factor, step size
	r         [3]int32 // reconstructed signal, newest first
	p         [3]int32 // partially reconstructed signal
	a         [3]int32 // pole coefficients, from index 1
	d         [7]int32 // quantised differences
	b         [7]int32 // zero coefficients, from index 1
}

// The step sizes a decoder and an encoder begin with (clause 5.2).
const (
	firstStepLow  = 32
	firstStepHigh = 8
)

func saturate(x int32) int32 { return max(-32768, min(32767, x)) }

// limit is block LIMIT: the range of a sub-band's signal.
func limit(x int32) int32 { return max(-16384, min(16383, x)) }

// adapt is block 4: it takes in a quantised difference and predicts the next
// sample.
func (c *band) adapt(d int32) {
	c.r[0], c.p[0], c.d[0] = saturate(c.s+d), saturate(c.sz+d), d // RECONS, PARREC
	a2 := c.pole2()
	a1 := c.pole1(a2)
	c.zeros()
	c.r[2], c.r[1] = c.r[1], c.r[0] // DELAYA
	c.p[2], c.p[1] = c.p[1], c.p[0]
	c.a[1], c.a[2] = a1, a2
	c.sp = saturate(c.a[1]*saturate(2*c.r[1])>>15 + c.a[2]*saturate(2*c.r[2])>>15) // FILTEP
	c.s = saturate(c.sp + c.sz)                                                    // PREDIC
}

// pole2 is block UPPOL2.
func (c *band) pole2() int32 {
	w := saturate(4 * c.a[1])
	if (c.p[0]^c.p[1])>>31 == 0 {
		w = min(-w, 32767)
	}
	w >>= 7
	if (c.p[0]^c.p[2])>>31 == 0 {
		w += 128
	} else {
		w -= 128
	}
	return max(-12288, min(12288, w+c.a[2]*32512>>15))
}

// pole1 is block UPPOL1.
func (c *band) pole1(a2 int32) int32 {
	w := int32(-192)
	if (c.p[0]^c.p[1])>>31 == 0 {
		w = 192
	}
	bound := saturate(15360 - a2)
	return max(-bound, min(bound, saturate(w+c.a[1]*32640>>15)))
}

// zeros is the blocks UPZERO and FILTEZ, and the delays of both.
func (c *band) zeros() {
	step := int32(128)
	if c.d[0] == 0 {
		step = 0
	}
	sum := int32(0)
	for i := 6; i > 0; i-- {
		sign := (c.d[0] ^ c.d[i]) >> 31 // 0 or -1
		c.b[i] = saturate((step ^ sign) - sign + c.b[i]*32640>>15)
		c.d[i] = c.d[i-1]
		sum += c.b[i] * saturate(2*c.d[i]) >> 15
	}
	c.sz = saturate(sum)
}

// scaleLow is the blocks LOGSCL and SCALEL.
func (c *band) scaleLow(code int32) {
	c.nb = max(0, min(18432, c.nb*127>>7+stepsLow[code]))
	c.det = step(c.nb, 8)
}

// scaleHigh is the blocks LOGSCH and SCALEH.
func (c *band) scaleHigh(code int32) {
	c.nb = max(0, min(22528, c.nb*127>>7+stepsHigh[code]))
	c.det = step(c.nb, 10)
}

func step(nb, shift int32) int32 {
	mantissa := antilog[nb>>6&31]
	if shift -= nb >> 11; shift < 0 {
		return mantissa << -shift << 2
	}
	return mantissa >> shift << 2
}
