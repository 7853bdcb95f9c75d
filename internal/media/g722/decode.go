package g722

// Decoder turns octets into samples. It is not safe for concurrent use.
type Decoder struct {
	mode      Mode
	low, high band
	x         [24 + 2*batch]int32 // input of the mirror filter, oldest first
}

const batch = 80 // octets taken through the filter at a time

// NewDecoder makes a decoder in the state after reset.
func NewDecoder(mode Mode) *Decoder {
	d := &Decoder{mode: mode}
	d.low.det, d.high.det = firstStepLow, firstStepHigh
	return d
}

// Decode decodes src into dst, two samples of 16 bits at 16 kHz for each octet,
// and returns their number. dst must hold 2*len(src) samples.
func (d *Decoder) Decode(dst []int16, src []byte) int {
	n := 2 * len(src)
	for len(src) > 0 {
		part := src[:min(len(src), batch)]
		for i, octet := range part {
			low, high := d.lower(octet), d.higher(octet)
			d.x[22+2*i], d.x[23+2*i] = low+high, low-high
		}
		d.synthesize(dst[:2*len(part)])
		copy(d.x[:22], d.x[2*len(part):])
		dst, src = dst[2*len(part):], src[len(part):]
	}
	return n
}

// DecodeLow decodes the low sub-band of src alone into dst, one sample of 16 bits
// at 8 kHz for each octet, and returns their number, as programs do that want no more
// than 8 kHz (rtpproxy does). Nothing is filtered, so that what lay a little above 4
// kHz is heard a little below it. dst must hold len(src) samples. A decoder is for
// this or for Decode, not for both.
func (d *Decoder) DecodeLow(dst []int16, src []byte) int {
	for i, octet := range src {
		dst[i] = int16(2 * d.lower(octet))
	}
	return len(src)
}

// lower decodes the low sub-band: blocks 5L, 6L, 2L, 3L and 4L.
func (d *Decoder) lower(octet byte) int32 {
	code, quantum := int32(octet>>2&15), int32(0)
	switch d.mode {
	case Mode48k:
		quantum = quanta4[code]
	case Mode56k:
		quantum = quanta5[octet>>1&31]
	case Mode64k:
		quantum = quanta6[octet&63]
	}
	c := &d.low
	out := limit(c.s + c.det*quantum>>15)
	difference := c.det * quanta4[code] >> 15
	c.scaleLow(code)
	c.adapt(difference)
	return out
}

// higher decodes the high sub-band: blocks 2H, 3H, 4H and 5H.
func (d *Decoder) higher(octet byte) int32 {
	code := int32(octet >> 6)
	c := &d.high
	difference := c.det * quanta2[code] >> 15
	out := limit(c.s + difference)
	c.scaleHigh(code)
	c.adapt(difference)
	return out
}

// synthesize is the receive mirror filter (clause 4.4, blocks RECA, RECB, DELAYX,
// ACCUMC, ACCUMD and SELECT).
func (d *Decoder) synthesize(dst []int16) {
	for i := 0; i+1 < len(dst); i += 2 {
		x := (*[24]int32)(d.x[i:])
		even, odd := int32(0), int32(0)
		for k, h := range mirror {
			even += x[2*k] * h
			odd += x[23-2*k] * h
		}
		dst[i], dst[i+1] = int16(saturate(odd>>11)), int16(saturate(even>>11))
	}
}
