package service

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"callreel/internal/clock"
	"callreel/internal/recording"
	"callreel/rules"
)

// ReadRules reads a file of rules; without its name the built-in ones hold.
func ReadRules(file string) (rules.Set, error) { return RulesConfig{File: file}.load() }

// replayPage bounds how many recordings are in memory at once.
const replayPage = 200

// Replayed is one call that was asked about again.
type Replayed struct {
	Rec     recording.Recording
	InUse   recording.Verdict // by the rules in use
	New     recording.Verdict // by the others
	Changes bool              // fate, owner, direction or external number would be others
	Then    bool              // the agents of the call are known as of then; else as they are now
	Why     string            // it could not be asked about; the verdicts are empty
}

// Month is the time of a month that is written as in the archive, "2026_11", or "2026-11".
func (p *Past) Month(month string) (from, to time.Time, err error) {
	if month == "" {
		return time.Unix(0, 0), p.clock.Now().AddDate(1, 0, 0), nil
	}
	if from, to, err = clock.ParseMonth(month, p.zone); err != nil {
		err = fmt.Errorf("month %w", err)
	}
	return from, to, err
}

// Replay decides every call that began in a time with the rules in use and with others,
// and hands over what came out, in the order of the recordings' numbers. Random recording
// counts calls as they end, and so they come in that order where the other rules are such.
func (p *Past) Replay(ctx context.Context, from, to time.Time, set rules.Set, each func(Replayed) error) error {
	p.markTime = max(p.markTime, set.MarkTime())
	drawn := drawing{map[string]int64{}, map[recording.ConfID][]recording.Draw{}}
	ask := func(rec recording.Recording) error {
		r, err := p.replay(ctx, rec, set, drawn)
		if err == nil {
			err = each(r)
		}
		return err
	}
	if set.Mode() != rules.ModeRandom {
		return p.started(ctx, from, to, ask)
	}
	order, err := p.byEnd(ctx, from, to)
	if err != nil {
		return err
	}
	for _, o := range order {
		rec, err := p.catalog.Get(ctx, o.id)
		if err == nil {
			err = ask(rec)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// started hands over each recording of a call that began in a time.
func (p *Past) started(ctx context.Context, from, to time.Time, each func(recording.Recording) error) error {
	for after := recording.ID(0); ; {
		list, err := p.catalog.Started(ctx, from, to, after, replayPage)
		if err != nil || len(list) == 0 {
			return err
		}
		for _, rec := range list {
			if err := each(rec); err != nil {
				return err
			}
		}
		after = list[len(list)-1].ID
	}
}

// ending is a recording, and when its call ended.
type ending struct {
	id recording.ID
	at time.Time
}

// byEnd are the recordings of calls that began in a time, in the order in which these ended.
func (p *Past) byEnd(ctx context.Context, from, to time.Time) (list []ending, err error) {
	err = p.started(ctx, from, to, func(rec recording.Recording) error {
		call, err := p.came(ctx, rec)
		rec.Call = call
		list = append(list, ending{rec.ID, rules.Ended(rec, p.clock.Now())})
		return err
	})
	slices.SortStableFunc(list, func(a, b ending) int { return a.at.Compare(b.at) }) // they came by number
	return list, err
}

// drawing is random recording by the other rules: its counters, and the numbers of calls,
// which all captures of a call have.
type drawing struct {
	counters map[string]int64
	ofCall   map[recording.ConfID][]recording.Draw
}

// add counts a call, unless the number is one that another capture of it has.
func (d drawing) add(conf recording.ConfID, n *recording.Draw) {
	if n == nil || slices.Contains(d.ofCall[conf], *n) {
		return
	}
	if n.Counts {
		d.counters[""]++
	}
	if n.CountsOwn {
		d.counters[n.Agent]++
	}
	if conf != "" {
		d.ofCall[conf] = append(d.ofCall[conf], *n)
	}
}

// replay asks about one call. The other rules count those before it, if their mode does.
func (p *Past) replay(ctx context.Context, rec recording.Recording, set rules.Set, drawn drawing) (Replayed, error) {
	r := Replayed{Rec: rec}
	if rec.Verdict.Rule == recording.SameFile {
		r.Why = "the same file is another recording"
		return r, nil
	}
	call, err := p.came(ctx, rec)
	if err != nil {
		return r, err
	}
	parties := rec.Capture.Conf == "" && call.SIP != nil && call.SIP.Parties != nil
	if len(call.CDRs) == 0 && !parties {
		if call, r.Why, err = p.filedCall(ctx, rec); err != nil || r.Why != "" {
			return r, err
		}
	}
	asked := rec
	asked.Call = call
	if asked.Call.Twins, err = p.twins(ctx, rec); err != nil {
		return r, err
	}
	facts, err := p.facts(ctx, rec, call)
	if err != nil {
		return r, err
	}
	facts.Settle, facts.DiscardSettle = 0, 0
	r.Then = len(facts.Agents) > 0 || facts.All
	r.InUse = p.set.Decide(asked, facts)
	facts.Drawn, facts.Counters = drawn.ofCall[rec.Capture.Conf], drawn.counters
	r.New = set.Decide(asked, facts)
	drawn.add(rec.Capture.Conf, r.New.Draw)
	r.Changes = rules.Differs(r.InUse, r.New)
	return r, nil
}

// filedCall is the call as a recording's sidecar has it; or why that cannot be had.
func (p *Past) filedCall(ctx context.Context, rec recording.Recording) (recording.Call, string, error) {
	none := func(format string, args ...any) (recording.Call, string, error) {
		return recording.Call{}, fmt.Sprintf(format, args...), nil
	}
	switch {
	case rec.Verdict.Early:
		return none("it was discarded unfetched, and none of its CDRs is here; they are kept %d days", p.cfg.CDR.KeepDays)
	case rec.Place == "":
		return none("no CDR of it is here: %s", cmp.Or(rec.Retry.Reason, "none has come"))
	}
	a, err := p.files()
	if err != nil {
		return recording.Call{}, "", err
	}
	if a == nil {
		return none("its CDRs are no longer in the catalog, and the archive is not there")
	}
	filed, err := p.open(ctx, a, rec.Place)
	if ctx.Err() != nil {
		return recording.Call{}, "", ctx.Err()
	}
	if err != nil {
		return none("its CDRs are no longer in the catalog, and its sidecar does not open: %v", err)
	}
	if len(filed.Call.CDRs) == 0 {
		return none("neither the catalog nor its sidecar has a CDR of it")
	}
	return filed.Call, "", nil
}
