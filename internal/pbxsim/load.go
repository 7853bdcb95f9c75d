package pbxsim

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// LoadPlan is a steady load: so many agents talk at the same time, and each has one
// call after the other.
type LoadPlan struct {
	Calls int           // at once
	Talk  time.Duration // length of each, of the clock
	Ended func(*Call)   // called for every call when it has ended and its capture is uploaded; not at once for two
}

// spare is how many more agents than calls there are: one calls up again only when
// the end of his call before is through.
func spare(calls int) int { return max(calls/20, 2) }

// LoadUsers is the staff that a load of so many calls at once needs.
func LoadUsers(calls int) []User {
	list := make([]User, calls+spare(calls))
	for i := range list {
		list[i] = User{CN: fmt.Sprintf("Agent %05d", i), Number: fmt.Sprintf("7%05d", i), H323: fmt.Sprintf("agent%05d", i), Agent: true}
	}
	return list
}

// Load places calls of Config.Users, who are LoadUsers of the same number, until ctx
// is done, and returns its error. They begin evenly spread, so that in any second as many
// end as begin. All say the same, which is made once: the load is for who records it.
func (s *Sim) Load(ctx context.Context, p LoadPlan) error {
	said, err := s.sayOnce(p.Talk)
	if err != nil {
		return err
	}
	ended := make(chan *Call, len(s.cfg.Users))
	var all sync.WaitGroup
	defer all.Wait()
	all.Go(func() { tell(ctx, ended, p.Ended) })
	begun := s.clock.Now()
	for i := 0; ; i++ {
		at := begun.Add(time.Duration(int64(i) * int64(p.Talk) / int64(p.Calls)))
		if wait := at.Sub(s.clock.Now()); wait > 0 && !s.pause(ctx, wait) || ctx.Err() != nil {
			return errors.Join(ctx.Err(), s.life.Err())
		}
		plan := Plan{
			Scenario: []Scenario{ExternalToAgent, AgentToExternal}[i%2], User: s.cfg.Users[i%len(s.cfg.Users)].CN, Talk: p.Talk, said: said,
		}
		c, err := s.whenFree(ctx, func() (*Call, error) { return s.Place(ctx, plan) })
		if err != nil {
			return err
		}
		all.Go(func() {
			select {
			case <-c.Done():
				ended <- c
			case <-ctx.Done():
			}
		})
	}
}

// tell calls f for what comes, until ctx is done.
func tell(ctx context.Context, ended <-chan *Call, f func(*Call)) {
	for {
		select {
		case c := <-ended:
			f(c)
		case <-ctx.Done():
			return
		}
	}
}

// said is a dialogue with its digests, and the packets of it, which many calls share.
type said struct {
	external, internal             []byte
	externalSHA256, internalSHA256 string
	packets                        []byte // of a call that began at time 0: one of each side in turn, each of packetSize
}

// packetSize is the length of a voice packet in a capture, with the record's head.
const packetSize = 16 + 14 + 20 + 8 + 12 + frameSamples

// frames are the packets of a range of frames of a call that began at start.
func (v *said) frames(start time.Time, from, to int) []byte {
	b := slices.Clone(v.packets[2*from*packetSize : 2*to*packetSize])
	for i := range 2 * (to - from) {
		at := start.Add(time.Duration(from+i/2) * frameMillis * time.Millisecond)
		putTime(b[i*packetSize:], at)
	}
	return b
}

func (s *Sim) sayOnce(talk time.Duration) (*said, error) {
	sp, err := loadSpeech()
	if err != nil {
		return nil, err
	}
	var v said
	v.external, v.internal = sp.dialogue(0, int(talk/(frameMillis*time.Millisecond)))
	v.externalSHA256, v.internalSHA256 = hexSum(v.external), hexSum(v.internal)
	once := Call{Frames: len(v.external) / frameSamples, Start: time.Unix(0, 0), external: v.external, internal: v.internal}
	local, remote := s.voices()
	v.packets = once.frames(0, once.Frames, local, remote)
	return &v, nil
}
