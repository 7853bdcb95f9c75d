package rules_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"callreel/cdr"
	"callreel/ingest"
	"callreel/internal/recording"
	"callreel/rules"
)

// trial is one file of testdata/cases: a call as people read it in the head, its
// CDRs as the PBX writes them, and what SOAP showed of the agents.
type trial struct {
	file    string
	number  string // of the case in the manual's list
	what    string
	agents  []recording.Agent
	all     bool
	capture recording.Capture
	expect  string // an outcome, see the function of that name
	name    string // of the file it is filed under; empty if it is not kept
	without map[int]string
	objects []string // whose record each is, in words
	raw     []string
	cdrs    []recording.CDR
	legs    []recording.Leg // of the capture's conference
}

// trials reads all cases, in the order of their names.
func trials(tb testing.TB) []trial {
	tb.Helper()
	files, err := filepath.Glob("testdata/cases/*.txt")
	if err != nil || len(files) < 31 {
		tb.Fatalf("%d cases found, %v", len(files), err)
	}
	var all []trial
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			tb.Fatal(err)
		}
		c, err := parseTrial(string(text))
		if err != nil {
			tb.Fatalf("%s: %v", file, err)
		}
		c.file = strings.TrimSuffix(filepath.Base(file), ".txt")
		all = append(all, c)
	}
	return all
}

func parseTrial(text string) (trial, error) {
	head, body, ok := strings.Cut(text, "\n\n")
	if !ok {
		return trial{}, fmt.Errorf("no empty line behind the head")
	}
	c := trial{without: map[int]string{}}
	for line := range strings.Lines(head) {
		if err := c.headLine(strings.TrimSpace(line)); err != nil {
			return c, err
		}
	}
	for _, m := range objectLine.FindAllStringSubmatch(body, -1) {
		c.objects = append(c.objects, m[1])
	}
	var xml strings.Builder
	for line := range strings.Lines(body) {
		if soap, ok := strings.CutPrefix(line, "soap: "); ok {
			if err := c.leg(strings.TrimSpace(soap)); err != nil {
				return c, err
			}
			continue
		}
		xml.WriteString(line)
	}
	parsed, err := cdr.Parse(xml.String())
	if err != nil {
		return c, err
	}
	for _, p := range parsed {
		if !slices.Contains(cdr.Confs(p.CDR), c.capture.Conf) {
			return c, fmt.Errorf("the record of %s has not the conference id of the capture", p.CDR.CN)
		}
		c.cdrs, c.raw = append(c.cdrs, p.CDR), append(c.raw, p.XML)
	}
	if len(c.objects) != len(c.cdrs) {
		return c, fmt.Errorf("%d of %d records say whose they are", len(c.objects), len(c.cdrs))
	}
	return c, nil
}

var objectLine = regexp.MustCompile(`<!-- \d+: (.*) -->`)

func (c *trial) headLine(line string) error {
	key, value, _ := strings.Cut(line, ": ")
	if n, ok := strings.CutPrefix(key, "without "); ok {
		i, err := strconv.Atoi(n)
		c.without[i] = value
		return err
	}
	switch key {
	case "case":
		c.number = value
	case "what":
		c.what = value
	case "agents":
		return c.agentsLine(value)
	case "capture":
		return c.captureLine(value)
	case "expect":
		c.expect = value
	case "file":
		c.name = value
	case "note":
	default:
		return fmt.Errorf("head line %q is not known", line)
	}
	return nil
}

// agentsLine reads "24 (Rossi), 25 (Verdi)" or "all".
func (c *trial) agentsLine(value string) error {
	if value == "all" {
		c.all = true
		return nil
	}
	for one := range strings.SplitSeq(value, ", ") {
		number, name, ok := strings.Cut(strings.TrimSuffix(one, ")"), " (")
		if !ok {
			return fmt.Errorf("agent %q", one)
		}
		c.agents = append(c.agents, recording.Agent{E164: number, CN: name})
	}
	return nil
}

// captureLine reads "NAME, written by a phone".
func (c *trial) captureLine(value string) error {
	file, on, ok := strings.Cut(value, ", written by a ")
	uid, mac, serial, reg, known := ingest.ParseName(file)
	id, err := recording.ParseConfID(uid)
	if !ok || !known || err != nil {
		return fmt.Errorf("capture %q", value)
	}
	c.capture = recording.Capture{
		UID: uid, Conf: id, MAC: mac, Serial: serial, RegName: reg,
		RecordedOn: recording.RecordedOn(on), SeenAt: time.Date(2026, 11, 21, 12, 30, 0, 0, time.UTC),
	}
	return nil
}

var legLine = regexp.MustCompile(`^(\d+) (called by|calling) (\d+), began (\S+?)(?:, alerted (\S+?))?(?:, connected (\S+?))?, ended (\S+?)(?:, conference (\S+))?$`)

// leg reads what the PBX showed live of one agent. Of other conferences the
// catalog gives nothing to the rules, so neither does this.
func (c *trial) leg(line string) error {
	m := legLine.FindStringSubmatch(line)
	if m == nil {
		return fmt.Errorf("soap line %q", line)
	}
	if m[8] != "" && recording.ConfID(m[8]) != c.capture.Conf {
		return nil
	}
	l := recording.Leg{Conf: c.capture.Conf, ToAgent: m[2] == "called by", Peer: recording.Number{Type: "peer", E164: m[3]}}
	l.Agent = recording.Agent{E164: m[1]}
	for _, a := range c.agents {
		if a.E164 == m[1] {
			l.Agent = a
		}
	}
	for i, at := range []*time.Time{&l.Began, &l.Alerted, &l.Connected, &l.Ended} {
		if m[4+i] == "" {
			continue
		}
		t, err := time.Parse("2006-01-02 15:04:05", "2026-11-21 "+m[4+i])
		if err != nil {
			return err
		}
		*at = t
	}
	c.legs = append(c.legs, l)
	return nil
}

// known are the agents as a PBX names them, with the GUIDs of their objects, else
// as a setup names them.
func (c trial) known(byPBX bool) []recording.Agent {
	agents := slices.Clone(c.agents)
	for i := range agents {
		for _, r := range c.cdrs {
			if byPBX && r.CN == agents[i].CN {
				agents[i].GUID, agents[i].H323 = r.GUID, r.H323
			}
		}
	}
	return agents
}

// ask hands the rules these records in this order, long after the last came.
func (c trial) ask(cdrs []recording.CDR, legs []recording.Leg) recording.Verdict {
	rec := recording.Recording{Capture: c.capture, Call: recording.Call{CDRs: cdrs, Live: legs}}
	return rules.First().Decide(rec, rules.Facts{Now: c.capture.SeenAt, Agents: c.known(len(legs) > 0), All: c.all})
}

// outcome is a verdict as the heads of the cases write it.
func outcome(v recording.Verdict) string {
	if v.Decision != recording.Keep {
		return fmt.Sprintf("%s by %s", v.Decision, v.Rule)
	}
	external := v.External
	if external == "" {
		external = "unknown"
	}
	return fmt.Sprintf("keep %s %s %s ring %d by %s", v.Internal, v.Direction, external, v.Ring, v.Rule)
}
