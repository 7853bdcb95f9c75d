// Package alarm is the master alarm: it latches what the lamps show, folds many
// causes into few messages, and brings the messages by mail, syslog and webhook to
// those who look after the recorder. What it decides depends on nothing but the times
// and causes it is handed; what cannot be delivered waits in an outbox that the caller
// saves. Lamps, files and goroutines are the caller's.
package alarm

import (
	"maps"
	"slices"
	"time"
)

// mostListed is how many causes a message names; the others it counts.
const mostListed = 20

// mostKnown bounds the causes that are remembered as told.
const mostKnown = 5000

// Cause is one thing that makes a lamp red.
type Cause struct {
	Lamp string    `json:"lamp"`
	Name string    `json:"name"` // the same for the same thing
	Text string    `json:"text"`
	At   time.Time `json:"at"` // since when
}

func (c Cause) key() string { return c.Lamp + "\x00" + c.Name }

// State is what the master alarm remembers over a restart. The zero value is armed
// and quiet.
type State struct {
	Off      bool      `json:"off,omitempty"` // switched off by hand
	OffSince time.Time `json:"off_since,omitzero"`

	Latched bool      `json:"latched,omitempty"`
	Since   time.Time `json:"since,omitzero"` // when it latched
	First   Cause     `json:"first,omitzero"` // what made it latch

	// Fresh are causes that began and that no message has told yet.
	Fresh      int            `json:"fresh,omitempty"`
	FreshSince time.Time      `json:"fresh_since,omitzero"`
	Listed     []Cause        `json:"listed,omitempty"` // the first of them
	ByLamp     map[string]int `json:"by_lamp,omitempty"`

	Told     bool            `json:"told,omitempty"` // a message says that something is wrong, and none yet that it is over
	ToldAt   time.Time       `json:"told_at,omitzero"`
	Causes   int             `json:"causes,omitempty"` // of the trouble that is told, and when it began
	Began    time.Time       `json:"began,omitzero"`
	Known    map[string]bool `json:"known,omitempty"` // red causes that were counted already
	Green    time.Time       `json:"green,omitzero"`  // since when no lamp is red; zero while one is
	WeeklyAt time.Time       `json:"weekly_at,omitzero"`
}

// Master is the master alarm. It is not safe for concurrent use.
type Master struct {
	cfg   Config
	armAt time.Time
	armed bool
	state State
}

// NewMaster makes a master alarm that arms a while after start and goes on from a
// saved state.
func NewMaster(cfg Config, start time.Time, saved State) *Master {
	if saved.Known == nil {
		saved.Known = map[string]bool{}
	}
	return &Master{cfg: cfg, armAt: start.Add(time.Duration(cfg.Arm)), state: saved}
}

// Start says that the recorder begins to work now: it arms a while after that. To open a
// large catalog may have taken longer.
func (m *Master) Start(now time.Time) { m.armAt = now.Add(time.Duration(m.cfg.Arm)) }

// State returns what is to be saved. It shares nothing with the master alarm.
func (m *Master) State() State {
	s := m.state
	s.Listed, s.ByLamp, s.Known = slices.Clone(s.Listed), maps.Clone(s.ByLamp), maps.Clone(s.Known)
	return s
}

// Armed reports whether causes latch: a while after the start, and not switched off.
func (m *Master) Armed() bool { return m.armed && !m.state.Off }

// Look takes in which causes began since the last look, mended or not, and which lamps
// are red now. It returns what is to be told, and whether the state has changed.
func (m *Master) Look(now time.Time, begun, red []Cause) (tell []Message, changed bool) {
	if !m.armed {
		if now.Before(m.armAt) {
			return nil, false // the start has its troubles; what lasts is red then
		}
		m.armed, begun = true, m.unknown(red)
	}
	if m.state.Off {
		return nil, false
	}
	changed = m.takeIn(now, begun, red)
	m.state.ToldAt = earlier(m.state.ToldAt, now) // the clock may have been set back
	m.state.FreshSince = earlier(m.state.FreshSince, now)
	switch {
	case m.state.Fresh > 0 && !now.Before(m.dueAt()):
		return []Message{m.alarm(now, red)}, true
	case m.state.Told && m.state.Fresh == 0 && m.quietSince(now):
		return []Message{m.over(now)}, true
	}
	return nil, changed
}

// unknown are red causes that were not counted before.
func (m *Master) unknown(red []Cause) []Cause {
	return slices.DeleteFunc(slices.Clone(red), func(c Cause) bool { return m.state.Known[c.key()] })
}

// takeIn latches, counts what began and forgets what is mended.
func (m *Master) takeIn(now time.Time, begun, red []Cause) (changed bool) {
	for _, c := range begun {
		m.count(c, now)
	}
	st := &m.state
	if !st.Latched && len(red) > 0 { // it was reset while something is still wrong
		st.Latched, st.Since, st.First = true, now, red[0]
		changed = true
	}
	there := make(map[string]bool, len(red))
	for _, c := range red {
		there[c.key()] = true
	}
	before := len(st.Known)
	maps.DeleteFunc(st.Known, func(key string, _ bool) bool { return !there[key] })
	changed = changed || len(begun) > 0 || len(st.Known) != before
	switch {
	case len(red) > 0 && !st.Green.IsZero():
		st.Green = time.Time{}
		changed = true
	case len(red) == 0 && (st.Green.IsZero() || st.Green.After(now)):
		st.Green = now
		changed = true
	}
	return changed
}

// count takes in one cause that began.
func (m *Master) count(c Cause, now time.Time) {
	st := &m.state
	if !st.Latched {
		st.Latched, st.Since, st.First = true, now, c
	}
	if st.Fresh == 0 {
		st.FreshSince, st.Listed, st.ByLamp = now, nil, map[string]int{}
	}
	if !st.Told && st.Fresh == 0 {
		st.Causes, st.Began = 0, c.At
	}
	st.Fresh++
	st.Causes++
	st.ByLamp[c.Lamp]++
	if len(st.Listed) < mostListed {
		st.Listed = append(st.Listed, c)
	}
	if len(st.Known) < mostKnown {
		st.Known[c.key()] = true
	}
}

// dueAt is when the causes that nobody was told of are told: once enough time has
// passed to fold a storm into one message, and not too soon after the last one.
func (m *Master) dueAt() time.Time {
	due := m.state.FreshSince.Add(time.Duration(m.cfg.Gather))
	if again := m.state.ToldAt.Add(time.Duration(m.cfg.Again)); !m.state.ToldAt.IsZero() && again.After(due) {
		return again
	}
	return due
}

// quietSince reports whether all lamps have been green long enough to say so.
func (m *Master) quietSince(now time.Time) bool {
	return !m.state.Green.IsZero() && !now.Before(m.state.Green.Add(time.Duration(m.cfg.Gather)))
}

func earlier(t, now time.Time) time.Time {
	if t.After(now) {
		return now
	}
	return t
}

// alarm is the message of what nobody was told of yet.
func (m *Master) alarm(now time.Time, red []Cause) Message {
	st := &m.state
	msg := Message{
		Kind: Alarm, Time: now, Lamp: st.Listed[0].Lamp, Error: st.Listed[0].Text, Since: st.Listed[0].At,
		Causes: st.Fresh, ByLamp: st.ByLamp, List: st.Listed, Red: lampsOf(red),
	}
	if st.Told {
		msg.Kind = More
	}
	st.Told, st.ToldAt = len(red) > 0, now // mended already: the message says so, no other one is needed
	st.Fresh, st.FreshSince, st.Listed, st.ByLamp = 0, time.Time{}, nil, nil
	return msg
}

// over is the message that everything is green again.
func (m *Master) over(now time.Time) Message {
	m.state.Told = false
	return Message{Kind: Over, Time: now, Since: m.state.Began, Causes: m.state.Causes, Until: m.state.Green}
}

func lampsOf(red []Cause) []string {
	var names []string
	for _, c := range red {
		if !slices.Contains(names, c.Lamp) {
			names = append(names, c.Lamp)
		}
	}
	return names
}

// Reset puts the latch out. While a lamp is red it latches again at the next look, but
// nobody is told again of what he was told already. What comes new is told at once.
func (m *Master) Reset() {
	st := &m.state
	st.Latched, st.Since, st.First, st.ToldAt = false, time.Time{}, Cause{}, time.Time{}
}

// SwitchOff stops the master alarm until SwitchOn: nothing latches and nobody is told.
func (m *Master) SwitchOff(now time.Time) {
	if m.state.Off {
		return
	}
	weekly := m.state.WeeklyAt
	m.state = State{Off: true, OffSince: now, WeeklyAt: weekly, Known: map[string]bool{}}
}

// SwitchOn arms it again. What is red then latches, as at the start.
func (m *Master) SwitchOn(now time.Time) {
	if !m.state.Off {
		return
	}
	m.state.Off, m.state.OffSince = false, time.Time{}
	m.armed, m.armAt = false, now
}

// WeeklyDue reports once that the weekly message is due. The first one comes at the
// first such hour after the first start.
func (m *Master) WeeklyDue(now time.Time, zone *time.Location) bool {
	last, ok := m.cfg.Mail.lastWeekly(now.In(zone))
	if !ok {
		return false
	}
	if m.state.WeeklyAt.IsZero() || m.state.WeeklyAt.After(now) {
		m.state.WeeklyAt = now
		return false
	}
	if !last.After(m.state.WeeklyAt) {
		return false
	}
	m.state.WeeklyAt = now
	return true
}
