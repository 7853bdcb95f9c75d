package sidecar

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxDepth bounds the nesting of a sidecar that is read.
const maxDepth = 32

// node is one element. An element has children or text, never both.
type node struct {
	name     string
	attrs    []attribute
	children []*node
	text     string // verbatim
}

type attribute struct{ name, value string }

func (n *node) set(name, value string) {
	if value != "" {
		n.attrs = append(n.attrs, attribute{name, value})
	}
}

func (n *node) attr(name string) string {
	for _, a := range n.attrs {
		if a.name == name {
			return a.value
		}
	}
	return ""
}

func (n *node) child(name string) *node {
	for _, c := range n.children {
		if c.name == name {
			return c
		}
	}
	return nil
}

func (n *node) write(b *bytes.Buffer, depth int) {
	indent := strings.Repeat("  ", depth)
	b.WriteString(indent + "<" + n.name)
	for _, a := range n.attrs {
		b.WriteString(" " + a.name + `="`)
		writeValue(b, a.value)
		b.WriteByte('"')
	}
	switch {
	case n.text != "":
		writeText(b, n.text)
		b.WriteString("</" + n.name + ">\n")
	case len(n.children) > 0:
		b.WriteString(">\n")
		for _, c := range n.children {
			c.write(b, depth+1)
		}
		b.WriteString(indent + "</" + n.name + ">\n")
	default:
		b.WriteString("/>\n")
	}
}

// writeText ends the start tag and writes text so that it comes back byte for
// byte: as it is, in CDATA, or in base64 where XML cannot carry it.
// writeValue writes an attribute's value. Most have nothing in them that is to be escaped.
func writeValue(b *bytes.Buffer, value string) {
	for i := range len(value) {
		if c := value[i]; c < ' ' || c > '~' || c == '\\' || c == '"' || c == '\'' || c == '<' || c == '>' || c == '&' {
			_ = xml.EscapeText(b, []byte(escape(value)))
			return
		}
	}
	b.WriteString(value)
}

func writeText(b *bytes.Buffer, text string) {
	switch {
	case !carried(text):
		b.WriteString(` encoding="base64">` + base64.StdEncoding.EncodeToString([]byte(text)))
	case strings.ContainsAny(text, "<>&"):
		b.WriteString("><![CDATA[" + strings.ReplaceAll(text, "]]>", "]]]]><![CDATA[>") + "]]>")
	default:
		b.WriteString(">" + text)
	}
}

// carried reports whether XML 1.0 can carry s unchanged. A carriage return would
// be read as a line feed; spaces at the ends would not be told from indentation.
func carried(s string) bool {
	if !utf8.ValidString(s) || strings.TrimSpace(s) != s {
		return false
	}
	for _, r := range s {
		if r < 0x20 && r != '\t' && r != '\n' || r == 0xFFFE || r == 0xFFFF {
			return false
		}
	}
	return true
}

// escape makes a value that XML can carry and a reader can see through: a
// backslash is doubled; a control character, a format character such as the
// right-to-left override, and a byte that is not UTF-8 are written in hex, as
// \x07, \u202e or \U000e0001.
func escape(s string) string {
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == '\\':
			b.WriteString(`\\`)
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD"):
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r < 0x20 || r == 0x7F:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r > 0xFFFF && unicode.Is(unicode.Cf, r):
			fmt.Fprintf(&b, `\U%08x`, r)
		case unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == 0xFFFE || r == 0xFFFF:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// unescape is the reverse of escape.
func unescape(s string) (string, error) {
	var b strings.Builder
	for {
		i := strings.IndexByte(s, '\\')
		if i < 0 {
			b.WriteString(s)
			return b.String(), nil
		}
		b.WriteString(s[:i])
		rest, err := unescapeOne(&b, s[i+1:])
		if err != nil {
			return "", err
		}
		s = rest
	}
}

func unescapeOne(b *strings.Builder, s string) (string, error) {
	if s == "" {
		return "", errors.New("value ends in a single backslash")
	}
	digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[s[0]]
	switch {
	case s[0] == '\\':
		b.WriteByte('\\')
		return s[1:], nil
	case digits == 0 || len(s) <= digits:
		return "", fmt.Errorf(`unknown escape \%.9q`, s)
	}
	v, err := strconv.ParseUint(s[1:1+digits], 16, 32)
	if err != nil {
		return "", fmt.Errorf(`unknown escape \%.9q`, s)
	}
	if digits == 2 {
		b.WriteByte(byte(v))
	} else {
		b.WriteRune(rune(v))
	}
	return s[1+digits:], nil
}

// parse reads a whole document into nodes.
func parse(data []byte) (*node, error) {
	d := xml.NewDecoder(bytes.NewReader(data))
	var root *node
	for {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) && root != nil {
			return root, nil
		}
		if err != nil {
			return nil, fmt.Errorf("at byte %d: %w", d.InputOffset(), err)
		}
		start, ok := tok.(xml.StartElement)
		if !ok {
			continue
		}
		if root != nil {
			return nil, fmt.Errorf("at byte %d: a second root", d.InputOffset())
		}
		if root, err = parseElement(d, start, 1); err != nil {
			return nil, fmt.Errorf("at byte %d: %w", d.InputOffset(), err)
		}
	}
}

func parseElement(d *xml.Decoder, start xml.StartElement, depth int) (*node, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("nested deeper than %d", maxDepth)
	}
	n := &node{name: start.Name.Local}
	for _, a := range start.Attr {
		v, err := unescape(a.Value)
		if err != nil {
			return nil, fmt.Errorf("<%s %s>: %w", n.name, a.Name.Local, err)
		}
		n.attrs = append(n.attrs, attribute{a.Name.Local, v})
	}
	var text strings.Builder
	for {
		tok, err := d.Token()
		if err != nil {
			return nil, err
		}
		switch t := tok.(type) {
		case xml.StartElement:
			c, err := parseElement(d, t, depth+1)
			if err != nil {
				return nil, err
			}
			n.children = append(n.children, c)
		case xml.CharData:
			text.Write(t)
		case xml.EndElement:
			return n, n.setText(text.String())
		}
	}
}

func (n *node) setText(text string) error {
	if len(n.children) > 0 {
		return nil // indentation
	}
	n.text = text
	if n.attr("encoding") == "base64" {
		b, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return fmt.Errorf("<%s>: %w", n.name, err)
		}
		n.text = string(b)
	}
	return nil
}
