package convert

import "slices"

const (
	// window is the time of which the packet that came soonest is looked at, in
	// ticks: 10 s.
	window = 10 * rate
	// driftLeast is the disagreement of the clocks over a segment from which it
	// is corrected, in ticks: 5 ms.
	driftLeast = rate / 200
	// driftMost is the greatest skew that is taken for one: no crystal is worse
	// than a thousandth.
	driftMost = 1e-3
	// windowsLeast is how many windows are needed to tell a skew from jitter.
	windowsLeast = 6
	// pairsMost bounds the work: of so many windows at most each is compared.
	pairsMost = 128
)

// delays is the least delay of a segment's packets, window by window. A packet
// can come late by any time, but not early: the soonest of each window tell how
// the sender's clock runs against the capture's.
type delays struct {
	windows []least
}

// least is the packet of a window that came soonest.
type least struct{ position, delay int64 }

func (d *delays) add(position, delay int64) {
	n := len(d.windows)
	if n == 0 || position/window > d.windows[n-1].position/window {
		d.windows = append(d.windows, least{position, delay})
		return
	}
	if w := &d.windows[n-1]; delay < w.delay {
		*w = least{position, delay}
	}
}

// drift is the skew of a segment's RTP clock: as a line through the windows, of
// which the slope is the median of the slopes between any two (Theil-Sen). The
// zero value is none.
func (d *delays) drift() drift {
	n := len(d.windows)
	if n < windowsLeast {
		return 0
	}
	slope := medianSlope(d.windows)
	total := slope * float64(d.windows[n-1].position-d.windows[0].position)
	if max(total, -total) < driftLeast || max(slope, -slope) > driftMost {
		return 0
	}
	return drift(slope)
}

func medianSlope(windows []least) float64 {
	stride := (len(windows) + pairsMost - 1) / pairsMost
	var slopes []float64
	for i := 0; i < len(windows); i += stride {
		for j := i + stride; j < len(windows); j += stride {
			a, b := windows[i], windows[j]
			slopes = append(slopes, float64(b.delay-a.delay)/float64(b.position-a.position))
		}
	}
	slices.Sort(slopes)
	return slopes[len(slopes)/2]
}

// least is the smallest delay in the first windows against a clock with the
// skew: how much sooner than its arrival the first packet can have been sent.
func (d *delays) least(skew drift) int64 {
	first := int64(0)
	for _, w := range d.windows[:min(len(d.windows), windowsLeast)] {
		first = min(first, w.position+w.delay-skew.at(w.position))
	}
	return max(first, -pause)
}

// drift is by how much an RTP clock runs slow: the share of time to be added.
type drift float64

// at is where a position of a segment really lies.
func (d drift) at(position int64) int64 {
	if d == 0 {
		return position
	}
	return position + int64(float64(position)*float64(d))
}
