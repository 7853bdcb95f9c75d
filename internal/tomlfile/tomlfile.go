// Package tomlfile reads the TOML files that an operator writes, strictly, and says
// of everything that is wrong with one on which line it stands. What the keys mean is
// left to those who own them.
package tomlfile

import (
	"bytes"
	"errors"
	"fmt"
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
		reason := strings.TrimPrefix(bad.Error(), "toml: ")
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
	lines := findLines(data)
	all := make([]error, 0, len(list))
	for _, p := range list {
		all = append(all, fmt.Errorf("%s:%d: %w", file, lines.of(p), p.Err))
	}
	return errors.Join(all...)
}

// places maps "section/index/key" and "section/index" to lines.
type places map[string]int

// of is the line of a problem's key, else of its section, else the first.
func (l places) of(p Problem) int {
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

// findLines walks the file's own syntax for the lines its keys stand on.
func findLines(data []byte) places {
	out := places{}
	count := map[string]int{}
	section, index := "", -1
	p := unstable.Parser{}
	p.Reset(data)
	for p.NextExpression() {
		e := p.Expression()
		switch e.Kind {
		case unstable.Table, unstable.ArrayTable:
			var line int
			section, line = keyPath(&p, e)
			index = -1
			if e.Kind == unstable.ArrayTable {
				index = count[section]
				count[section]++
			}
			out[place(section, index, "")] = line
		case unstable.KeyValue:
			key, line := keyPath(&p, e)
			out[place(section, index, key)] = line
		default:
		}
	}
	return out
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
