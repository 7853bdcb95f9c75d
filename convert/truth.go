package convert

import (
	"cmp"
	"slices"

	"callreel/internal/recording"
)

// kind is what a span of a channel holds, the better the higher.
type kind uint8

const (
	kindSilence kind = iota // nothing was sent
	kindHold                // and the call was on hold
	kindDTX                 // and the noise that the sender described is heard
	kindLost
	kindCut // captured without its end
	kindConcealed
	kindReceived
	kinds
)

func (k kind) String() string {
	return [kinds]string{"silence", "hold", "dtx", "lost", "cut", "concealed", "received"}[k]
}

// span ends at to; it begins where the one before it ends.
type span struct {
	to   int64
	kind kind
}

// extend continues spans up to to with kind.
func extend(spans []span, to int64, k kind) []span {
	from := int64(0)
	if n := len(spans); n > 0 {
		from = spans[n-1].to
		if to > from && spans[n-1].kind == k {
			spans[n-1].to = to
			return spans
		}
	}
	if to <= from {
		return spans
	}
	return append(spans, span{to, k})
}

// truth lists for each channel of the file what was really heard.
func (p *plan) truth() []recording.Truth {
	out := make([]recording.Truth, p.out.channels)
	for i := range out {
		sides := p.out.sides[i]
		var segments []*segment
		for _, s := range sides {
			segments = append(segments, p.sides[s]...)
		}
		out[i].Side = recording.SideUnknown
		if len(sides) == 1 {
			out[i].Side = p.name(sides[0])
		}
		out[i].Spans = told(p.markHolds(p.markHoles(overlay(segments, p.ticks))))
		p.sum(&out[i], sides)
	}
	return out
}

func told(spans []span) []recording.Span {
	out := make([]recording.Span, 0, len(spans))
	from := int64(0)
	for _, s := range spans {
		out = append(out, recording.Span{FromS: seconds(from), ToS: seconds(s.to), Kind: s.kind.String()})
		from = s.to
	}
	return out
}

// edge is where a span of a segment begins (+1) or ends (-1).
type edge struct {
	at   int64
	kind kind
	step int
}

// overlay lays the segments' spans over each other: what one of them received
// was heard.
func overlay(segments []*segment, samples int64) []span {
	var edges []edge
	for _, g := range segments {
		from := g.start
		for _, s := range g.spans {
			edges = append(edges, edge{from, s.kind, 1}, edge{g.start + s.to, s.kind, -1})
			from = g.start + s.to
		}
	}
	slices.SortFunc(edges, func(a, b edge) int { return cmp.Compare(a.at, b.at) })
	var open [kinds]int
	var spans []span
	for _, e := range edges {
		spans = extend(spans, e.at, best(open))
		open[e.kind] += e.step
	}
	return extend(spans, samples, kindSilence)
}

func best(open [kinds]int) kind {
	for k := kindReceived; k > kindSilence; k-- {
		if open[k] > 0 {
			return k
		}
	}
	return kindSilence
}
