package service

import (
	"context"
	"fmt"
	"strings"
	"time"

	"callreel/internal/alarm"
	"callreel/internal/catalog"
	"callreel/internal/ledger"
)

const (
	weekLook  = 30 * time.Second // whether the weekly message is due
	weekAgain = 5 * time.Minute  // after what it needs could not be read
)

// watchWeek sends the weekly message, where one is wanted.
func (s *Service) watchWeek(ctx context.Context) {
	if s.cfg.Alarm.Mail.WeeklyDay == "" {
		return
	}
	for s.clock.Wait(ctx.Done(), weekLook) {
		s.master.mu.Lock()
		before := s.master.latch.State().WeeklyAt
		due := s.master.latch.WeeklyDue(s.clock.Now().UTC(), s.location)
		first := before.IsZero() && !due
		s.master.mu.Unlock()
		if first {
			s.saveAlarm()
		}
		for due && ctx.Err() == nil {
			msg, err := s.week(ctx)
			if err == nil {
				s.tellPeople(msg)
				s.saveAlarm()
				break
			}
			s.log.Error("the week cannot be summed up", "error", err)
			s.clock.Wait(ctx.Done(), weekAgain)
		}
	}
}

// week is the message of the last seven days.
func (s *Service) week(ctx context.Context) (alarm.Message, error) {
	now := s.clock.Now().UTC()
	from := now.In(s.location).AddDate(0, 0, -7)
	list, err := s.books.between(ctx, from, now)
	if err != nil {
		return alarm.Message{}, err
	}
	aside, err := s.catalog.OpenAside(ctx)
	if err != nil {
		return alarm.Message{}, err
	}
	var b strings.Builder
	day := func(t time.Time) string { return t.In(s.location).Format("2006-01-02 15:04") }
	fmt.Fprintf(&b, "From %s to %s: %s.\n", day(from), day(now), ledger.InWords(ledger.Sum(list)))
	fmt.Fprintf(&b, "\"callreel ledger\" has each of them with its reason.\n\n")
	trouble := s.weekTrouble(&b, aside)
	if !trouble {
		b.WriteString("All lamps are green, nothing is put aside.\n")
	}
	disk, backup := s.rooms()
	for _, r := range []struct {
		what string
		room *Room
	}{{"archive", disk}, {"backup", backup}} {
		if r.room != nil {
			fmt.Fprintf(&b, "Room left for the %s: %s of %s.\n", r.what, size(r.room.Free), size(r.room.Total))
		}
	}
	return alarm.Message{Kind: alarm.Weekly, Time: now, Text: b.String(), Trouble: trouble}, nil
}

// weekTrouble writes what is wrong and reports whether anything is.
func (s *Service) weekTrouble(b *strings.Builder, aside catalog.OpenAside) (trouble bool) {
	for _, l := range s.lamps.All() {
		if l.Light == Red {
			trouble = true
			fmt.Fprintf(b, "%s is red since %s: %s\n", l.Lamp, l.Since.In(s.location).Format("2006-01-02 15:04"), scrub(l.Error))
		}
	}
	if a := s.Alarm(); a.State == AlarmLatched || a.State == AlarmOff {
		trouble = true
		b.WriteString(a.Text(func(t time.Time) string { return t.In(s.location).Format("2006-01-02 15:04:05") }))
	}
	if aside.Quarantined+aside.Unusable > 0 {
		trouble = true
		fmt.Fprintf(b, "%d captures are in quarantine, %d unusable; \"callreel aside list\" says why.\n", aside.Quarantined, aside.Unusable)
	}
	return trouble
}
