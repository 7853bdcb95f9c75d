package setup

import (
	"bytes"
	"encoding"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"callreel/internal/secret"
	"callreel/internal/tomlfile"
)

// Show writes a setup as it holds, secrets hidden, with what the file does not set
// marked as default. cfg is a struct with toml tags, its defaults filled in; lines are
// those of the file.
func Show(w io.Writer, cfg any, lines tomlfile.Lines) error {
	var b bytes.Buffer
	var failed error
	tomlfile.Sections(cfg, func(v reflect.Value, section string, index int) {
		if err := showSection(&b, v, section, index, lines); failed == nil {
			failed = err
		}
	})
	if failed != nil {
		return failed
	}
	_, err := w.Write(b.Bytes())
	return err
}

func showSection(b *bytes.Buffer, v reflect.Value, section string, index int, lines tomlfile.Lines) error {
	switch {
	case index >= 0:
		fmt.Fprintf(b, "\n[[%s]]\n", section)
	case section != "":
		fmt.Fprintf(b, "\n[%s]\n", section)
	}
	for i := range v.NumField() {
		key, ok := tomlfile.KeyOf(v.Type().Field(i))
		f := v.Field(i)
		if !ok || f.Kind() == reflect.Struct || tomlfile.IsList(f.Type()) {
			continue
		}
		text, note, err := shown(key, f)
		if err != nil {
			return fmt.Errorf("show %s.%s: %w", section, key, err)
		}
		if !lines.Has(section, index, key) {
			note = "default"
			if f.IsZero() && f.Kind() != reflect.Bool && f.Kind() != reflect.Int { // whose zero is a value
				note = "not set"
			}
		}
		line := key + " = " + text
		if note != "" {
			line = fmt.Sprintf("%-44s # %s", line, note)
		}
		fmt.Fprintln(b, line)
	}
	return nil
}

// hidden stands where a secret is.
const hidden = `"***"`

// shown is a value as it may be seen, with a note.
func shown(key string, f reflect.Value) (text, note string, err error) {
	if f.Kind() == reflect.String && !f.IsZero() && (secret.IsSecret(key) || key == hashKey) {
		switch {
		case key == hashKey:
			return hidden, "hidden", nil
		case secret.IsSealed(f.String()):
			return hidden, "sealed", nil
		}
		return hidden, "hidden; in clear in the file", nil
	}
	text, err = literal(f.Interface())
	return text, "", err
}

// literal writes a value as TOML.
func literal(v any) (string, error) {
	if m, ok := v.(encoding.TextMarshaler); ok {
		text, err := m.MarshalText()
		return quote(string(text)), err
	}
	switch f := reflect.ValueOf(v); f.Kind() {
	case reflect.String:
		return quote(f.String()), nil
	case reflect.Bool:
		return strconv.FormatBool(f.Bool()), nil
	case reflect.Int, reflect.Int64, reflect.Int32:
		return strconv.FormatInt(f.Int(), 10), nil
	case reflect.Float64:
		text := strconv.FormatFloat(f.Float(), 'f', -1, 64)
		if !strings.Contains(text, ".") {
			text += ".0"
		}
		return text, nil
	case reflect.Slice:
		parts := make([]string, f.Len())
		for i := range parts {
			var err error
			if parts[i], err = literal(f.Index(i).Interface()); err != nil {
				return "", err
			}
		}
		return "[" + strings.Join(parts, ", ") + "]", nil
	case reflect.Map: // an inline table, of keys that nobody knows
		var parts []string
		for _, k := range f.MapKeys() {
			text, err := literal(f.MapIndex(k).Interface())
			if err != nil {
				return "", err
			}
			parts = append(parts, quoteKey(k.String())+" = "+text)
		}
		slices.Sort(parts)
		return "{" + strings.Join(parts, ", ") + "}", nil
	default:
		return "", fmt.Errorf("a value of type %T has no place in a setup", v)
	}
}

// quote writes a basic string (TOML 1.0, String).
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\n':
			b.WriteString(`\n`)
		case r < 0x20 || r == 0x7f:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
