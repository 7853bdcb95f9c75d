package pbxsim

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// Scenario says who calls whom.
type Scenario string

// The scenarios. An agent's call is to be kept, a user's is not.
const (
	ExternalToAgent Scenario = "external-to-agent"
	AgentToExternal Scenario = "agent-to-external"
	ExternalToUser  Scenario = "external-to-user"
	UserToExternal  Scenario = "user-to-external"
)

// agentTakesPart reports whether the user of the call is an agent.
func (s Scenario) agentTakesPart() bool { return s == ExternalToAgent || s == AgentToExternal }

// incoming reports whether the external party called.
func (s Scenario) incoming() bool { return s == ExternalToAgent || s == ExternalToUser }

// Plan is one call to play. Ring and Talk are times of the clock; Ring is cut
// to whole seconds, Talk and Hold to frames of 20 ms.
type Plan struct {
	Scenario Scenario
	User     string        // long name of the agent or user; empty = one that is free
	External string        // number of the external party; empty = made up
	Ring     time.Duration // from alert to answer
	Talk     time.Duration // from answer to end, hold included; 0 = the call is not answered
	Hold     time.Duration // in the middle of Talk, no voice is sent

	NoCapture bool          // the telephone writes none
	NoOwnCDR  bool          // the user's record never comes, the trunk's does
	NoCDR     bool          // none ever comes
	Late      time.Duration // the capture is put into the drop directory whole, so long after the end

	said *said // what is said, where it is the same in many calls; nil makes it anew
}

// Call is a call that was placed, with what must come out of it. All but Err
// is fixed when it is placed.
type Call struct {
	Scenario  Scenario
	Conf      string // conference id
	File      string // name of the capture in the drop directory; empty if there is none
	Kept      bool   // an agent took part, there was a talk, and a capture of it
	CN        string // the agent or user
	Internal  string // his number
	External  string
	Direction string // "i" or "o", seen from him
	Ring      int    // seconds

	Setup time.Time // the call begins and rings
	Start time.Time // it is answered: time of the first voice packet
	End   time.Time

	Frames     int // voice packets of each side
	HoldAt     int // frame before which the hold begins
	HoldFrames int // frames that were not sent

	// SHA-256, lower-case hex, of each side's A-law from Start on for all its frames,
	// 8000 bytes a second, with 0xD5 for the time on hold.
	ExternalSHA256 string
	InternalSHA256 string

	Legs   []Leg // what the PBX shows of agents
	Told   []Leg // of scenes, what records alone may tell of agents
	Untold bool  // no record of the user's own comes

	external, internal []byte // the same in full, while the call is played
	serial             int
	plan               Plan

	mu    sync.Mutex
	err   error
	leg   *leg   // nil before it is up
	moved string // conference id after a transfer
	lost  bool   // some of its records
	ended chan struct{}
}

// Voice returns both sides' A-law from Start to End, as the digests describe
// it, made anew: thousands of calls would not fit into memory.
func (c *Call) Voice() (external, internal []byte) {
	if v := c.plan.said; v != nil {
		return slices.Clone(v.external), slices.Clone(v.internal)
	}
	sp, err := loadSpeech()
	if err != nil {
		return nil, nil // it was there when the call was placed
	}
	return c.said(sp)
}

func (c *Call) said(sp speech) (external, internal []byte) {
	external, internal = sp.dialogue(c.serial, c.Frames+c.HoldFrames)
	for _, b := range [][]byte{external, internal} {
		copy(b[c.HoldAt*frameSamples:], silence(c.HoldFrames*frameSamples))
	}
	return external, internal
}

// speak fixes what is said.
func (c *Call) speak(sp speech) {
	if v := c.plan.said; v != nil {
		c.external, c.internal, c.ExternalSHA256, c.InternalSHA256 = v.external, v.internal, v.externalSHA256, v.internalSHA256
		return
	}
	c.external, c.internal = c.said(sp)
	c.ExternalSHA256, c.InternalSHA256 = hexSum(c.external), hexSum(c.internal)
}

func (c *Call) answered() bool { return c.Frames+c.HoldFrames > 0 }

func (c *Call) late() bool { return c.File != "" && c.plan.Late > 0 }

func (c *Call) hold(l *leg) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.leg = l
}

func (c *Call) movedTo() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.moved
}

// Plan is how the call was planned; of a scene it says nothing.
func (c *Call) Plan() Plan { return c.plan }

// Done is closed when the call has ended and its capture is uploaded.
func (c *Call) Done() <-chan struct{} { return c.ended }

// Err is the upload's error, if it failed. It is known once Done is closed.
func (c *Call) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// RecordsLost reports whether the PBX has lost some of the call's records because its
// buffer was full. It is known once Done is closed.
func (c *Call) RecordsLost() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lost
}

// sent notes what became of the records.
func (c *Call) sent(lost bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lost = lost
}

func (c *Call) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = err
}

func (p Plan) validate() error {
	switch p.Scenario {
	case ExternalToAgent, AgentToExternal, ExternalToUser, UserToExternal:
	default:
		return fmt.Errorf("scenario %q is not known", p.Scenario)
	}
	if p.Ring < 0 || p.Talk < 0 || p.Hold < 0 || p.Late < 0 || p.Hold > p.Talk {
		return fmt.Errorf("ring, talk, hold and late must not be negative, and hold not longer than talk")
	}
	return nil
}
