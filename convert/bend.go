package convert

import "slices"

const (
	// knotWindows is how many windows a knot is made of: a minute.
	knotWindows = 12
	// knotFar is how far behind the last one fewer windows make a knot, in ticks.
	knotFar = 2 * knotWindows * window
	// bendLeast is how far the clocks must be from a straight line, in ticks: 8 ms. Below
	// that it is the network's.
	bendLeast = 8 * rate / 1000
)

// drift is by how much an RTP clock runs slow: the share of time to be added, and
// what is beyond that at some positions.
type drift struct {
	slope float64
	knots []knot
}

// knot is what is beyond the line at a position, in ticks. Between two it changes
// evenly, before the first and behind the last not at all.
type knot struct{ position, beyond float64 }

// at is where a position of a segment really lies.
func (d *drift) at(position int64) int64 {
	if !d.any() {
		return position
	}
	x := float64(position)
	beyond := x * d.slope
	if len(d.knots) > 0 {
		beyond += d.beyond(x) - d.beyond(0)
	}
	return position + int64(beyond)
}

// any reports whether there is a skew.
func (d *drift) any() bool { return d.slope != 0 || len(d.knots) > 0 }

// beyond is what the knots say of a position. They are evenly spread but for gaps.
func (d *drift) beyond(x float64) float64 {
	i, _ := slices.BinarySearchFunc(d.knots, x, func(k knot, x float64) int {
		if k.position < x {
			return -1
		}
		return 1
	})
	switch i {
	case 0:
		return d.knots[0].beyond
	case len(d.knots):
		return d.knots[i-1].beyond
	}
	a, b := d.knots[i-1], d.knots[i]
	return a.beyond + (b.beyond-a.beyond)*(x-a.position)/(b.position-a.position)
}

// bend finds the knots of a clock of which the windows, with the line's slope taken off,
// are far from a line; none if there are too few, or if it would have to run as no
// clock does.
func bend(windows []least, slope float64) drift {
	d := drift{slope: slope}
	low, high := 0.0, 0.0
	last := 0.0
	for len(windows) > 0 {
		n := minute(windows)
		if n >= knotWindows/2 || float64(windows[0].position)-last > knotFar {
			k := knotOf(windows[:n])
			d.knots, last = append(d.knots, k), k.position
		}
		windows = windows[n:]
	}
	for i := 1; i < len(d.knots); i++ {
		a, b := d.knots[i-1], d.knots[i]
		if steep := (b.beyond-a.beyond)/(b.position-a.position) + slope; max(steep, -steep) > driftMost {
			return drift{}
		}
		low, high = min(low, b.beyond-d.knots[0].beyond), max(high, b.beyond-d.knots[0].beyond)
	}
	if len(d.knots) < 2 || high-low < bendLeast {
		return drift{}
	}
	return d
}

// minute is how many of the windows are within one.
func minute(windows []least) (n int) {
	for n < len(windows) && windows[n].position-windows[0].position < knotWindows*window {
		n++
	}
	return n
}

// knotOf is in the middle of its windows.
func knotOf(windows []least) knot {
	var beyond []float64
	position := 0.0
	for _, w := range windows {
		beyond = append(beyond, float64(w.delay))
		position += float64(w.position) / float64(len(windows))
	}
	slices.Sort(beyond)
	return knot{position, beyond[len(beyond)/2]}
}
