package service

import (
	"slices"
	"sync"
	"time"

	"callreel/internal/recording"
)

// lagBounds are the upper bounds of the histogram of lags, in seconds.
func lagBounds() []float64 {
	return []float64{1, 2, 5, 10, 15, 20, 30, 45, 60, 120, 300, 600, 1800, 3600, 7200, 10800}
}

// tallies count what was done since the start. They are safe for concurrent use; the
// zero value is empty.
type tallies struct {
	mu      sync.Mutex
	reached map[recording.State]int // how many recordings came into a state
	lag     histogram
}

// histogram counts values by bounds, as Prometheus does.
type histogram struct {
	counts []int // one per bound, and the last for what is above all
	sum    float64
	n      int
}

func (h *histogram) add(bounds []float64, v float64) {
	if h.counts == nil {
		h.counts = make([]int, len(bounds)+1)
	}
	i, _ := slices.BinarySearch(bounds, v)
	h.counts[i]++
	h.sum += v
	h.n++
}

// came notes that a recording has come into a state.
func (t *tallies) came(state recording.State, rec recording.Recording, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.reached == nil {
		t.reached = map[recording.State]int{}
	}
	t.reached[state]++
	if state == recording.Filed {
		t.lag.add(lagBounds(), max(now.Sub(endOf(rec)).Seconds(), 0))
	}
}

// endOf is when a call ended: by the PBX where it showed it, else when its capture was
// last seen to grow.
func endOf(rec recording.Recording) time.Time {
	var end time.Time
	for _, leg := range rec.Call.Live {
		if leg.Ended.After(end) {
			end = leg.Ended
		}
	}
	if end.IsZero() {
		return rec.Capture.StillAt
	}
	return end
}

// count is how many came into a state.
func (t *tallies) count(state recording.State) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.reached[state]
}

// lags is a copy of the histogram of the time from a call's end to its filing.
func (t *tallies) lags() histogram {
	t.mu.Lock()
	defer t.mu.Unlock()
	h := t.lag
	h.counts = slices.Clone(h.counts)
	if h.counts == nil {
		h.counts = make([]int, len(lagBounds())+1)
	}
	return h
}
