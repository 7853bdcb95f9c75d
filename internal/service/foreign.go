package service

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"callreel/cdr"
	"callreel/convert"
	"callreel/internal/catalog"
	"callreel/internal/pbx"
	"callreel/internal/recording"
	"callreel/rules"
)

// This file is for captures whose names hold no conference id: their own SIP and
// the time tell the call (SPEC §2.3, correlate = "sip").

const (
	// longestCall bounds how long after its beginning a call's CDRs may come: a
	// day, and some hours for what is late.
	longestCall = 26 * time.Hour
	// mostLooked bounds the CDRs that are looked at for one capture.
	mostLooked = 50_000
)

// findBySIP finds the conference of a capture by its own SIP and puts it into rec;
// then the line goes on as for any other. Else it returns the state in which the
// capture is now, or why it waits.
func (s *Service) findBySIP(ctx context.Context, rec *recording.Recording) (recording.State, error) {
	err := s.readSIP(ctx, rec)
	if err == nil && rec.Call.SIP.Calls > 1 && rec.Capture.Call == 0 {
		err = s.divide(ctx, rec)
	}
	if err != nil {
		return "", err
	}
	if rec.Call.SIP.Parties == nil {
		return s.unknownCall(rec, "no call is set up in the capture by SIP, or more than can be told apart, and its name holds no conference id; nobody can tell whose it is")
	}
	fit, err := s.lookUpBySIP(ctx, *rec)
	switch {
	case errors.Is(err, errUnknown):
		return "", s.noAnswer(err)
	case errors.Is(err, cdr.ErrAmbiguous):
		return s.unknownCall(rec, err.Error())
	case errors.Is(err, recording.ErrNotYet):
		return s.sipAlone(ctx, rec)
	case err != nil:
		return "", err
	}
	rec.Capture.Conf, rec.Call.Found = fit.Conf, fit.Why
	s.log.Debug("conference found by SIP", "id", rec.ID, "uid", rec.Capture.UID, "conf", fit.Conf)
	return "", nil
}

// readSIP reads the capture's signalling, once.
func (s *Service) readSIP(ctx context.Context, rec *recording.Recording) error {
	if rec.Call.SIP != nil {
		return nil
	}
	src, err := s.spool.Open(rec.Capture.Spool)
	if err != nil {
		return err
	}
	defer src.Close()
	told, err := convert.Inspect(ctx, src, rec.Capture.Call)
	if err != nil {
		return err
	}
	rec.Call.SIP = &told
	return nil
}

// divide makes recordings of their own of the further calls in a capture, and
// leaves the first to this one. It may run twice.
func (s *Service) divide(ctx context.Context, rec *recording.Recording) error {
	var further []recording.Capture
	for n := 2; n <= rec.Call.SIP.Calls; n++ {
		c := rec.Capture
		c.Call, c.SourceGone = n, true
		c.Source.Name = fmt.Sprintf("%s#%d", c.Source.Name, n)
		sum := sha256.Sum256(fmt.Appendf(nil, "%s call %d", c.SHA256, n))
		c.UID = hex.EncodeToString(sum[:16])
		further = append(further, c)
	}
	if err := s.catalog.AddSpooled(ctx, further, s.clock.Now()); err != nil {
		return err
	}
	rec.Capture.Call = 1
	s.log.Info("a capture holds several calls; each becomes a recording", "id", rec.ID, "uid", rec.Capture.UID, "calls", rec.Call.SIP.Calls)
	return nil
}

// sameCall reports whether the call of a divided capture that was converted is the
// one whose signalling was read. Another version of this program, which tells calls
// apart in another way, may have come in between.
func sameCall(rec recording.Recording, a recording.Audio) error {
	if rec.Capture.Call == 0 || rec.Call.SIP == nil || rec.Call.SIP.Parties == nil {
		return nil
	}
	if a.SIP != nil && a.SIP.CallID == rec.Call.SIP.Parties.CallID {
		return nil
	}
	return fmt.Errorf("%w: call %d of the capture is not the one that it was when its parties were read; the capture is kept in the spool as %s",
		recording.ErrUnusable, rec.Capture.Call, rec.Capture.Spool)
}

// lookUpBySIP looks among the CDRs of the time, and where none fits asks those
// Reporting servers that can be asked without a conference id.
func (s *Service) lookUpBySIP(ctx context.Context, rec recording.Recording) (cdr.Fit, error) {
	fit, err := s.fit(ctx, *rec.Call.SIP.Parties)
	if !errors.Is(err, recording.ErrNotYet) || len(s.reporting) == 0 {
		return fit, err
	}
	found, asked := s.askReporting(ctx, s.questionBySIP(*rec.Call.SIP.Parties))
	if found > 0 {
		fit, err = s.fit(ctx, *rec.Call.SIP.Parties)
	}
	return fit, unlessAnswered(err, asked)
}

// fit looks among the CDRs of the time.
func (s *Service) fit(ctx context.Context, sip recording.SIPParties) (cdr.Fit, error) {
	within := time.Duration(s.cfg.CDR.SIPWithin)
	var list []recording.RawCDR
	var err error
	if s.indexed.Load() {
		list, err = s.catalog.CDRsNear(ctx, sip.Invite, within, mostLooked)
	} else {
		list, err = s.catalog.CDRsBetween(ctx, sip.Invite.Add(-within), sip.Invite.Add(longestCall), mostLooked)
	}
	if err != nil {
		return cdr.Fit{}, err
	}
	return cdr.BySIP(list, sip, within)
}

// questionBySIP asks for the party with the shorter number: the one inside.
func (s *Service) questionBySIP(sip recording.SIPParties) pbx.Question {
	q := pbx.Question{From: sip.Invite.Add(-time.Hour), To: sip.Invite.Add(longestCall), Number: sip.To}
	if sip.To == "" || sip.From != "" && len(sip.From) < len(sip.To) {
		q.Number = sip.From
	}
	return q
}

// waking is whom records wake. Captures that are told by their own SIP are woken by time.
func (s *Service) waking(parsed []cdr.Parsed) catalog.Waking {
	w := catalog.Waking{At: s.clock.Now()}
	for _, p := range parsed {
		first, last := cdr.Span(p.CDR)
		if w.From.IsZero() || first.Before(w.From) {
			w.From = first
		}
		if last.After(w.To) {
			w.To = last
		}
	}
	within := time.Duration(s.cfg.CDR.SIPWithin)
	w.From, w.To = w.From.Add(-within), w.To.Add(within)
	return w
}

// sipAlone counts down like any capture; at the end its own SIP is the record.
// Where it names no agent and there is a PBX that should have sent a CDR, or names
// nobody at all, that is not enough to throw the capture away: an agent may have
// picked the call up. Nor is it where an agent's number may be meant.
func (s *Service) sipAlone(ctx context.Context, rec *recording.Recording) (recording.State, error) {
	if waits := s.cfg.CDR.waits(false); rec.Retry.Tries < len(waits) {
		return "", s.lookAgain(rec, waits)
	}
	_, facts, err := s.facts(ctx, rec.Capture)
	if err != nil {
		return "", err
	}
	rec.Call.At = facts.Now
	parties := rec.Call.SIP.Parties
	unsure := len(s.cfg.PBX)+len(s.cfg.Reporting) > 0 || parties.From == "" && parties.To == ""
	if s.rules.Whose().Decide(*rec, facts).Decision != recording.Discard {
		return recording.Correlated, nil
	}
	if agent, may := rules.MayBeAgent(*rec, facts); may {
		return s.unknownCall(rec, fmt.Sprintf("no CDR fits the capture's SIP, and one of its parties may be agent %s, but is written in another way",
			cmp.Or(agent.CN, agent.E164)))
	}
	if unsure {
		return s.unknownCall(rec, "no CDR fits the capture's SIP, and neither of its parties is an agent by number")
	}
	return recording.Correlated, nil
}

// unknownCall quarantines a capture of which nobody can tell whose it is.
func (s *Service) unknownCall(rec *recording.Recording, reason string) (recording.State, error) {
	rec.Retry.Reason = reason
	s.lamps.Bad(LampReporting, noCDR, fmt.Errorf("recording %d: %s", rec.ID, reason))
	return recording.Quarantined, nil
}
