package service

import (
	"context"
	"fmt"

	"callreel/internal/casefile"
	"callreel/internal/recording"
)

// Cases makes of the recordings that a word may mean, see Explain, cases for the rules:
// with the CDRs and call events that are here, those of the call who are agents, and what
// the rules in use say. A call without CDRs makes none.
func (p *Past) Cases(ctx context.Context, word string) ([]casefile.Case, error) {
	found, err := p.find(ctx, word)
	if err != nil {
		return nil, err
	}
	if conf, bad := recording.ParseCallID(bare(word)); len(found) == 0 && bad == nil {
		found = []recording.Recording{{Capture: recording.Capture{Conf: conf, UID: string(conf)}}}
	}
	var out []casefile.Case
	for _, rec := range found {
		q, err := p.question(ctx, rec)
		if err != nil {
			return nil, err
		}
		if len(q.Came.CDRs) == 0 {
			continue
		}
		c := casefile.Case{
			What: "a call of " + q.Came.CDRs[0].UTC.In(p.zone).Format("2006-01-02 15:04"), All: q.Facts.All,
			Capture: rec.Capture, CDRs: q.Came.CDRs, Legs: q.Came.Live,
		}
		for _, r := range q.Came.Raw {
			c.Raw = append(c.Raw, r.XML)
		}
		for _, party := range q.Set.Explain(recording.Recording{Capture: rec.Capture, Call: q.Came}, q.Facts).Parties {
			if party.Agent {
				c.Agents = append(c.Agents, party.Who)
			}
		}
		c.Expect = casefile.Outcome(c.Ask(p.set, c.CDRs, c.Legs))
		out = append(out, c)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("no CDR of %q is here: %w", word, recording.ErrNotFound)
	}
	return out, nil
}
