// Package casefile reads cases for the rules: files that tell of one call in a head that
// people can read, with its call detail records as the PBX writes them and, at the end,
// what the PBX showed of the agents. The tests of the rules are such files, and
// operators write their own (doc/rules.md). It runs a case against rules; it opens no
// file itself.
package casefile

import (
	"bufio"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"callreel/cdr"
	"callreel/ingest"
	"callreel/internal/recording"
)

// MaxSize bounds a case and a file of records that it names, in bytes.
const MaxSize = 4 << 20

// Case is one call with what is expected of the rules.
type Case struct {
	Number  string // of the case in a list of cases, may be empty
	What    string // in words, may be empty
	Agents  []recording.Agent
	All     bool // every user is an agent
	nobody  bool // nobody is, as the head says
	Capture recording.Capture
	Expect  string         // an outcome, see Outcome; parts of it may be left out at its end
	Name    string         // under which it is filed, in UTC; empty if that does not matter
	Without map[int]string // the outcome if a record, counted from 1, never comes
	Objects []string       // whose record each is, in words; empty if the file does not say
	CDRs    []recording.CDR
	Raw     []string        // the same, as the file has them
	Legs    []recording.Leg // of the capture's conference

	records string    // name of a file with the records
	begins  time.Time // of day, of the capture; zero if the file does not say
	date    time.Time
	soap    []line
}

// line is a line of the file, to be named in errors.
type line struct {
	n    int
	text string
}

// Parse reads a case. open reads a file that it names, whose content must be no longer
// than MaxSize; nil allows none. Errors name file, line and reason.
func Parse(file string, data []byte, open func(name string) ([]byte, error)) (Case, error) {
	c := Case{Without: map[int]string{}}
	if len(data) > MaxSize {
		return c, fmt.Errorf("%s: %d bytes, at most %d are read", file, len(data), MaxSize)
	}
	n, err := c.parse(strings.TrimPrefix(string(data), "\ufeff"), open) // some editors put a mark first
	if err != nil {
		return c, fmt.Errorf("%s:%d: %w", file, max(n, 1), err)
	}
	return c, nil
}

// parse returns the line on which reading ended.
func (c *Case) parse(text string, open func(string) ([]byte, error)) (int, error) {
	sc := bufio.NewScanner(strings.NewReader(text))
	sc.Buffer(nil, MaxSize+1)
	n, err := c.parseHead(sc)
	if err != nil {
		return n, err
	}
	begins := n + 1
	body := c.body(sc, n)
	if c.records != "" {
		if strings.TrimSpace(body) != "" {
			return begins, fmt.Errorf("the records are in %s, as the head says, and here too; leave one of them out", c.records)
		}
		if body, err = c.read(open); err != nil {
			return begins, err
		}
	}
	if err := c.take(body); err != nil {
		return begins, err
	}
	return c.takeSOAP()
}

// parseHead reads up to the first empty line, and returns its number.
func (c *Case) parseHead(sc *bufio.Scanner) (n int, err error) {
	for sc.Scan() {
		n++
		s := strings.TrimSpace(sc.Text())
		if s == "" {
			break
		}
		if err := c.headLine(s); err != nil {
			return n, err
		}
	}
	return n, c.checkHead()
}

// body is what stands behind the head, without the lines of what SOAP showed.
func (c *Case) body(sc *bufio.Scanner, n int) string {
	var xml strings.Builder
	for sc.Scan() {
		n++
		if soap, ok := strings.CutPrefix(sc.Text(), "soap: "); ok {
			c.soap = append(c.soap, line{n, strings.TrimSpace(soap)})
			xml.WriteString("\n")
			continue
		}
		xml.WriteString(sc.Text() + "\n")
	}
	return xml.String()
}

func (c *Case) read(open func(string) ([]byte, error)) (string, error) {
	if open == nil {
		return "", fmt.Errorf("the records are in %s, and no other file may be read here", c.records)
	}
	data, err := open(c.records)
	if err != nil {
		return "", fmt.Errorf("read the records: %w", err)
	}
	if len(data) > MaxSize {
		return "", fmt.Errorf("%s: %d bytes, at most %d are read", c.records, len(data), MaxSize)
	}
	return string(data), nil
}

// headLine reads "key: value".
func (c *Case) headLine(s string) error {
	key, value, ok := strings.Cut(s, ":")
	if value = strings.TrimSpace(value); !ok || value == "" {
		return fmt.Errorf("%q is not of the form \"key: value\"; the head ends with an empty line, and the records stand behind it", clip(s))
	}
	if n, ok := strings.CutPrefix(key, "without "); ok {
		i, err := strconv.Atoi(n)
		if err != nil || i < 1 {
			return fmt.Errorf("\"without %s\": want the number of a record, from 1 on", clip(n))
		}
		c.Without[i] = value
		return checkOutcome(value)
	}
	switch key {
	case "case":
		c.Number = value
	case "what":
		c.What = value
	case "agents":
		return c.agentsLine(value)
	case "capture":
		return c.captureLine(value)
	case "expect":
		c.Expect = value
		return checkOutcome(value)
	case "file":
		c.Name = value
	case "cdrs":
		c.records = value
	case "note":
	default:
		return fmt.Errorf("%q is not known; a head has case, what, agents, capture, expect, file, cdrs, note and without N", clip(key))
	}
	return nil
}

func (c *Case) checkHead() error {
	switch {
	case !c.All && !c.nobody && len(c.Agents) == 0:
		return fmt.Errorf("the head has no agents; write for instance \"agents: 24 (Rossi), 25 (Verdi)\", \"agents: all\" or \"agents: none\"")
	case c.Capture.UID == "":
		return fmt.Errorf("the head has no capture; write for instance \"capture: c03a55c2e909d311b6450090331b3e3b.pcap, written by a phone\"")
	case c.Expect == "":
		return fmt.Errorf("the head does not say what to expect; write for instance \"expect: keep 24\" or \"expect: discard\"")
	}
	return nil
}

// agent is one of the list: a number, a name in brackets, or both.
var agent = regexp.MustCompile(`^([^ (),]*)(?: ?\(([^()]*)\))?(?:, *|$)`)

// agentsLine reads "24 (Rossi), 25 (Verdi)", "all" or "none".
func (c *Case) agentsLine(value string) error {
	switch value {
	case "all":
		c.All = true
		return nil
	case "none":
		c.nobody = true
		return nil
	}
	for rest := value; rest != ""; {
		m := agent.FindStringSubmatch(rest)
		if m == nil || m[1] == "" && m[2] == "" {
			return fmt.Errorf("agent %q is not of the form \"24 (Rossi)\"", clip(rest))
		}
		c.Agents = append(c.Agents, recording.Agent{E164: m[1], CN: m[2]})
		rest = rest[len(m[0]):]
	}
	return nil
}

// captureLine reads "NAME, written by a phone" and, where that matters, ", begins 12:00:03".
func (c *Case) captureLine(value string) error {
	file, on, ok := strings.Cut(value, ", written by a ")
	on, begins, told := strings.Cut(on, ", begins ")
	if told {
		t, err := time.Parse(time.TimeOnly, begins)
		if err != nil {
			return fmt.Errorf("capture: %q is no time of day", clip(begins))
		}
		c.begins = t
	}
	uid, mac, serial, reg, known := ingest.ParseName(file)
	id, err := recording.ParseConfID(uid)
	kind := recording.RecordedOn(on)
	if !known || err != nil {
		return fmt.Errorf("capture %q: its name must begin with a conference id, as \"c03a55c2e909d311b6450090331b3e3b.pcap\" does", clip(file))
	}
	if !ok || kind != recording.OnPhone && kind != recording.OnGateway {
		return fmt.Errorf("capture %q: write \", written by a phone\" or \", written by a gateway\" behind its name", clip(value))
	}
	c.Capture = recording.Capture{
		Source: recording.Source{Name: file}, UID: uid, Conf: id, MAC: mac, Serial: serial, RegName: reg, RecordedOn: kind,
	}
	return nil
}

var objectLine = regexp.MustCompile(`<!-- \d+: (.*) -->`)

// take reads the records, which say on which day all of it was.
func (c *Case) take(body string) error {
	for _, m := range objectLine.FindAllStringSubmatch(body, -1) {
		c.Objects = append(c.Objects, m[1])
	}
	parsed, err := cdr.Parse(body)
	if err != nil {
		return err
	}
	for i, p := range parsed {
		if !slices.Contains(cdr.Confs(p.CDR), c.Capture.Conf) {
			return fmt.Errorf("record %d, of %q, does not have the conference id of the capture, %s, in any event", i+1, clip(p.CDR.CN), c.Capture.Conf)
		}
		c.CDRs, c.Raw = append(c.CDRs, p.CDR), append(c.Raw, p.XML)
	}
	if len(c.Objects) > 0 && len(c.Objects) != len(c.CDRs) {
		return fmt.Errorf("%d of %d records say in a comment whose they are; all or none must", len(c.Objects), len(c.CDRs))
	}
	for n := range c.Without {
		if n > len(c.CDRs) {
			return fmt.Errorf("the head says \"without %d\", and there are %d records", n, len(c.CDRs))
		}
	}
	c.date = c.CDRs[0].UTC.UTC().Truncate(24 * time.Hour)
	if !c.begins.IsZero() {
		c.Capture.Begins = c.date.Add(c.begins.Sub(c.begins.Truncate(24 * time.Hour)))
	}
	c.Capture.SeenAt = c.date.Add(12*time.Hour + 30*time.Minute)
	return nil
}

func (c *Case) takeSOAP() (int, error) {
	n := 0
	for _, l := range c.soap {
		n = l.n
		if err := c.leg(l.text); err != nil {
			return n, err
		}
	}
	return n, nil
}

var legLine = regexp.MustCompile(`^(\S+) (called by|calling) (\S+), began (\S+?)(?:, alerted (\S+?))?(?:, connected (\S+?))?, ended (\S+?)(?:, conference (\S+))?$`)

// leg reads what the PBX showed live of one agent. Of other conferences the catalog
// gives nothing to the rules, so neither does this.
func (c *Case) leg(s string) error {
	m := legLine.FindStringSubmatch(s)
	if m == nil {
		return fmt.Errorf("soap: %q is not of the form \"24 called by 0012345, began 12:00:00, alerted 12:00:01, connected 12:00:04, ended 12:01:00\"", clip(s))
	}
	if m[8] != "" && recording.ConfID(m[8]) != c.Capture.Conf {
		return nil
	}
	l := recording.Leg{Conf: c.Capture.Conf, ToAgent: m[2] == "called by", Peer: recording.Number{Type: "peer", E164: m[3]}}
	if m[3] == "unknown" {
		l.Peer.E164 = ""
	}
	l.Agent = recording.Agent{E164: m[1]}
	for _, a := range c.Agents {
		if a.E164 == m[1] {
			l.Agent = a
		}
	}
	for i, at := range []*time.Time{&l.Began, &l.Alerted, &l.Connected, &l.Ended} {
		if m[4+i] == "" {
			continue
		}
		t, err := time.Parse(time.TimeOnly, m[4+i])
		if err != nil {
			return fmt.Errorf("soap: %q is no time of day", clip(m[4+i]))
		}
		*at = c.date.Add(t.Sub(t.Truncate(24 * time.Hour)))
	}
	c.Legs = append(c.Legs, l)
	return nil
}

func clip(s string) string {
	if len(s) > 60 {
		return strings.ToValidUTF8(s[:60], "") + "…"
	}
	return s
}
