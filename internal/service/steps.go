package service

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"callreel/convert"
	"callreel/ingest"
	"callreel/internal/recording"
	"callreel/rules"
)

// fetchPatience is how long one try to fetch goes on without a byte of progress.
// After it the lamp is red, the worker is free for others, and the line tries
// again with growing delay.
const fetchPatience = 10 * time.Second

// nobodyAgain is the pause before a decision is tried again that waits for agents.
const nobodyAgain = 10 * time.Second

// fetch brings the capture into the spool, unless it is already certain that no
// agent took part.
func (s *Service) fetch(ctx context.Context, rec *recording.Recording) (recording.State, error) {
	box, ok := s.inboxes[rec.Capture.Source.Inbox]
	if !ok {
		return "", fmt.Errorf("inbox %q is not set up any more", rec.Capture.Source.Inbox)
	}
	v, sure, err := s.early(ctx, rec)
	if err != nil {
		return "", err
	}
	if sure {
		rec.Verdict = v
		return recording.Discarded, nil
	}
	f := ingest.Fetcher{
		Inbox: box.inbox, Spool: s.spool, Clock: s.clock, Log: s.log, GiveUp: fetchPatience,
		Broken: func(err error) { s.report(LampPCAP, cause(rec.ID), "copy from the inbox broke and goes on", err) },
	}
	fetched, err := f.Fetch(ctx, fmt.Sprintf("%d.pcap", rec.ID), rec.Capture)
	if err != nil {
		return s.notFetched(rec, err)
	}
	rec.Capture, rec.Call.SIP = fetched, nil
	rec.Capture.Call = 0
	if err := s.readBegin(rec); err != nil {
		return "", err
	}
	return s.unlessKnown(ctx, rec)
}

// readBegin reads when a phone's capture begins, where its name tells the device alone.
func (s *Service) readBegin(rec *recording.Recording) error {
	if c := rec.Capture; c.RecordedOn != recording.OnPhone || c.MAC == "" || c.RegName != "" {
		return nil
	}
	src, err := s.spool.Open(rec.Capture.Spool)
	if err != nil {
		return err
	}
	defer src.Close()
	rec.Capture.Begins = convert.Begins(src)
	return nil
}

// early asks the rules whether it is certain that no agent took part. Where CDRs
// are here already, they must say the same as the PBX's live events. While no
// agent is known at all, nothing is certain.
func (s *Service) early(ctx context.Context, rec *recording.Recording) (recording.Verdict, bool, error) {
	live, facts, err := s.facts(ctx, rec.Capture)
	rec.Call.Live = live
	if err != nil || !s.cfg.EarlyDiscard || s.nobody(facts) {
		return recording.Verdict{}, false, err
	}
	v, sure := s.rules.Early(*rec, facts)
	if !sure {
		return v, false, nil
	}
	call, err := s.correlator.Correlate(ctx, *rec)
	switch {
	case errors.Is(err, recording.ErrNotYet):
	case err != nil:
		return recording.Verdict{}, false, err
	default:
		told := *rec
		told.Call = call
		if s.rules.Whose().Decide(told, facts).Decision != recording.Discard {
			return recording.Verdict{}, false, nil
		}
	}
	// All events of a time are looked through for this, so it is asked last.
	if facts.Live.ConfChanged, err = s.catalog.ConfChanged(ctx, rec.Capture.NotBefore); err != nil {
		return recording.Verdict{}, false, err
	}
	v, sure = s.rules.Early(*rec, facts)
	return v, sure, nil
}

// nobody reports that no agent is known, and makes the lamp say so: a recording
// group that is misspelt must not make callreel throw every call away.
func (s *Service) nobody(f rules.Facts) bool {
	if !f.Nobody() {
		s.lamps.Good(LampSoftware, "no agents")
		return false
	}
	s.report(LampSoftware, "no agents", "no agent is known", errors.New(
		"no agent is known, so that no call is thrown away and none is filed; look at the recording group of the PBX"))
	return true
}

// changedOften is how many fetches in a row may find the file changed before that
// is a fault: a server whose listing never agrees with the file.
const changedOften = 20

// notFetched sends a capture whose source moved under our hands, or is not there
// just now, back to watching: the next listings tell what has become of it.
func (s *Service) notFetched(rec *recording.Recording, err error) (recording.State, error) {
	switch {
	case errors.Is(err, recording.ErrChanged) && rec.Retry.Tries < changedOften:
		rec.Retry.Tries++
		return "", &waitError{why: "the file is still changing at the source"}
	case errors.Is(err, recording.ErrNotFound):
		return "", &waitError{why: "the file is not at the source just now"}
	}
	return "", err
}

// unlessKnown discards a capture that was here before: a file that came back
// after it had been deleted.
func (s *Service) unlessKnown(ctx context.Context, rec *recording.Recording) (recording.State, error) {
	older, err := s.catalog.SameContent(ctx, *rec)
	if errors.Is(err, recording.ErrNotFound) {
		return recording.Spooled, nil
	}
	if err != nil {
		return "", err
	}
	reason := fmt.Sprintf("the same file, with the same content, is recording %d already", older.ID)
	rec.Verdict = recording.Verdict{
		Decision: recording.Discard, Rule: recording.SameFile, Owner: rec.Verdict.Owner, Reason: reason, At: s.clock.Now(),
		Trace: []recording.Tried{{Rule: recording.SameFile, Fired: true, Why: reason}},
	}
	return recording.Discarded, nil
}

// correlate finds the CDRs of the capture's conference, or counts down.
func (s *Service) correlate(ctx context.Context, rec *recording.Recording) (recording.State, error) {
	if rec.Capture.Conf == "" && rec.Capture.BySIP {
		if next, err := s.findBySIP(ctx, rec); next != "" || err != nil {
			return next, err
		}
	}
	sip, found := rec.Call.SIP, rec.Call.Found
	call, err := s.lookUp(ctx, *rec)
	switch {
	case errors.Is(err, errUnknown):
		return "", s.noAnswer(err)
	case errors.Is(err, recording.ErrNotYet):
		return s.countDown(ctx, rec)
	case err != nil:
		return "", err
	}
	rec.Call = call
	rec.Call.SIP, rec.Call.Found = sip, found
	return recording.Correlated, nil
}

// countDown is the patience of SPEC §3.4. At its end the capture is
// quarantined, which a CDR undoes at any time.
func (s *Service) countDown(ctx context.Context, rec *recording.Recording) (recording.State, error) {
	legs, err := s.catalog.Legs(ctx, rec.Capture.Conf)
	if err != nil {
		return "", err
	}
	rec.Call.Live = legs
	if rec.Capture.Conf == "" {
		rec.Retry.Reason = "the file's name holds no conference id, so no CDR can be found for it; the capture is kept. Is it of a phone with SIP? Then correlate = \"sip\" in the setup of its inbox helps"
		s.lamps.Bad(LampReporting, noCDR, errors.New(rec.Retry.Reason))
		return recording.Quarantined, nil
	}
	waits := s.cfg.CDR.waits(len(legs) > 0)
	if rec.Retry.Tries >= len(waits) {
		rec.Retry.Reason = fmt.Sprintf("no CDR names conference %s; looked %d times%s", rec.Capture.Conf, rec.Retry.Tries+1, unseenEnd(legs))
		s.lamps.Bad(LampReporting, noCDR, errors.New(rec.Retry.Reason))
		return recording.Quarantined, nil
	}
	return "", s.lookAgain(rec, waits)
}

// lookAgain counts one more look for CDRs.
func (s *Service) lookAgain(rec *recording.Recording, waits []time.Duration) error {
	until := s.clock.Now().Add(waits[rec.Retry.Tries])
	rec.Retry.Tries++
	return &waitError{until, fmt.Sprintf("waiting for a CDR, look %d of %d", rec.Retry.Tries+1, len(waits)+1)}
}

// waits are the pauses between two looks for CDRs.
func (c CDRConfig) waits(known bool) []time.Duration {
	if known {
		return []time.Duration{time.Duration(c.FirstWait), time.Duration(c.SecondWait), time.Duration(c.LastWait)}
	}
	out := make([]time.Duration, c.Tries)
	for i := range out {
		out[i] = time.Duration(c.FirstWait)
	}
	return out
}

// decide asks the rules. Before a call is thrown away, or kept for want of a CDR,
// Reporting is asked whether it has more of them.
func (s *Service) decide(ctx context.Context, rec *recording.Recording) (recording.State, error) {
	v, err := s.verdict(ctx, rec)
	if err == nil && s.reportingMayKnow(*rec, v) {
		if err = s.askForMore(ctx, rec); err == nil {
			v, err = s.verdict(ctx, rec)
		}
	}
	if err != nil {
		return "", err
	}
	switch v.Decision {
	case recording.Keep:
		rec.Verdict = v
		return recording.Decided, nil
	case recording.Discard:
		rec.Verdict = v
		return recording.Discarded, nil
	case recording.Wait:
	}
	return "", &waitError{v.Until, "waiting for " + v.For + ": " + v.Reason}
}

// verdict is what the rules say of all that is known by now.
func (s *Service) verdict(ctx context.Context, rec *recording.Recording) (recording.Verdict, error) {
	if err := s.freshen(ctx, rec); err != nil {
		return recording.Verdict{}, err
	}
	_, facts, err := s.facts(ctx, rec.Capture)
	if err != nil {
		return recording.Verdict{}, err
	}
	if s.nobody(facts) {
		return recording.Verdict{}, &waitError{s.clock.Now().Add(nobodyAgain), "waiting for the PBX to name an agent"}
	}
	if err := errors.Join(s.addMarks(ctx, *rec, &facts), s.addCounters(ctx, *rec, &facts)); err != nil {
		return recording.Verdict{}, err
	}
	return s.rules.Decide(*rec, facts), nil
}

// freshen looks at new CDRs and at other captures of the conference. Where the capture's own SIP is all there is, there
// are none.
func (s *Service) freshen(ctx context.Context, rec *recording.Recording) error {
	if rec.Capture.Conf == "" && rec.Call.SIP != nil {
		return nil
	}
	call, err := s.correlator.Correlate(ctx, *rec)
	if err != nil {
		return err
	}
	if call.Twins, err = s.twins(ctx, *rec); err != nil {
		return err
	}
	call.SIP, call.Found, call.Asked = rec.Call.SIP, rec.Call.Found, rec.Call.Asked
	rec.Call = call
	return nil
}

// file makes the recording: converted, named, sealed, archived and verified.
// Nothing half-made is a state, so it is one step.
func (s *Service) file(ctx context.Context, rec *recording.Recording) (recording.State, error) {
	if len(s.inboxes) > 1 { // two of them may have been fetched from at the same moment
		if err := s.filing.begin(ctx, rec.ID, rec.Capture.Source.Name+"\n"+rec.Capture.SHA256); err != nil {
			return "", err
		}
		if next, err := s.unlessKnown(ctx, rec); err != nil || next == recording.Discarded {
			return next, err
		}
	}
	draft, err := s.archive.Draft(ctx, fmt.Sprint(rec.ID))
	if err != nil {
		return "", err
	}
	defer draft.Abort()
	clearSum, err := s.convertInto(ctx, rec, draft)
	if err != nil {
		return "", err
	}
	if err := s.talkedTo(ctx, rec); err != nil {
		return "", err
	}
	if rec.Call.TAN, err = s.tan(ctx, *rec); err != nil {
		return "", err
	}
	if rec.Name, err = s.freeName(ctx, rec); err != nil {
		return "", err
	}
	rec.Seal.FileSHA256, rec.Seal.Size = draft.Sum()
	rec.Seal.ClearSHA256 = cmp.Or(clearSum, rec.Seal.FileSHA256)
	if rec.Call.Twins, err = s.twins(ctx, *rec); err != nil {
		return "", err
	}
	rec.Seal.AudioSealed, rec.Seal.Key = s.cfg.Keys.EncryptAudio, s.ring.Current()
	sealed, err := s.sealedSidecar(*rec)
	if err != nil {
		return "", err
	}
	rec.Place, err = s.commit(ctx, rec, draft, sealed)
	if err != nil {
		return "", err
	}
	rec.Audio.Peaks = nil // they are in the sidecar; the catalog stays small
	if s.cfg.Archive.Backup != "" {
		return recording.Filed, nil
	}
	rec.Capture.Spool = "" // the copy goes when this is saved
	return recording.BackedUp, nil
}

// convertInto writes the audio of the spooled capture to w, sealed if the setup
// says so; then it returns the SHA-256 of its clear content too.
func (s *Service) convertInto(ctx context.Context, rec *recording.Recording, w io.Writer) (string, error) {
	src, err := s.spool.Open(rec.Capture.Spool)
	if err != nil {
		return "", err
	}
	defer src.Close()
	out, err := s.audioWriter(w, s.cfg.Keys.EncryptAudio)
	if err != nil {
		return "", err
	}
	audio, err := s.converter()(ctx, src, out, s.conversion(*rec, s.madeFormat()))
	if err != nil {
		return "", fmt.Errorf("convert recording %d: %w", rec.ID, err)
	}
	if err := sameCall(*rec, audio); err != nil {
		return "", err
	}
	rec.Audio = audio
	if !s.canBeFiled(audio.Status) {
		return "", fmt.Errorf("%w: %s: %s; the capture is kept in the spool as %s",
			recording.ErrUnusable, audio.Status, audio.Reason, rec.Capture.Spool)
	}
	if err := out.Close(); err != nil {
		return "", fmt.Errorf("convert recording %d: %w", rec.ID, err)
	}
	return out.Sum(), nil
}

func internalNumbers(v recording.Verdict) []string {
	if v.Internal == "" {
		return nil
	}
	return []string{v.Internal}
}

// backUp removes the spool's copy, which Filed allows, and copies the pair.
func (s *Service) backUp(ctx context.Context, rec *recording.Recording) (recording.State, error) {
	if err := s.dropSpool(ctx, rec); err != nil {
		return "", err
	}
	if s.cfg.Archive.Backup == "" {
		return recording.BackedUp, nil
	}
	place, err := s.copyOf(ctx, rec)
	if errors.Is(err, recording.ErrNotFound) { // a converter was quicker
		if changed, lookErr := s.converted(ctx, rec); changed && lookErr == nil {
			place, err = s.copyOf(ctx, rec)
		}
	}
	if err != nil {
		return "", err
	}
	rec.Backup = place
	return recording.BackedUp, nil
}

// copyOf copies the pair to the backup; over the copy of before, if a converter has made
// another pair of it since.
func (s *Service) copyOf(ctx context.Context, rec *recording.Recording) (recording.Place, error) {
	if rec.Backup != "" {
		return s.archive.BackUpAgain(ctx, rec.Place, rec.Backup, rec.Seal.FileSHA256)
	}
	return s.archive.Backup(ctx, rec.Place)
}

// finish waits until the source is gone too.
func (s *Service) finish(_ context.Context, rec *recording.Recording) (recording.State, error) {
	if !rec.Capture.SourceGone {
		return "", s.untilGone()
	}
	return recording.Done, nil
}

// untilGone is the wait of finish. The deletion ends it, unless that came while a worker
// had the recording.
func (s *Service) untilGone() *waitError {
	return &waitError{s.clock.Now().Add(2 * deleteRetry), "waiting for the source to be deleted"}
}

// cleanUp removes the spool's copy of what is not kept.
func (s *Service) cleanUp(ctx context.Context, rec *recording.Recording) (recording.State, error) {
	return recording.Discarded, s.dropSpool(ctx, rec)
}

// dropSpool removes the spool's copy, unless other calls in it are not done yet.
// What it left to others is looked at again when that has been saved.
func (s *Service) dropSpool(ctx context.Context, rec *recording.Recording) error {
	if rec.Capture.Spool == "" {
		return nil
	}
	shared := false
	if rec.Capture.Call > 0 {
		var err error
		if shared, err = s.catalog.SharesSpool(ctx, *rec); err != nil {
			return err
		}
	}
	if shared {
		rec.Capture.Spool = ""
		return nil
	}
	if err := s.spool.Remove(rec.Capture.Spool); err != nil && !errors.Is(err, recording.ErrNotFound) {
		return err
	}
	rec.Capture.Spool = ""
	return nil
}

// dropLeft removes a copy that rec has given up, when that has been saved, unless other
// calls in it need it; the last two may have left it to each other. Where it fails, the
// next start sweeps.
func (s *Service) dropLeft(ctx context.Context, rec recording.Recording, name string) {
	rec.Capture.Spool = name
	shared, err := false, error(nil)
	if rec.Capture.Call > 0 {
		shared, err = s.catalog.SharesSpool(ctx, rec)
	}
	if err == nil && !shared {
		err = s.spool.Remove(name)
	}
	if err != nil && !errors.Is(err, recording.ErrNotFound) {
		s.log.Warn("a copy in the spool stays until the next start", "id", rec.ID, "error", err)
	}
}
