package link

import (
	"fmt"
	"slices"
	"strings"
)

// template is a line with fields in it, "!LAST!{number}!{uid}", to write lines by and to
// read lines by.
type template struct {
	parts  []string // literal texts around the fields, one more than there are fields
	fields []string
}

// parseTemplate reads a template; allowed are the names that its fields may have.
func parseTemplate(text string, allowed ...string) (template, error) {
	var t template
	rest := text
	for {
		open := strings.IndexByte(rest, '{')
		if open < 0 {
			t.parts = append(t.parts, rest)
			break
		}
		end := strings.IndexByte(rest[open:], '}')
		if end < 0 {
			return t, fmt.Errorf("%q has a { without its }", text)
		}
		name := rest[open+1 : open+end]
		if !slices.Contains(allowed, name) {
			return t, fmt.Errorf("%q has a field {%s}; allowed: {%s}", text, name, strings.Join(allowed, "}, {"))
		}
		t.parts, t.fields = append(t.parts, rest[:open]), append(t.fields, name)
		rest = rest[open+end+1:]
	}
	if strings.ContainsAny(text, "\r\n\x00") {
		return t, fmt.Errorf("%q must be one line", text)
	}
	for i := 1; i < len(t.parts)-1; i++ {
		if t.parts[i] == "" {
			return t, fmt.Errorf("%q has two fields with nothing between them", text)
		}
	}
	return t, nil
}

// has reports whether a field is in the template.
func (t template) has(field string) bool { return slices.Contains(t.fields, field) }

// write fills the fields in. What would end a line or a field becomes "_".
func (t template) write(values map[string]string) string {
	var b strings.Builder
	b.WriteString(t.parts[0])
	for i, f := range t.fields {
		b.WriteString(plain(values[f]))
		b.WriteString(t.parts[i+1])
	}
	return b.String()
}

// plain is a field's value as it may stand in a line: "!" separates fields, control
// characters end lines.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '!' || r < ' ' || r == 0x7f {
			return '_'
		}
		return r
	}, s)
}

// read takes a line apart; ok is false if it does not fit. Fields before the last one end
// at the first text that follows them, and none is empty.
func (t template) read(line string) (values map[string]string, ok bool) {
	rest, ok := strings.CutPrefix(line, t.parts[0])
	if !ok {
		return nil, false
	}
	values = map[string]string{}
	for i, f := range t.fields {
		value, after := rest, ""
		if follows := t.parts[i+1]; i < len(t.fields)-1 {
			if value, after, ok = strings.Cut(rest, follows); !ok {
				return nil, false
			}
		} else if value, ok = strings.CutSuffix(rest, follows); !ok {
			return nil, false
		}
		if value == "" {
			return nil, false
		}
		values[f], rest = value, after
	}
	return values, rest == ""
}
