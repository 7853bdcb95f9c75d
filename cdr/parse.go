package cdr

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"callreel/internal/recording"
)

// Bounds of what Parse takes. A record has some ten events and about 1 kB.
const (
	maxBody    = 4 << 20
	maxRecords = 20_000
	maxEvents  = 2_000
	maxParties = 200
	maxDepth   = 8
)

// Parsed is one <cdr> element: what it says, and its text byte for byte.
type Parsed struct {
	CDR recording.CDR
	XML string
}

// Parse reads the <cdr> elements of a body, which may stand one after the
// other or inside any other element. Unknown attributes and elements are
// passed over. The body is UTF-8 and at most 4 MiB. An error names the byte at
// which reading stopped; the records before it are returned with it. A body
// without any <cdr> is an error.
func Parse(body string) ([]Parsed, error) {
	if len(body) > maxBody {
		return nil, fmt.Errorf("call detail records: %d bytes, most is %d", len(body), maxBody)
	}
	p := &parser{d: xml.NewDecoder(strings.NewReader(body)), body: body}
	p.d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	err := p.run()
	if err == nil && len(p.found) == 0 {
		err = errors.New("no <cdr> element")
	}
	if err != nil {
		return p.found, fmt.Errorf("call detail record at byte %d: %w", p.d.InputOffset(), err)
	}
	return p.found, nil
}

type parser struct {
	d     *xml.Decoder
	body  string
	found []Parsed
}

func (p *parser) run() error {
	for depth := 0; ; {
		from := p.d.InputOffset()
		token, err := p.d.Token()
		switch t := token.(type) {
		case xml.StartElement:
			if t.Name.Local != "cdr" {
				if depth++; depth > maxDepth {
					return fmt.Errorf("elements nest deeper than %d", maxDepth)
				}
				continue
			}
			if err := p.record(t, from); err != nil {
				return err
			}
		case xml.EndElement:
			depth--
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// record reads one <cdr> whose start tag began at byte from.
func (p *parser) record(start xml.StartElement, from int64) error {
	if len(p.found) >= maxRecords {
		return fmt.Errorf("more than %d records", maxRecords)
	}
	c, err := header(start)
	if err != nil {
		return err
	}
	if err := p.children(func(e xml.StartElement) error { return p.part(&c, e) }); err != nil {
		return err
	}
	p.found = append(p.found, Parsed{CDR: c, XML: p.body[from:p.d.InputOffset()]})
	return nil
}

// children calls take for each child element up to the end tag of the element
// just begun. take must consume the child to its end.
func (p *parser) children(take func(xml.StartElement) error) error {
	for {
		token, err := p.d.Token()
		if errors.Is(err, io.EOF) {
			return io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
		switch t := token.(type) {
		case xml.StartElement:
			if err := take(t); err != nil {
				return err
			}
		case xml.EndElement:
			return nil
		}
	}
}

func header(e xml.StartElement) (recording.CDR, error) {
	c := recording.CDR{
		ID: attr(e, "id"), GUID: attr(e, "guid"), Sys: attr(e, "sys"), PBX: attr(e, "pbx"), Node: attr(e, "node"),
		CN: attr(e, "cn"), E164: attr(e, "e164"), H323: attr(e, "h323"), Device: attr(e, "device"),
		Dir: recording.Dir(attr(e, "dir")), More: attr(e, "more") == "true",
	}
	if utc := attr(e, "utc"); utc != "" {
		seconds, err := strconv.ParseInt(utc, 10, 64)
		if err != nil || seconds < 0 || seconds > 1<<40 {
			return c, fmt.Errorf("utc %q is no time in seconds", clip(utc))
		}
		c.UTC = time.Unix(seconds, 0).UTC()
	}
	return c, nil
}

// part reads one child of <cdr>.
func (p *parser) part(c *recording.CDR, e xml.StartElement) error {
	switch e.Name.Local {
	case "event":
		if len(c.Events) >= maxEvents {
			return fmt.Errorf("more than %d events", maxEvents)
		}
		ev, err := p.event(e)
		c.Events = append(c.Events, ev)
		c.More = c.More || attr(e, "more") == "true"
		return err
	case "user":
		c.IsUser, c.Pseudo = true, attr(e, "pseudo")
		return p.d.Skip()
	case "grp":
		return p.group(c, e)
	default:
		return p.d.Skip()
	}
}

func (p *parser) event(e xml.StartElement) (recording.CDREvent, error) {
	ev := recording.CDREvent{
		Msg: attr(e, "msg"), Type: attr(e, "type"), E164: attr(e, "e164"), H323: attr(e, "h323"),
		DN: attr(e, "dn"), Root: attr(e, "root"),
	}
	if conf := attr(e, "conf"); conf != "" {
		// One that is no GUID cannot match any capture and is left out.
		ev.Conf, _ = recording.ParseConfID(conf)
	}
	var err error
	if ev.Time, err = number(e, "time"); err != nil {
		return ev, err
	}
	cause, err := number(e, "cause")
	if err != nil {
		return ev, err
	}
	ev.Cause = int(cause)
	return ev, p.children(func(k xml.StartElement) error { return p.party(&ev, k) })
}

// party reads one child of <event>.
func (p *parser) party(ev *recording.CDREvent, e xml.StartElement) error {
	var list *[]recording.Number
	switch e.Name.Local {
	case "to":
		list = &ev.To
	case "ep":
		list = &ev.EP
	case "cf":
		list = &ev.CF
	case "ct":
		list = &ev.CT
	default:
		return p.d.Skip()
	}
	if len(*list) >= maxParties {
		return fmt.Errorf("more than %d <%s> in one event", maxParties, e.Name.Local)
	}
	*list = append(*list, recording.Number{
		Type: attr(e, "type"), CN: attr(e, "cn"), DN: attr(e, "dn"), E164: attr(e, "e164"), H323: attr(e, "h323"),
	})
	return p.d.Skip()
}

// group reads a <grp>; the name is its attribute or its text.
func (p *parser) group(c *recording.CDR, e xml.StartElement) error {
	var text string
	if err := p.d.DecodeElement(&text, &e); err != nil {
		return err
	}
	name := attr(e, "name")
	if name == "" {
		name = strings.TrimSpace(text)
	}
	if name != "" && len(c.Groups) < maxParties {
		c.Groups = append(c.Groups, name)
	}
	return nil
}

func attr(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

func number(e xml.StartElement, name string) (int64, error) {
	s := attr(e, name)
	if s == "" {
		return 0, nil
	}
	v, err := strconv.ParseInt(s, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("%s %q is no number", name, clip(s))
	}
	return v, nil
}

func clip(s string) string {
	const most = 60
	if len(s) <= most {
		return s
	}
	return s[:most] + "…"
}
