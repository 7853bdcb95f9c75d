package pbxsim

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"
)

// objects makes the PBX's objects: the users, the SOAP user himself and a
// trunk. The last two are members of the recording group as well, and no
// agents all the same.
func (s *Sim) objects() []*object {
	var list []*object
	for _, u := range s.cfg.Users {
		list = append(list, s.object(u))
	}
	return append(list,
		&object{User: User{CN: s.cfg.User, H323: s.cfg.User}, typ: "ep", object: "user", guid: s.guid(), groups: []string{s.cfg.Group}},
		&object{User: User{CN: trunkCN, Number: "0", H323: "trunk"}, typ: "gw", object: "trunk", guid: s.guid(), groups: []string{s.cfg.Group}},
	)
}

// object makes the object of a user. The caller holds mu or is alone.
func (s *Sim) object(u User) *object {
	if u.H323 == "" {
		u.H323 = u.CN
	}
	if u.MAC == "" {
		u.MAC = fmt.Sprintf("009033%06x", s.random.Uint32()&0xffffff)
	}
	o := &object{User: u, typ: "ep", object: "user", guid: s.guid()}
	if u.Executive {
		o.object = "executive"
	}
	if u.Agent {
		o.groups = append(o.groups, s.cfg.Group)
	}
	if s.cfg.WideScope {
		o.groups = append(o.groups, everyone)
	}
	return o
}

const trunkCN = "Trunk"

// guid makes an id in the PBX's form. The caller holds mu or is alone.
func (s *Sim) guid() string {
	return fmt.Sprintf("%08xe909d311%04x009033%06x", s.random.Uint32(), s.random.Uint32()&0xffff, s.random.Uint32()&0xffffff)
}

// SetAgent puts a user into the recording group or takes him out of it.
func (s *Sim) SetAgent(cn string, agent bool) {
	for _, one := range s.sites {
		one.exchange.setAgent(cn, agent)
	}
}

// SetClockOffset makes the PBX's clock go ahead, or behind, in the records that come.
func (s *Sim) SetClockOffset(ahead time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ahead = ahead
}

func (s *Sim) offset() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ahead
}

// AddUser adds an object at the main PBX.
func (s *Sim) AddUser(u User) {
	s.mu.Lock()
	o := s.object(u)
	s.mu.Unlock()
	s.exchange.add(o)
}

// RemoveUser deletes an object. His calls go on, as the telephones' do.
func (s *Sim) RemoveUser(cn string) {
	for _, one := range s.sites {
		one.exchange.remove(cn)
	}
}

// Place begins a call and returns at once; the call goes on by itself. It
// fails when the plan is not possible or no fitting user is free.
func (s *Sim) Place(ctx context.Context, p Plan) (*Call, error) {
	if err := errors.Join(p.validate(), ctx.Err(), s.life.Err()); err != nil {
		return nil, fmt.Errorf("pbxsim: place a call: %w", err)
	}
	u, err := s.claim(p)
	if err != nil {
		return nil, fmt.Errorf("pbxsim: place a call: %w", err)
	}
	c, err := s.expect(p, u)
	if err != nil {
		s.release(u.CN)
		return nil, fmt.Errorf("pbxsim: place a call: %w", err)
	}
	return c, s.launch(c, u)
}

// launch plays the call in a goroutine that Close waits for.
func (s *Sim) launch(c *Call, u *object) error {
	return s.start(c, func() {
		s.play(c, u)
		s.release(u.CN)
	})
}

func (s *Sim) start(c *Call, play func()) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errors.New("pbxsim: the simulation has ended")
	}
	s.active[c] = true
	s.running.Go(func() {
		play()
		s.mu.Lock()
		c.external, c.internal = nil, nil
		delete(s.active, c)
		s.mu.Unlock()
		close(c.ended)
	})
	return nil
}

// claim finds a free user that fits the plan and marks him busy.
func (s *Sim) claim(p Plan) (*object, error) {
	free := s.exchange.candidates(p)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.random.Shuffle(len(free), func(i, j int) { free[i], free[j] = free[j], free[i] })
	for _, o := range free {
		if !s.busy[o.CN] {
			s.busy[o.CN] = true
			return o, nil
		}
	}
	return nil, errBusy
}

// errBusy says that every user who could take the call is in one.
var errBusy = errors.New("no user who fits the plan is free")

func (s *Sim) release(cn string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.busy, cn)
}

// candidates returns copies of the users a plan may use.
func (x *exchange) candidates(p Plan) []*object {
	x.mu.Lock()
	defer x.mu.Unlock()
	var fit []*object
	for _, o := range x.objects {
		isUser := o.object != "trunk" && o.CN != x.cfg.User
		if isUser && o.Agent == p.Scenario.agentTakesPart() && (p.User == "" && o.Cast == 0 || p.User == o.CN) {
			twin := *o
			fit = append(fit, &twin)
		}
	}
	return fit
}

// expect fixes all that will come out of the call.
func (s *Sim) expect(p Plan, u *object) (*Call, error) {
	sp, err := loadSpeech()
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.serial++
	p.Ring = p.Ring.Truncate(time.Second)
	if p.External == "" {
		p.External = fmt.Sprintf("0039047155501%02d", s.random.IntN(100))
	}
	frames := int(p.Talk / (frameMillis * time.Millisecond))
	hold := int(p.Hold / (frameMillis * time.Millisecond))
	c := &Call{
		Scenario: p.Scenario, Conf: s.guid(), Kept: p.Scenario.agentTakesPart() && frames > hold && !p.NoCapture && !p.NoCDR, CN: u.CN,
		Internal: u.Number, External: p.External, Direction: "o", Ring: int(p.Ring / time.Second),
		Setup: s.clock.Now().Truncate(time.Millisecond), HoldAt: (frames - hold) / 2, HoldFrames: hold,
		Frames: frames - hold, serial: s.serial, plan: p, Untold: p.NoOwnCDR || p.NoCDR, ended: make(chan struct{}),
	}
	if p.Scenario.incoming() {
		c.Direction = "i"
	}
	c.Start = c.Setup.Add(p.Ring)
	c.End = c.Start.Add(time.Duration(frames) * frameMillis * time.Millisecond)
	if frames > 0 && !p.NoCapture {
		c.File = s.fileName(c.Conf, u)
	}
	if p.Scenario.agentTakesPart() {
		c.Legs = []Leg{{c.CN, c.Conf, c.answered()}}
	}
	c.speak(sp)
	return c, nil
}

// fileName names the capture as the phone does.
func (s *Sim) fileName(conf string, u *object) string {
	if s.cfg.PlainNames {
		return conf
	}
	return fmt.Sprintf("%s-%s-%d-%s.pcap", conf, u.MAC, s.serial, u.H323)
}

func hexSum(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

// play runs the call: events, capture, records; then what comes late.
func (s *Sim) play(c *Call, u *object) {
	s.converse(c, u)
	if c.late() && s.until(c.End.Add(c.plan.Late)) {
		c.fail(s.upload(c, u))
	}
}

func (s *Sim) converse(c *Call, u *object) {
	direction := 0 // bit of the leg: is the user being called?
	if c.Scenario.incoming() {
		direction = stateToUser
	}
	home := s.homeOf(u)
	l := home.begin(leg{cn: c.CN, conf: c.Conf, peerNumber: c.External})
	c.hold(l)
	defer home.finish(l)
	home.change(l, stateSetup|direction, "x-setup")
	home.change(l, stateAlert|direction, "r-alert")
	if !s.until(c.Start) {
		return
	}
	if c.answered() {
		home.change(l, stateConnect|direction, "r-conn")
		upload := make(chan error, 1)
		go func() {
			if c.File == "" || c.late() {
				upload <- nil
				return
			}
			upload <- s.upload(c, u)
		}()
		s.talk(c, l, stateConnect|direction)
		c.fail(<-upload)
	}
	if s.life.Err() != nil {
		return
	}
	home.change(l, stateDisconnect|direction, "r-disc")
	c.sent(s.sender.add(s.records(c, u)))
}

// Transfer moves a live call to another conference, as a transfer does, and
// returns the new conference id. The capture keeps its name. It is an error
// if the call is not up.
func (s *Sim) Transfer(c *Call) (conf string, err error) {
	s.mu.Lock()
	conf = s.guid()
	s.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.leg == nil {
		return "", errors.New("pbxsim: transfer: the call is not up")
	}
	c.moved = conf
	c.leg.home.move(c.leg, conf)
	return conf, nil
}

// Forget makes the PBX lose sight of a live call: no more events, not even its
// end. The capture goes on.
func (s *Sim) Forget(c *Call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.leg != nil {
		c.leg.home.forget(c.leg)
	}
}

// talk waits for the end of the call and shows the hold on the way.
func (s *Sim) talk(c *Call, l *leg, state int) {
	if c.HoldFrames > 0 {
		begin := c.Start.Add(time.Duration(c.HoldAt) * frameMillis * time.Millisecond)
		if s.until(begin) {
			l.home.change(l, state|stateHold, "x-hold")
		}
		if s.until(begin.Add(time.Duration(c.HoldFrames) * frameMillis * time.Millisecond)) {
			l.home.change(l, state, "x-retr")
		}
	}
	s.until(c.End)
}

// until waits for a time of the clock; false means that the simulation ended.
func (s *Sim) until(at time.Time) bool {
	return s.clock.Wait(s.life.Done(), at.Sub(s.clock.Now()))
}
