package cdr

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"fmt"
	"path"
	"strings"
	"time"

	"callreel/internal/recording"
)

// Asterisk reads the call detail records of an Asterisk PBX, a second dialect. One of
// its rows tells of two channels; it becomes a record of each channel's object in the
// form that Parse reads, with the row as it came inside. The caller's number, the
// number dialled and the one reached go where the PBX of the first dialect writes them.
//
// Source: Asterisk's documentation "CDR Specification" and "CDR Fields"; real rows in
// testdata/asterisk. Asterisk does not tell when a telephone began to ring (it counts
// as the row's start), nor, in a queue, when the agent answered after an announcement.
type Asterisk struct {
	Zone    *time.Location // of the times in rows; nil is UTC
	Columns []string       // of a CSV line; nil: those of cdr_csv
	// Trunks are patterns, with * and ?, of the channels that lead outside, without
	// their number: "PJSIP/provider". DAHDI channels do in any case.
	Trunks []string
}

// BadLines is the error of lines that are no rows.
type BadLines struct {
	Lines []string // the first of them, at most mostBad, each cut to maxRow
	Count int
	First error
}

// mostBad bounds what is kept of bad lines.
const mostBad = 20

func (e *BadLines) Error() string {
	if e.Count == 1 {
		return e.First.Error()
	}
	return fmt.Sprintf("%d lines are no rows, the first: %s", e.Count, e.First)
}

func (e *BadLines) Unwrap() error { return e.First }

func (e *BadLines) add(line string, err error) *BadLines {
	if e == nil {
		e = &BadLines{First: err}
	}
	if e.Count++; len(e.Lines) < mostBad {
		e.Lines = append(e.Lines, line[:min(len(line), maxRow)])
	}
	return e
}

// Parse reads CSV lines as cdr_csv writes them. It reads on behind a line that is
// none; the error is then *BadLines, and the good ones are returned with it.
func (a Asterisk) Parse(body string) ([]Parsed, error) {
	var all []Parsed
	var bad *BadLines
	for n, line := range strings.Split(body, "\n") {
		line = strings.TrimSuffix(line, "\r")
		if strings.TrimSpace(line) == "" {
			continue
		}
		fields, err := a.fields(line)
		var found []Parsed
		if err == nil {
			found, err = a.ParseFields(fields, line)
		}
		if err != nil {
			bad = bad.add(line, fmt.Errorf("asterisk CDR, line %d: %w", n+1, err))
		}
		all = append(all, found...)
	}
	if bad != nil {
		return all, bad
	}
	return all, nil
}

// ParseFields reads one row whose fields have names, those of the columns of
// cdr_csv; text is the row as it came.
func (a Asterisk) ParseFields(fields map[string]string, text string) ([]Parsed, error) {
	r, err := a.row(fields)
	if err != nil {
		return nil, err
	}
	var all []Parsed
	for _, c := range a.records(r) {
		c.Row = text
		var b bytes.Buffer
		if err := xml.NewEncoder(&b).Encode(c); err != nil {
			return all, err
		}
		parsed, err := Parse(b.String())
		if err != nil {
			return all, err
		}
		all = append(all, parsed...)
	}
	return all, nil
}

// What a channel of a row is the channel of.
type kind int

const (
	nothing kind = iota // of no object: a Local channel joins two others
	person
	trunk
)

// channel is one end of a row.
type channel struct {
	kind kind
	peer string // the object's name
	text string // technology and name: "PJSIP/24"
}

// channelOf reads the name of a channel: "PJSIP/24-000000a1".
func (a Asterisk) channelOf(name string) channel {
	tech, rest, ok := strings.Cut(name, "/")
	if !ok || tech == "" || rest == "" || strings.EqualFold(tech, "Local") {
		return channel{}
	}
	rest, _, _ = strings.Cut(rest, ";")
	if i := strings.LastIndexByte(rest, '-'); i > 0 {
		rest = rest[:i]
	}
	c := channel{person, rest, tech + "/" + rest}
	if strings.EqualFold(tech, "DAHDI") {
		c.kind = trunk
	}
	for _, pattern := range a.Trunks {
		if ok, _ := path.Match(strings.ToLower(pattern), strings.ToLower(c.text)); ok {
			c.kind = trunk
		}
	}
	return c
}

// number is that of a person's telephone: its name where that is one.
func (c channel) number(other string) string {
	if c.kind == person && c.peer != "" && digits(c.peer) {
		return c.peer
	}
	return other
}

// The form in which a record is stored: the first dialect's, see Parse.
type asteriskCDR struct {
	XMLName xml.Name        `xml:"cdr"`
	ID      string          `xml:"id,attr"`
	Sys     string          `xml:"sys,attr,omitempty"`
	CN      string          `xml:"cn,attr"`
	E164    string          `xml:"e164,attr,omitempty"`
	H323    string          `xml:"h323,attr,omitempty"`
	Device  string          `xml:"device,attr,omitempty"`
	Dir     recording.Dir   `xml:"dir,attr"`
	UTC     int64           `xml:"utc,attr"`
	User    asteriskUser    `xml:"user"`
	Events  []asteriskEvent `xml:"event"`
	Row     string          `xml:"asterisk"`
}

type asteriskUser struct {
	Pseudo string `xml:"pseudo,attr,omitempty"`
}

type asteriskEvent struct {
	Msg   string           `xml:"msg,attr"`
	Time  int64            `xml:"time,attr"`
	Type  string           `xml:"type,attr,omitempty"`
	E164  string           `xml:"e164,attr,omitempty"`
	H323  string           `xml:"h323,attr,omitempty"`
	DN    string           `xml:"dn,attr,omitempty"`
	Conf  recording.ConfID `xml:"conf,attr,omitempty"`
	Cause int              `xml:"cause,attr,omitempty"`
	CF    []asteriskNumber `xml:"cf"`
}

type asteriskNumber struct {
	E164 string `xml:"e164,attr"`
}

// far is a party as the other end's record names it.
type far struct {
	channel
	number, name string
}

// event makes one that names the party. Who is reached over a trunk is external.
func (f far) event(msg string, at int64) asteriskEvent {
	e := asteriskEvent{Msg: msg, Time: at, E164: f.number, DN: f.name}
	switch f.kind {
	case trunk:
		e.Type = "ext"
	case person:
		e.H323 = f.peer
	case nothing:
	}
	return e
}

// records makes of a row a record of each of its ends that is an object's, and one of
// the queue or the group that it came through.
func (a Asterisk) records(r row) []asteriskCDR {
	from, to := a.channelOf(r.channel), a.channelOf(r.dstchannel)
	caller := far{from, from.number(r.src), r.name}
	called := far{to, cmp.Or(to.number(r.reached()), r.dst), ""}
	var all []asteriskCDR
	if from.kind != nothing {
		dialled := called.event("setup-from", 0)
		if called.number != r.dst { // with a prefix, or a group's: nobody's own number
			dialled.E164, dialled.Type, dialled.H323 = r.dst, "", ""
		}
		c := r.record(from, recording.DirFrom, caller.number)
		c.Events = append(r.setup(dialled), r.course(called, "alert-to", "conn-to", "rel-from")...)
		all = append(all, c)
	}
	if to.kind != nothing {
		c := r.record(to, recording.DirTo, called.number)
		c.Events = append(r.setup(caller.event("setup-to", 0)), r.course(caller, "alert-from", "conn-from", "rel-to")...)
		if r.group() != "" {
			c.Events[0].CF = []asteriskNumber{{r.dst}}
		}
		all = append(all, c)
	}
	if pseudo := r.group(); pseudo != "" {
		c := r.record(channel{peer: r.dst}, recording.DirTo, r.dst)
		c.User.Pseudo = pseudo
		c.Events = append(r.setup(caller.event("setup-to", 0)), caller.event("rel-to", r.lasted(r.end)))
		all = append(all, c)
	}
	return all
}

// record begins one.
func (r row) record(c channel, dir recording.Dir, number string) asteriskCDR {
	out := asteriskCDR{
		ID: strings.Join([]string{r.unique, r.sequence, string(dir), c.text}, " "), Sys: "asterisk",
		CN: c.peer, E164: number, H323: c.peer, Device: c.text, Dir: dir, UTC: r.start.Unix(),
	}
	if c.kind == trunk {
		out.User.Pseudo, out.E164 = "trunk", ""
	}
	return out
}

// setup is the beginning under each of the call's ids: captures may bear either.
func (r row) setup(e asteriskEvent) []asteriskEvent {
	e.Conf = recording.ConfIDOfUnique(cmp.Or(r.linked, r.unique))
	all := []asteriskEvent{e}
	if own := recording.ConfIDOfUnique(r.unique); own != e.Conf {
		e.Conf = own
		all = append(all, e)
	}
	return all
}

// course is what followed the set-up.
func (r row) course(f far, alert, conn, rel string) (all []asteriskEvent) {
	if r.dstchannel != "" && r.disposition != "BUSY" && r.disposition != "FAILED" && r.disposition != "CONGESTION" {
		all = append(all, f.event(alert, 0))
	}
	if r.disposition == "ANSWERED" && !r.answer.IsZero() {
		all = append(all, f.event(conn, r.lasted(r.answer)))
	}
	return append(all, asteriskEvent{Msg: rel, Time: r.lasted(r.end), Cause: r.cause()})
}
