package alarm_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"callreel/internal/alarm"
	"callreel/internal/clock"
)

var start = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

// story drives a master alarm second by second.
type story struct {
	t     *testing.T
	m     *alarm.Master
	now   time.Time
	red   []alarm.Cause
	begun []alarm.Cause
	told  []alarm.Message
}

func begin(t *testing.T, saved alarm.State) *story {
	t.Helper()
	cfg := alarm.DefaultConfig()
	cfg.Gather, cfg.Again = clock.Duration(10*time.Second), clock.Duration(5*time.Minute)
	return &story{t: t, m: alarm.NewMaster(cfg, start, saved), now: start}
}

func (s *story) bad(lamp, name string) {
	c := alarm.Cause{Lamp: lamp, Name: name, Text: name + " fails", At: s.now}
	s.red, s.begun = append(s.red, c), append(s.begun, c)
}

func (s *story) good(name string) {
	var left []alarm.Cause
	for _, c := range s.red {
		if c.Name != name {
			left = append(left, c)
		}
	}
	s.red = left
}

// pass lets time pass, and says how many messages there are by then.
func (s *story) pass(d time.Duration) {
	for end := s.now.Add(d); s.now.Before(end); s.now = s.now.Add(time.Second) {
		tell, _ := s.m.Look(s.now, s.begun, s.red)
		s.begun = nil
		s.told = append(s.told, tell...)
	}
}

func (s *story) kinds(want ...alarm.Kind) {
	s.t.Helper()
	var got []alarm.Kind
	for _, m := range s.told {
		got = append(got, m.Kind)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		s.t.Fatalf("after %v told %v, want %v", s.now.Sub(start), got, want)
	}
}

func (s *story) latched(want bool) {
	s.t.Helper()
	if got := s.m.State().Latched; got != want {
		s.t.Fatalf("after %v latched is %v, want %v", s.now.Sub(start), got, want)
	}
}

// What fails at the start and is mended within 20 s is no alarm; what lasts is.
func TestArms(t *testing.T) {
	s := begin(t, alarm.State{})
	s.bad("PBX", "pbx main")
	s.pass(10 * time.Second)
	s.good("pbx main")
	s.pass(time.Minute)
	s.latched(false)
	s.kinds()

	s = begin(t, alarm.State{})
	s.bad("PBX", "pbx main")
	s.pass(19 * time.Second)
	s.latched(false)
	s.pass(2 * time.Second)
	s.latched(true)
	s.kinds()
	s.pass(time.Minute)
	s.kinds(alarm.Alarm)
	if m := s.told[0]; m.Lamp != "PBX" || m.Error != "pbx main fails" || !m.Since.Equal(start) || m.Causes != 1 {
		t.Errorf("told %+v", m)
	}
}

// A fault that is mended by itself leaves the master alarm on; of a short one there is
// one message, which says that it is over.
func TestLatches(t *testing.T) {
	s := begin(t, alarm.State{})
	s.pass(30 * time.Second)
	s.bad("REPORTING", "reporting")
	s.pass(3 * time.Second)
	s.good("reporting")
	s.pass(time.Hour)
	s.latched(true)
	s.kinds(alarm.Alarm)
	if body := s.told[0].Body(time.UTC); !strings.Contains(body, "all lamps are green again") {
		t.Errorf("the message does not say so: %s", body)
	}
	s.m.Reset()
	s.pass(time.Minute)
	s.latched(false)
	s.bad("DISK", "archive")
	s.pass(time.Minute)
	s.latched(true)
	s.kinds(alarm.Alarm, alarm.Alarm)
}

// 300 causes within some seconds are one message that counts them; what comes later is
// told after a while, and that all is green once.
func TestStorm(t *testing.T) {
	s := begin(t, alarm.State{})
	s.pass(30 * time.Second)
	for i := range 300 {
		s.bad("DISK", fmt.Sprintf("recording %d", i))
		if i%50 == 0 {
			s.pass(time.Second)
		}
	}
	s.bad("PCAP", "inbox phones")
	s.pass(4 * time.Minute)
	s.kinds(alarm.Alarm)
	m := s.told[0]
	if m.Causes != 301 || m.ByLamp["DISK"] != 300 || m.ByLamp["PCAP"] != 1 || len(m.List) != 20 {
		t.Errorf("counted %d, %v, named %d", m.Causes, m.ByLamp, len(m.List))
	}
	body := m.Body(time.UTC)
	for _, want := range []string{"Lamp:  DISK", "Error: recording 0 fails", "Since: 2026-11-28 12:00:30 UTC", "301 errors began, by lamp: DISK 300 PCAP 1.", "and 281 more", "Red now: DISK, PCAP."} {
		if !strings.Contains(body, want) {
			t.Errorf("the message lacks %q:\n%s", want, body)
		}
	}
	s.bad("BACKUP", "backup")
	s.pass(30 * time.Second)
	s.kinds(alarm.Alarm) // not before 5 minutes
	s.pass(time.Minute)
	s.kinds(alarm.Alarm, alarm.More)
	if got := s.told[1]; got.Lamp != "BACKUP" || got.Causes != 1 {
		t.Errorf("told %+v", got)
	}
	s.red = nil
	s.pass(9 * time.Second)
	s.kinds(alarm.Alarm, alarm.More)
	s.pass(time.Hour)
	s.kinds(alarm.Alarm, alarm.More, alarm.Over)
	if got := s.told[2]; got.Causes != 302 || !got.Since.Equal(start.Add(30*time.Second)) {
		t.Errorf("told %+v", got)
	}
	s.latched(true)
}

// A reset while a lamp is red does not hide it, and tells nobody again.
func TestResetWhileRed(t *testing.T) {
	s := begin(t, alarm.State{})
	s.pass(30 * time.Second)
	s.bad("DISK", "archive")
	s.pass(time.Minute)
	s.m.Reset()
	s.latched(false)
	s.pass(10 * time.Minute)
	s.latched(true)
	s.kinds(alarm.Alarm)
	s.bad("PCAP", "inbox")
	s.pass(20 * time.Second)
	s.kinds(alarm.Alarm, alarm.More) // after a reset at once
}

func TestOff(t *testing.T) {
	s := begin(t, alarm.State{})
	s.pass(30 * time.Second)
	s.m.SwitchOff(s.now)
	s.bad("DISK", "archive")
	s.pass(time.Hour)
	s.latched(false)
	s.kinds()
	if !s.m.State().Off || s.m.Armed() {
		t.Error("it is not off")
	}
	s.m.SwitchOn(s.now)
	s.pass(time.Minute)
	s.latched(true) // what is still wrong
	s.kinds(alarm.Alarm)
}

// A restart keeps latch and what was told, and a switch by hand.
func TestRestart(t *testing.T) {
	s := begin(t, alarm.State{})
	s.pass(30 * time.Second)
	s.bad("DISK", "archive")
	s.pass(time.Minute)
	s.kinds(alarm.Alarm)
	saved := reread(t, s.m.State())

	s = begin(t, saved)
	s.latched(true)
	s.bad("DISK", "archive") // it stands at the start already
	s.pass(10 * time.Minute)
	s.kinds()
	s.good("archive")
	s.pass(time.Minute)
	s.kinds(alarm.Over)
	s.latched(true)

	s.m.SwitchOff(s.now)
	s = begin(t, reread(t, s.m.State()))
	s.bad("DISK", "archive")
	s.pass(time.Hour)
	s.kinds()
}

func reread(t *testing.T, st alarm.State) alarm.State {
	t.Helper()
	b, err := alarm.Saved{State: st}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	saved, err := alarm.DecodeSaved(b)
	if err != nil {
		t.Fatal(err)
	}
	return saved.State
}

// A clock that is set back by a day holds no message up for a day.
func TestClockSetBack(t *testing.T) {
	s := begin(t, alarm.State{})
	s.pass(30 * time.Second)
	s.bad("DISK", "archive")
	s.pass(time.Minute)
	s.now = s.now.Add(-24 * time.Hour)
	s.bad("PCAP", "inbox")
	s.pass(6 * time.Minute)
	s.kinds(alarm.Alarm, alarm.More)
}

func TestWeekly(t *testing.T) {
	rome, err := time.LoadLocation("Europe/Rome")
	if err != nil {
		t.Fatal(err)
	}
	cfg := alarm.DefaultConfig()
	cfg.Mail.Server, cfg.Mail.WeeklyDay, cfg.Mail.WeeklyHour = "mail.example.com", "Monday", 8
	m := alarm.NewMaster(cfg, start, alarm.State{})
	var due []string
	for now := start; now.Before(start.AddDate(0, 0, 16)); now = now.Add(10 * time.Minute) { // from Saturday on
		if m.WeeklyDue(now, rome) {
			due = append(due, now.In(rome).Format("Mon 02 15:04"))
		}
	}
	if want := []string{"Mon 30 08:00", "Mon 07 08:00", "Mon 14 08:00"}; !reflect.DeepEqual(due, want) {
		t.Errorf("due at %v, want %v", due, want)
	}
	cfg.Mail.WeeklyDay = ""
	if alarm.NewMaster(cfg, start, alarm.State{}).WeeklyDue(start.AddDate(1, 0, 0), rome) {
		t.Error("one is due that nobody wants")
	}
}

func FuzzDecodeSaved(f *testing.F) {
	good, err := alarm.Saved{State: alarm.State{Latched: true, Fresh: 1, Listed: []alarm.Cause{{Lamp: "DISK"}}}}.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"version":1,"state":{"fresh":7}}`))
	f.Add([]byte(`{"version":2}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		saved, err := alarm.DecodeSaved(data)
		if err != nil {
			return
		}
		s := begin(t, saved.State) // whatever stands in the file, it must go on
		s.bad("PCAP", "inbox")
		s.pass(time.Minute)
		s.latched(!saved.State.Off || saved.State.Latched)
		o := alarm.NewOutbox([]string{"mail"}, saved.Outbox)
		o.Due("mail", start)
	})
}
