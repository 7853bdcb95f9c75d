package setup

import (
	"fmt"
	"io"
	"strings"
)

// Explain writes what is known of keys.
func Explain(w io.Writer, keys []KeyDoc) error {
	var b strings.Builder
	for i, k := range keys {
		if i > 0 {
			b.WriteByte('\n')
		}
		name := k.Key
		switch {
		case k.Section == RulesFile:
			name += ", in the file of rules"
		case k.List:
			name += " in [[" + k.Section + "]]"
		case k.Section != "":
			name += " in [" + k.Section + "]"
		default:
			name += ", at the top"
		}
		fmt.Fprintln(&b, name)
		if k.Default != "" {
			fmt.Fprintln(&b, "  default: "+k.Default)
		}
		for _, line := range wrap(plain(k.Meaning), 78) {
			fmt.Fprintln(&b, "  "+line)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// wrap breaks a text into lines of at most width letters, where words allow it.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		switch {
		case line == "":
			line = word
		case len([]rune(line))+1+len([]rune(word)) > width:
			lines = append(lines, line)
			line = word
		default:
			line += " " + word
		}
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}
