package setup

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/pelletier/go-toml/v2"

	"callreel/doc"
	"callreel/internal/secret"
	"callreel/internal/tomlfile"
)

// Draft is a setup that is being written or changed. It holds what the file holds, also
// keys that nobody knows, and the operator's own comments; ours begin with "##" and are
// written anew.
type Draft struct {
	values   map[tomlfile.At]any
	lists    map[string]int // how many of each [[section]]
	comments map[tomlfile.At][]string
}

// ours begins the comments that a Draft writes.
const ours = "##"

// NewDraft is an empty one.
func NewDraft() *Draft {
	return &Draft{values: map[tomlfile.At]any{}, lists: map[string]int{}, comments: map[tomlfile.At][]string{}}
}

// ReadDraft takes over what stands in a file, which is for messages only.
func ReadDraft(file string, data []byte) (*Draft, error) {
	var tree map[string]any
	if err := tomlfile.Decode(file, data, &tree); err != nil {
		return nil, err
	}
	d := NewDraft()
	d.take("", -1, tree)
	for at, list := range tomlfile.Comments(data) {
		own := slices.DeleteFunc(list, func(c string) bool { return strings.HasPrefix(c, ours) })
		if len(own) > 0 {
			d.comments[at] = own
		}
	}
	return d, nil
}

// take walks the tree of a file.
func (d *Draft) take(section string, index int, tree map[string]any) {
	for key, v := range tree {
		name := key
		if section != "" {
			name = section + "." + key
		}
		switch v := v.(type) {
		case map[string]any:
			if index < 0 {
				d.take(name, -1, v)
				continue
			}
		case []any:
			if sections, ok := asSections(v); ok && index < 0 {
				d.lists[name] = len(sections)
				for i, s := range sections {
					d.take(name, i, s)
				}
				continue
			}
		}
		d.values[tomlfile.At{Section: section, Index: index, Key: key}] = v
	}
}

func asSections(list []any) ([]map[string]any, bool) {
	var out []map[string]any
	for _, e := range list {
		m, ok := e.(map[string]any)
		if !ok {
			return nil, false
		}
		out = append(out, m)
	}
	return out, len(out) > 0
}

func (d *Draft) clone() *Draft {
	return &Draft{values: maps.Clone(d.values), lists: maps.Clone(d.lists), comments: maps.Clone(d.comments)}
}

// Len is how many of a [[section]] there are.
func (d *Draft) Len(section string) int { return d.lists[section] }

// Add makes one more of a [[section]] and returns its index.
func (d *Draft) Add(section string) int {
	d.lists[section]++
	return d.lists[section] - 1
}

// Remove takes one of a [[section]] away; its comments go with it.
func (d *Draft) Remove(section string, index int) {
	d.values, d.comments = without(d.values, section, index), without(d.comments, section, index)
	d.lists[section]--
}

func without[T any](from map[tomlfile.At]T, section string, index int) map[tomlfile.At]T {
	out := map[tomlfile.At]T{}
	for at, v := range from {
		if at.Section == section && at.Index == index {
			continue
		}
		if at.Section == section && at.Index > index {
			at.Index--
		}
		out[at] = v
	}
	return out
}

// Get is the value of a key, nil if the draft does not set it.
func (d *Draft) Get(section string, index int, key string) any {
	return d.values[tomlfile.At{Section: section, Index: index, Key: key}]
}

// Text is Get for a text.
func (d *Draft) Text(section string, index int, key string) string {
	s, _ := d.Get(section, index, key).(string)
	return s
}

// Set sets a key; nil or an empty text takes it away. A password takes the place of
// what says where it lies.
func (d *Draft) Set(section string, index int, key string, v any) {
	at := tomlfile.At{Section: section, Index: index, Key: key}
	if v == nil || v == "" {
		delete(d.values, at)
		return
	}
	d.values[at] = v
	base := strings.TrimSuffix(strings.TrimSuffix(key, "_file"), "_env")
	if !secret.IsSecret(base) {
		return
	}
	for _, other := range []string{base, base + "_file", base + "_env"} {
		if at.Key = other; other != key {
			delete(d.values, at)
		}
	}
}

// Unknown lists the keys that doc/config.md does not tell of.
func (d *Draft) Unknown() []string {
	var out []string
	for at := range d.values {
		if !isKnown(at) {
			out = append(out, strings.TrimPrefix(at.Section+"."+at.Key, "."))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

var knownKeys = sync.OnceValue(func() map[string]KeyDoc {
	out := map[string]KeyDoc{}
	for _, k := range Keys() {
		if k.Section != RulesFile {
			out[k.Name()] = k
		}
	}
	return out
})

func isKnown(at tomlfile.At) bool {
	k, ok := knownKeys()[strings.TrimPrefix(at.Section+"."+at.Key, ".")]
	return ok && k.List == (at.Index >= 0)
}

// Encode writes the file. With a key it seals what passwords are in clear.
func (d *Draft) Encode(key *secret.Key) ([]byte, error) {
	w := &writer{draft: d, key: key, written: map[tomlfile.At]bool{}, told: map[tomlfile.At]bool{}}
	w.heads()
	for _, s := range sectionsOfDoc() {
		if s.list {
			for i := range d.lists[s.name] {
				w.section(s, i)
			}
			continue
		}
		w.section(s, -1)
	}
	w.unknown()
	w.rest()
	return w.b.Bytes(), w.err
}

// docSection is a section of doc/config.md.
type docSection struct {
	name  string
	list  bool
	title string
	keys  []KeyDoc
}

var sectionsOfDoc = sync.OnceValue(func() []docSection {
	titles := map[string]string{}
	for line := range strings.Lines(doc.Config()) {
		if m := heading().FindStringSubmatch(line); m != nil {
			_, title, _ := strings.Cut(strings.TrimSpace(line), "]`")
			titles[m[2]] = strings.TrimLeft(plain(title), ":, ")
		}
	}
	var out []docSection
	for _, k := range Keys() {
		if k.Section == RulesFile {
			continue
		}
		if len(out) == 0 || out[len(out)-1].name != k.Section {
			out = append(out, docSection{name: k.Section, list: k.List, title: titles[k.Section]})
		}
		out[len(out)-1].keys = append(out[len(out)-1].keys, k)
	}
	return out
})

// writer writes a draft.
type writer struct {
	draft   *Draft
	key     *secret.Key
	b       bytes.Buffer
	written map[tomlfile.At]bool
	told    map[tomlfile.At]bool // own comments that are written
	err     error

	strangers bool // sections that nobody knows are written
}

func (w *writer) heads() {
	fmt.Fprintln(&w.b, ours+` The setup of callreel. "callreel setup" asks and tries everything anew, "callreel config check" looks`)
	fmt.Fprintln(&w.b, ours+` for mistakes, "callreel config explain KEY" tells of every key. Comments with two # are written anew`)
	fmt.Fprintln(&w.b, ours+` each time; your own, with one #, stay.`)
}

func (w *writer) comment(at tomlfile.At) {
	if w.told[at] {
		return
	}
	w.told[at] = true
	for _, line := range w.draft.comments[at] {
		fmt.Fprintln(&w.b, line)
	}
}

// section writes one section, if the draft has something of it.
func (w *writer) section(s docSection, index int) {
	something := index >= 0
	for at := range w.draft.values {
		something = something || at.Section == s.name && at.Index == index
	}
	if !something {
		return
	}
	w.b.WriteByte('\n')
	w.comment(tomlfile.At{Section: s.name, Index: index})
	switch {
	case index >= 0:
		fmt.Fprintf(&w.b, "[[%s]]%s\n", s.name, behind(s.title))
	case s.name != "":
		fmt.Fprintf(&w.b, "[%s]%s\n", s.name, behind(s.title))
	}
	for _, at := range w.sorted(func(at tomlfile.At) bool { return at.Section == s.name && at.Index == index && !isKnown(at) }) {
		w.strange(at)
	}
	meant := ""
	for _, k := range s.keys {
		at := tomlfile.At{Section: s.name, Index: index, Key: k.Key}
		v, ok := w.draft.values[at]
		if !ok {
			continue
		}
		w.comment(at)
		if k.Meaning != meant { // one row of the document may be about several keys
			for _, line := range wrap(plain(k.Meaning), 98) {
				fmt.Fprintln(&w.b, ours+" "+line)
			}
			meant = k.Meaning
		}
		w.value(at, v, "")
	}
}

func behind(title string) string {
	if title == "" {
		return ""
	}
	return "  " + ours + " " + title
}

// value writes a key, sealed if it is a password.
func (w *writer) value(at tomlfile.At, v any, before string) {
	if text, ok := v.(string); ok && w.key != nil && secret.IsSecret(at.Key) && !secret.IsSealed(text) {
		v = w.key.Seal(text)
	}
	text, err := literal(v)
	if err != nil && w.err == nil {
		w.err = fmt.Errorf("write the setup: %s.%s: %w", at.Section, at.Key, err)
	}
	fmt.Fprintf(&w.b, "%s%s = %s\n", before, quoteKey(at.Key), text)
	w.written[at] = true
}

// strange writes a key that nobody knows, as a comment of the operator's.
func (w *writer) strange(at tomlfile.At) {
	w.comment(at)
	w.value(at, w.draft.values[at], "# callreel does not know this key: ")
}

// sorted are the keys not written yet.
func (w *writer) sorted(want func(tomlfile.At) bool) []tomlfile.At {
	var out []tomlfile.At
	for at := range maps.Keys(w.draft.values) {
		if !w.written[at] && want(at) {
			out = append(out, at)
		}
	}
	slices.SortFunc(out, func(a, b tomlfile.At) int {
		return strings.Compare(fmt.Sprintf("%s/%06d/%s", a.Section, a.Index, a.Key), fmt.Sprintf("%s/%06d/%s", b.Section, b.Index, b.Key))
	})
	return out
}

// unknown writes the sections that nobody knows.
func (w *writer) unknown() {
	last := tomlfile.At{Index: -3}
	for _, at := range w.sorted(func(tomlfile.At) bool { return true }) {
		if head := (tomlfile.At{Section: at.Section, Index: at.Index}); head != last {
			if !w.strangers {
				w.b.WriteByte('\n')
			}
			w.strangers = true
			w.comment(head)
			fmt.Fprintf(&w.b, "# callreel does not know the section %s:\n", quote(at.Section))
			last = head
		}
		w.strange(at)
	}
}

// rest writes the comments of what is not there any more, and those at the end.
func (w *writer) rest() {
	var left []tomlfile.At
	for at := range w.draft.comments {
		if !w.told[at] {
			left = append(left, at)
		}
	}
	slices.SortFunc(left, func(a, b tomlfile.At) int {
		return strings.Compare(fmt.Sprintf("%s/%d/%s", a.Section, a.Index, a.Key), fmt.Sprintf("%s/%d/%s", b.Section, b.Index, b.Key))
	})
	if len(left) > 0 && !w.strangers {
		w.b.WriteByte('\n')
	}
	for _, at := range left {
		w.comment(at)
	}
}

// quoteKey writes a key, quoted if it must be.
func quoteKey(key string) string {
	bare := key != "" && strings.IndexFunc(key, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' && r != '-'
	}) < 0
	if bare {
		return key
	}
	return quote(key)
}

// asTOML reads a value as it is written behind a "="; what is no TOML is a text.
func asTOML(text string) any {
	var v struct {
		V any `toml:"v"`
	}
	if err := toml.Unmarshal([]byte("v = "+text), &v); err != nil || v.V == nil {
		return text
	}
	switch v.V.(type) {
	case string, bool, int64, float64, []any:
		return v.V
	default:
		return text
	}
}
