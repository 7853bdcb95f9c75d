package rules

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"callreel/internal/tomlfile"
)

// file is a file of rules as it is written; doc/config.md lists its keys.
type file struct {
	Mode      string    `toml:"mode"`
	Ownership ownership `toml:"ownership"`
	TCR       tcr       `toml:"tcr"`
	Random    random    `toml:"random"`
	Filters   []Filter  `toml:"filter"`
}

// ownership are the choices about whose a call is.
type ownership struct {
	// Exceptions is "manual": calls of cases 13, 14 and 17 are not kept; or "keep":
	// they are kept like any other in which an agent took part.
	Exceptions string `toml:"exceptions"`
	Prefer     string `toml:"prefer"` // "phone" or "gateway", where one call was recorded twice; empty: both are filed
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
	f := file{Mode: "standard", Ownership: ownership{Exceptions: "manual"}, TCR: tcr{Minutes: 5}}
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
	if len(f.Filters) > 0 {
		at := slices.IndexFunc(all, func(r rule) bool { return r.name == agentTakesPart })
		all = slices.Insert(all, at, rule{name: "filters", test: filters(f.Filters).decide})
	}
	return Set{all}
}

// problems is everything wrong with the file.
func (f file) problems() []tomlfile.Problem {
	var out []tomlfile.Problem
	add := func(section string, index int, key, format string, args ...any) {
		out = append(out, tomlfile.Problem{Section: section, Index: index, Key: key, Err: fmt.Errorf(format, args...)})
	}
	switch f.Mode {
	case "standard":
	case "tcr", "random", "pcap":
		add("", -1, "mode", `mode %q cannot be used yet: this version keeps or drops calls by "standard" only`, f.Mode)
	default:
		add("", -1, "mode", "mode %q is not allowed; allowed: standard, tcr, random, pcap", f.Mode)
	}
	switch f.Ownership.Exceptions {
	case "manual", "keep":
	default:
		add("ownership", -1, "exceptions", "ownership.exceptions %q is not allowed; allowed: manual, keep", f.Ownership.Exceptions)
	}
	switch f.Ownership.Prefer {
	case "":
	case "phone", "gateway":
		add("ownership", -1, "prefer", "ownership.prefer %q cannot be used yet: this version files both recordings of a call; leave it out", f.Ownership.Prefer)
	default:
		add("ownership", -1, "prefer", "ownership.prefer %q is not allowed; allowed: phone, gateway, or leave it out", f.Ownership.Prefer)
	}
	if f.TCR.Minutes < 0 || f.TCR.Minutes > 24*60 {
		add("tcr", -1, "minutes", "tcr.minutes %d is not allowed; allowed: 0 to 1440", f.TCR.Minutes)
	}
	if f.Random.System < 0 {
		add("random", -1, "system", "random.system %d is not allowed; allowed: 0 (count nothing) and more", f.Random.System)
	}
	if f.Random.Agent < 0 {
		add("random", -1, "agent", "random.agent %d is not allowed; allowed: 0 (count nothing) and more", f.Random.Agent)
	}
	for i, one := range f.Filters {
		for key, err := range one.problems() {
			add("filter", i, key, "filter.%w", err)
		}
		if slices.ContainsFunc(f.Filters[:i], func(o Filter) bool { return o.Name == one.Name && one.Name != "" }) {
			add("filter", i, "name", "filter.name %q is used twice; each filter needs a name of its own", one.Name)
		}
	}
	return out
}

var (
	filterName  = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*$`)
	wildcards   = regexp.MustCompile(`^[0-9A-Za-z+#*?]+$`)
	dialledPart = regexp.MustCompile(`^[0-9+#*]+$`)
)

// problems yields what is wrong with one filter, by key, in the order of the keys.
func (f Filter) problems() func(yield func(string, error) bool) {
	type found struct {
		key string
		err error
	}
	var list []found
	add := func(key, format string, args ...any) {
		list = append(list, found{key, fmt.Errorf(key+" "+format, args...)})
	}
	if !filterName.MatchString(f.Name) {
		add("name", "%q is not allowed; write small letters, digits and - only, it stands in verdicts", f.Name)
	}
	if f.Action != "keep" && f.Action != "drop" {
		add("action", "%q is not allowed; allowed: keep, drop", f.Action)
	}
	if f.Direction != "" && f.Direction != "in" && f.Direction != "out" {
		add("direction", "%q is not allowed; allowed: in, out, or leave it out", f.Direction)
	}
	for _, row := range []struct {
		key    string
		values []string
		form   *regexp.Regexp
		allows string
	}{
		{"internal", f.Internal, wildcards, "a number, with * for any digits and ? for one"},
		{"external", f.External, wildcards, "a number, with * for any digits and ? for one"},
		{"dialled", f.Dialled, dialledPart, "the first digits of a number"},
	} {
		for _, v := range row.values {
			if !row.form.MatchString(v) {
				add(row.key, "%q is not allowed; write %s", v, row.allows)
			}
		}
	}
	if slices.Contains(f.Trunk, "") {
		add("trunk", `"" is not allowed; write the name or number of a trunk object`)
	}
	if len(f.Dialled) > 0 && f.Direction == "in" {
		add("dialled", `never fits a call with direction "in"; leave one of them out`)
	}
	if f.Direction == "" && len(f.Internal)+len(f.External)+len(f.Trunk)+len(f.Dialled) == 0 {
		add("action", "holds for every call; write at least one of %s", strings.Join([]string{"internal", "external", "direction", "trunk", "dialled"}, ", "))
	}
	return func(yield func(string, error) bool) {
		for _, p := range list {
			if !yield(p.key, p.err) {
				return
			}
		}
	}
}
