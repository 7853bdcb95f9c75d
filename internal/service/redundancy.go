package service

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"callreel/ingest"
	"callreel/internal/recording"
)

// This file tells which addresses are in use of what has a standby one, and what a switch
// between them means for a call (SPEC §2.1, §3).

// address is the manual's name of the address in use.
func address(standby bool) string {
	if standby {
		return "STB"
	}
	return "ACT"
}

// pairs are the inboxes and Reporting servers that have a standby address, in the order of
// their names.
func (s *Service) pairs() []Pair {
	out := []Pair{}
	for _, b := range s.inboxes {
		if p, ok := b.inbox.(*ingest.Pair); ok {
			out = append(out, Pair{"inbox", b.cfg.Name, p.OnStandby()})
		}
	}
	for i, r := range s.reporting {
		if s.cfg.Reporting[i].Standby != "" {
			out = append(out, Pair{"Reporting", r.Name(), r.OnStandby()})
		}
	}
	slices.SortFunc(out, func(a, b Pair) int { return cmp.Or(cmp.Compare(b.Kind, a.Kind), cmp.Compare(a.Name, b.Name)) })
	return out
}

// addresses are, by lamp, STB where a link that it is about uses its standby address, and
// ACT where some have one and none uses it.
func (s *Service) addresses() map[Lamp]string {
	out := map[Lamp]string{}
	add := func(lamp Lamp, standby bool) {
		if out[lamp] != address(true) {
			out[lamp] = address(standby)
		}
	}
	spare := map[string]bool{}
	for _, c := range s.cfg.PBX {
		spare[c.Name] = c.Standby != ""
	}
	for _, l := range s.links.list() {
		if spare[l.Name] {
			add(LampPBX, l.Standby)
		}
	}
	for _, p := range s.pairs() {
		add(map[string]Lamp{"inbox": LampPCAP, "Reporting": LampReporting}[p.Kind], p.Standby)
	}
	return out
}

// patience is how long a capture must stand still without the PBX's word. A call that was
// shown when the PBX died is unknown to whoever takes over, and may be on hold for long: its
// source is not to be taken away from under the telephone.
func (s *Service) patience(ctx context.Context, b *box, conf recording.ConfID, legs []recording.Leg) (time.Duration, error) {
	settle := time.Duration(b.cfg.Settle)
	if !s.lostSight(legs) {
		return settle, nil
	}
	cdrs, err := s.catalog.CDRs(ctx, conf)
	if err == nil && len(cdrs) == 0 {
		settle = max(settle, time.Duration(b.cfg.SettleUnseen))
	}
	return settle, err
}

// lostSight reports whether a PBX showed a call, and nobody saw its end.
func (s *Service) lostSight(legs []recording.Leg) bool {
	return slices.ContainsFunc(legs, func(l recording.Leg) bool {
		return l.Ended.IsZero() && !s.links.sees(l.Agent.PBX) || !l.Ended.IsZero() && l.Uncertain
	})
}

// unseenEnd tells of a call without CDR that a PBX was away in the middle of it, empty if
// none was: a PBX that dies takes the records of its calls with it.
func unseenEnd(legs []recording.Leg) string {
	for _, l := range legs {
		if l.Uncertain {
			return fmt.Sprintf("; PBX %s, or the link to it, was away in the middle of the call: a PBX that restarts forgets its calls, and sends no CDRs of them", l.Agent.PBX)
		}
	}
	return ""
}
