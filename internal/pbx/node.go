package pbx

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"mime"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// Bounds of an answer. A poll of some thousand users stays far below.
const (
	maxAnswer = 8 << 20
	maxNodes  = 400_000
	maxDepth  = 24
)

// node is one XML element without its namespace: PBX versions differ in
// prefixes and in which elements are qualified, never in local names.
type node struct {
	name string
	data []byte
	kids []*node
}

// child returns the first child of that name, or nil.
func (n *node) child(name string) *node {
	if n == nil {
		return nil
	}
	for _, k := range n.kids {
		if k.name == name {
			return k
		}
	}
	return nil
}

// text returns the trimmed text of the first child of that name, or "".
func (n *node) text(name string) string {
	c := n.child(name)
	if c == nil {
		return ""
	}
	return string(bytes.TrimSpace(c.data))
}

// list returns the members of an array in either way of writing it: one
// element of that name holding <item> elements (v10), or the element repeated
// (v11). Empty and nil elements are no members.
func (n *node) list(name string) []*node {
	if n == nil {
		return nil
	}
	var members []*node
	for _, k := range n.kids {
		switch {
		case k.name != name:
		case k.child("item") != nil:
			members = append(members, k.items()...)
		case len(k.kids) > 0:
			members = append(members, k)
		}
	}
	return members
}

// items returns the <item> children that have content.
func (n *node) items() []*node {
	var members []*node
	for _, k := range n.kids {
		if k.name == "item" && len(k.kids) > 0 {
			members = append(members, k)
		}
	}
	return members
}

// parse reads one XML document into a tree, within the bounds above. A
// document that ends early is an error.
func parse(raw []byte, contentType string) (*node, error) {
	utf, err := toUTF8(raw, contentType)
	if err != nil {
		return nil, err
	}
	d := xml.NewDecoder(bytes.NewReader(utf))
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil } // already done
	top := &node{}
	if err := fill(d, top); err != nil {
		return nil, fmt.Errorf("XML at byte %d: %w", d.InputOffset(), err)
	}
	if len(top.kids) == 0 {
		return nil, errors.New("no XML element in the answer")
	}
	return top.kids[0], nil
}

func fill(d *xml.Decoder, top *node) error {
	stack, count := []*node{top}, 0
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		last := stack[len(stack)-1]
		switch t := token.(type) {
		case xml.StartElement:
			if count++; count > maxNodes || len(stack) > maxDepth {
				return fmt.Errorf("more than %d elements or deeper than %d", maxNodes, maxDepth)
			}
			k := &node{name: t.Name.Local}
			last.kids = append(last.kids, k)
			stack = append(stack, k)
		case xml.EndElement:
			stack = stack[:len(stack)-1]
		case xml.CharData:
			if len(last.kids) == 0 {
				last.data = append(last.data, t...)
			}
		}
	}
}

// toUTF8 converts a document from the charset its prolog or its content type
// names. Without either, what is no valid UTF-8 is taken for ISO-8859-1.
func toUTF8(raw []byte, contentType string) ([]byte, error) {
	switch name := charset(raw, contentType); name {
	case "utf-8", "us-ascii", "":
		if utf8.Valid(raw) {
			return raw, nil
		}
		return charmap.ISO8859_1.NewDecoder().Bytes(raw)
	case "iso-8859-1", "latin1":
		return charmap.ISO8859_1.NewDecoder().Bytes(raw)
	case "iso-8859-15":
		return charmap.ISO8859_15.NewDecoder().Bytes(raw)
	case "windows-1252":
		return charmap.Windows1252.NewDecoder().Bytes(raw)
	default:
		return nil, fmt.Errorf("charset %q is not known; known are utf-8, iso-8859-1, iso-8859-15, windows-1252", clip(name))
	}
}

// charset returns the charset's name in lower case, "" if none is given. The
// prolog is nearer to the document than the header and wins.
func charset(raw []byte, contentType string) string {
	head := raw[:min(len(raw), 200)]
	if end := bytes.Index(head, []byte("?>")); end > 0 && bytes.HasPrefix(bytes.TrimSpace(head), []byte("<?xml")) {
		if _, after, ok := bytes.Cut(head[:end], []byte("encoding=")); ok && len(after) > 2 {
			name, _, _ := bytes.Cut(after[1:], after[:1])
			return strings.ToLower(string(name))
		}
	}
	_, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return ""
	}
	return strings.ToLower(params["charset"])
}
