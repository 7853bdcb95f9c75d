package mp3

import "math"

// history is how many samples the filter bank looks back from the 32 it takes.
const history = 480

// analyse splits a frame's samples into 32 bands of 18 samples each. x begins
// history samples before the frame's own.
func analyse(out *[slots][bands]float32, x *[history + FrameSamples]float32) {
	for t := range slots {
		band(&out[t], (*[512]float32)(x[32*t:]))
		if t&1 == 1 {
			for k := 1; k < bands; k += 2 {
				out[t][k] = -out[t][k]
			}
		}
	}
}

// band takes one sample of each band. The 64 windowed sums are folded to the 32
// that are different under the cosines.
func band(out *[bands]float32, x *[512]float32) {
	var y [64]float32
	for k := range y {
		w := &taps[k]
		y[k] = w[0]*x[511-k] + w[1]*x[447-k] + w[2]*x[383-k] + w[3]*x[319-k] +
			w[4]*x[255-k] + w[5]*x[191-k] + w[6]*x[127-k] + w[7]*x[63-k]
	}
	var b [32]float32
	b[0] = y[16]
	for m := 1; m <= 16; m++ {
		b[m] = y[16+m] + y[16-m]
	}
	for m := 17; m < 32; m++ {
		b[m] = y[16+m] - y[80-m]
	}
	cosines32(out, &b)
}

// secants are 1/(2·cos((2i+1)π/2n)), by which the odd half of n is divided.
func secants(n int) []float32 {
	s := make([]float32, n/2)
	for i := range s {
		s[i] = float32(0.5 / math.Cos(float64(2*i+1)*math.Pi/float64(2*n)))
	}
	return s
}

var (
	secants32 = [16]float32(secants(32))
	secants16 = [8]float32(secants(16))
	secants8  = [4]float32(secants(8))
)

// cosines32 is out[i] = Σ b[m]·cos((2i+1)·m·π/64), after B. G. Lee, "A New
// Algorithm to Compute the Discrete Cosine Transform", 1984: the even terms are
// a transform of half the length, and so are the odd ones divided by a cosine.
func cosines32(out, b *[32]float32) {
	var e, o, even, odd [16]float32
	e[0], o[0] = b[0], b[1]
	for p := 1; p < 16; p++ {
		e[p], o[p] = b[2*p], b[2*p+1]+b[2*p-1]
	}
	cosines16(&even, &e)
	cosines16(&odd, &o)
	for i := range even {
		v := odd[i] * secants32[i]
		out[i], out[31-i] = even[i]+v, even[i]-v
	}
}

func cosines16(out, b *[16]float32) {
	var e, o, even, odd [8]float32
	e[0], o[0] = b[0], b[1]
	for p := 1; p < 8; p++ {
		e[p], o[p] = b[2*p], b[2*p+1]+b[2*p-1]
	}
	cosines8(&even, &e)
	cosines8(&odd, &o)
	for i := range even {
		v := odd[i] * secants16[i]
		out[i], out[15-i] = even[i]+v, even[i]-v
	}
}

func cosines8(out, b *[8]float32) {
	even := cosines4(b[0], b[2], b[4], b[6])
	odd := cosines4(b[1], b[3]+b[1], b[5]+b[3], b[7]+b[5])
	for i := range even {
		v := odd[i] * secants8[i]
		out[i], out[7-i] = even[i]+v, even[i]-v
	}
}

func cosines4(a, b, c, d float32) [4]float32 {
	const cos1, cos2, cos3 = 0.92387953251128674, 0.70710678118654752, 0.38268343236508977
	p, q := a+cos2*c, a-cos2*c
	r, s := cos1*b+cos3*d, cos3*b-cos1*d
	return [4]float32{p + r, q + s, q - s, p - r}
}
