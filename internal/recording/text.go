package recording

import (
	"strings"
	"unicode"
)

// OneLine is a text that others have given, a name or a number, as it may be shown in a
// line: without line ends and what else a terminal would obey.
func OneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp, unicode.Bidi_Control) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}
