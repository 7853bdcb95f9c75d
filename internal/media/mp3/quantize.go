package mp3

import "math"

// A gain is the value of the field global_gain; each step is 1.5 dB.
const (
	maxGain  = 255
	unitGain = 210
)

// granule is one channel of a frame.
type granule struct {
	kind   blockType
	layout *layout
	lines  [FrameSamples]float32 // in the order of coding
	powers [FrameSamples]float32 // |line|^¾
	peak   float32               // the largest of powers
	ix     [FrameSamples]int32   // values, without their signs
	gain   int
	coding

	energy float32 // of the lines
	floor  int     // the smallest gain at which all values can be coded
	finer  int     // how much smaller the gain is than the frame's
}

// steps are the factors from powers to values, by gain, and grids the squares of
// the way back.
var (
	steps = makeSteps()
	grids = makeGrids()
)

func makeSteps() (s [maxGain + 1]float32) {
	for g := range s {
		s[g] = float32(math.Pow(2, -0.75*float64(g-unitGain)/4))
	}
	return s
}

func makeGrids() (s [maxGain + 1]float32) {
	for g := range s {
		s[g] = float32(math.Pow(2, 2*float64(g-unitGain)/4))
	}
	return s
}

// weigh prepares the quantisation.
func (g *granule) weigh() {
	g.peak = 0
	for i, x := range g.lines {
		a := float32(math.Abs(float64(x)))
		p := float32(math.Sqrt(float64(a * float32(math.Sqrt(float64(a))))))
		g.powers[i] = p
		g.peak = max(g.peak, p)
	}
}

// amplify makes all lines louder.
func (g *granule) amplify(factor float32) {
	for i := range g.powers {
		g.powers[i] *= factor
	}
	g.peak *= factor
}

// nearest rounds to the nearest value: halfway between 0 and 1 is 0.5^¾.
const nearest = 1 - 0.5946

// quantize fills in the values and says how they are coded.
func (g *granule) quantize(gain int) {
	step := steps[gain]
	for i, p := range &g.powers {
		g.ix[i] = int32(p*step + nearest)
	}
	g.gain = gain
	g.coding = g.layout.count(&g.ix, g.kind == long)
}

// finest is the smallest gain at which all values can be coded.
func (g *granule) finest() int {
	lo, hi := 0, maxGain
	for lo < hi {
		mid := (lo + hi) / 2
		if g.peak*steps[mid]+1 < largest {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return lo
}
