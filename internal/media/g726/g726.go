// Package g726 decodes the ADPCM of ITU-T G.726 at 16, 24, 32 and 40 kbit/s: two
// to five bits a sample at 8 kHz, to 16-bit samples.
//
// Source: ITU-T G.726 (12/90) §4; the packings of RFC 3551 §4.5.4 and of ITU-T
// I.366.2 Annex E. Comments name the Recommendation's variables.
package g726

import "errors"

// Packing says which bits of an octet come first.
type Packing uint8

// The packings.
const (
	RTP  Packing = iota // G726-32 of RFC 3551: the first sample in the lowest bits
	AAL2                // AAL2-G726-32: the first sample in the highest bits
)

// ErrBits says that there is no G.726 of so many bits a sample.
var ErrBits = errors.New("G.726 has 2 to 5 bits a sample")

// table is what a rate quantizes with: the logarithm of each code's magnitude
// (DQLN), the scale factor's step (WI) and the speed's (FI).
type table struct {
	dqln, wi, fi []int
}

func tableOf(bits int) (t table, ok bool) {
	switch bits {
	case 2:
		return table{
			dqln: []int{116, 365}, wi: []int{-22, 439}, fi: []int{0, 7},
		}, true
	case 3:
		return table{
			dqln: []int{-2048, 135, 273, 373}, wi: []int{-4, 30, 137, 582}, fi: []int{0, 1, 2, 7},
		}, true
	case 4:
		return table{
			dqln: []int{-2048, 4, 135, 213, 273, 323, 373, 425},
			wi:   []int{-12, 18, 41, 64, 112, 198, 355, 1122},
			fi:   []int{0, 0, 0, 1, 1, 1, 3, 7},
		}, true
	case 5:
		return table{
			dqln: []int{-2048, -66, 28, 104, 169, 224, 274, 318, 358, 395, 429, 459, 488, 514, 539, 566},
			wi:   []int{14, 14, 24, 39, 40, 41, 58, 100, 141, 179, 219, 280, 358, 440, 529, 696},
			fi:   []int{0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 2, 3, 4, 5, 6, 6},
		}, true
	}
	return table{}, false
}

// Decoder keeps the state between octets. It is not safe for concurrent use.
type Decoder struct {
	bits    int
	packing Packing
	t       table

	yl, yu   int // scale factor: slow, fast
	dms, dml int // short and long mean of F[I]
	ap       int // speed control
	a        [2]int
	b        [6]int
	pk       [2]int // signs of the last two partially reconstructed signals
	dq       [6]float11
	sr       [2]float11
	td       bool // a tone was detected
}

// New makes a decoder of 2, 3, 4 or 5 bits a sample.
func New(bits int, packing Packing) (*Decoder, error) {
	t, ok := tableOf(bits)
	if !ok {
		return nil, ErrBits
	}
	d := &Decoder{bits: bits, packing: packing, t: t, yl: 34816, yu: 544}
	for i := range d.dq {
		d.dq[i] = zero11()
	}
	d.sr = [2]float11{zero11(), zero11()}
	return d, nil
}

// Samples is how many samples so many octets hold.
func (d *Decoder) Samples(octets int) int { return octets * 8 / d.bits }

// Decode appends the samples of the octets to dst. Bits that are left over at the
// end are dropped: a packet holds whole samples.
func (d *Decoder) Decode(dst []int16, octets []byte) []int16 {
	word, have := uint32(0), 0
	mask := uint32(1)<<d.bits - 1
	for _, o := range octets {
		if d.packing == RTP {
			word |= uint32(o) << have
		} else {
			word = word<<8 | uint32(o)
		}
		for have += 8; have >= d.bits; have -= d.bits {
			code := word & mask
			if d.packing == RTP {
				word >>= d.bits
			} else {
				code = word >> (have - d.bits) & mask
			}
			dst = append(dst, d.sample(int(code)))
		}
	}
	return dst
}

// sample decodes one code.
func (d *Decoder) sample(code int) int16 {
	sign := 1 << (d.bits - 1)
	negative := code&sign != 0
	i := code
	if negative {
		i = code ^ (sign<<1 - 1)
	}
	sez, se := d.predict()
	y := d.scale()
	mag := d.dequantize(i, y)
	dq := mag
	if negative {
		dq = -mag
	}
	sr := wrap(dq + se)
	d.adapt(&update{i: i, y: y, mag: mag, negative: negative, sr: sr, dqsez: wrap(dq + sez)})
	return int16(max(-32768, min(32767, sr*4)))
}

// wrap keeps 16 bits, as the Recommendation's arithmetic does.
func wrap(x int) int { return int(int16(x)) }

// predict is the signal estimate, of the zeros alone and with the poles.
func (d *Decoder) predict() (sez, se int) {
	for i, b := range d.b {
		sez += d.dq[i].times(b >> 2)
	}
	se = sez
	for i, a := range d.a {
		se += d.sr[i].times(a >> 2)
	}
	return wrap(sez) >> 1, wrap(se) >> 1
}

// scale is the quantizer's scale factor y (MIX).
func (d *Decoder) scale() int {
	al := 64
	if d.ap < 256 {
		al = d.ap >> 2
	}
	difference := d.yu - d.yl>>6
	product := max(difference, -difference) * al >> 6
	if difference < 0 {
		product = -product
	}
	return d.yl>>6 + product
}

// dequantize is the magnitude of the quantized difference signal dq.
func (d *Decoder) dequantize(i, y int) int {
	dql := d.t.dqln[i] + y>>2
	if dql < 0 {
		return 0
	}
	exponent, mantissa := dql>>7&15, 128+dql&127
	return mantissa << 7 >> (14 - exponent)
}
