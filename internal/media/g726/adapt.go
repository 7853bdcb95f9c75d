package g726

import "math/bits"

// float11 is a number of the Recommendation's 11-bit format: its sign, four bits
// of exponent and six of mantissa. There is a negative zero.
type float11 struct {
	negative           bool
	exponent, mantissa int
}

func zero11() float11 { return float11{mantissa: 32} }

// newFloat11 is FLOAT A and FLOAT B.
func newFloat11(magnitude int, negative bool) float11 {
	if magnitude == 0 {
		return float11{negative: negative, mantissa: 32}
	}
	e := bits.Len16(uint16(magnitude))
	return float11{negative, e, magnitude << 6 >> e}
}

// times is the product with a coefficient (FMULT).
func (f float11) times(an int) int {
	magnitude := an
	if an <= 0 {
		magnitude = -an & 0x1fff
	}
	e := bits.Len16(uint16(magnitude)) - 6
	mantissa := 32
	switch {
	case magnitude == 0:
	case e >= 0:
		mantissa = magnitude >> e
	default:
		mantissa = magnitude << -e
	}
	product := (mantissa*f.mantissa + 48) >> 4
	if shift := e + f.exponent - 13; shift >= 0 {
		product = product << shift & 0x7fff
	} else {
		product >>= -shift
	}
	if (an < 0) != f.negative {
		return -product
	}
	return product
}

// update is what the adaptation learns from one sample.
type update struct {
	i        int // magnitude of the code
	y        int
	mag      int // of dq
	negative bool
	sr       int
	dqsez    int
}

// adapt brings the state to the next sample.
func (d *Decoder) adapt(u *update) {
	transition := d.transition(u.mag)
	wi, fi := d.t.wi[u.i]<<5, d.t.fi[u.i]<<9
	d.yu = max(544, min(5120, u.y+(wi-u.y)>>5))
	d.yl += d.yu + -d.yl>>6
	if transition {
		d.a, d.b = [2]int{}, [6]int{}
	} else {
		d.poles(u)
		d.zeros(u)
	}
	d.remember(u)
	d.td = !transition && d.a[1] < -11776
	d.speed(u.y, fi, transition)
}

// transition reports whether a modem's tone has just ended (TRANS).
func (d *Decoder) transition(mag int) bool {
	whole, fraction := d.yl>>15, d.yl>>10&31
	threshold := (32 + fraction) << whole
	if whole > 9 {
		threshold = 31 << 10
	}
	return d.td && mag > (threshold+threshold>>1)>>1
}

func sign(negative bool) int {
	if negative {
		return 1
	}
	return 0
}

// poles adapts the predictor's two poles (UPA1, UPA2, LIMC, LIMD).
func (d *Decoder) poles(u *update) {
	pk := sign(u.dqsez < 0)
	opposite := pk != d.pk[0]
	a2 := d.a[1] - d.a[1]>>7
	if u.dqsez != 0 {
		f := -d.a[0]
		if opposite {
			f = d.a[0]
		}
		switch {
		case f < -8191:
			a2 -= 256
		case f > 8191:
			a2 += 255
		default:
			a2 += f >> 5
		}
		if pk != d.pk[1] {
			a2 -= 128
		} else {
			a2 += 128
		}
		a2 = max(-12288, min(12288, a2))
	}
	d.a[1] = a2
	d.a[0] -= d.a[0] >> 8
	switch {
	case u.dqsez == 0:
	case opposite:
		d.a[0] -= 192
	default:
		d.a[0] += 192
	}
	limit := 15360 - a2
	d.a[0] = max(-limit, min(limit, d.a[0]))
}

// zeros adapts the predictor's six zeros (UPB).
func (d *Decoder) zeros(u *update) {
	leak := 8
	if d.bits == 5 {
		leak = 9
	}
	for i := range d.b {
		d.b[i] -= d.b[i] >> leak
		switch {
		case u.mag == 0:
		case u.negative == d.dq[i].negative:
			d.b[i] += 128
		default:
			d.b[i] -= 128
		}
	}
}

// remember moves the delay lines on.
func (d *Decoder) remember(u *update) {
	copy(d.dq[1:], d.dq[:])
	d.dq[0] = newFloat11(u.mag, u.negative)
	d.sr[1] = d.sr[0]
	d.sr[0] = newFloat11(max(u.sr, -u.sr)&0x7fff, u.sr < 0)
	d.pk[1], d.pk[0] = d.pk[0], sign(u.dqsez < 0)
}

// speed adapts how fast the scale factor follows (FILTA, FILTB, SUBTC, FILTC).
func (d *Decoder) speed(y, fi int, transition bool) {
	d.dms += (fi - d.dms) >> 5
	d.dml += (fi<<2 - d.dml) >> 7
	difference := d.dms<<2 - d.dml
	switch {
	case transition:
		d.ap = 256
	case y < 1536, d.td, max(difference, -difference) >= d.dml>>3:
		d.ap += (512 - d.ap) >> 4
	default:
		d.ap += -d.ap >> 4
	}
}
