package resample

import "math"

// RatioDelay is the delay of a Ratio in samples at its output. At 16 kHz it is
// that of Up, so that all voice remains in step.
const RatioDelay = UpDelay

const (
	ratioEdge = 0.93 // middle of the transition, as a share of the lower of both halved rates
	ratioBeta = 5.65 // Kaiser's: what is beyond the transition is 60 dB down
)

// Ratio changes a rate by any fraction. It gives as many samples as there is time
// for: floor(n*to/from) after n, so that however long the stream, nothing drifts.
// It is not safe for concurrent use.
type Ratio struct {
	l, m  int     // the fraction to/from in lowest terms
	taps  int     // input samples looked at for an output sample
	h     []int32 // taps for each of l phases
	x     []int16 // input that is still looked at
	at    int     // where in x the next output sample begins to look
	phase int     // of it
	due   int     // l for each sample that came, less m for each that was given
}

// NewRatio makes a Ratio of two rates in Hz that has heard silence. Both must be
// positive and to at most 22 times from, of which no filter could be made. It
// takes memory of some (from+to)/gcd(from, to) times 60 bytes, and longer to make the
// more that is.
func NewRatio(from, to int) *Ratio {
	g := gcd(from, to)
	r := &Ratio{l: to / g, m: from / g}
	reach := max(1, RatioDelay*r.m/r.l-1)
	r.taps = 2 * reach
	r.phase = (r.l - RatioDelay*r.m%r.l) % r.l
	first := (RatioDelay*r.m + r.l - 1) / r.l // input samples the first output lies before the first input
	r.x = make([]int16, first+reach-1)
	r.h = make([]int32, r.l*r.taps)
	cut := ratioEdge * min(1, float64(r.l)/float64(r.m))
	exact := make([]float64, r.taps)
	for phase := range r.l {
		for k := range exact {
			at := float64(k-reach+1) - float64(phase)/float64(r.l)
			exact[k] = cut * sinc0(cut*at) * kaiser(min(1, max(-1, at/float64(reach))), ratioBeta)
		}
		wholePhase(r.h[phase*r.taps:][:r.taps], exact)
	}
	return r
}

// wholePhase scales exact so that it adds up to 1 in whole numbers; the greatest
// takes the rounding.
func wholePhase(h []int32, exact []float64) {
	const one = 1 << fraction
	total, greatest := 0.0, 0
	for k, v := range exact {
		total += v
		if v > exact[greatest] {
			greatest = k
		}
	}
	rest := int32(one)
	for k, v := range exact {
		h[k] = int32(math.Round(v / total * one))
		rest -= h[k]
	}
	h[greatest] += rest
}

// Append adds what src sounds like at the other rate to dst.
func (r *Ratio) Append(dst, src []int16) []int16 {
	r.x = append(r.x, src...)
	for r.due += len(src) * r.l; r.due >= r.m; r.due -= r.m {
		h := r.h[r.phase*r.taps:][:r.taps]
		x := r.x[r.at:][:len(h)]
		sum := int64(half)
		for k, v := range h {
			sum += int64(v) * int64(x[k])
		}
		dst = append(dst, saturate(sum>>fraction))
		r.phase += r.m
		r.at += r.phase / r.l
		r.phase %= r.l
	}
	r.x = r.x[:copy(r.x, r.x[r.at:])]
	r.at = 0
	return dst
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// sinc0 is sinc with its limit at 0.
func sinc0(x float64) float64 {
	if x == 0 {
		return 1
	}
	return sinc(x)
}
