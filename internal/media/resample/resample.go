// Package resample doubles and halves the rate of 16-bit samples, in a stream
// and without clicks between its parts. The filters are windowed sincs in whole
// numbers, so that the same input gives the same output on every machine, and
// their gain at 0 Hz is exactly 1.
package resample

import "math"

// The coefficients have 20 bits behind the point.
const (
	fraction = 20
	half     = 1 << (fraction - 1)
	batch    = 1024 // samples taken through a filter at a time
)

func saturate(x int64) int16 { return int16(max(-32768, min(32767, x))) }

// UpDelay is the delay of Up in samples at its output. It is that of G.722 from
// an encoder's input to a decoder's output, so that narrow and wide voice remain
// in step.
const UpDelay = 22

const (
	reach  = UpDelay / 2 // input samples looked at on either side
	upTail = 2*reach - 1 // input samples kept for the next call
	upBeta = 5.0         // Kaiser's: from 4.6 of 8 kHz on images are 50 dB down
)

// Up doubles the rate. Every second output sample is an input sample unchanged.
// It is not safe for concurrent use.
type Up struct {
	h [reach]int64
	x [upTail + batch]int64 // the last input samples, then new ones
}

// NewUp makes an Up that has heard silence.
func NewUp() *Up {
	u := &Up{}
	var exact [reach]float64
	for k := range exact {
		at := float64(k) + 0.5
		exact[k] = sinc(at) * kaiser(at/reach, upBeta)
	}
	whole(u.h[:], exact[:], half)
	return u
}

// Process writes 2*len(src) samples to dst.
func (u *Up) Process(dst, src []int16) {
	for len(src) > 0 {
		n := min(len(src), batch)
		for i, v := range src[:n] {
			u.x[upTail+i] = int64(v)
		}
		for i := range n {
			x := (*[upTail + 1]int64)(u.x[i:])
			sum := int64(half)
			for k, h := range u.h {
				sum += h * (x[reach-1-k] + x[reach+k])
			}
			dst[2*i], dst[2*i+1] = int16(x[reach-1]), saturate(sum>>fraction)
		}
		copy(u.x[:upTail], u.x[n:n+upTail])
		dst, src = dst[2*n:], src[n:]
	}
}

// DownDelay is the delay of Down in samples at its output.
const DownDelay = 24

const (
	center   = 2 * DownDelay // index of the middle coefficient
	downTail = 2 * center    // input samples kept for the next call
	downEdge = 3700.0 / 16000
	downBeta = 5.65 // Kaiser's: flat to 3.4 of 16 kHz, 60 dB down from 4 on
)

// Down halves the rate, after a low-pass. It is not safe for concurrent use.
type Down struct {
	h [center + 1]int64         // the middle coefficient, then outwards
	x [downTail + 2*batch]int64 // the last input samples, then new ones
}

// NewDown makes a Down that has heard silence.
func NewDown() *Down {
	d := &Down{}
	var exact [center]float64
	for k := range exact {
		at := float64(k + 1)
		exact[k] = 2 * downEdge * sinc(2*downEdge*at) * kaiser(at/(center+1), downBeta)
	}
	d.h[0] = int64(math.Round(2*downEdge*half)) * 2 // even, for the others come in pairs
	whole(d.h[1:], exact[:], half-d.h[0]/2)
	return d
}

// Process writes len(src)/2 samples to dst. The length of src must be even.
func (d *Down) Process(dst, src []int16) {
	for len(src) > 1 {
		n := min(len(src)/2, batch)
		for i, v := range src[:2*n] {
			d.x[downTail+i] = int64(v)
		}
		for i := range n {
			x := (*[2*center + 1]int64)(d.x[2*i:])
			sum := half + d.h[0]*x[center]
			for k := 1; k <= center; k++ {
				sum += d.h[k] * (x[center-k] + x[center+k])
			}
			dst[i] = saturate(sum >> fraction)
		}
		copy(d.x[:downTail], d.x[2*n:2*n+downTail])
		dst, src = dst[n:], src[2*n:]
	}
}

// whole scales exact so that it adds up to sum, in whole numbers; the first takes
// the rounding.
func whole(h []int64, exact []float64, sum int64) {
	total := 0.0
	for _, v := range exact {
		total += v
	}
	h[0] = sum
	for k, v := range exact[1:] {
		h[k+1] = int64(math.Round(v / total * float64(sum)))
		h[0] -= h[k+1]
	}
}

func sinc(x float64) float64 { return math.Sin(math.Pi*x) / (math.Pi * x) }

// kaiser is the window at x, from -1 to 1.
func kaiser(x, beta float64) float64 { return bessel(beta*math.Sqrt(1-x*x)) / bessel(beta) }

// bessel is I0, the modified Bessel function of the first kind.
func bessel(x float64) float64 {
	sum, term := 1.0, 1.0
	for k := 1.0; term > 1e-12*sum; k++ {
		term *= x / (2 * k) * x / (2 * k)
		sum += term
	}
	return sum
}
