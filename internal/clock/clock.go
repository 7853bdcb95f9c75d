// Package clock is the one way callreel reads and waits for time, so that tests
// and the simulator can run it faster or by hand.
package clock

import "time"

// Clock tells and waits for time. The zero value is not usable; take System or
// Scaled. A Clock is safe for concurrent use.
type Clock struct {
	Now   func() time.Time
	After func(time.Duration) <-chan time.Time
}

// System is the machine's clock.
func System() Clock {
	return Clock{Now: time.Now, After: time.After}
}

// Scaled is a clock that starts at the machine's present and then runs factor
// times as fast: an hour passes in 3600/factor seconds. factor must be positive.
func Scaled(factor float64) Clock { return ScaledFrom(time.Now(), factor) }

// ScaledFrom is Scaled that began at a moment of the machine's clock: two processes with
// the same epoch and factor have the same time.
func ScaledFrom(epoch time.Time, factor float64) Clock {
	return Clock{
		Now: func() time.Time {
			return epoch.Add(time.Duration(float64(time.Since(epoch)) * factor))
		},
		After: func(d time.Duration) <-chan time.Time {
			return time.After(time.Duration(float64(d) / factor))
		},
	}
}

// Wait blocks for d or until done is closed, and reports whether the whole
// time passed.
func (c Clock) Wait(done <-chan struct{}, d time.Duration) bool {
	select {
	case <-done:
		return false
	case <-c.After(d):
		return true
	}
}
