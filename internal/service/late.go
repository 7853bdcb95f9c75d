package service

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"callreel/cdr"
	"callreel/internal/catalog"
	"callreel/internal/ledger"
	"callreel/internal/recording"
	"callreel/rules"
)

// This file is about CDRs that come when their call has been decided.

// tooLate looks whether a CDR came for a call that was not kept, and would have been with
// it, or that is kept, and would be another's with it: that is never passed over in silence.
// A row that cannot be read must not make the PBX send its CDR for ever; the ledger tells
// of it.
func (s *Service) tooLate(ctx context.Context, confs []recording.ConfID) error {
	for _, conf := range confs {
		list, err := s.catalog.Judged(ctx, conf)
		if err != nil && !errors.Is(err, catalog.ErrUnreadable) {
			return err
		}
		for _, rec := range list {
			if err := s.judgeAgain(ctx, rec); err != nil && !errors.Is(err, catalog.ErrUnreadable) {
				return err
			}
		}
	}
	return nil
}

func (s *Service) judgeAgain(ctx context.Context, rec recording.Recording) error {
	switch {
	case rec.Verdict.Rule == recording.SameFile:
		return nil
	case rec.State != recording.Discarded:
		return s.ownerAgain(ctx, rec)
	}
	call, err := s.correlator.Correlate(ctx, rec)
	if err != nil {
		return err
	}
	if call.Twins, err = s.twins(ctx, rec); err != nil {
		return err
	}
	rec.Call = call
	v, err := s.withMarks(ctx, rec)
	if err != nil {
		return err
	}
	if v.Decision != recording.Keep {
		return nil
	}
	s.report(LampReporting, "late "+string(rec.Capture.Conf), "a CDR of an agent came after his call had been discarded",
		fmt.Errorf("recording %d of conference %s was discarded by rule %q; a CDR that came later says: %s", rec.ID, rec.Capture.Conf, rec.Verdict.Rule, v.Reason))
	return nil
}

// ownerAgain tells when a kept recording would be another agent's, or nobody's, by the CDRs
// that have come since. It stays where it is: what somebody may have heard and noted under
// one name must not go to another behind his back.
func (s *Service) ownerAgain(ctx context.Context, rec recording.Recording) error {
	call, err := cdr.Correlator{Source: records{s.catalog, rec.Call}, Now: s.clock.Now}.Correlate(ctx, rec)
	if err != nil {
		return err
	}
	call.SIP, call.Found = rec.Call.SIP, rec.Call.Found
	f, err := s.factsOfThen(ctx, rec)
	if err != nil {
		return err
	}
	then, late := rec, rec
	then.Call.Twins, late.Call = nil, call // which of two captures is kept does not matter here
	was, now := s.rules.Whose().Decide(then, f), s.rules.Whose().Decide(late, f)
	cause := fmt.Sprintf("owner of recording %d", rec.ID)
	if now.Decision == recording.Wait || sameOwner(now, rec.Verdict) || sameOwner(now, was) { // else rules or agents are others since
		s.lamps.Good(LampReporting, cause)
		return nil
	}
	whose := "nobody"
	if now.Decision == recording.Keep {
		whose = ledger.Name(now.Owner)
	}
	s.report(LampReporting, cause, "by a CDR that came after a call had been filed it would be another's",
		fmt.Errorf("recording %d of conference %s is filed for %s, and by the CDRs that have come since it would be for %s: %s; it stays as it is filed, \"callreel explain %d\" shows all",
			rec.ID, rec.Capture.Conf, ledger.Name(rec.Verdict.Owner), whose, now.Reason, rec.ID))
	return nil
}

func sameOwner(a, b recording.Verdict) bool {
	return a.Decision == b.Decision && (a.Decision != recording.Keep || a.Owner == b.Owner || a.Owner.Same(b.Owner))
}

// factsOfThen are the facts about a kept call whose waits are over. Its owner was an agent
// then, with a licence.
func (s *Service) factsOfThen(ctx context.Context, rec recording.Recording) (rules.Facts, error) {
	_, f, err := s.facts(ctx, rec.Capture)
	if was := rec.Verdict.Owner; was != (recording.Agent{}) {
		f.Agents = append(f.Agents, was)
		f.Unlicensed = slices.DeleteFunc(slices.Clone(f.Unlicensed), was.Same)
	}
	f.Settle, f.DiscardSettle, f.MarksSeen, f.Before = 0, 0, f.Now, 0
	return f, err
}
