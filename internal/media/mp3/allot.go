package mp3

import "math"

const maxPart = 4095 // bits of one channel in a frame

// allot gives the channels their bits. It finds the smallest step of quantisation
// with which the frame holds both, so that whoever speaks gets what the other
// leaves; makes up for the energy that rounding takes; and spends what is left.
func (e *Encoder) allot() {
	e.compare()
	base := e.search()
	for _, g := range e.granules {
		g.amplify(g.shrunk())
		g.floor = g.finest()
	}
	for e.set(base) > e.budget {
		base++
	}
	e.spend()
}

// share is how much of a difference in level between the channels becomes a
// difference of their noise. With none a quiet side vanishes while the other
// speaks; with all of it he who speaks has no more bits than who listens.
const share = 0.25

// compare sets the bounds of the channels' gains.
func (e *Encoder) compare() {
	loudest := 0.
	for _, g := range e.granules {
		g.floor = g.finest()
		g.energy = power(&g.lines) + quiet
		loudest = max(loudest, float64(g.energy))
	}
	for _, g := range e.granules {
		g.finer = int(share * 2 * math.Log2(loudest/float64(g.energy)))
	}
}

// set quantises with a gain and returns the bits of the frame, very many if it
// cannot be coded.
func (e *Encoder) set(gain int) (bits int) {
	for _, g := range e.granules {
		g.quantize(max(min(maxGain, gain)-g.finer, g.floor))
		bits += g.bits
		if g.bits > maxPart {
			bits += 1 << 16
		}
	}
	return bits
}

// search finds the smallest gain that fits into the budget. The bits fall by
// about a fifth of the values that are not 0 with each step.
func (e *Encoder) search() int {
	lo, hi := 0, maxGain // lo is too small or not known to be, hi fits
	for gain := e.guess(); lo < hi; {
		bits, values := e.set(gain), 16
		for _, g := range e.granules {
			values += g.ones
		}
		if bits <= e.budget {
			hi = gain
		} else {
			lo = gain + 1
		}
		jump := float64(bits-e.budget) / (0.2 * float64(values))
		gain = max(lo, min(hi-1, gain+int(math.Round(jump))))
	}
	return hi
}

// guess is the gain that about two bits a line lead to.
func (e *Encoder) guess() int {
	energy := float32(0)
	for _, g := range e.granules {
		energy = max(energy, g.energy)
	}
	gain := unitGain + 2*math.Log2(float64(energy)/FrameSamples) - guessed
	return max(0, min(maxGain, int(gain)))
}

const guessed = 8

// spend makes one channel after the other finer by a step, where bits are left.
func (e *Encoder) spend() {
	left := e.budget
	for _, g := range e.granules {
		left -= g.bits
	}
	for _, g := range e.granules {
		if g.gain <= g.floor {
			continue
		}
		before := g.bits
		g.quantize(g.gain - 1)
		if g.bits > maxPart || g.bits-before > left {
			g.quantize(g.gain + 1)
		}
		left -= g.bits - before
	}
}

// regained is the part of the energy lost to rounding that louder lines bring
// back: some of them then reach a value that they had not.
const regained = 0.75

// shrunk is the factor for powers that makes up for the energy that rounding
// takes.
func (g *granule) shrunk() float32 {
	var out float32
	for _, v := range g.ix[:g.ones] {
		if v < int32(len(energies)) {
			out += energies[v]
		} else {
			out += float32(math.Pow(float64(v), 8./3))
		}
	}
	out *= grids[g.gain]
	if out == 0 {
		return 1
	}
	return float32(math.Pow(float64(max(0.9, min(1.3, g.energy/out))), regained*3/8))
}

// energies are the squares of the lines that small values stand for.
var energies = makeEnergies()

func makeEnergies() (e [64]float32) {
	for v := range e {
		e[v] = float32(math.Pow(float64(v), 8./3))
	}
	return e
}
