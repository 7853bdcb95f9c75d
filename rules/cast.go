package rules

import (
	"slices"
	"time"

	"callreel/internal/recording"
)

// Cast tells which agents had a part in a call, whether or not a capture of it is
// here: the ledger wants a line for each. Whose telephone only rang has a part too;
// whose telephone sent the call on at once has none.
func (s Set) Cast(rec recording.Recording, f Facts) recording.Cast {
	f.Manual = s.manual
	seen := look(&rec, &f)
	out := recording.Cast{Internal: len(seen.views) > 0 && seen.internal()}
	for i := range seen.people {
		p := &seen.people[i]
		spoke := !p.spoke.IsZero() || p.live != nil && !p.live.Connected.IsZero()
		out.Answered = out.Answered || spoke
		if p.agent && (spoke || p.live != nil || !p.rang.IsZero() || !p.called.IsZero() || !p.passed.IsZero()) {
			out.Parts = append(out.Parts, seen.partOf(p, spoke))
		}
	}
	return out
}

func (s *scene) partOf(p *person, spoke bool) recording.Part {
	v := s.describe(p)
	out := recording.Part{
		Agent: p.who, Direction: v.Direction, External: v.External, Began: p.begun(), Spoke: spoke,
		Live: p.live != nil, Told: len(p.own) > 0 || p.seen.cdr != nil, Also: s.also(p),
	}
	if l := p.live; l != nil {
		out.Began, out.Uncertain = l.Began, l.Uncertain && !out.Told
		if !l.Connected.IsZero() && l.Ended.After(l.Connected) {
			out.Seconds = int(l.Ended.Sub(l.Connected) / time.Second)
		}
	}
	if c := p.leg(true); c != nil {
		out.Seconds = seconds(int64(at(c, len(c.Events)-1).Sub(answered(c)) / time.Second))
	}
	return out
}

// also are the conferences, beside the capture's, that the person's own records
// name: his call went on there, or came from there.
func (s *scene) also(p *person) (out []recording.ConfID) {
	for _, v := range p.own {
		for i := range v.cdr.Events {
			if c := v.cdr.Events[i].Conf; c != "" && c != s.rec.Capture.Conf && !slices.Contains(out, c) {
				out = append(out, c)
			}
		}
	}
	return out
}
