package mp3_test

import (
	"math"
	"math/cmplx"
)

// level is how much louder y is than x, in dB.
func level(x, y []int16) float64 { return 10 * math.Log10(energy(y)/energy(x)) }

func energy(x []int16) (sum float64) {
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	return sum
}

// evened is y at the level of x.
func evened(x, y []int16) []int16 {
	factor := math.Pow(10, -level(x, y)/20)
	z := make([]int16, len(y))
	for i, v := range y {
		z[i] = int16(max(-32768, min(32767, math.Round(factor*float64(v)))))
	}
	return z
}

// snr is the signal to noise ratio of y against x, in dB.
func snr(x, y []int16) float64 {
	noise := 0.
	for i := range x {
		d := float64(x[i]) - float64(y[i])
		noise += d * d
	}
	return 10 * math.Log10(energy(x)/noise)
}

// lag is how many samples y is later than x, found by correlation.
func lag(x, y []int16) int {
	const reach, within = 1200, 5000
	best, found := 0., 0
	for d := -reach; d <= reach; d++ {
		sum := 0.
		for i := reach; i < min(within, len(x)-reach); i++ {
			if k := i + d; k < len(y) {
				sum += float64(x[i]) * float64(y[k])
			}
		}
		if sum > best {
			best, found = sum, d
		}
	}
	return found
}

// from is y from sample d on, as long as n.
func from(y []int16, d, n int) []int16 {
	z := make([]int16, n)
	for i := range z {
		if k := i + d; k >= 0 && k < len(y) {
			z[i] = y[k]
		}
	}
	return z
}

// distance is the log-spectral distance of y from x in dB: the mean, over blocks
// of 32 ms that are not quiet, of the root of the mean square of the difference of
// the spectra between 200 and 3,400 Hz.
func distance(x, y []int16, rate int) float64 {
	const quiet = 100
	n := 32 * rate / 1000
	sum, blocks := 0., 0
	for at := 0; at+n <= len(x); at += n / 2 {
		if energy(x[at:at+n]) < quiet*quiet*float64(n) {
			continue
		}
		p, q := spectrum(x[at:at+n]), spectrum(y[at:at+n])
		square, lines := 0., 0
		for k := range p {
			if f := k * rate / n; f >= 200 && f <= 3400 {
				d := 10 * math.Log10((p[k]+1)/(q[k]+1))
				square += d * d
				lines++
			}
		}
		sum += math.Sqrt(square / float64(lines))
		blocks++
	}
	return sum / float64(max(1, blocks))
}

// spectrum is the power of each line up to half the rate, under a Hann window.
func spectrum(x []int16) []float64 {
	a := make([]complex128, len(x))
	for i, v := range x {
		a[i] = complex(float64(v)*(0.5-0.5*math.Cos(2*math.Pi*float64(i)/float64(len(x)))), 0)
	}
	fourier(a)
	p := make([]float64, len(x)/2)
	for i := range p {
		p[i] = real(a[i])*real(a[i]) + imag(a[i])*imag(a[i])
	}
	return p
}

// fourier transforms a, whose length is a power of two.
func fourier(a []complex128) {
	n := len(a)
	if n == 1 {
		return
	}
	even, odd := make([]complex128, n/2), make([]complex128, n/2)
	for i := range even {
		even[i], odd[i] = a[2*i], a[2*i+1]
	}
	fourier(even)
	fourier(odd)
	for i := range even {
		t := cmplx.Rect(1, -2*math.Pi*float64(i)/float64(n)) * odd[i]
		a[i], a[i+n/2] = even[i]+t, even[i]-t
	}
}
