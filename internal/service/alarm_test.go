package service_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"callreel/internal/alarm"
	"callreel/internal/clock"
	"callreel/internal/pbx"
	"callreel/internal/pbxsim"
	"callreel/internal/service"
)

// postbox is a mail server on loopback that may be full.
type postbox struct {
	mu      sync.Mutex
	full    bool
	letters []string
}

func startPostbox(t *testing.T) (p *postbox, addr string) {
	t.Helper()
	p = &postbox{}
	s := smtp.NewServer(p)
	s.Domain = "127.0.0.1"
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(ln) }()
	t.Cleanup(func() { _ = s.Close(); <-done })
	return p, ln.Addr().String()
}

func (p *postbox) NewSession(*smtp.Conn) (smtp.Session, error) { return p, nil }
func (p *postbox) Reset()                                      {}
func (p *postbox) Logout() error                               { return nil }
func (p *postbox) Mail(string, *smtp.MailOptions) error        { return nil }
func (p *postbox) Rcpt(string, *smtp.RcptOptions) error        { return nil }

func (p *postbox) Data(r io.Reader) error {
	b, err := io.ReadAll(r)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.full {
		return errors.New("the postbox is full")
	}
	p.letters = append(p.letters, string(b))
	return err
}

func (p *postbox) setFull(full bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.full = full
}

// subjects are those of the letters, in order.
func (p *postbox) subjects() (all []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.letters {
		_, rest, _ := strings.Cut(l, "Subject: ")
		line, _, _ := strings.Cut(rest, "\r\n")
		all = append(all, line)
	}
	return all
}

func (p *postbox) letter(i int) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.letters[i]
}

func withMail(cfg *service.Config, addr string) {
	cfg.Alarm.Arm, cfg.Alarm.Gather, cfg.Alarm.Again = pbx.Duration(3*time.Second), pbx.Duration(time.Second), pbx.Duration(time.Hour)
	m := &cfg.Alarm.Mail
	m.Server, m.Security, m.From, m.To = addr, "none", "callreel@example.com", []string{"admin@example.com"}
}

// TestMasterAlarm takes the inbox away: the lamp goes red, the master alarm latches and
// mails the admin, says when it is over, and stays on over the lamp's healing until it is
// reset.
func TestMasterAlarm(t *testing.T) {
	t.Parallel()
	p, addr := startPostbox(t)
	r := newRig(t, func(cfg *service.Config) { withMail(cfg, addr) })
	r.alarm(t, service.AlarmArmed)
	inbox := filepath.Join(r.dir, "inbox")
	if err := os.Rename(inbox, inbox+".away"); err != nil {
		t.Fatal(err)
	}
	got := r.alarm(t, service.AlarmLatched)
	if got.Lamp != "PCAP" || got.Error == "" || got.Since.IsZero() {
		t.Errorf("the master alarm says %+v", got)
	}
	until(t, "mail", func() error { return letters(p, ": PCAP") })
	if err := os.Rename(inbox+".away", inbox); err != nil {
		t.Fatal(err)
	}
	until(t, "mail", func() error { return letters(p, ": PCAP", " is over") })
	r.light(t, service.LampPCAP, service.Green)
	r.alarm(t, service.AlarmLatched)
	if got := r.s.ResetAlarm(); got.State != service.AlarmArmed {
		t.Errorf("after the reset it is %s", got.State)
	}
}

// letters wants as many letters as parts, each with its part in the subject.
func letters(p *postbox, parts ...string) error {
	got := p.subjects()
	if len(got) != len(parts) {
		return fmt.Errorf("%d letters: %q", len(got), got)
	}
	for i, part := range parts {
		if !strings.Contains(got[i], part) {
			return fmt.Errorf("letter %d is %q, want %q in it", i, got[i], part)
		}
	}
	return nil
}

// alarm waits until the master alarm is in a state.
func (r *rig) alarm(t *testing.T, want string) (got service.Alarm) {
	t.Helper()
	until(t, "master alarm", func() error {
		if got = r.s.Alarm(); got.State != want {
			return fmt.Errorf("is %s, want %s", got.State, want)
		}
		return nil
	})
	return got
}

// TestMailServerAway lets the mail server take nothing: the letter waits, and nothing of
// it holds a call up.
func TestMailServerAway(t *testing.T) {
	t.Parallel()
	p, addr := startPostbox(t)
	p.setFull(true)
	r := newRig(t, func(cfg *service.Config) { withMail(cfg, addr) })
	r.alarm(t, service.AlarmArmed)
	r.sim.Fault(pbxsim.PBXDown, true)
	r.sim.Fault(pbxsim.PBXDown, false)
	if got := r.alarm(t, service.AlarmLatched); got.Lamp != "PBX" {
		t.Errorf("it says %+v", got)
	}
	until(t, "a try that failed", func() error {
		if w := r.s.Alarm().Ways["mail"]; w.Tries == 0 || !strings.Contains(w.Fault, "full") || len(w.Messages) == 0 {
			return fmt.Errorf("the way is %+v", w)
		}
		return nil
	})
	r.light(t, service.LampPBX, service.Green)
	r.call(t, pbxsim.ExternalToAgent)
	r.allFiled(t)
}

// TestAlarmOutlivesRestart stops a recorder whose master alarm is on and whose letter
// could not be delivered; both are there after the restart, and a switch by hand too.
func TestAlarmOutlivesRestart(t *testing.T) {
	t.Parallel()
	p, addr := startPostbox(t)
	p.setFull(true)
	cfg := plain(t)
	withMail(&cfg, addr)
	s, stop := started(t, cfg)
	rig := &rig{s: s}
	rig.alarm(t, service.AlarmArmed)
	inbox := cfg.Inbox[0].Path
	if err := os.Rename(inbox, inbox+".away"); err != nil {
		t.Fatal(err)
	}
	before := rig.alarm(t, service.AlarmLatched)
	until(t, "a try that failed", func() error {
		if s.Alarm().Ways["mail"].Tries == 0 {
			return errors.New("none yet")
		}
		return nil
	})
	if err := os.Rename(inbox+".away", inbox); err != nil {
		t.Fatal(err)
	}
	stop()
	p.setFull(false)

	rig.s, stop = started(t, cfg)
	after := rig.alarm(t, service.AlarmLatched)
	if !after.Since.Equal(before.Since) || after.Lamp != before.Lamp {
		t.Errorf("after the restart %+v, before %+v", after, before)
	}
	until(t, "mail", func() error {
		if got := p.subjects(); len(got) == 0 || !strings.Contains(got[0], ": PCAP") {
			return fmt.Errorf("letters %q", got)
		}
		return nil
	})
	rig.s.SwitchAlarm(false)
	stop()

	rig.s, stop = started(t, cfg)
	if got := rig.s.Alarm(); got.State != service.AlarmOff {
		t.Errorf("after another restart it is %s, want off", got.State)
	}
	rig.s.SwitchAlarm(true)
	rig.alarm(t, service.AlarmArmed)
	stop()
}

// started runs a recorder until stop.
func started(t *testing.T, cfg service.Config) (s *service.Service, stop func()) {
	t.Helper()
	return startedAt(t, cfg, clock.System())
}

func startedAt(t *testing.T, cfg service.Config, clk clock.Clock) (s *service.Service, stop func()) {
	t.Helper()
	log := slog.New(slog.NewTextHandler(testWriter{t}, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s, err := service.Open(t.Context(), cfg, service.Options{Clock: clk, Log: log, Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := errors.Join(<-done, s.Close()); err != nil {
			t.Errorf("the recorder ended: %v", err)
		}
	})
	t.Cleanup(stop)
	return s, stop
}

// TestWeeklyMail: the letter of the week comes once, also when the recorder did not run
// at its hour, and says whether all is well.
func TestWeeklyMail(t *testing.T) {
	t.Parallel()
	p, addr := startPostbox(t)
	cfg := plain(t)
	withMail(&cfg, addr)
	cfg.Timezone = "UTC"
	now := time.Now().UTC()
	cfg.Alarm.Mail.WeeklyDay, cfg.Alarm.Mail.WeeklyHour = now.Weekday().String(), now.Hour()
	fast := clock.Scaled(50)
	written := func(at time.Time) {
		t.Helper()
		b, err := alarm.Saved{State: alarm.State{WeeklyAt: at}}.Encode()
		if err == nil {
			err = os.WriteFile(cfg.Catalog+".alarm", b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	written(now.AddDate(0, 0, -7))
	s, stop := startedAt(t, cfg, fast)
	until(t, "the letter", func() error { return letters(p, "all is well") })
	for _, want := range []string{": no calls of agents.", "All lamps are green", "Room left for the archive: "} {
		if text := p.letter(0); !strings.Contains(text, want) {
			t.Errorf("the letter lacks %q:\n%s", want, text)
		}
	}
	s.SwitchAlarm(false)
	stop()
	s, stop = startedAt(t, cfg, fast) // it knows that it has written
	until(t, "it has looked", func() error {
		if s.Alarm().State != service.AlarmOff || fast.Now().Sub(now) < 3*time.Minute {
			return errors.New("not yet")
		}
		return nil
	})
	if err := letters(p, "all is well"); err != nil {
		t.Error(err)
	}
	stop()
	b, err := alarm.Saved{State: alarm.State{WeeklyAt: now.AddDate(0, 0, -7), Off: true, OffSince: now}}.Encode()
	if err := errors.Join(err, os.WriteFile(cfg.Catalog+".alarm", b, 0o600)); err != nil {
		t.Fatal(err)
	}
	_, stop = startedAt(t, cfg, fast)
	until(t, "the letter", func() error { return letters(p, "all is well", "and what is wrong") })
	stop()
}

// TestStartChecks: the checks of the start are told in the old recorder's order. A
// Reporting server that is away shows at once, before a call needs it, and shows when it
// is back.
func TestStartChecks(t *testing.T) {
	t.Parallel()
	o := &office{down: true}
	server := httptest.NewServer(o)
	t.Cleanup(server.Close)
	cfg := plain(t)
	cfg.Reporting = []pbx.ReportingConfig{{URL: server.URL + "/?conf={conf}"}}
	cfg.Alarm.Arm = pbx.Duration(10 * time.Minute) // time runs 50 times as fast
	s, stop := startedAt(t, cfg, clock.Scaled(50))
	r := &rig{s: s, cfg: cfg}
	r.light(t, service.LampReporting, service.Red)
	until(t, "all are told", func() error {
		if !holds(r.log(t, "event"), "not everything works") {
			return errors.New("not yet")
		}
		return nil
	})
	var told []string
	for _, l := range r.log(t, "event") {
		if _, rest, ok := strings.Cut(l, `msg="start check" check=`); ok {
			check, _, _ := strings.Cut(rest, " error=")
			told = append(told, check)
		}
	}
	want := `setup result=ok, REPORTING result="failed, and is tried on", PCAP result=ok, DISK result=ok, BACKUP result="not set up", PBX result="not set up"`
	if got := strings.Join(told, ", "); got != want {
		t.Errorf("told %s\nwant %s", got, want)
	}
	o.set(false)
	r.light(t, service.LampReporting, service.Green)
	stop()

	s, stop = startedAt(t, cfg, clock.Scaled(50))
	r = &rig{s: s, cfg: cfg}
	until(t, "normal operation", func() error {
		if !holds(r.log(t, "event"), `msg="Normal operation"`) {
			return errors.New("not yet")
		}
		return nil
	})
	stop()
}
