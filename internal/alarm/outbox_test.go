package alarm_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"callreel/internal/alarm"
)

// What a way does not take waits, ever longer; the other way is not held up.
func TestOutbox(t *testing.T) {
	o := alarm.NewOutbox([]string{"mail", "syslog"}, nil)
	for _, way := range []string{"mail", "syslog"} {
		o.Put(way, alarm.Message{ID: "1"})
		o.Put(way, alarm.Message{ID: "2"})
	}
	now := start
	var pauses, tried []string
	for range 10 {
		m, due, _ := o.Due("mail", now)
		if !due {
			t.Fatalf("after %v none is due", now.Sub(start))
		}
		tried = append(tried, m.ID)
		again := o.Failed("mail", now, errors.New("no"))
		pauses = append(pauses, again.Sub(now).String())
		if _, due, wait := o.Due("mail", now); due || wait != again.Sub(now) {
			t.Fatalf("due at once, or in %v", wait)
		}
		now = again
	}
	if got, want := fmt.Sprint(pauses), "[10s 20s 40s 1m20s 2m40s 5m20s 10m40s 21m20s 30m0s 30m0s]"; got != want {
		t.Errorf("pauses %s, want %s", got, want)
	}
	// Three tries each: the server may refuse one message alone.
	if got, want := fmt.Sprint(tried), "[1 1 1 2 2 2 1 1 1 2]"; got != want {
		t.Errorf("tried %s, want %s", got, want)
	}
	if m, due, _ := o.Due("syslog", start); !due || m.ID != "1" {
		t.Error("the other way waits too")
	}
	if w := o.All()["mail"]; w.Fault != "no" || !w.Since.Equal(start) || w.Tries != 10 {
		t.Errorf("shown as %+v", w)
	}
	o.Done("mail", "2")
	if m, due, _ := o.Due("mail", start); !due || m.ID != "1" {
		t.Errorf("then due is %v %q, want the other one at once", due, m.ID)
	}
	again := alarm.NewOutbox([]string{"mail"}, o.All())
	if m, due, _ := again.Due("mail", start); !due || m.ID != "1" {
		t.Error("a restart lost it")
	}
}

func TestOutboxIsBounded(t *testing.T) {
	o := alarm.NewOutbox([]string{"mail"}, nil)
	dropped := 0
	for i := range 150 {
		dropped += o.Put("mail", alarm.Message{ID: fmt.Sprint(i)})
	}
	w := o.All()["mail"]
	if dropped != 50 || w.Dropped != 50 || len(w.Messages) != 100 || w.Messages[0].ID != "50" {
		t.Errorf("dropped %d, %d wait, the first is %q", dropped, len(w.Messages), w.Messages[0].ID)
	}
	o.Failed("mail", start.Add(1000*time.Hour), errors.New("no"))
	if _, due, wait := o.Due("mail", start); due || wait > time.Hour {
		t.Errorf("after the clock was set back it waits %v", wait)
	}
}
