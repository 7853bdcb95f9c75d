package service

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"callreel/cdr"
	"callreel/internal/catalog"
	"callreel/internal/clock"
	"callreel/internal/ledger"
	"callreel/internal/pbx"
	"callreel/internal/recording"
	"callreel/rules"
)

// LedgerConfig says when a call without audio is missed, and whether each day is
// reported.
type LedgerConfig struct {
	// NoCapture is how long after a call's end its capture may still come.
	NoCapture pbx.Duration `toml:"no_capture"`
	// Daily writes each day's lines into the archive's TMP folder.
	Daily bool `toml:"daily"`
}

// Validate checks the values; errors name the key and what is allowed.
func (c LedgerConfig) Validate() error {
	if c.NoCapture <= 0 {
		return fmt.Errorf("ledger: no_capture %s is not allowed; allowed: more than 0s", time.Duration(c.NoCapture))
	}
	return nil
}

const (
	ledgerEvery = time.Second
	ledgerMost  = 2 * time.Second
	ledgerBatch = 200 // conferences whose lines are saved at once
	// ledgerQuiet is how long after its end a call has no line yet, but not more than a
	// quarter of the time its capture may take: records, capture and filing come meanwhile.
	ledgerQuiet = 10 * time.Second
)

// unreadAgain is the pause before a call is looked at again of which a row cannot be read.
const unreadAgain = 10 * time.Minute

// causeUnread is under which calls that the ledger passes over stand in the lamps.
const causeUnread = "rows that cannot be read"

// causeNoCapture is under which calls without audio stand in the lamps.
const causeNoCapture = "calls without audio"

// bookkeeper makes the lines of the ledger from what the catalog holds. It is the
// same for the recorder, which saves them, and for who only reads.
type bookkeeper struct {
	cfg        Config
	catalog    *catalog.Catalog
	rules      rules.Set
	clock      clock.Clock
	correlator cdr.Correlator
	setup      func() []recording.Agent // the agents of the setup
	roster     *roster                  // nil looks into the catalog each time
	// listed is up to when all inboxes have been looked through, and one of those
	// that hold it up.
	listed func() (time.Time, string)
}

// callSource hands the correlator what the catalog holds.
type callSource struct{ catalog *catalog.Catalog }

func (s callSource) ByConf(ctx context.Context, conf recording.ConfID) ([]recording.RawCDR, error) {
	return s.catalog.CDRs(ctx, conf)
}

func (s callSource) Legs(ctx context.Context, conf recording.ConfID) ([]recording.Leg, error) {
	return s.catalog.Legs(ctx, conf)
}

// errNobody says that no agent is known at all, so that nobody can tell which calls
// are an agent's.
var errNobody = errors.New("no agent is known yet")

// look is what holds for all lines of one look.
type look struct {
	staff *staff
	all   bool // every user is an agent
	own   ledger.Facts
}

// who are the facts of the rules, with everyone for an agent who is one with a licence or
// without, or with a licence only; those of the call itself come first.
func (l look) who(here []recording.Agent) (everyone, licensed rules.Facts) {
	everyone = rules.Facts{Now: l.own.Now, All: l.all, Agents: here, Roster: l.staff.everyone}
	licensed = everyone
	licensed.Roster = l.staff.agents
	licensed.Agents, licensed.Unlicensed = byLicence(here)
	licensed.Unlicensed = append(licensed.Unlicensed, l.staff.unlicensed...)
	return everyone, licensed
}

// look gathers what holds for all lines.
func (b bookkeeper) look(ctx context.Context) (look, error) {
	now := b.clock.Now().UTC()
	known := b.roster
	if known == nil {
		known = &roster{}
	}
	l := look{all: b.cfg.Agents == "all"}
	var err error
	if l.staff, err = known.get(ctx, b.setup(), b.catalog); err != nil {
		return l, err
	}
	listed, unlisted := b.listed()
	l.own = ledger.Facts{
		Now: now, Settle: time.Duration(b.cfg.CDR.DiscardSettle), NoCapture: time.Duration(b.cfg.Ledger.NoCapture),
		Listed: listed, Unlisted: unlisted, AtTrunk: true,
	}
	for _, in := range b.cfg.Inbox {
		l.own.AtTrunk = l.own.AtTrunk && in.WithDefaults().RecordedOn == recording.OnGateway
	}
	if everyone, _ := l.who(nil); everyone.Nobody() {
		err = errNobody
	}
	return l, err
}

// lines makes the lines of one key. Who was an agent when a line was made, or when
// the PBX showed his call, still counts as one.
func (b bookkeeper) lines(ctx context.Context, k catalog.LedgerKey, l look) ([]recording.Entry, error) {
	c := ledger.Case{Conf: k.Conf, Facts: l.own}
	var err error
	if c.Before, err = b.catalog.LedgerOf(ctx, k); err != nil {
		return nil, err
	}
	if k.Conf == "" {
		rec, err := b.catalog.Get(ctx, k.Recording)
		if err != nil && !errors.Is(err, recording.ErrNotFound) {
			return nil, err
		}
		if err == nil && rec.Capture.Conf == "" { // else its SIP has told it meanwhile
			c.Recordings = []recording.Recording{rec}
		}
		return ledger.Of(c), nil
	}
	if c.Recordings, err = b.catalog.ByConf(ctx, k.Conf); err != nil {
		return nil, err
	}
	call, err := b.call(ctx, c)
	if err != nil {
		return nil, err
	}
	var here []recording.Agent // they come first, as for the rules
	told := call
	told.Live = slices.Clone(call.Live)
	for i, leg := range call.Live {
		here = append(here, leg.Agent)
		told.Live[i].Agent.Unlicensed = false // his call has a line all the same
		c.Live = c.Live || leg.Ended.IsZero()
		c.Ended = laterOf(c.Ended, leg.Ended)
	}
	for _, e := range c.Before {
		here = append(here, e.Agent)
	}
	for _, r := range call.Raw {
		c.Ended = laterOf(c.Ended, r.Received)
	}
	rec := recording.Recording{Capture: recording.Capture{Conf: k.Conf, SeenAt: l.own.Now}, Call: told}
	everyone, licensed := l.who(here)
	c.Cast = b.rules.Cast(rec, everyone)
	if len(c.Recordings) > 0 || len(c.Cast.Parts) == 0 {
		return ledger.Of(c), nil
	}
	rec.Call = call
	c.Verdict = b.rules.Whose().Decide(rec, licensed)
	c.Elsewhere, err = b.elsewhere(ctx, c.Cast)
	return ledger.Of(c), err
}

// call is what is known of a conference; where the catalog's CDRs and events have
// been deleted, what its recordings have kept of them.
func (b bookkeeper) call(ctx context.Context, c ledger.Case) (recording.Call, error) {
	call, err := b.correlator.Correlate(ctx, recording.Recording{Capture: recording.Capture{Conf: c.Conf}})
	if errors.Is(err, recording.ErrNotYet) {
		err = nil
		for _, r := range c.Recordings {
			if len(call.CDRs) == 0 {
				call.CDRs, call.Raw = r.Call.CDRs, r.Call.Raw
			}
			if len(call.Live) == 0 {
				call.Live = r.Call.Live
			}
		}
	}
	return call, err
}

// elsewhere are the recordings of the other conferences that the parts lead to.
func (b bookkeeper) elsewhere(ctx context.Context, cast recording.Cast) (out []recording.Recording, err error) {
	var asked []recording.ConfID
	for _, p := range cast.Parts {
		for _, conf := range p.Also {
			if slices.Contains(asked, conf) {
				continue
			}
			asked = append(asked, conf)
			list, err := b.catalog.ByConf(ctx, conf)
			if err != nil {
				return nil, err
			}
			out = append(out, list...)
		}
	}
	return out, nil
}

func laterOf(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// openLedger makes the recorder's bookkeeper.
func (s *Service) openLedger(ctx context.Context) error {
	s.books = bookkeeper{
		cfg: s.cfg, catalog: s.catalog, rules: s.rules, clock: s.clock, correlator: s.correlator,
		setup: s.licences.setupAgents, roster: &s.roster, listed: s.listed,
	}
	// Nobody has told of agents since the last run, but no record came either.
	return s.catalog.RosterUnsure(ctx, "", s.clock.Now())
}

// listed is up to when all inboxes have been looked through.
func (s *Service) listed() (at time.Time, slowest string) {
	for _, b := range s.inboxes {
		if looked := time.UnixMilli(b.looked.Load()); slowest == "" || looked.Before(at) {
			at, slowest = looked, b.cfg.Name
		}
	}
	return at, slowest
}

// keepLedger makes and saves the lines of what has happened, until ctx is done. The more
// there is the longer it rests, and makes one line of all that happened to a call meanwhile.
func (s *Service) keepLedger(ctx context.Context) {
	began := s.clock.Now()
	s.report(LampSoftware, "ledger", "the ledger cannot be kept", s.showUnread(ctx))
	for {
		n, err := s.writeLedger(ctx)
		if ctx.Err() != nil {
			return
		}
		s.report(LampSoftware, "ledger", "the ledger cannot be kept", err)
		s.reportDays(ctx)
		if n >= ledgerBatch && err == nil {
			continue
		}
		if !s.clock.Wait(ctx.Done(), ledgerRest(s.clock.Now().Sub(began))) {
			return
		}
		began = s.clock.Now()
	}
}

// ledgerRest is the pause after so long a work.
func ledgerRest(worked time.Duration) time.Duration {
	return min(max(50*worked, ledgerEvery), ledgerMost)
}

// writeLedger makes and saves the lines of up to ledgerBatch conferences, and says how
// many that were. While no agent is known they wait, and those of a call that goes on.
func (s *Service) writeLedger(ctx context.Context) (int, error) {
	now := s.clock.Now()
	quiet := min(ledgerQuiet, time.Duration(s.cfg.Ledger.NoCapture)/4)
	touched, err := s.catalog.LedgerAtRest(ctx, now, now.Add(-quiet), ledgerBatch)
	if err != nil || len(touched) == 0 {
		return 0, err
	}
	l, err := s.books.look(ctx)
	if errors.Is(err, errNobody) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	s.report(LampSoftware, "agents that cannot be read", "an agent is passed over until his PBX names him anew", l.staff.unread)
	list := make([]catalog.LedgerLines, 0, len(touched))
	for _, t := range touched {
		lines, err := s.linesAnew(ctx, t, l)
		if err != nil {
			return 0, err
		}
		list = append(list, lines)
	}
	if err := s.catalog.SaveLedger(ctx, list); err != nil {
		return 0, err
	}
	s.tellMissing(list)
	return len(touched), errors.Join(s.showMissing(ctx), s.showUnread(ctx))
}

// linesAnew makes the lines of one key. Where a row of the catalog cannot be read they
// stay as they are, with the fault: the other calls' must not wait for it.
func (s *Service) linesAnew(ctx context.Context, t catalog.Touched, l look) (catalog.LedgerLines, error) {
	if t.Old {
		l.own.Listed = l.own.Now // else what is not missed at once would be an alarm later
	}
	entries, err := s.books.lines(ctx, t.LedgerKey, l)
	if errors.Is(err, catalog.ErrUnreadable) {
		if !t.Failed {
			s.log.Error("a call is passed over by the ledger: a row of the catalog cannot be read", "conf", t.Conf, "id", t.Recording, "error", err)
		}
		return catalog.LedgerLines{Touched: t, Fault: err.Error(), Again: l.own.Now.Add(unreadAgain)}, nil
	}
	for i := range entries {
		entries[i].Accepted = entries[i].Accepted || t.Old && entries[i].Missing()
	}
	return catalog.LedgerLines{Touched: t, Entries: entries}, err
}

// showUnread makes the lamp SOFTWARE say of how many calls the lines cannot be made.
func (s *Service) showUnread(ctx context.Context) error {
	n, some, err := s.catalog.LedgerFaults(ctx)
	switch {
	case err != nil:
		return err
	case n == 0:
		s.lamps.Good(LampSoftware, causeUnread)
	default:
		s.lamps.Still(LampSoftware, causeUnread, fmt.Errorf(
			"%d calls are passed over by the ledger, since rows of the catalog cannot be read; \"callreel ledger\" names them; the first: %s: %s", n, some[0].LedgerKey, some[0].Why))
	}
	return nil
}

// tellMissing logs each agent's call without audio once, when it becomes certain.
func (s *Service) tellMissing(list []catalog.LedgerLines) {
	for _, l := range list {
		for _, e := range l.Entries {
			if e.Outcome == recording.OutcomeNoCapture && !e.Accepted {
				s.log.Error("an agent's call has no audio", "agent", cmp.Or(e.Agent.E164, e.Agent.CN), "conf", e.Conf, "reason", e.Reason)
			}
		}
	}
}

// showMissing makes the lamp PCAP say how many agents' calls have no audio.
func (s *Service) showMissing(ctx context.Context) error {
	n, err := s.catalog.LedgerMissing(ctx)
	switch {
	case err != nil:
		return err
	case n == 0:
		s.lamps.Good(LampPCAP, causeNoCapture)
	default:
		s.lamps.Still(LampPCAP, causeNoCapture, fmt.Errorf(
			"%d calls of agents have no audio; \"callreel ledger --only no-capture\" shows them, \"callreel ledger --accept all\" puts this out", n))
	}
	return nil
}
