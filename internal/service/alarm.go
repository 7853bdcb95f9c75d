package service

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"callreel/internal/alarm"
	"callreel/internal/atomicfile"
)

const (
	lookEvery    = time.Second      // of the master alarm at the lamps
	deliverEvery = 5 * time.Second  // of a way that waits for messages, at most
	sendTimeout  = 30 * time.Second // of one try to deliver; real time, like all of the network
)

// alarmFile ends the name of the file beside the catalog in which the master alarm
// survives a restart. It is no part of the catalog, whose loss is one of the things that
// it has to tell.
const alarmFile = ".alarm"

// master is the master alarm at work.
type master struct {
	file   string
	host   string
	ways   []alarm.Sender
	outbox *alarm.Outbox
	put    map[string]chan struct{} // by way: a message was put in

	mu    sync.Mutex
	latch *alarm.Master

	saving sync.Mutex // the file, so that a disk that hangs keeps nobody from asking
	unsafe error      // why it could not be written
}

// Alarm is the master alarm as it stands.
type Alarm struct {
	State string    `json:"state"`          // starting, armed, latched or off
	Since time.Time `json:"since,omitzero"` // latched, or off
	Lamp  string    `json:"lamp,omitempty"` // what made it latch
	Error string    `json:"error,omitempty"`
	// Ways are those that bring its messages to people, by name.
	Ways map[string]alarm.Waiting `json:"ways,omitempty"`
}

// The states of the master alarm.
const (
	AlarmStarting = "starting"
	AlarmArmed    = "armed"
	AlarmLatched  = "latched"
	AlarmOff      = "off"
)

func (s *Service) openAlarm(context.Context) error {
	m := &s.master
	m.file = s.cfg.Catalog + alarmFile
	m.host = hostName()
	ways, err := s.alarmWays()
	if err != nil {
		return err
	}
	saved, err := readAlarm(m.file)
	if err != nil { // it must not keep the recorder from recording
		s.log.Error("the state of the master alarm is lost; it begins anew", "file", m.file, "error", err)
	}
	m.latch = alarm.NewMaster(s.cfg.Alarm, s.clock.Now(), saved.State)
	m.ways, m.put = ways, map[string]chan struct{}{}
	names := make([]string, 0, len(ways))
	for _, w := range ways {
		names = append(names, w.Name())
		m.put[w.Name()] = make(chan struct{}, 1)
	}
	m.outbox = alarm.NewOutbox(names, saved.Outbox)
	if saved.State.Off {
		s.log.Warn("the master alarm is switched off; \"callreel alarm on\" switches it on", "since", saved.State.OffSince)
	}
	return nil
}

func hostName() string {
	name, err := os.Hostname()
	if err != nil || name == "" {
		return "localhost"
	}
	return name
}

// alarmWays are the ways that the setup names.
func (s *Service) alarmWays() ([]alarm.Sender, error) {
	var ways []alarm.Sender
	if s.cfg.Alarm.Mail.Server != "" {
		w, err := alarm.NewMailer(s.cfg.Alarm.Mail, s.location)
		if err != nil {
			return nil, err
		}
		ways = append(ways, w)
	}
	if s.cfg.Alarm.Syslog.Address != "" {
		w, err := alarm.NewSyslog(s.cfg.Alarm.Syslog)
		if err != nil {
			return nil, err
		}
		ways = append(ways, w)
	}
	for _, c := range s.cfg.Alarm.Webhook {
		w, err := alarm.NewWebhook(c, s.clock)
		if err != nil {
			return nil, err
		}
		ways = append(ways, w)
	}
	return ways, nil
}

// readAlarm reads what was saved; where there is nothing yet it is empty.
func readAlarm(file string) (alarm.Saved, error) {
	info, err := os.Stat(file)
	if errors.Is(err, fs.ErrNotExist) {
		return alarm.Saved{}, nil
	}
	if err == nil && info.Size() > alarm.MostSaved {
		err = fmt.Errorf("it has %d bytes, more than %d", info.Size(), alarm.MostSaved)
	}
	if err != nil {
		return alarm.Saved{}, err
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return alarm.Saved{}, err
	}
	return alarm.DecodeSaved(b)
}

// watchAlarm looks at the lamps until ctx is done, and lets people know.
func (s *Service) watchAlarm(ctx context.Context) {
	s.master.mu.Lock()
	s.master.latch.Start(s.clock.Now())
	s.master.mu.Unlock()
	for {
		s.lookAtLamps()
		s.book.tracedUntil(s.clock.Now()) // ends a trace in time
		if !s.clock.Wait(ctx.Done(), lookEvery) {
			return
		}
	}
}

func (s *Service) lookAtLamps() {
	begun, red := s.lamps.news()
	now := s.clock.Now().UTC()
	m := &s.master
	m.mu.Lock()
	before := m.latch.State().Latched
	tell, changed := m.latch.Look(now, begun, red)
	state := m.latch.State()
	m.mu.Unlock()
	if state.Latched && !before {
		s.log.Error("master alarm", "lamp", state.First.Lamp, "error", errors.New(state.First.Text))
	}
	for _, msg := range tell {
		s.tellPeople(msg)
	}
	if changed || len(tell) > 0 {
		s.saveAlarm()
	}
}

// tellPeople puts a message into the outbox of each way that takes it.
func (s *Service) tellPeople(msg alarm.Message) {
	m := &s.master
	msg.ID, msg.Host = rand.Text(), m.host
	msg.Link = cmp.Or(s.cfg.Alarm.Link, s.pageURL())
	for _, w := range m.ways {
		if !w.Takes(msg.Kind) {
			continue
		}
		if n := m.outbox.Put(w.Name(), msg); n > 0 {
			s.log.Error("too many messages of the master alarm wait; the oldest is let go", "way", w.Name())
		}
		select {
		case m.put[w.Name()] <- struct{}{}:
		default:
		}
	}
}

// pageURL is the address of the page, empty if none is served.
func (s *Service) pageURL() string {
	if at := s.Addr("player"); at != "" {
		return "http://" + at + "/"
	}
	return ""
}

// saveAlarm writes what a restart needs. Where that fails it is tried with the next
// change; the messages go out all the same.
func (s *Service) saveAlarm() {
	m := &s.master
	m.saving.Lock()
	defer m.saving.Unlock()
	m.mu.Lock()
	state := m.latch.State()
	m.mu.Unlock()
	b, err := alarm.Saved{State: state, Outbox: m.outbox.All()}.Encode()
	if err == nil {
		err = atomicfile.WriteFile(m.file, b, 0o600)
	}
	if err != nil && m.unsafe == nil {
		s.log.Error("the state of the master alarm cannot be saved; a restart would forget it", "file", m.file, "error", err)
	}
	m.unsafe = err
}

// deliver brings messages out by one way until ctx is done. A way that hangs holds
// nobody up but itself.
func (s *Service) deliver(ctx context.Context, way alarm.Sender) {
	for ctx.Err() == nil {
		msg, due, wait := s.master.outbox.Due(way.Name(), s.clock.Now())
		if due {
			s.send(ctx, way, msg)
			continue
		}
		if wait <= 0 || wait > deliverEvery {
			wait = deliverEvery
		}
		select {
		case <-ctx.Done():
		case <-s.master.put[way.Name()]:
		case <-s.clock.After(wait):
		}
	}
}

func (s *Service) send(ctx context.Context, way alarm.Sender, msg alarm.Message) {
	limited, cancel := context.WithTimeout(ctx, sendTimeout)
	err := way.Send(limited, msg)
	cancel()
	switch {
	case err == nil:
		s.master.outbox.Done(way.Name(), msg.ID)
		s.log.Info("message of the master alarm delivered", "way", way.Name(), "kind", msg.Kind)
	case ctx.Err() != nil:
		return
	default:
		again := s.master.outbox.Failed(way.Name(), s.clock.Now().UTC(), err)
		s.log.Error("message of the master alarm cannot be delivered, will be tried again",
			"way", way.Name(), "kind", msg.Kind, "again_at", again, "error", err)
	}
	s.saveAlarm()
}

// Alarm returns the master alarm as it stands.
func (s *Service) Alarm() Alarm {
	m := &s.master
	m.mu.Lock()
	defer m.mu.Unlock()
	st := m.latch.State()
	a := Alarm{State: AlarmStarting, Ways: m.outbox.All()}
	switch {
	case st.Off:
		a.State, a.Since = AlarmOff, st.OffSince
	case st.Latched:
		a.State, a.Since, a.Lamp, a.Error = AlarmLatched, st.Since, st.First.Lamp, st.First.Text
	case m.latch.Armed():
		a.State = AlarmArmed
	}
	return a
}

// ResetAlarm puts the master alarm out. While a lamp is red it comes on again at once,
// but nobody is told again of what he was told.
func (s *Service) ResetAlarm() Alarm {
	return s.changeAlarm("master alarm reset", (*alarm.Master).Reset)
}

// SwitchAlarm switches the master alarm on or off by hand; off, it neither latches nor
// tells anybody, also after a restart.
func (s *Service) SwitchAlarm(on bool) Alarm {
	now := s.clock.Now().UTC()
	if on {
		return s.changeAlarm("master alarm switched on", func(m *alarm.Master) { m.SwitchOn(now) })
	}
	return s.changeAlarm("master alarm switched off", func(m *alarm.Master) { m.SwitchOff(now) })
}

func (s *Service) changeAlarm(what string, change func(*alarm.Master)) Alarm {
	s.master.mu.Lock()
	change(s.master.latch)
	s.master.mu.Unlock()
	s.log.Warn(what) //nolint:sloglint // what is one of three constants
	s.lookAtLamps()
	s.saveAlarm()
	return s.Alarm()
}

// TestAlarm sends a message by every way, to try whether it arrives.
func (s *Service) TestAlarm() Alarm {
	s.tellPeople(alarm.Message{Kind: alarm.Test, Time: s.clock.Now().UTC()})
	return s.Alarm()
}
