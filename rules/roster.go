package rules

import (
	"slices"
	"strings"
	"unicode"

	"callreel/internal/recording"
)

// Roster is a list of agents with an index, made once when the agents change: among
// hundreds each decision looks for a few. It is never changed afterwards, so many may
// look at once. The nil Roster has nobody in it.
type Roster struct {
	agents []recording.Agent
	guid   map[string][]int // by folded GUID, positions in agents, the first first
	h323   map[string][]int // by folded H.323 name
	cn     map[string][]int
	e164   map[string][]int
}

// NewRoster makes a roster of a list, in which the first counts where several fit.
func NewRoster(list []recording.Agent) *Roster {
	r := &Roster{agents: slices.Clone(list), guid: map[string][]int{}, h323: map[string][]int{}, cn: map[string][]int{}, e164: map[string][]int{}}
	put := func(m map[string][]int, key string, i int) {
		if key != "" {
			m[key] = append(m[key], i)
		}
	}
	for i, a := range r.agents {
		put(r.guid, string(fold(nil, a.GUID)), i)
		put(r.h323, string(fold(nil, a.H323)), i)
		put(r.cn, a.CN, i)
		put(r.e164, a.E164, i)
	}
	return r
}

// List returns the agents of the roster.
func (r *Roster) List() []recording.Agent {
	if r == nil {
		return nil
	}
	return slices.Clone(r.agents)
}

// agents are all who are known as agents, in the order in which they count.
func (f Facts) agents() []recording.Agent { return append(slices.Clone(f.Agents), f.Roster.List()...) }

// Nobody reports that nobody at all is known as an agent, with a licence or without.
func (f Facts) Nobody() bool {
	return !f.All && len(f.Agents)+len(f.Unlicensed) == 0 && (f.Roster == nil || len(f.Roster.agents) == 0)
}

// find returns the first agent that fits: of the few of this call, then of the roster
// among those whose key is one of these. Keys only narrow the search.
func (f *Facts) find(keys lookup, fits func(*recording.Agent) bool) *recording.Agent {
	for i := range f.Agents {
		if a := &f.Agents[i]; fits(a) {
			return a
		}
	}
	return f.Roster.find(keys, fits)
}

// lookup holds what an agent is looked for by; what is empty is not looked for.
type lookup struct{ guid, h323, cn, e164 string }

func (r *Roster) find(keys lookup, fits func(*recording.Agent) bool) *recording.Agent {
	if r == nil {
		return nil
	}
	best := len(r.agents)
	look := func(positions []int) {
		for _, i := range positions {
			if i < best && fits(&r.agents[i]) {
				best = i
			}
		}
	}
	var room [64]byte
	look(r.guid[string(fold(room[:0], keys.guid))])
	look(r.h323[string(fold(room[:0], keys.h323))])
	look(r.cn[keys.cn])
	look(r.e164[keys.e164])
	if best == len(r.agents) {
		return nil
	}
	return &r.agents[best]
}

// fold appends to b a text that is the same for all that strings.EqualFold takes as
// equal: of each letter the least of those it equals.
func fold(b []byte, s string) []byte {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return append(b[:0], strings.Map(least, s)...)
		}
		c := s[i]
		if 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		b = append(b, c)
	}
	return b
}

func least(r rune) rune {
	low := r
	for o := unicode.SimpleFold(r); o != r; o = unicode.SimpleFold(o) {
		low = min(low, o)
	}
	return low
}
