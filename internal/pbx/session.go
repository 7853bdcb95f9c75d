package pbx

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"callreel/internal/pbx/wsdl11"
	"callreel/internal/recording"
)

// The bounds of a session's housekeeping, in time of the clock.
const (
	endTimeout     = 2 * time.Second // for the farewell, after ctx is done
	refusedAgain   = time.Minute     // before a refused UserInitialize is tried again
	fastPoll       = time.Second     // an empty poll that comes sooner is no long poll
	idlePauseFirst = 100 * time.Millisecond
	idlePauseMost  = time.Second
	eventsApart    = 50 * time.Millisecond // between two polls: of a thousand calls each then brings many events
	compareEvery   = 5 * time.Minute       // between two looks at the calls of busy agents
)

// session is one session with the PBX, from Initialize to its loss.
type session struct {
	*Client
	id, key  int32
	roster   *roster
	subs     *subscriptions
	refused  map[string]time.Time // agents whose UserInitialize failed, and when
	up       bool
	leaving  bool // somebody who is an agent no more is followed to the end of his call
	pause    time.Duration
	compared time.Time
}

// session runs one session to its end and reports whether it ever stood.
func (c *Client) session(ctx context.Context) (wasUp bool, err error) {
	timeout := time.Duration(c.cfg.CallTimeout)
	init, err := c.pbx.initialize(ctx, timeout, c.cfg.User)
	if err != nil {
		return false, err
	}
	s := &session{
		Client: c, id: init.Return_, key: init.Key,
		roster: newRoster(c.cfg), subs: newSubscriptions(), refused: map[string]time.Time{},
		compared: c.clock.Now(),
	}
	own := c.logVersion(ctx)
	s.roster.loc, s.roster.slave = cmp.Or(c.loc, own), c.loc != ""
	defer s.farewell(ctx)
	for ctx.Err() == nil && err == nil {
		err = s.step(ctx)
	}
	return s.up, err
}

// logVersion logs whom the session is with, and gives its location if that is
// known.
func (c *Client) logVersion(ctx context.Context) string {
	v, err := c.pbx.version(ctx, time.Duration(c.cfg.CallTimeout))
	if err != nil {
		c.log.Debug("pbx version not known", "err", err)
		return ""
	}
	c.log.Info("pbx session opened", "firmware", v.FirmwareVersion, "serial", v.SerialNumber, "gatekeeper", v.GatekeeperID)
	return v.Location
}

// farewell ends the session at the PBX, also when ctx is done already.
func (s *session) farewell(ctx context.Context) {
	ctx = context.WithoutCancel(ctx)
	if err := s.pbx.end(ctx, endTimeout, s.id); err != nil {
		s.log.Debug("pbx session not ended", "err", err)
	}
}

// step polls once and handles what came.
func (s *session) step(ctx context.Context) error {
	asked := s.clock.Now()
	info, err := s.pbx.poll(ctx, time.Duration(s.cfg.PollTimeout), s.id)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, context.DeadlineExceeded):
		return s.afterTimeout(ctx)
	case err != nil:
		return err
	case len(info.User) == 0 && len(info.Call) == 0:
		return s.afterNothing(ctx, s.clock.Now().Sub(asked))
	}
	s.pause = 0
	if err := s.handle(ctx, info); err != nil {
		return err
	}
	if err := s.compare(ctx); err != nil {
		return err
	}
	s.clock.Wait(ctx.Done(), min(eventsApart-s.clock.Now().Sub(asked), eventsApart))
	return nil
}

// compare looks now and then whether the calls that are followed still live,
// so that one whose end was missed does not live for ever.
func (s *session) compare(ctx context.Context) error {
	now := s.clock.Now()
	if now.Sub(s.compared) < compareEvery {
		return nil
	}
	s.compared = now
	for _, cn := range s.subs.names() {
		if !s.legs.busy(cn) {
			continue
		}
		if err := s.snapshot(ctx, s.subs.byHandle[s.subs.byCN[cn]], false); err != nil {
			return err
		}
	}
	return nil
}

// handle takes users before calls, each in the order the PBX wrote them. Among a
// thousand agents most polls bring calls only; then there is nobody to look for.
func (s *session) handle(ctx context.Context, info *wsdl11.AnyInfo) error {
	others := len(info.User) > 0 || !s.up
	for _, u := range info.User {
		s.roster.apply(u)
	}
	if s.roster.complete && (others || len(s.refused) > 0) {
		if err := s.follow(ctx); err != nil {
			return err
		}
	}
	if err := s.callEvents(ctx, info.Call); err != nil {
		return err
	}
	if others || s.leaving {
		return s.release(ctx)
	}
	return nil
}

// follow makes the subscriptions match the agents, and announces both.
func (s *session) follow(ctx context.Context) error {
	if err := s.followSites(ctx); err != nil {
		return err
	}
	agents := s.roster.agents()
	if !s.told || !slices.Equal(agents, s.agents) {
		s.agents, s.told = agents, true
		s.handler.Agents(ctx, s.cfg.Name, slices.Clone(agents))
	}
	for _, a := range agents {
		if err := s.subscribe(ctx, a); err != nil {
			return err
		}
	}
	if s.up {
		return nil
	}
	s.emit(ctx, s.legs.leave(func(cn string) bool { _, ok := s.subs.byCN[cn]; return ok }, s.clock.Now()))
	s.up, s.before = true, true
	s.active(ctx)
	s.handler.Up(ctx, s.cfg.Name, s.clock.Now())
	return nil
}

// subscribe asks for an agent's events and takes a snapshot of his calls. An
// agent whom the PBX refuses is tried again a minute later, at the next event or empty poll.
func (s *session) subscribe(ctx context.Context, a recording.Agent) error {
	if handle, ok := s.subs.byCN[a.CN]; ok {
		s.subs.byHandle[handle] = a
		return nil
	}
	if at, ok := s.refused[a.CN]; ok && s.clock.Now().Sub(at) < refusedAgain {
		return nil
	}
	handle, err := s.pbx.userInitialize(ctx, time.Duration(s.cfg.CallTimeout), s.id, a.CN)
	var fault *FaultError
	if err != nil && !errors.As(err, &fault) {
		return err
	}
	if handle == 0 {
		s.refused[a.CN] = s.clock.Now()
		s.log.Warn("pbx refuses the call events of an agent", "agent", a.CN, "err", err)
		return nil
	}
	delete(s.refused, a.CN)
	s.subs.add(handle, a)
	return s.snapshot(ctx, a, s.before && !s.up)
}

// snapshot compares an agent's calls with what is known of them.
func (s *session) snapshot(ctx context.Context, a recording.Agent, again bool) error {
	calls, err := s.pbx.calls(ctx, time.Duration(s.cfg.CallTimeout), s.id, a.CN)
	if err != nil {
		return err
	}
	s.emit(ctx, s.legs.snapshot(a, calls, s.clock.Now(), again))
	return nil
}

// callEvents applies what one poll brought, and gives it out together.
func (s *session) callEvents(ctx context.Context, list []*wsdl11.CallInfo) error {
	var changed []recording.Leg
	var unknown []recording.Agent // of whom a snapshot must tell what ended
	for _, c := range list {
		a, ok := s.subs.byHandle[c.User]
		if !ok {
			s.log.Debug("event for a user handle that is not known", "handle", c.User)
			continue
		}
		legs, gone := s.legs.event(a, c, s.clock.Now())
		changed = append(changed, legs...)
		if gone {
			unknown = append(unknown, a)
		}
	}
	s.emit(ctx, changed)
	for _, a := range unknown {
		if err := s.snapshot(ctx, a, false); err != nil {
			return err
		}
	}
	return nil
}

// release gives up the subscriptions of users that are agents no more. One
// who left the group in a call is followed to its end; one who left the scope
// cannot be, so his legs end now.
func (s *session) release(ctx context.Context) error {
	if !s.up {
		return nil
	}
	s.leaving = false
	agents := make(map[string]bool, len(s.agents))
	for _, a := range s.agents {
		agents[a.CN] = true
	}
	for _, cn := range s.subs.names() {
		if agents[cn] {
			continue
		}
		if s.roster.has(cn) && s.legs.busy(cn) {
			s.leaving = true
			continue
		}
		s.emit(ctx, s.legs.leave(func(other string) bool { return other != cn }, s.clock.Now()))
		handle := s.subs.byCN[cn]
		s.subs.drop(cn)
		if err := s.pbx.userEnd(ctx, time.Duration(s.cfg.CallTimeout), handle); err != nil {
			return err
		}
	}
	return nil
}

// afterTimeout asks whether the session still lives after a poll that got no
// answer. Events may have been lost with the answer, so calls are compared.
func (s *session) afterTimeout(ctx context.Context) error {
	if err := s.check(ctx); err != nil {
		return fmt.Errorf("after a poll without answer: %w", err)
	}
	for _, cn := range s.subs.names() {
		if err := s.snapshot(ctx, s.subs.byHandle[s.subs.byCN[cn]], false); err != nil {
			return err
		}
	}
	return nil
}

// afterNothing handles a poll that came back empty after took. A PBX that
// does so at once does not block, or has lost the session; polling is then
// slowed down.
func (s *session) afterNothing(ctx context.Context, took time.Duration) error {
	if err := s.check(ctx); err != nil {
		return err
	}
	if s.roster.complete {
		if err := s.follow(ctx); err != nil { // tries refused agents again
			return err
		}
	}
	if took >= fastPoll {
		s.pause = 0
		return nil
	}
	s.pause = min(max(2*s.pause, idlePauseFirst), idlePauseMost)
	s.clock.Wait(ctx.Done(), s.pause)
	return nil
}

// check sends Echo; a session that does not live is errLost.
func (s *session) check(ctx context.Context) error {
	alive, err := s.pbx.echo(ctx, time.Duration(s.cfg.CallTimeout), s.id, s.key)
	if err != nil {
		return err
	}
	if !alive {
		return errLost
	}
	return nil
}

func (s *session) emit(ctx context.Context, legs []recording.Leg) {
	if len(legs) > 0 {
		s.handler.Leg(ctx, s.cfg.Name, legs...)
	}
}
