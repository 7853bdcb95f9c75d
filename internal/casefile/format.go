package casefile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"callreel/ingest"
	"callreel/internal/recording"
)

// Format writes a case as Parse reads it.
func Format(c Case) string {
	var b strings.Builder
	line := func(key, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%s: %s\n", key, flat(value))
		}
	}
	line("case", c.Number)
	line("what", c.What)
	line("agents", c.agentsText())
	line("capture", captureName(c.Capture)+", written by a "+string(cmp.Or(c.Capture.RecordedOn, recording.OnPhone))+begins(c.Capture))
	line("expect", c.Expect)
	line("file", c.Name)
	for n := range len(c.CDRs) {
		line(fmt.Sprintf("without %d", n+1), c.Without[n+1])
	}
	for i, raw := range c.Raw {
		fmt.Fprintf(&b, "\n<!-- %d: %s -->\n%s\n", i+1, c.object(i), strings.TrimSpace(raw))
	}
	for i, l := range c.Legs {
		if i == 0 {
			b.WriteString("\n")
		}
		b.WriteString(legText(l))
	}
	return b.String()
}

// flat is a value on one line.
func flat(s string) string { return strings.Join(strings.Fields(s), " ") }

func (c Case) agentsText() string {
	switch {
	case c.All:
		return "all"
	case len(c.Agents) == 0:
		return "none"
	}
	var all []string
	for _, a := range c.Agents {
		s := strings.NewReplacer(" ", "", "(", "", ")", "", ",", "").Replace(a.E164)
		if name := flat(strings.NewReplacer("(", " ", ")", " ").Replace(a.CN)); name != "" {
			s = strings.TrimSpace(s + " (" + name + ")")
		}
		all = append(all, s)
	}
	return strings.Join(all, ", ")
}

// captureName is the capture's name, or where that does not tell the conference one that
// does.
func captureName(c recording.Capture) string {
	uid, _, _, _, ok := ingest.ParseName(c.Source.Name)
	if conf, err := recording.ParseConfID(uid); ok && err == nil && conf == c.Conf && !strings.Contains(c.Source.Name, ", ") {
		return c.Source.Name
	}
	return string(c.Conf) + ".pcap"
}

func begins(c recording.Capture) string {
	if c.Begins.IsZero() {
		return ""
	}
	return ", begins " + c.Begins.UTC().Format(time.TimeOnly)
}

func (c Case) object(i int) string {
	if i < len(c.Objects) {
		return c.Objects[i]
	}
	return flat(strings.NewReplacer("-", " ", "<", " ", ">", " ").Replace(c.CDRs[i].E164 + " (" + c.CDRs[i].CN + ")"))
}

func legText(l recording.Leg) string {
	way := "calling"
	if l.ToAgent {
		way = "called by"
	}
	number := func(s string) string { return cmp.Or(strings.Join(strings.Fields(s), ""), "unknown") }
	ends := slices.MaxFunc([]time.Time{l.Began, l.Alerted, l.Connected, l.Ended}, time.Time.Compare)
	s := fmt.Sprintf("soap: %s %s %s, began %s", number(l.Agent.E164), way, number(l.Peer.E164), l.Began.UTC().Format(time.TimeOnly))
	if !l.Alerted.IsZero() {
		s += ", alerted " + l.Alerted.UTC().Format(time.TimeOnly)
	}
	if !l.Connected.IsZero() {
		s += ", connected " + l.Connected.UTC().Format(time.TimeOnly)
	}
	return s + ", ended " + ends.UTC().Format(time.TimeOnly) + "\n"
}
