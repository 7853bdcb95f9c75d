// Package gsm decodes GSM 06.10 full-rate speech: 33 octets of 20 ms in the
// packing of RFC 3551 §4.5.8 to 160 samples at 8 kHz. It is exact to the last
// bit, as the standard demands.
//
// Source: ETSI EN 300 961 (GSM 06.10) §4.3 and §5.3. Comments name its variables.
package gsm

import "errors"

// The shape of a frame.
const (
	FrameBytes   = 33
	FrameSamples = 160

	magic      = 0xd
	subframes  = 4
	subSamples = 40
	pulses     = 13
	order      = 8
	lagMin     = 40
	lagMax     = 120
)

// ErrFrame says that octets are no frame.
var ErrFrame = errors.New("no GSM 06.10 frame")

// Decoder keeps the state between frames. The zero value is one at its start. It
// is not safe for concurrent use.
type Decoder struct {
	residual [lagMax + FrameSamples]int16 // drp
	lag      int                          // nrp
	larpp    [order]int16                 // of the frame before
	v        [order + 1]int16
	msr      int16
}

// Decode decodes one frame into out. It returns ErrFrame where the octets are no
// frame, and leaves out and the state alone.
func (d *Decoder) Decode(out *[FrameSamples]int16, frame []byte) error {
	if len(frame) != FrameBytes || frame[0]>>4 != magic {
		return ErrFrame
	}
	f := unpack(frame)
	copy(d.residual[:lagMax], d.residual[FrameSamples:])
	for i := range f.sub {
		d.longTerm(i, &f.sub[i])
	}
	d.shortTerm(out, f.lar())
	d.emphasis(out)
	return nil
}

// parameters is a frame taken apart.
type parameters struct {
	larc [order]int16
	sub  [subframes]subframe
}

type subframe struct {
	nc, bc, mc, xmaxc int16
	xmc               [pulses]int16
}

// bits reads a frame from its highest bit on.
type bits struct {
	b  []byte
	at int
}

func (b *bits) next(n int) (v int16) {
	for range n {
		v = v<<1 | int16(b.b[b.at/8]>>(7-b.at%8)&1)
		b.at++
	}
	return v
}

func unpack(frame []byte) (p parameters) {
	b := bits{b: frame, at: 4}
	for i, n := range [order]int{6, 6, 5, 5, 4, 4, 3, 3} {
		p.larc[i] = b.next(n)
	}
	for i := range p.sub {
		s := &p.sub[i]
		s.nc, s.bc, s.mc, s.xmaxc = b.next(7), b.next(2), b.next(2), b.next(6)
		for k := range s.xmc {
			s.xmc[k] = b.next(3)
		}
	}
	return p
}

// longTerm makes the residual of a subframe: its pulses and what is repeated of
// the past (§5.3.1, §5.3.2).
func (d *Decoder) longTerm(i int, s *subframe) {
	gains := [4]int16{3277, 11469, 21299, 32767} // QLB
	if lag := int(s.nc); lag >= lagMin && lag <= lagMax {
		d.lag = lag
	}
	lag := max(lagMin, d.lag)
	at := lagMax + i*subSamples
	past, now := d.residual[at-lag:][:subSamples], d.residual[at:][:subSamples]
	gain := gains[s.bc]
	var pulses [subSamples]int16
	s.place(&pulses)
	for k := range now {
		now[k] = add(pulses[k], multR(gain, past[k]))
	}
}

// place decodes the pulses and puts them on their grid: APCM inverse
// quantization and RPE grid positioning.
func (s *subframe) place(out *[subSamples]int16) {
	factors := [8]int16{18431, 20479, 22527, 24575, 26623, 28671, 30719, 32767} // FAC
	exp, mant := s.blockMaximum()
	shift := 6 - exp
	rounding := int16(0)
	if shift > 0 {
		rounding = 1 << (shift - 1)
	}
	for k, code := range s.xmc {
		x := multR(factors[mant], (code<<1-7)<<12)
		out[int(s.mc)+3*k] = add(x, rounding) >> shift
	}
}

// blockMaximum is the exponent and mantissa of xmaxc.
func (s *subframe) blockMaximum() (exp, mant int16) {
	if s.xmaxc > 15 {
		exp = s.xmaxc>>3 - 1
	}
	mant = s.xmaxc - exp<<3
	if mant == 0 {
		return -4, 7
	}
	for mant <= 7 {
		mant = mant<<1 | 1
		exp--
	}
	return exp, mant - 8
}

// lar decodes the logarithmic area ratios: LARpp.
func (p *parameters) lar() (out [order]int16) {
	const inverse = 13107
	inva := [order]int16{inverse, inverse, inverse, inverse, 19223, 17476, 31454, 29708}
	least := [order]int16{-32, -32, -16, -16, -8, -8, -4, -4} // MIC
	b := [order]int16{0, 0, 2048, -2560, 94, -1792, -341, -1144}
	for i, c := range p.larc {
		x := multR(inva[i], sub((c+least[i])<<10, b[i]<<1))
		out[i] = add(x, x)
	}
	return out
}

// shortTerm runs the residual through the lattice filter, of which the
// coefficients go over from the last frame's to this one's (§5.3.3).
func (d *Decoder) shortTerm(out *[FrameSamples]int16, larpp [order]int16) {
	was := d.larpp
	d.larpp = larpp
	var lar [order]int16
	part := func(from, to int, mix func(old, now int16) int16) {
		for i := range lar {
			lar[i] = reflection(mix(was[i], larpp[i]))
		}
		d.lattice(&lar, d.residual[lagMax+from:lagMax+to], out[from:to])
	}
	part(0, 13, func(old, now int16) int16 { return add(add(old>>2, now>>2), old>>1) })
	part(13, 27, func(old, now int16) int16 { return add(old>>1, now>>1) })
	part(27, 40, func(old, now int16) int16 { return add(add(old>>2, now>>2), now>>1) })
	part(40, FrameSamples, func(_, now int16) int16 { return now })
}

// reflection turns a logarithmic area ratio into a reflection coefficient.
func reflection(lar int16) int16 {
	x := lar
	if x < 0 {
		x = sub(0, x)
	}
	switch {
	case x < 11059:
		x <<= 1
	case x < 20070:
		x += 11059
	default:
		x = add(x>>2, 26112)
	}
	if lar < 0 {
		return -x
	}
	return x
}

func (d *Decoder) lattice(r *[order]int16, in, out []int16) {
	v := &d.v
	for k, x := range in {
		for i := order - 1; i >= 0; i-- {
			x = sub(x, multR(r[i], v[i]))
			v[i+1] = add(v[i], multR(r[i], x))
		}
		v[0] = x
		out[k] = x
	}
}

// emphasis undoes the coder's preemphasis and cuts to 13 bits (§5.3.4, §5.3.5).
func (d *Decoder) emphasis(out *[FrameSamples]int16) {
	const beta = 28180
	for k, x := range out {
		d.msr = add(x, multR(d.msr, beta))
		out[k] = add(d.msr, d.msr) &^ 7
	}
}

func saturate(x int32) int16 { return int16(max(-32768, min(32767, x))) }
func add(a, b int16) int16   { return saturate(int32(a) + int32(b)) }
func sub(a, b int16) int16   { return saturate(int32(a) - int32(b)) }

// multR is the product of two fractions, rounded.
func multR(a, b int16) int16 { return saturate((int32(a)*int32(b) + 16384) >> 15) }
