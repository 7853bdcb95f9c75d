package service

import (
	"slices"
	"sync"
	"time"

	"callreel/internal/alarm"
	"callreel/internal/clock"
)

// Lamp is one of the lights an admin looks at first (SPEC §8.1).
type Lamp string

// The lamps, in the order they are checked on start.
const (
	LampReporting Lamp = "REPORTING"
	LampPCAP      Lamp = "PCAP"
	LampDisk      Lamp = "DISK"
	LampBackup    Lamp = "BACKUP"
	LampPBX       Lamp = "PBX"
	LampSoftware  Lamp = "SOFTWARE"
)

// Light is the colour of a lamp.
type Light string

// The colours.
const (
	Green Light = "green"
	Red   Light = "red"
	Grey  Light = "grey" // nothing of the kind is set up
)

// LampState is a lamp as it stands.
type LampState struct {
	Lamp  Lamp      `json:"lamp"`
	Light Light     `json:"light"`
	Error string    `json:"error,omitempty"` // the first of those that are not mended
	Since time.Time `json:"since,omitzero"`  // of that error
	Count int       `json:"count"`           // errors since the start, mended or not
}

// lamps keeps the lamps. A lamp is red while anything that made it red is not
// mended: each cause heals by itself when the same thing succeeds. It is safe
// for concurrent use.
type lamps struct {
	clock clock.Clock

	mu     sync.Mutex
	faults map[Lamp]map[string]fault
	counts map[Lamp]int
	grey   map[Lamp]bool
	begun  []alarm.Cause   // since the master alarm looked last
	muted  map[string]bool // causes that the setup takes for no error
}

// mostBegun bounds the causes between two looks of the master alarm.
const mostBegun = 10_000

// allLamps are the lamps in their order.
func allLamps() []Lamp {
	return []Lamp{LampReporting, LampPCAP, LampDisk, LampBackup, LampPBX, LampSoftware}
}

type fault struct {
	text  string
	since time.Time
}

func newLamps(clk clock.Clock, grey ...Lamp) *lamps {
	l := &lamps{clock: clk, faults: map[Lamp]map[string]fault{}, counts: map[Lamp]int{}, grey: map[Lamp]bool{}}
	for _, lamp := range grey {
		l.grey[lamp] = true
	}
	return l
}

// Bad makes a lamp red for a cause and reports whether the cause is new.
func (l *lamps) Bad(lamp Lamp, cause string, err error) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.muted[cause] {
		return false
	}
	l.counts[lamp]++
	return l.set(lamp, cause, err)
}

// Still is Bad for what was looked at once more: where it stands already, nothing is
// counted.
func (l *lamps) Still(lamp Lamp, cause string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.muted[cause] && l.set(lamp, cause, err) {
		l.counts[lamp]++
	}
}

func (l *lamps) set(lamp Lamp, cause string, err error) (fresh bool) {
	if l.faults[lamp] == nil {
		l.faults[lamp] = map[string]fault{}
	}
	f, old := l.faults[lamp][cause]
	fresh = !old || f.text == notConnected // why not is news
	if !old {
		f.since = l.clock.Now().UTC()
	}
	f.text = err.Error()
	l.faults[lamp][cause] = f
	if !old && len(l.begun) < mostBegun {
		l.begun = append(l.begun, alarmCause(lamp, cause, f))
	}
	return fresh
}

// notConnected is what a PBX's lamp says before the first try.
const notConnected = "not connected yet"

// alarmCause is a fault as the master alarm tells it: without names of files, which hold
// the numbers of people.
func alarmCause(lamp Lamp, name string, f fault) alarm.Cause {
	return alarm.Cause{Lamp: string(lamp), Name: name, Text: scrub(f.text), At: f.since}
}

// news returns the causes that began since it was last asked, mended or not, and those
// that make a lamp red now, by lamp and age.
func (l *lamps) news() (begun, red []alarm.Cause) {
	l.mu.Lock()
	defer l.mu.Unlock()
	begun, l.begun = l.begun, nil
	for _, lamp := range allLamps() {
		from := len(red)
		for name, f := range l.faults[lamp] {
			red = append(red, alarmCause(lamp, name, f))
		}
		slices.SortFunc(red[from:], func(a, b alarm.Cause) int { return a.At.Compare(b.At) })
	}
	return begun, red
}

// Good mends one cause.
func (l *lamps) Good(lamp Lamp, cause string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.faults[lamp], cause)
}

// All returns the lamps in their order.
func (l *lamps) All() []LampState {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []LampState
	for _, lamp := range allLamps() {
		st := LampState{Lamp: lamp, Light: Green, Count: l.counts[lamp]}
		if l.grey[lamp] {
			st.Light = Grey
		}
		for _, f := range l.faults[lamp] {
			st.Light = Red
			if st.Since.IsZero() || f.since.Before(st.Since) {
				st.Since, st.Error = f.since, f.text
			}
		}
		out = append(out, st)
	}
	return out
}

// Lamps returns the lamps in their order.
func (s *Service) Lamps() []LampState { return s.lamps.All() }

// Lamp returns one lamp.
func (s *Service) Lamp(lamp Lamp) LampState {
	for _, st := range s.lamps.All() {
		if st.Lamp == lamp {
			return st
		}
	}
	return LampState{Lamp: lamp, Light: Grey}
}
