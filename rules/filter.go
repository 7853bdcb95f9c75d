package rules

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"callreel/internal/recording"
)

// Filter is one row of the operator's: of the calls that are an agent's it keeps or
// drops those that fit everything it names. Of a list one must fit.
type Filter struct {
	Name      string   `toml:"name"`      // stands in the verdict
	Action    string   `toml:"action"`    // "keep" or "drop"
	Internal  []string `toml:"internal"`  // the agent's number, with * and ?
	External  []string `toml:"external"`  // the far party's, with * and ?; one that is not known fits nothing
	Direction string   `toml:"direction"` // "in" or "out"
	Trunk     []string `toml:"trunk"`     // name, H.323 name or number of a trunk object whose record is in the call
	Dialled   []string `toml:"dialled"`   // how the number begins that the agent dialled
}

// What the values of a filter are made of.
const (
	nameLetters = "abcdefghijklmnopqrstuvwxyz0123456789-"
	digitsOf    = "0123456789+#*"
	pattern     = digitsOf + "?"
)

// check adds what is wrong with the i-th filter.
func (f Filter) check(l *problems, i int) {
	add := func(key, format string, args ...any) { l.addTo("filter", i, key, format, args...) }
	if !madeOf(f.Name, nameLetters) {
		add("name", "%q is not allowed; write small letters, digits and - only, it stands in verdicts", f.Name)
	}
	if f.Action != "keep" && f.Action != "drop" {
		add("action", "%q is not allowed; allowed: keep, drop", f.Action)
	}
	if f.Direction != "" && f.Direction != "in" && f.Direction != "out" {
		add("direction", "%q is not allowed; allowed: in, out, or leave it out", f.Direction)
	}
	f.checkLists(add)
	if len(f.Dialled) > 0 && f.Direction == "in" {
		add("dialled", `never fits a call with direction "in"; leave one of them out`)
	}
	if f.Direction == "" && len(f.Internal)+len(f.External)+len(f.Trunk)+len(f.Dialled) == 0 {
		add("action", "holds for every call; write at least one of internal, external, direction, trunk, dialled")
	}
}

func (f Filter) checkLists(add func(key, format string, args ...any)) {
	for _, row := range []struct {
		key    string
		values []string
		of     string
		write  string
	}{
		{"internal", f.Internal, pattern, "a number, with * for any digits and ? for one"},
		{"external", f.External, pattern, "a number, with * for any digits and ? for one"},
		{"dialled", f.Dialled, digitsOf, "the first digits of a number"},
	} {
		for _, v := range row.values {
			if !madeOf(v, row.of) {
				add(row.key, "%q is not allowed; write %s", v, row.write)
			}
		}
	}
	if slices.Contains(f.Trunk, "") {
		add("trunk", `"" is not allowed; write the name or number of a trunk object`)
	}
}

// madeOf reports whether a value has only these characters, and at least one.
func madeOf(value, characters string) bool {
	return value != "" && strings.Trim(value, characters) == ""
}

// filterPrefix begins the names of filters in verdicts.
const filterPrefix = "filter "

func isFilter(rule string) bool { return strings.HasPrefix(rule, filterPrefix) }

type filters []Filter

// decide asks the filters in order; the first that fits decides. They speak of calls
// that are an agent's only: a filter makes nobody's call anybody's.
func (fs filters) decide(q *question) (recording.Verdict, bool) {
	v, kept := agentTookPart(q)
	if !kept || v.Decision == recording.Wait {
		return recording.Verdict{Reason: v.Reason}, false
	}
	s := q.scene()
	p, _ := s.owner()
	for _, f := range fs {
		if f.misses(v, s, p) != "" {
			continue
		}
		return f.verdict(v, q)
	}
	return recording.Verdict{Reason: fs.whyNone(v, s, p)}, false
}

// mostTold bounds how many filters a verdict tells of.
const mostTold = 8

// whyNone says of each filter by what it does not fit.
func (fs filters) whyNone(v recording.Verdict, s *scene, p *person) string {
	var b strings.Builder
	fmt.Fprintf(&b, "none of %d filters fits: ", len(fs))
	for i, f := range fs {
		if i == mostTold {
			b.WriteString(" …")
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(f.Name + " not by " + f.misses(v, s, p))
	}
	return b.String()
}

// verdict carries the filter's name. What is dropped waits for late CDRs, as every
// call does that is not kept.
func (f Filter) verdict(v recording.Verdict, q *question) (recording.Verdict, bool) {
	rule := filterPrefix + f.Name
	if f.Action == "keep" {
		v.Decision, v.Rule, v.Reason = recording.Keep, rule, fmt.Sprintf("filter %q keeps calls like this one of %s", f.Name, v.Internal)
		return v, true
	}
	if wait, waits := quiet(*q.rec, *q.facts, q.facts.DiscardSettle); waits {
		wait.Rule = rule
		return wait, true
	}
	v.Owner = recording.Agent{}
	v.Decision, v.Rule, v.Reason = recording.Discard, rule, fmt.Sprintf("filter %q drops calls like this one of %s", f.Name, v.Internal)
	return v, true
}

// misses is the first key of the filter that does not fit; empty if all do.
func (f Filter) misses(v recording.Verdict, s *scene, p *person) string {
	switch {
	case !anyFits(f.Internal, v.Internal, wild):
		return "internal"
	case !anyFits(f.External, v.External, wild):
		return "external"
	case f.Direction != "" && (f.Direction == "in") != (v.Direction == recording.In):
		return "direction"
	case len(f.Trunk) > 0 && !slices.ContainsFunc(s.views, f.overTrunk):
		return "trunk"
	case len(f.Dialled) > 0 && (v.Direction != recording.Out || !anyFits(f.Dialled, p.dialled(), strings.HasPrefix)):
		return "dialled"
	}
	return ""
}

// anyFits reports whether one of the patterns fits, or there is none.
func anyFits(patterns []string, value string, fits func(value, pattern string) bool) bool {
	return len(patterns) == 0 || value != "" && slices.ContainsFunc(patterns, func(p string) bool { return fits(value, p) })
}

// wild compares a value with a pattern in which * stands for anything and ? for one
// character. It goes back to the last * only, so its time is bounded by the product
// of both lengths.
func wild(value, pattern string) bool {
	v, p, star, mark := 0, 0, -1, 0
	for v < len(value) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark, p = p, v, p+1
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == value[v]):
			v, p = v+1, p+1
		case star >= 0:
			mark++
			v, p = mark, star+1
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

func (f Filter) overTrunk(v view) bool {
	return isTrunk(v.cdr) && slices.ContainsFunc(f.Trunk, func(t string) bool {
		return t == v.cdr.CN || t == v.cdr.E164 || strings.EqualFold(t, v.cdr.H323)
	})
}

// dialled is the number that the person called, as his own record has it: with the
// set-up, or digit by digit, else the one that was reached.
func (p *person) dialled() (number string) {
	c := p.leg(false)
	if c == nil {
		return ""
	}
	for i := range c.Events {
		switch e := &c.Events[i]; e.Msg {
		case "setup-from":
			number = e.E164
		case "info-from": // the number as far as it was dialled, or the digits that came to it
			if !strings.HasPrefix(e.E164, number) {
				number += e.E164
			} else {
				number = e.E164
			}
		case "alert-to", "conn-to":
			if number = cmp.Or(number, e.E164); number != "" {
				return number
			}
		}
	}
	return number
}
