package service

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"time"

	"callreel/internal/pbx"
	"callreel/internal/recording"
)

const (
	pingEvery   = 30 * time.Second       // of Reporting servers
	lookAtStart = 100 * time.Millisecond // whether a check of the start is done
)

// firstChecks are checks that were made at least once.
type firstChecks struct {
	reporting, health atomic.Bool
}

// checkStart tells in the order that the old recorder had how the checks of the start
// ended: setup, REPORTING, PCAP, DISK, BACKUP, PBX. The checks themselves are those that
// are made all the time; recording waits for none of them. What lasts until the master
// alarm arms is an alarm.
func (s *Service) checkStart(ctx context.Context) {
	s.log.Info("start check", "check", "setup", "result", "ok") // else it would not run
	end := s.clock.Now().Add(time.Duration(s.cfg.Alarm.Arm))
	for _, check := range []struct {
		lamp Lamp
		done func() bool
	}{
		{LampReporting, func() bool { return len(s.reporting) == 0 || s.first.reporting.Load() }},
		{LampPCAP, s.allTried},
		{LampDisk, s.first.health.Load},
		{LampBackup, s.first.health.Load},
		{LampPBX, func() bool { return s.Lamp(LampPBX).Light != Red }},
	} {
		for !check.done() && s.clock.Now().Before(end) {
			if !s.clock.Wait(ctx.Done(), lookAtStart) {
				return
			}
		}
		s.tellCheck(check.lamp, check.done())
	}
	s.tellStart()
}

// allTried reports whether every inbox was listed, with or without success.
func (s *Service) allTried() bool {
	for _, b := range s.inboxes {
		if !b.tried.Load() {
			return false
		}
	}
	return true
}

func (s *Service) tellCheck(lamp Lamp, done bool) {
	st := s.Lamp(lamp)
	switch {
	case st.Light == Grey:
		s.log.Info("start check", "check", lamp, "result", "not set up")
	case st.Light == Red:
		s.log.Error("start check", "check", lamp, "result", "failed, and is tried on", "error", errors.New(st.Error))
	case !done:
		s.log.Warn("start check", "check", lamp, "result", "no answer yet")
	default:
		s.log.Info("start check", "check", lamp, "result", "ok")
	}
}

// tellStart says that all is well, or what is not.
func (s *Service) tellStart() {
	red := s.redLamps()
	if len(red) == 0 {
		s.log.Info("Normal operation")
		return
	}
	s.log.Error("not everything works; recording goes on with what does", "lamps", strings.Join(red, " "))
}

func (s *Service) redLamps() []string {
	var red []string
	for _, st := range s.lamps.All() {
		if st.Light == Red {
			red = append(red, string(st.Lamp))
		}
	}
	return red
}

// watchReporting asks each Reporting server now and then for a call that there is not: a
// server that is away shows before a call needs it, and one that is back too.
func (s *Service) watchReporting(ctx context.Context) {
	if len(s.reporting) == 0 {
		return
	}
	for {
		for _, r := range s.reporting {
			now := s.clock.Now()
			_, err := r.Ask(ctx, pbx.Question{Conf: noConf, From: now, To: now})
			if ctx.Err() != nil {
				return
			}
			s.report(LampReporting, "reporting "+r.Name(), "Reporting gives no answer", err)
		}
		s.first.reporting.Store(true)
		if !s.clock.Wait(ctx.Done(), pingEvery) {
			return
		}
	}
}

// noConf is a conference id that no call has.
const noConf = recording.ConfID("00000000000000000000000000000000")
