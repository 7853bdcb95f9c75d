package pbxsim

import (
	"context"
	"errors"
	"time"
)

// TrafficPlan is a stream of calls with made-up ring and talk times.
type TrafficPlan struct {
	Calls   int           // how many; 0 = until the context is done
	Every   time.Duration // from one call to the next, of the clock
	MinRing time.Duration // of the clock, as the rest
	MaxRing time.Duration
	MinTalk time.Duration
	MaxTalk time.Duration
	Mix     []Scenario  // taken in turn; empty = all four, agents twice as often
	Placed  func(*Call) // if not nil, called for every call when it begins

	Scenes []*Scene // if not empty, every third call is one of these, in turn
	Odd    bool     // one call in ten is not answered, has no capture or a late one, or lacks records
}

// DefaultMix has four agents' calls to two others.
func DefaultMix() []Scenario {
	return []Scenario{ExternalToAgent, AgentToExternal, ExternalToUser, ExternalToAgent, AgentToExternal, UserToExternal}
}

// Traffic places calls as planned and returns them when the last one is
// placed, or with ctx's error. A call for which no user is free is placed as
// soon as one is.
func (s *Sim) Traffic(ctx context.Context, p TrafficPlan) ([]*Call, error) {
	if len(p.Mix) == 0 {
		p.Mix = DefaultMix()
	}
	var placed []*Call
	for i := 0; p.Calls == 0 || i < p.Calls; i++ {
		if i > 0 && !s.pause(ctx, p.Every) {
			return placed, errors.Join(ctx.Err(), s.life.Err())
		}
		c, err := s.whenFree(ctx, func() (*Call, error) { return s.next(ctx, p, i) })
		if err != nil {
			return placed, err
		}
		if p.Calls > 0 {
			placed = append(placed, c)
		}
		if p.Placed != nil {
			p.Placed(c)
		}
	}
	return placed, nil
}

// next places the i-th call.
func (s *Sim) next(ctx context.Context, p TrafficPlan, i int) (*Call, error) {
	if n := len(p.Scenes); n > 0 && i%3 == 2 {
		return s.PlayScene(ctx, p.Scenes[i/3%n], p.MinTalk)
	}
	plan := Plan{Scenario: p.Mix[i%len(p.Mix)], Ring: s.between(p.MinRing, p.MaxRing), Talk: s.between(p.MinTalk, p.MaxTalk)}
	if p.Odd {
		s.makeOdd(&plan)
	}
	return s.Place(ctx, plan)
}

// makeOdd changes one call in ten.
func (s *Sim) makeOdd(p *Plan) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch s.random.IntN(50) {
	case 0:
		p.Talk = 0
	case 1:
		p.NoCapture = true
	case 2:
		p.NoOwnCDR = true
	case 3:
		p.NoCDR = true
	case 4:
		p.Late = time.Duration(1+s.random.IntN(120)) * time.Second
	}
}

func (s *Sim) whenFree(ctx context.Context, place func() (*Call, error)) (*Call, error) {
	for {
		c, err := place()
		if !errors.Is(err, errBusy) {
			return c, err
		}
		if !s.pause(ctx, time.Second) {
			return nil, errors.Join(ctx.Err(), s.life.Err())
		}
	}
}

// pause waits for d of the clock; false means that ctx or the simulation ended.
func (s *Sim) pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-s.life.Done():
		return false
	case <-s.clock.After(d):
		return true
	}
}

func (s *Sim) between(least, most time.Duration) time.Duration {
	if most <= least {
		return least
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return least + time.Duration(s.random.Int64N(int64(most-least)))
}
