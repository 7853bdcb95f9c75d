package link

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// The names of the charsets that an AppServer may speak.
const (
	latin1      = "latin1"
	utf8Charset = "utf-8"
	windows1252 = "windows-1252"
)

// charset writes and reads text in one of them.
type charset struct{ table *charmap.Charmap } // nil is UTF-8

func charsetOf(name string) (charset, bool) {
	switch name {
	case latin1:
		return charset{charmap.ISO8859_1}, true
	case windows1252:
		return charset{charmap.Windows1252}, true
	case utf8Charset:
		return charset{}, true
	}
	return charset{}, false
}

// encode writes text; a character that the charset does not have becomes "?".
func (c charset) encode(s string) []byte {
	if c.table == nil {
		return []byte(s)
	}
	out := make([]byte, 0, len(s))
	for _, r := range s {
		b, ok := c.table.EncodeRune(r)
		if !ok {
			b = '?'
		}
		out = append(out, b)
	}
	return out
}

// decode reads text. What is no text in the charset is replaced, never an error: it then
// fits no command.
func (c charset) decode(b []byte) string {
	if c.table == nil {
		return strings.ToValidUTF8(string(b), string(utf8.RuneError))
	}
	var out strings.Builder
	for _, x := range b {
		out.WriteRune(c.table.DecodeByte(x))
	}
	return out.String()
}
