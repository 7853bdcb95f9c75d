package rules

import (
	"fmt"
	"slices"
	"time"

	"callreel/internal/tomlfile"
)

// file is a file of rules as it is written; doc/config.md lists its keys.
type file struct {
	Mode      string    `toml:"mode"`
	Ownership ownership `toml:"ownership"`
	TCR       tcr       `toml:"tcr"`
	Random    random    `toml:"random"`
	Manual    Manual    `toml:"manual"`
	Filters   []Filter  `toml:"filter"`
}

// ownership are the choices about whose a call is.
type ownership struct {
	// Exceptions is "manual": calls of cases 13, 14 and 17 are not kept; or "keep":
	// they are kept like any other in which an agent took part.
	Exceptions string `toml:"exceptions"`
	Prefer     string `toml:"prefer"` // "phone" or "gateway" is wanted where one call was recorded twice; empty: both are filed
}

// tcr is the mode in which only marked calls are kept.
type tcr struct {
	Minutes int `toml:"minutes"` // after its end a call may still be marked
}

// random is the mode in which each x-th call is kept; 0 counts nothing.
type random struct {
	System int `toml:"system"` // of all calls
	Agent  int `toml:"agent"`  // of each agent's that passed
}

// Parse reads and checks a file of rules that stands in data and makes a Set of it;
// file is for its messages. All that is wrong is told at once, each with line and key.
func Parse(file string, data []byte) (Set, error) {
	f, err := read(file, data)
	if err != nil {
		return Set{}, err
	}
	return f.set(), nil
}

func read(name string, data []byte) (file, error) {
	f := file{Mode: ModeStandard, Ownership: ownership{Exceptions: "manual"}, TCR: tcr{Minutes: defaultMinutes}}
	if err := tomlfile.Decode(name, data, &f); err != nil {
		return f, err
	}
	return f, tomlfile.Report(name, data, f.problems())
}

// set makes the rows of the file.
func (f file) set() Set {
	all := First().rules
	if f.Ownership.Exceptions == "keep" {
		all = slices.DeleteFunc(all, func(r rule) bool { return r.excepts })
	}
	if f.Ownership.Prefer != "" {
		at := slices.IndexFunc(all, func(r rule) bool { return r.name == agentTakesPart })
		all = slices.Insert(all, at, rule{name: recordedTwice, test: prefer(f.Ownership.Prefer).decide})
	}
	if len(f.Filters) > 0 {
		at := slices.IndexFunc(all, func(r rule) bool { return r.name == agentTakesPart })
		all = slices.Insert(all, at, rule{name: "filters", test: filters(f.Filters).decide, filters: f.Filters})
	}
	return Set{rules: all, limits: f.limits(), mode: f.Mode, manual: f.Manual, markTime: time.Duration(f.TCR.Minutes) * time.Minute}
}

// problems is everything wrong with the file.
func (f file) problems() []tomlfile.Problem {
	var l problems
	switch f.Mode {
	case ModeStandard, ModeTCR, ModeRandom, ModePCAP:
	default:
		l.add("", "mode", "%q is not allowed; allowed: standard, tcr, random, pcap", f.Mode)
	}
	f.Ownership.check(&l)
	f.Manual.check(&l)
	if f.TCR.Minutes < 0 || f.TCR.Minutes > 24*60 {
		l.add("tcr", "minutes", "%d is not allowed; allowed: 0 to 1440", f.TCR.Minutes)
	}
	if f.Random.System < 0 {
		l.add("random", "system", "%d is not allowed; allowed: 0 (count nothing) and more", f.Random.System)
	}
	if f.Random.Agent < 0 {
		l.add("random", "agent", "%d is not allowed; allowed: 0 (count nothing) and more", f.Random.Agent)
	}
	for i, one := range f.Filters {
		one.check(&l, i)
		if slices.ContainsFunc(f.Filters[:i], func(o Filter) bool { return o.Name == one.Name && one.Name != "" }) {
			l.addTo("filter", i, "name", "%q is used twice; each filter needs a name of its own", one.Name)
		}
	}
	return l
}

func (o ownership) check(l *problems) {
	switch o.Exceptions {
	case "manual", "keep":
	default:
		l.add("ownership", "exceptions", "%q is not allowed; allowed: manual, keep", o.Exceptions)
	}
	switch o.Prefer {
	case "", "phone", "gateway":
	default:
		l.add("ownership", "prefer", "%q is not allowed; allowed: phone, gateway, or leave it out", o.Prefer)
	}
}

// problems collects what is wrong.
type problems []tomlfile.Problem

func (l *problems) add(section, key, format string, args ...any) {
	l.addTo(section, -1, key, format, args...)
}

// addTo adds a problem of the index-th [[section]].
func (l *problems) addTo(section string, index int, key, format string, args ...any) {
	name := key
	if section != "" {
		name = section + "." + key
	}
	*l = append(*l, tomlfile.Problem{Section: section, Index: index, Key: key, Err: fmt.Errorf(name+" "+format, args...)})
}
