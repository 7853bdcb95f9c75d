package service

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"callreel/cdr"
	"callreel/ingest"
	"callreel/internal/catalog"
	"callreel/internal/recording"
	"callreel/rules"
)

// This file is where the PBX meets the line: its live events and its CDRs are
// stored, and what they know is handed to the rules as facts.

// links knows which PBX links are up. It is safe for concurrent use.
type links struct {
	mu      sync.Mutex
	since   map[string]time.Time // zero while down
	standby map[string]bool      // the standby address is the one in use
}

func newLinks(names []string) *links {
	l := &links{since: map[string]time.Time{}, standby: map[string]bool{}}
	for _, n := range names {
		l.since[n] = time.Time{}
	}
	return l
}

func (l *links) set(pbx string, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.since[pbx] = at
}

// use notes which address of a PBX is in use.
func (l *links) use(pbx string, standby bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.standby[pbx] = standby
}

// list is each PBX, in the order of their names.
func (l *links) list() []PBXLink {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]PBXLink, 0, len(l.since))
	for _, name := range slices.Sorted(maps.Keys(l.since)) {
		out = append(out, PBXLink{name, !l.since[name].IsZero(), l.standby[name]})
	}
	return out
}

// coverage is since when all links are up; Linked is false if one is down or
// none is set up.
func (l *links) coverage() rules.Coverage {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := rules.Coverage{Linked: len(l.since) > 0}
	for _, at := range l.since {
		c.Linked = c.Linked && !at.IsZero()
		if at.After(c.Since) {
			c.Since = at
		}
	}
	return c
}

// names are those of the PBXes in the setup.
func (l *links) names() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Sorted(maps.Keys(l.since))
}

// sees reports whether the link to one PBX is up.
func (l *links) sees(pbx string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.since[pbx].IsZero()
}

// missed notes that something a PBX said was lost at a time: what was before it
// is not covered.
func (l *links) missed(pbx string, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.since[pbx].IsZero() {
		l.since[pbx] = at
	}
}

// Agents stores a PBX's agents as they are now.
func (s *Service) Agents(ctx context.Context, name string, list []recording.Agent) {
	err := s.relicense(ctx, name, list)
	s.report(LampSoftware, "agents of "+name, "agents cannot be saved", err)
	s.log.Info("agents of the PBX", "pbx", name, "count", len(list))
}

// Up notes that a PBX link is up.
func (s *Service) Up(ctx context.Context, name string, at time.Time) {
	s.links.set(name, at)
	s.agentsSure(ctx, name)
	s.lamps.Good(LampPBX, "pbx "+name)
	s.log.Info("PBX link is up", "pbx", name)
}

// Active is told which address of a PBX is in use. Inboxes and Reporting servers
// that follow the PBX change with it.
func (s *Service) Active(_ context.Context, name string, standby bool) {
	s.links.use(name, standby)
	s.log.Info("PBX address in use", "pbx", name, "standby", standby)
	for _, b := range s.inboxes {
		if !b.cfg.FollowPBX {
			continue
		}
		for _, in := range b.all() {
			if pair, ok := in.(*ingest.Pair); ok {
				pair.Use(standby)
			}
		}
	}
	for _, r := range s.reporting {
		if !standby {
			r.PBXBack()
		}
	}
}

// Down notes that a PBX link is down.
func (s *Service) Down(ctx context.Context, name string, at time.Time, err error) {
	s.links.set(name, time.Time{})
	s.agentsUnsure(ctx, name, at)
	if err == nil {
		err = errors.New("the session ended")
	}
	s.report(LampPBX, "pbx "+name, "PBX link is down", err)
}

// Leg stores agents' parts in conferences. What cannot be stored now is
// kept and tried again until it can (saveLegs), and until then silence of this
// PBX proves nothing.
func (s *Service) Leg(ctx context.Context, pbx string, legs ...recording.Leg) {
	ended := false
	for _, leg := range legs {
		leg.Agent.Unlicensed = s.unlicensed(ctx, leg.Agent) && !s.hadLicence(ctx, leg)
		s.legs.add(leg)
		ended = ended || !leg.Ended.IsZero()
	}
	// Though the session ends or the program is to stop: nobody tells it again.
	if err := s.saveLegs(context.WithoutCancel(ctx)); err != nil {
		s.links.missed(pbx, s.clock.Now())
	}
	if ended {
		s.wakeUp()
	}
}

// saveLegs stores the legs that are not stored yet.
func (s *Service) saveLegs(ctx context.Context) error {
	err := s.legs.save(func(legs []recording.Leg) error {
		tell := s.tellOfLegs(legs)
		err := s.catalog.SaveLegs(ctx, legs, tell)
		if err == nil && len(tell) > 0 {
			s.partners.wake()
		}
		return err
	})
	s.report(LampSoftware, "call events", "call event cannot be saved", err)
	return err
}

// unsaved are legs that are not stored yet, newest state of each. It is safe for
// concurrent use; the zero value is empty.
type unsaved struct {
	mu   sync.Mutex
	legs []recording.Leg
}

const (
	mostUnsaved = 20_000 // bounds the memory of a catalog that cannot be written for long
	legsAtOnce  = 200    // saved in one transaction
)

func (u *unsaved) add(leg recording.Leg) {
	u.mu.Lock()
	defer u.mu.Unlock()
	same := func(o recording.Leg) bool {
		return o.Agent.PBX == leg.Agent.PBX && o.Agent.CN == leg.Agent.CN && o.Conf == leg.Conf && o.Began.Equal(leg.Began)
	}
	if u.legs = append(slices.DeleteFunc(u.legs, same), leg); len(u.legs) > mostUnsaved {
		u.legs = u.legs[1:]
	}
}

// of are those of a conference.
func (u *unsaved) of(conf recording.ConfID) []recording.Leg {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(u.legs), func(l recording.Leg) bool { return l.Conf != conf })
}

// save stores them in order, some at once, until some cannot be.
func (u *unsaved) save(store func([]recording.Leg) error) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	for len(u.legs) > 0 {
		n := min(len(u.legs), legsAtOnce)
		if err := store(u.legs[:n]); err != nil {
			return err
		}
		u.legs = u.legs[n:]
	}
	return nil
}

// CDR stores what the receiver got. What is no readable CDR is kept aside, so
// that the PBX can send the next one; the good records before it count.
func (s *Service) CDR(ctx context.Context, body string, received time.Time) error {
	parsed, bad := cdr.Parse(body)
	s.correlator.Memory.Keep(parsed)
	if err := s.saveCDRs(ctx, parsed, received); err != nil {
		s.report(LampReporting, "cdr store", "CDRs cannot be saved", err)
		return err
	}
	s.lamps.Good(LampReporting, "cdr store")
	s.seeRecords(parsed, received)
	if bad != nil {
		return s.Garbage(ctx, []byte(body), "the PBX", bad.Error(), received)
	}
	s.lamps.Good(LampReporting, "cdr garbage")
	return nil
}

func (s *Service) saveCDRs(ctx context.Context, parsed []cdr.Parsed, received time.Time) error {
	if len(parsed) == 0 {
		return nil
	}
	var list []catalog.CDR
	for _, p := range parsed {
		list = append(list, catalog.CDR{XML: p.XML, Confs: cdr.Confs(p.CDR), Setups: cdr.Setups(p.CDR)})
	}
	woken, err := s.catalog.SaveAndWake(ctx, list, received, s.waking(parsed))
	if err != nil {
		return err
	}
	s.log.Debug("CDRs received", "count", len(list), "woken", woken.N)
	s.wakeUp()
	return s.tooLate(ctx, woken.Judged)
}

// Garbage keeps what was sent as a CDR and is none.
func (s *Service) Garbage(ctx context.Context, body []byte, from, reason string, received time.Time) error {
	err := s.catalog.SaveGarbage(ctx, body, from, reason, received)
	s.report(LampReporting, "cdr garbage", "something that is no CDR was received; it is kept in the catalog",
		fmt.Errorf("from %s: %s", from, reason))
	return err
}

// facts gathers what the rules may look at, and what was seen live of the
// capture's conference.
func (s *Service) facts(ctx context.Context, cp recording.Capture) ([]recording.Leg, rules.Facts, error) {
	f := rules.Facts{
		Now: s.clock.Now().UTC(), All: s.cfg.Agents == "all", Live: s.links.coverage(),
		Settle: time.Duration(s.cfg.CDR.Settle), DiscardSettle: time.Duration(s.cfg.CDR.DiscardSettle),
	}
	known, err := s.roster.get(ctx, s.licences.setupAgents(), s.catalog)
	if err != nil {
		return nil, f, err
	}
	f.Roster, f.Unlicensed = known.agents, known.unlicensed
	legs, err := s.catalog.Legs(ctx, cp.Conf)
	if err != nil {
		return nil, f, err
	}
	f.Agents, f.Unlicensed = atTheTime(legs, f.Unlicensed)
	// Older events are deleted by then: their absence proves nothing.
	if kept := f.Now.AddDate(0, 0, -s.cfg.CDR.KeepDays); f.Live.Since.Before(kept) {
		f.Live.Since = kept
	}
	return legs, f, nil
}

// atTheTime are the agents of a call's own events, who were agents then, and to those
// without a licence as they are now those of then.
func atTheTime(legs []recording.Leg, now []recording.Agent) (agents, unlicensed []recording.Agent) {
	all := make([]recording.Agent, 0, len(legs))
	for _, leg := range legs {
		all = append(all, leg.Agent)
	}
	agents, unlicensed = byLicence(all)
	return agents, append(slices.Clip(now), unlicensed...)
}

// report turns a lamp red or green by err, and logs a fault once when it begins.
func (s *Service) report(lamp Lamp, cause, message string, err error) {
	if err == nil {
		s.lamps.Good(lamp, cause)
		return
	}
	if s.lamps.Bad(lamp, cause, err) {
		s.log.Error(message, "lamp", lamp, "cause", cause, "error", err) //nolint:sloglint // message is one of a few constants
	}
}
