// Package setup owns the set-up: what is asked of the operator and how it is explained,
// the file that comes of it, the checks of each link with what they found in words, and
// the password that protects it all. It knows the keys by doc/config.md alone. How a
// link is tried is handed to it; it speaks no protocol itself.
package setup

import (
	"regexp"
	"strings"
	"sync"

	"callreel/doc"
)

// KeyDoc is what doc/config.md says of a key of the setup.
type KeyDoc struct {
	Section string // "" = at the top; of the file of rules: "rules file"
	List    bool   // a [[section]]
	Key     string
	Default string // in TOML, without backticks; may be words; empty = none
	Meaning string // Markdown, one paragraph
}

// Name is the key as one writes it in a sentence: "archive.path".
func (k KeyDoc) Name() string {
	if k.Section == "" {
		return k.Key
	}
	return k.Section + "." + k.Key
}

// RulesFile is the section that the keys of the file of rules have here.
const RulesFile = "rules file"

var heading = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile("^## `(\\[+)([a-z._]+)\\]+`") })

// Keys are all keys of the setup in the order of doc/config.md. The caller changes none.
func Keys() []KeyDoc { return allKeys() }

var allKeys = sync.OnceValue(func() []KeyDoc { return parseKeys(doc.Config()) })

// parseKeys reads the tables of the document. A section's first table is of its own
// keys; what further tables [rules] has, are of the file of rules.
func parseKeys(text string) []KeyDoc {
	var out []KeyDoc
	section, list, known, tables := "", false, false, 0
	inTable := false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "## ") {
			section, list, known, tables = "", false, line == "## At the top", 0
			if m := heading().FindStringSubmatch(line); m != nil {
				section, list, known = m[2], len(m[1]) == 2, true
			}
		}
		isRow := strings.HasPrefix(line, "|")
		if isRow && !inTable {
			tables++
		}
		head := !inTable
		inTable = isRow
		if !isRow || head || !known || strings.HasPrefix(line, "|---") {
			continue
		}
		row := KeyDoc{Section: section, List: list}
		if section == "rules" && tables > 1 {
			row.Section, row.List = RulesFile, false
		}
		out = append(out, row.of(line)...)
	}
	return out
}

// of fills in what a row of a table says; one row may be about several keys.
func (k KeyDoc) of(line string) []KeyDoc {
	cells := strings.Split(strings.Trim(line, "|"), "|")
	for i := range cells {
		cells[i] = strings.TrimSpace(cells[i])
	}
	k.Meaning = cells[len(cells)-1]
	if len(cells) == 3 {
		k.Default = strings.ReplaceAll(cells[1], "`", "")
	}
	var out []KeyDoc
	for name := range strings.SplitSeq(cells[0], ",") {
		k.Key = strings.Trim(name, " `")
		out = append(out, k)
	}
	return out
}

// Find returns the keys that a word of the operator means: the whole name, or only the
// key, which several sections may have.
func Find(word string) []KeyDoc {
	word = strings.ToLower(strings.NewReplacer("[", "", "]", "").Replace(strings.TrimSpace(word)))
	var whole, part []KeyDoc
	for _, k := range Keys() {
		switch {
		case k.Name() == word:
			whole = append(whole, k)
		case k.Key == word || k.Section == word:
			part = append(part, k)
		}
	}
	if len(whole) > 0 {
		return whole
	}
	return part
}

var link = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\[([^\]]*)\]\(([a-z]+\.md)?[^)]*\)`) })

// plain makes Markdown readable on a terminal.
func plain(md string) string {
	md = link().ReplaceAllString(md, "$1")
	return strings.NewReplacer("`", "", "**", "").Replace(md)
}

// hashKey is the key of the setup password, in [setup].
const hashKey = "password_hash"
