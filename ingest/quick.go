package ingest

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// A busy inbox is listed every second with a thousand files in it, and encoding/xml took a
// seventh of all of the recorder's time for that. So a listing that is written as servers write
// them is read here, in one go; of anything unusual in it, or amiss, quickListing makes no
// guess and leaves the whole to encoding/xml. Where it answers, the answer is the same.

// quickListing reads the entries of a multistatus document. It reports false for what it
// leaves to encoding/xml: comments, CDATA, a document type, processing instructions,
// character references, names that are not ASCII, repeated properties, and every error.
func quickListing(data []byte) ([]davResponse, bool) {
	if !utf8.Valid(data) || bytes.Contains(data, []byte("\xef\xbf")) {
		return nil, false
	}
	q := quick{data: afterDeclaration(data)}
	if !q.document() {
		return nil, false
	}
	return q.out, true
}

// declarations are the XML declarations that servers write, in any case from the encoding on.
var declarations = []string{`<?xml version="1.0" encoding="utf-8"?>`, `<?xml version="1.0" encoding="utf-8" ?>`, `<?xml version="1.0"?>`}

// afterDeclaration is the document without its XML declaration.
func afterDeclaration(data []byte) []byte {
	const version = `<?xml version="1.0"`
	for _, d := range declarations {
		if bytes.HasPrefix(data, []byte(version)) && len(data) >= len(d) && strings.EqualFold(string(data[:len(d)]), d) {
			return data[len(d):]
		}
	}
	return data
}

// deepest is how deep elements may lie in each other.
const deepest = 32

// quick is the state of reading.
type quick struct {
	data  []byte
	depth int                // open elements
	open  [deepest]element   // they
	bound [2 * deepest]bound // prefixes, the innermost last
	binds int
	out   []davResponse
}

// element is one that is open.
type element struct {
	name  []byte // as written, with its prefix
	kind  kind
	binds int // of bound, before it
}

// bound is a prefix with what it stands for, as far as that matters.
type bound struct {
	prefix []byte
	dav    bool
}

// kind is what an element is to a listing.
type kind byte

const (
	other kind = iota
	multi
	response
	href
	entryStatus
	propstat
	propStatus
	prop
	length
	modified
	etag
	resourcetype
	collection
)

// kinds tells by the element around it what an element of the DAV: namespace is.
var kinds = map[kind]map[string]kind{
	multi:        {"response": response},
	response:     {"href": href, "status": entryStatus, "propstat": propstat},
	propstat:     {"status": propStatus, "prop": prop},
	prop:         {"getcontentlength": length, "getlastmodified": modified, "getetag": etag, "resourcetype": resourcetype},
	resourcetype: {"collection": collection},
}

// document reads one element and nothing else.
func (q *quick) document() bool {
	q.space()
	if !q.tag() || q.open[0].kind != multi {
		return false
	}
	for q.depth > 0 {
		if !q.content() {
			return false
		}
	}
	q.space()
	return len(q.data) == 0
}

func (q *quick) space() { q.data = bytes.TrimLeft(q.data, " \t\r\n") }

// content reads what comes next in the element that is open: text and a tag.
func (q *quick) content() bool {
	i := bytes.IndexByte(q.data, '<')
	if i < 0 {
		return false
	}
	text := q.data[:i]
	q.data = q.data[i:]
	if !q.take(text) {
		return false
	}
	if bytes.HasPrefix(q.data, []byte("</")) {
		return q.end()
	}
	return q.tag()
}

// take gives text to the property that is open. It is all of it: a property with an
// element in it is not read here.
func (q *quick) take(text []byte) bool {
	for _, c := range text {
		if c < ' ' && c != '\n' && c != '\t' && c != '\r' || c == ']' {
			return false
		}
	}
	to := q.property(q.open[q.depth-1].kind)
	if to == nil {
		return bytes.IndexByte(text, '&') < 0
	}
	if bytes.IndexByte(text, '\r') >= 0 {
		return false
	}
	var ok bool
	*to, ok = unescaped(text)
	return ok
}

var escapes = strings.NewReplacer("&amp;", "&", "&lt;", "<", "&gt;", ">", "&quot;", `"`, "&apos;", "'")

// unescaped is text without references; only those to the five characters are known.
func unescaped(text []byte) (string, bool) {
	if bytes.IndexByte(text, '&') < 0 {
		return string(text), true
	}
	s := string(text)
	for rest := s; ; {
		_, after, found := strings.Cut(rest, "&")
		if !found {
			return escapes.Replace(s), true
		}
		name, behind, closed := strings.Cut(after, ";")
		switch name {
		case "amp", "lt", "gt", "quot", "apos":
		default:
			return "", false
		}
		if !closed {
			return "", false
		}
		rest = behind
	}
}

// property is where an element's text goes, or nil.
func (q *quick) property(k kind) *string {
	if len(q.out) == 0 {
		return nil
	}
	r := &q.out[len(q.out)-1]
	switch k {
	case href:
		return &r.Href[len(r.Href)-1]
	case entryStatus:
		return &r.Status
	case propStatus, length, modified, etag:
	default:
		return nil
	}
	p := &r.Props[len(r.Props)-1]
	switch k {
	case length:
		return &p.Length
	case modified:
		return &p.Modified
	case etag:
		return &p.ETag
	default:
		return &p.Status
	}
}

// end reads the end of the element that is open.
func (q *quick) end() bool {
	i := bytes.IndexByte(q.data, '>')
	e := &q.open[q.depth-1]
	if i < 0 || !bytes.Equal(q.data[2:i], e.name) {
		return false
	}
	q.data = q.data[i+1:]
	q.leave()
	return true
}

func (q *quick) leave() {
	q.depth--
	q.binds = q.open[q.depth].binds
}

// tag reads the beginning of an element, and its end if it is an empty one.
func (q *quick) tag() bool {
	if len(q.data) == 0 || q.data[0] != '<' || q.depth == deepest {
		return false
	}
	n := nameLength(q.data[1:])
	if n == 0 {
		return false
	}
	name := q.data[1 : 1+n]
	q.data = q.data[1+n:]
	before := q.binds
	closed, ok := q.attributes()
	if !ok {
		return false
	}
	local, dav := q.resolve(name)
	k := other
	switch {
	case q.depth == 0 && dav && string(local) == "multistatus":
		k = multi
	case q.depth > 0 && dav:
		k = kinds[q.open[q.depth-1].kind][string(local)]
	}
	// A property with an element in it, or twice, is not read here.
	if q.depth > 0 && q.property(q.open[q.depth-1].kind) != nil || !q.begin(k) {
		return false
	}
	q.open[q.depth] = element{name: name, kind: k, binds: before}
	q.depth++
	if closed {
		q.leave()
	}
	return true
}

// begin makes room for what an element tells. It reports false for a property that is
// there already.
func (q *quick) begin(k kind) bool {
	switch k {
	case response:
		q.out = append(q.out, davResponse{})
		return true
	case other, multi, prop, resourcetype:
		return true
	}
	r := &q.out[len(q.out)-1]
	switch k {
	case href:
		r.Href = append(r.Href, "")
	case propstat:
		r.Props = append(r.Props, davPropstat{})
	case collection:
		r.Props[len(r.Props)-1].Folder = &struct{}{}
	default:
		return *q.property(k) == ""
	}
	return true
}

// attributes reads the rest of a tag, and binds its prefixes.
func (q *quick) attributes() (closed, ok bool) {
	for {
		before := len(q.data)
		q.space()
		if rest, is := bytes.CutPrefix(q.data, []byte("/>")); is {
			q.data = rest
			return true, true
		}
		if rest, is := bytes.CutPrefix(q.data, []byte(">")); is {
			q.data = rest
			return false, true
		}
		if len(q.data) == before || !q.attribute() {
			return false, false
		}
	}
}

func (q *quick) attribute() bool {
	n := nameLength(q.data)
	if n == 0 || len(q.data) < n+2 || q.data[n] != '=' || q.data[n+1] != '"' && q.data[n+1] != '\'' {
		return false
	}
	name, value := q.data[:n], q.data[n+2:]
	i := bytes.IndexByte(value, q.data[n+1])
	if i < 0 || bytes.ContainsAny(value[:i], "<&\r\n\t]") {
		return false
	}
	for _, c := range value[:i] {
		if c < ' ' {
			return false
		}
	}
	q.data, value = value[i+1:], value[:i]
	prefix, declares := bytes.CutPrefix(name, []byte("xmlns"))
	if !declares {
		return true
	}
	prefix, colon := bytes.CutPrefix(prefix, []byte(":"))
	if len(prefix) > 0 != colon || q.binds == len(q.bound) || len(value) == 0 {
		return false
	}
	q.bound[q.binds] = bound{prefix, string(value) == "DAV:"}
	q.binds++
	return true
}

// resolve tells the local part of a name, and whether its namespace is DAV:.
func (q *quick) resolve(name []byte) (local []byte, dav bool) {
	prefix, local, qualified := bytes.Cut(name, []byte(":"))
	if !qualified {
		prefix, local = nil, name
	}
	for i := q.binds - 1; i >= 0; i-- {
		if bytes.Equal(q.bound[i].prefix, prefix) {
			return local, q.bound[i].dav
		}
	}
	return local, false
}

// nameLength is that of the name at the beginning of b, 0 for one that is not read here.
func nameLength(b []byte) int {
	colons := 0
	for i, c := range b {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '_':
		case i > 0 && (c >= '0' && c <= '9' || c == '-' || c == '.') && b[i-1] != ':':
		case c == ':' && i > 0 && colons == 0:
			colons++
		case c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '/' || c == '>' || c == '=':
			if i > 0 && b[i-1] == ':' {
				return 0
			}
			return i
		default:
			return 0
		}
	}
	return 0
}
