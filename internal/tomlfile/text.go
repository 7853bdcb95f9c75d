package tomlfile

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// mark is what some editors put before the first letter of a text in UTF-8.
var mark = []byte("\ufeff")

// text is a file's text without the mark before it. A file in another encoding is an
// error that names the place: an operator's editor may not show it.
func text(file string, data []byte) ([]byte, error) {
	data = bytes.TrimPrefix(data, mark)
	if utf16 := bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")); utf16 {
		return nil, fmt.Errorf("%s:1: the file is in UTF-16, which some editors call Unicode; save it as UTF-8", file)
	}
	line, column := 1, 1
	for at := 0; at < len(data); column++ {
		r, n := utf8.DecodeRune(data[at:])
		if r == utf8.RuneError && n == 1 {
			return nil, fmt.Errorf("%s:%d:%d: the letter here is not in UTF-8, but in ISO-8859-1 or another encoding; save the file as UTF-8", file, line, column)
		}
		if r == '\n' {
			line, column = line+1, 0
		}
		at += n
	}
	return data, nil
}

var wrongType = regexp.MustCompile(`^cannot decode TOML (.+) into (?:struct field .* of type )?(\S+)$`)

// inWords says what the TOML reader says of a value in words for who wrote the file.
func inWords(reason string) string {
	if m := wrongType.FindStringSubmatch(reason); m != nil {
		return fmt.Sprintf("must be %s, and is %s", kind(m[2]), kind(m[1]))
	}
	switch {
	case strings.Contains(reason, "at start of value"):
		return reason + `; a text stands between straight quotes: "text"`
	case strings.HasPrefix(reason, "cannot store an array table in a"):
		return "must be one section, [name], and is a list of them, [[name]]"
	}
	return reason
}

// kind names the type of a value, of the file's or of ours.
func kind(name string) string {
	switch strings.TrimLeft(name, "*") {
	case "string":
		return `a text in quotes`
	case "int", "int64", "integer":
		return "a whole number"
	case "float", "float64":
		return "a number"
	case "bool", "boolean":
		return "true or false"
	case "[]string":
		return `a list of texts, like ["24", "25"]`
	case "array":
		return "a list"
	case "table", "inline table":
		return "a section"
	}
	if own := strings.Contains(name, "."); own && strings.HasPrefix(name, "[]") {
		return "a list of sections, [[name]]"
	} else if own {
		return "a section, [name]"
	}
	return name
}
