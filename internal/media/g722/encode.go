package g722

// Encoder turns samples into octets of 64 kbit/s. It is not safe for concurrent
// use.
type Encoder struct {
	low, high band
	x         [24]int32 // input of the mirror filter, oldest first
}

// NewEncoder makes an encoder in the state after reset.
func NewEncoder() *Encoder {
	e := &Encoder{}
	e.low.det, e.high.det = firstStepLow, firstStepHigh
	return e
}

// Encode encodes src, samples of 16 bits at 16 kHz, into dst, one octet for each
// two samples, and returns their number. A last odd sample is not encoded. dst
// must hold len(src)/2 octets.
func (e *Encoder) Encode(dst []byte, src []int16) int {
	n := len(src) / 2
	for i := range n {
		copy(e.x[:], e.x[2:])
		e.x[22], e.x[23] = int32(src[2*i]), int32(src[2*i+1])
		low, high := e.analyse()
		dst[i] = e.higher(high)<<6 | e.lower(low)
	}
	return n
}

// analyse is the transmit mirror filter (clause 3.1, blocks DELAYX, ACCUMA,
// ACCUMB, LOWT and HIGHT).
func (e *Encoder) analyse() (low, high int32) {
	even, odd := int32(0), int32(0)
	for k, h := range mirror {
		odd += e.x[2*k] * h
		even += e.x[23-2*k] * h
	}
	return limit((even + odd) >> 14), limit((even - odd) >> 14)
}

// lower encodes the low sub-band: blocks 1L to 4L. Negative differences have the
// codes 4 to 31 and, for the two smallest, 62 and 63.
func (e *Encoder) lower(x int32) byte {
	c := &e.low
	difference := saturate(x - c.s)
	size := difference ^ difference>>31
	i := 1
	for i < len(thresholds) && size >= thresholds[i]*c.det>>12 {
		i++
	}
	code := byte(62 - i)
	if difference < 0 {
		if code = byte(34 - i); i < 3 {
			code = byte(64 - i)
		}
	}
	index := int32(code >> 2)
	quantised := c.det * quanta4[index] >> 15
	c.scaleLow(index)
	c.adapt(quantised)
	return code
}

// higher encodes the high sub-band: blocks 1H to 4H.
func (e *Encoder) higher(x int32) byte {
	c := &e.high
	difference := saturate(x - c.s)
	code := byte(3)
	if difference < 0 {
		code = 1
	}
	if difference^difference>>31 >= 564*c.det>>12 {
		code--
	}
	quantised := c.det * quanta2[code] >> 15
	c.scaleHigh(int32(code))
	c.adapt(quantised)
	return code
}
