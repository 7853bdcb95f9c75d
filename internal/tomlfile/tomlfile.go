// Package tomlfile reads the TOML files that an operator writes, strictly, and says
// of everything that is wrong with one on which line it stands. What the keys mean is
// left to those who own them.
package tomlfile

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// Problem is one thing wrong with a file, at a key.
type Problem struct {
	Section string // "" = top level
	Index   int    // of a [[section]]; -1 = a plain one
	Key     string
	Err     error
}

// Decode reads data into a struct with toml tags. Unknown keys are errors. Errors
// name file, line, column and key.
func Decode(file string, data []byte, into any) error {
	data, err := text(file, data)
	if err != nil {
		return err
	}
	if err := toml.NewDecoder(bytes.NewReader(data)).DisallowUnknownFields().Decode(into); err != nil {
		return explain(file, err)
	}
	return nil
}

// explain turns an error of the TOML reader into file, line, key and reason.
func explain(file string, err error) error {
	if unknown, ok := errors.AsType[*toml.StrictMissingError](err); ok {
		var all []error
		for i := range unknown.Errors {
			e := &unknown.Errors[i]
			line, col := e.Position()
			all = append(all, fmt.Errorf("%s:%d:%d: key %q is not known here; see doc/config.md for the keys there are",
				file, line, col, strings.Join(e.Key(), ".")))
		}
		return errors.Join(all...)
	}
	if bad, ok := errors.AsType[*toml.DecodeError](err); ok {
		line, col := bad.Position()
		reason := inWords(strings.TrimPrefix(bad.Error(), "toml: "))
		if key := strings.Join(bad.Key(), "."); key != "" {
			return fmt.Errorf("%s:%d:%d: key %q: %s", file, line, col, key, reason)
		}
		return fmt.Errorf("%s:%d:%d: %s", file, line, col, reason)
	}
	return fmt.Errorf("%s: %w", file, err)
}

// Report puts file and line before each problem and joins them; nil if there is none.
func Report(file string, data []byte, list []Problem) error {
	if len(list) == 0 {
		return nil
	}
	lines := FindLines(data)
	all := make([]error, 0, len(list))
	for _, p := range list {
		all = append(all, fmt.Errorf("%s:%d: %w", file, lines.of(p), p.Err))
	}
	return errors.Join(all...)
}

// Lines says on which lines of a file its sections and keys stand.
type Lines map[string]int // by "section/index/key" and "section/index/"

// Has reports whether the file itself sets a key; index is -1 but in a [[section]].
func (l Lines) Has(section string, index int, key string) bool {
	_, plain := l[place(section, index, key)]
	_, dotted := l[place("", -1, section+"."+key)]
	return plain || dotted && index < 0
}

// of is the line of a problem's key, else of its section, else the first.
func (l Lines) of(p Problem) int {
	for _, k := range []string{place(p.Section, p.Index, p.Key), place(p.Section, p.Index, ""), place("", -1, p.Key)} {
		if n, ok := l[k]; ok {
			return n
		}
	}
	return 1
}

func place(section string, index int, key string) string {
	return fmt.Sprintf("%s/%d/%s", section, index, key)
}

// FindLines walks the file's own syntax for the lines its keys stand on. What cannot
// be read ends the walk.
func FindLines(data []byte) Lines {
	out := Lines{}
	walk(data, func(a At, line int, _ []string) {
		if _, twice := out[place(a.Section, a.Index, a.Key)]; !twice || a.Key != "" {
			out[place(a.Section, a.Index, a.Key)] = line
		}
	})
	return out
}

// At is a place in a file: a key, or with an empty one a section's head. The end of
// the file is the section "" with the index -2.
type At struct {
	Section string
	Index   int // of a [[section]]; -1 = a plain one
	Key     string
}

// Comments returns the comments of a file, with their "#", each with what it stands
// before or beside. Those inside a list are left out.
func Comments(data []byte) map[At][]string {
	out := map[At][]string{}
	walk(data, func(a At, _ int, comments []string) {
		if len(comments) > 0 {
			out[a] = append(out[a], comments...)
		}
	})
	return out
}

// walk calls do for each head of a section and each key, with the comments before it
// and beside it, and at last for the end.
func walk(data []byte, do func(a At, line int, comments []string)) {
	count := map[string]int{}
	at := At{Index: -1}
	var before []string
	p := unstable.Parser{KeepComments: true}
	p.Reset(bytes.TrimPrefix(data, mark))
	for p.NextExpression() {
		e := p.Expression()
		if e.Kind == unstable.Comment {
			before = append(before, string(e.Data))
			continue
		}
		name, line := keyPath(&p, e)
		here := at
		switch e.Kind {
		case unstable.ArrayTable:
			at = At{Section: name, Index: count[name]}
			count[name]++
			here = at
		case unstable.Table:
			at = At{Section: name, Index: -1}
			here = at
		default:
			here.Key = name
		}
		if beside := e.Next(); beside.Valid() && beside.Kind == unstable.Comment {
			before = append(before, string(beside.Data))
		}
		do(here, line, before)
		before = nil
	}
	do(At{Index: -2}, 1, before)
}

// Sections calls do for a struct with toml tags, for the structs in it and for each
// struct of a list in it, as the sections of a file; v can be set if into is a pointer.
func Sections(into any, do func(v reflect.Value, section string, index int)) {
	sections(reflect.Indirect(reflect.ValueOf(into)), "", -1, do)
}

func sections(v reflect.Value, section string, index int, do func(v reflect.Value, section string, index int)) {
	do(v, section, index)
	for i := range v.NumField() {
		name, ok := KeyOf(v.Type().Field(i))
		if !ok {
			continue
		}
		if section != "" {
			name = section + "." + name
		}
		switch f := v.Field(i); {
		case f.Kind() == reflect.Struct:
			sections(f, name, -1, do)
		case IsList(f.Type()):
			for j := range f.Len() {
				sections(f.Index(j), name, j, do)
			}
		}
	}
}

// IsList reports whether a field of this type is a list of sections.
func IsList(t reflect.Type) bool {
	return t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct
}

// KeyOf is the key that a field of a struct stands for.
func KeyOf(f reflect.StructField) (key string, ok bool) {
	key, _, _ = strings.Cut(f.Tag.Get("toml"), ",")
	return key, key != "" && key != "-" && f.IsExported()
}

func keyPath(p *unstable.Parser, e *unstable.Node) (string, int) {
	var parts []string
	line := 1
	for it := e.Key(); it.Next(); {
		parts = append(parts, string(it.Node().Data))
		line = p.Shape(it.Node().Raw).Start.Line
	}
	return strings.Join(parts, "."), line
}
