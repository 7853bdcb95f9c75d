package convert

import (
	"cmp"
	"slices"
)

const (
	// window is the time of which the packet that came soonest is looked at, in
	// ticks: 5 s.
	window = 5 * rate
	// driftLeast is the disagreement of the clocks over a segment from which it
	// is corrected, in ticks: 5 ms.
	driftLeast = rate / 200
	// driftMost is the greatest skew that is taken for one: no crystal is worse
	// than a thousandth.
	driftMost = 1e-3
	driftSpan = 1000 // ticks in which a clock goes wrong by one at most
	// windowsLeast is how many windows are needed to tell a skew from jitter.
	windowsLeast = 6
	// stepWindows is how many windows before and behind a step of the delay must
	// show it, and stepLeast its least height, in ticks: 20 ms. Within them the worst
	// clock is wrong by no more than twice that.
	stepWindows = 2
	stepLeast   = rate / 50
	// stepSmall is the same where the skew has been taken off: 8 ms.
	stepSmall = 8 * rate / 1000
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

// drift is the skew of a segment's RTP clock: a line through the windows, of which
// the slope is the median of the slopes between any two (Theil-Sen), and bent where
// the clock has not always had the same skew. The zero value is none.
func (d *delays) drift() drift {
	n := len(d.windows)
	if n < windowsLeast {
		return drift{}
	}
	windows := level(d.windows, stepLeast)
	slope := medianSlope(windows)
	if max(slope, -slope) > driftMost {
		return drift{}
	}
	if b := bend(level(turned(d.windows, slope), stepSmall), slope); b.knots != nil {
		return b
	}
	if total := slope * float64(windows[n-1].position-windows[0].position); max(total, -total) < driftLeast {
		return drift{}
	}
	return drift{slope: slope}
}

// level takes out of the windows the steps at which the way of the packets became
// longer or shorter for good: no clock runs so fast in the time between two windows.
func level(windows []least, stepLeast int64) []least {
	out, step := slices.Clone(windows), int64(0)
	for i := 1; i < len(windows); i++ {
		if i >= stepWindows && i+stepWindows <= len(windows) {
			at := windows[i].delay - windows[i-1].delay
			for _, a := range windows[i-stepWindows : i] {
				for _, b := range windows[i : i+stepWindows] {
					at = nearer(at, b.delay-a.delay)
				}
			}
			run := float64(windows[i].position-windows[i-1].position-window) * driftMost
			if least := stepLeast + max(0, int64(run)); at > least || at < -least {
				step += at
			}
		}
		out[i].delay -= step
	}
	return out
}

// turned takes a skew off.
func turned(windows []least, slope float64) []least {
	out := slices.Clone(windows)
	for i := range out {
		out[i].delay -= int64(slope * float64(out[i].position))
	}
	return out
}

// nearer is the one of two numbers that is nearer to zero; 0 if they differ in
// their signs.
func nearer(a, b int64) int64 {
	switch {
	case a > 0 && b > 0:
		return min(a, b)
	case a < 0 && b < 0:
		return max(a, b)
	}
	return 0
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
	return max(first, -apart)
}

// future is the least delay from a position on, of a run whose clock has a skew:
// windows from the back to the front, each with the least of all behind it.
type future struct {
	skew    drift
	windows []least
}

func newFuture(d *delays) *future {
	f := &future{skew: d.drift(), windows: slices.Clone(d.windows)}
	for i := range f.windows {
		w := &f.windows[i]
		w.delay -= f.skew.at(w.position) - w.position
	}
	for i := len(f.windows) - 2; i >= 0; i-- {
		f.windows[i].delay = min(f.windows[i].delay, f.windows[i+1].delay)
	}
	return f
}

// from is the least delay in the windows from that of a position on.
func (f *future) from(position int64) int64 {
	i, _ := slices.BinarySearchFunc(f.windows, position/window, func(w least, at int64) int { return cmp.Compare(w.position/window, at) })
	if i == len(f.windows) {
		return noEnd
	}
	return f.windows[i].delay + f.skew.at(position) - position
}
