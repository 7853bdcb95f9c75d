package mp3

import (
	"math"
	"slices"
)

// channel is one channel on its way through the encoder.
type channel struct {
	x       []float32               // the samples
	split   [][slots][bands]float32 // by frame, from two before the first on
	steady  [][FrameSamples]float32 // lines of a long window, by frame
	hurried []bool                  // short windows suit better, by frame
	lines   [FrameSamples]float32   // of a short window, by frequency
	granule granule                 // the frame in hand
}

// analyse splits n frames' samples into bands.
func (c *channel) analyse(pcm []int16, n int) {
	c.x = c.x[:0]
	for _, s := range pcm {
		c.x = append(c.x, float32(s))
	}
	c.split = slices.Grow(c.split[:0], n)[:n]
	for i := range c.split {
		analyse(&c.split[i], (*[history + FrameSamples]float32)(c.x[i*FrameSamples:]))
	}
}

// chooseWindows transforms all frames with both kinds of window and remembers
// which needs fewer bits. It takes the first for steady: nothing is known of it.
func (c *channel) chooseWindows() {
	n := len(c.split)
	c.steady = slices.Grow(c.steady[:0], n)[:n]
	c.hurried = slices.Grow(c.hurried[:0], n)[:n]
	c.hurried[0] = false
	for k := 1; k < n; k++ {
		transform(&c.steady[k], &c.split[k-1], &c.split[k], long)
		transform(&c.lines, &c.split[k-1], &c.split[k], short)
		noise := power(&c.steady[k]) / FrameSamples * wanted
		c.hurried[k] = entropy(&c.lines, noise) < entropy(&c.steady[k], noise)
	}
}

// wanted is the noise for which the windows are compared, 20 dB below the signal.
const wanted = 0.01

// quiet is a power below all samples: it keeps from dividing by nothing.
const quiet = 1e-12

func power(lines *[FrameSamples]float32) (sum float32) {
	for _, x := range lines {
		sum += x * x
	}
	return sum
}

// entropy estimates the bits that the lines take at a noise: the sum of
// log2(1+signal/noise), halved. Eight lines share one logarithm.
func entropy(lines *[FrameSamples]float32, noise float32) (bits float64) {
	q := 1 / (noise + quiet)
	for i := 0; i < FrameSamples; i += 8 {
		l := (*[8]float32)(lines[i:])
		a := float64((1 + l[0]*l[0]*q) * (1 + l[1]*l[1]*q) * (1 + l[2]*l[2]*q) * (1 + l[3]*l[3]*q))
		b := float64((1 + l[4]*l[4]*q) * (1 + l[5]*l[5]*q) * (1 + l[6]*l[6]*q) * (1 + l[7]*l[7]*q))
		bits += math.Log2(a * b)
	}
	return bits / 2
}

// kind is the window of frame k: between steady and hurried ones stands one that
// leads over.
func (c *channel) kind(k int) blockType {
	before, after := c.hurried[k-1], c.hurried[k+1]
	switch {
	case c.hurried[k] || before && after:
		return short
	case after:
		return start
	case before:
		return stop
	}
	return long
}

// spectrum prepares frame k of a channel for its quantisation.
func (e *Encoder) spectrum(c *channel, k int) {
	g := &c.granule
	g.kind, g.layout = c.kind(k), &e.long
	switch g.kind {
	case long:
		g.lines = c.steady[k]
	case short:
		g.layout = &e.short
		transform(&c.lines, &c.split[k-1], &c.split[k], short)
		e.short.reorder(&g.lines, &c.lines)
	case start, stop:
		transform(&g.lines, &c.split[k-1], &c.split[k], g.kind)
	}
	g.weigh()
}
