package service

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"callreel/internal/clock"
	"callreel/internal/recording"
)

// Manager is who started the recorder as a service and wants to hear how it is, in the
// lines of sd_notify(3).
type Manager interface {
	Send(lines ...string) error
	Watchdog() time.Duration // silent for longer than this is dead; 0 is never
}

const (
	// stopWithin is how long an ordered stop waits for what is under way. A conversion
	// or a server that hangs is cut off then: each step may be done again, and a process
	// that dies in the middle of one loses no call.
	stopWithin = 8 * time.Second
	// tellEvery is the pause between two words to the manager.
	tellEvery = 10 * time.Second
	// stillAtLeast is how long nothing may move before the watchdog is left alone, however
	// short a time it was given: the health checks are ten seconds apart.
	stillAtLeast = 3 * checkEvery
)

// ErrCutOff says that an ordered stop did not wait for all that was under way. Nothing is
// lost by it; but the Service must not be closed, only the process ended.
var ErrCutOff = errors.New("what was under way did not end in time")

// pulse is when one of the main loops last came round.
type pulse struct{ last atomic.Pointer[time.Time] }

func (p *pulse) beat(now time.Time) { p.last.Store(&now) }

func (p *pulse) within(d time.Duration, now time.Time) bool {
	last := p.last.Load()
	return last != nil && now.Sub(*last) <= d
}

// tellManager says that the recorder records, then how it is, and that it lives: but that
// only while an inbox is looked at or the health is checked. Errors do not stop those
// loops, so if none moves something in here is stuck, and a new start helps.
func (s *Service) tellManager(ctx context.Context) {
	if s.manager == nil {
		return
	}
	watchdog := s.manager.Watchdog()
	every := tellEvery
	if watchdog > 0 {
		every = min(every, watchdog/3)
	}
	s.pulse.beat(s.clock.Now())
	s.notify("READY=1", "STATUS="+s.inShort())
	for clock.System().Wait(ctx.Done(), every) {
		lines := []string{"STATUS=" + s.inShort()}
		switch {
		case watchdog == 0:
		case s.pulse.within(max(watchdog/2, stillAtLeast), s.clock.Now()):
			lines = append(lines, "WATCHDOG=1")
		default:
			s.log.Error("neither an inbox is looked at nor the health is checked any more; the service manager will start callreel anew")
		}
		s.notify(lines...)
	}
	s.notify("STOPPING=1", "STATUS=stopping")
}

func (s *Service) notify(lines ...string) {
	if err := s.manager.Send(lines...); err != nil {
		s.log.Debug("the service manager does not listen", "error", err)
	}
}

// inShort is how the recorder is, in one line without anybody's number.
func (s *Service) inShort() string {
	how := "Normal operation"
	if red := s.redLamps(); len(red) > 0 {
		how = "Red: " + strings.Join(red, " ")
	}
	return fmt.Sprintf("%s; %d filed since the start", how, s.tallies.count(recording.Filed))
}

// waitAll waits for what Run started, but not for ever.
func waitAll(all *sync.WaitGroup) error {
	ended := make(chan struct{})
	go func() { all.Wait(); close(ended) }()
	if clock.System().Wait(ended, stopWithin) {
		return ErrCutOff
	}
	return nil
}
