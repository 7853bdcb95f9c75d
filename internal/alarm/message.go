package alarm

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Kind is what a message is about.
type Kind string

// The kinds.
const (
	Alarm  Kind = "alarm"  // something is wrong
	More   Kind = "more"   // more has gone wrong since
	Over   Kind = "over"   // all lamps are green again
	Weekly Kind = "weekly" // how the week was
	Test   Kind = "test"   // somebody tries whether messages arrive
)

// Message is what people are told.
type Message struct {
	ID      string         `json:"id"` // the same at every try
	Kind    Kind           `json:"kind"`
	Time    time.Time      `json:"time"`
	Host    string         `json:"host"`
	Link    string         `json:"link,omitempty"`  // where to look
	Lamp    string         `json:"lamp,omitempty"`  // of the first cause
	Error   string         `json:"error,omitempty"` // what it says
	Since   time.Time      `json:"since,omitzero"`
	Until   time.Time      `json:"until,omitzero"`   // Over: since when all is green
	Causes  int            `json:"causes,omitempty"` // how many there are
	ByLamp  map[string]int `json:"by_lamp,omitempty"`
	List    []Cause        `json:"list,omitempty"` // the first of them
	Red     []string       `json:"red,omitempty"`  // lamps that are red now
	Text    string         `json:"text,omitempty"` // Weekly: the whole
	Trouble bool           `json:"trouble,omitempty"`
}

// Subject is the message in one line.
func (m Message) Subject() string {
	switch m.Kind {
	case Alarm:
		return fmt.Sprintf("callreel alarm on %s: %s%s", m.Host, m.Lamp, m.others())
	case More:
		return fmt.Sprintf("callreel alarm on %s goes on: %s%s", m.Host, m.Lamp, m.others())
	case Over:
		return fmt.Sprintf("callreel alarm on %s is over", m.Host)
	case Weekly:
		if m.Trouble {
			return fmt.Sprintf("callreel on %s: the week, and what is wrong", m.Host)
		}
		return fmt.Sprintf("callreel on %s: all is well", m.Host)
	case Test:
		return fmt.Sprintf("callreel on %s: a test", m.Host)
	}
	return "callreel on " + m.Host
}

func (m Message) others() string {
	if m.Causes > 1 {
		return fmt.Sprintf(" and %d more", m.Causes-1)
	}
	return ""
}

// Body is the message as plain text, with times in zone.
func (m Message) Body(zone *time.Location) string {
	var b strings.Builder
	switch m.Kind {
	case Alarm, More:
		m.wrong(&b, zone)
	case Over:
		fmt.Fprintf(&b, "All lamps of the recorder have been green since %s.\n%s begun, the first at %s. The master alarm stays on until somebody resets it.\n",
			stamp(m.Until, zone), plural(m.Causes, "error had", "errors had"), stamp(m.Since, zone))
	case Weekly:
		b.WriteString(m.Text)
	case Test:
		b.WriteString("This is a test: messages of the master alarm arrive here.\n")
	}
	if m.Link != "" {
		fmt.Fprintf(&b, "\n%s\n", m.Link)
	}
	return b.String()
}

func (m Message) wrong(b *strings.Builder, zone *time.Location) {
	fmt.Fprintf(b, "Lamp:  %s\nError: %s\nSince: %s\n\n", m.Lamp, m.Error, stamp(m.Since, zone))
	if m.Causes > 1 {
		fmt.Fprintf(b, "%d errors began, by lamp:", m.Causes)
		for _, lamp := range sortedLamps(m.ByLamp) {
			fmt.Fprintf(b, " %s %d", lamp, m.ByLamp[lamp])
		}
		b.WriteString(".\n")
		for _, c := range m.List {
			fmt.Fprintf(b, "  %s  %-9s  %s\n", c.At.In(zone).Format(time.TimeOnly), c.Lamp, c.Text)
		}
		if left := m.Causes - len(m.List); left > 0 {
			fmt.Fprintf(b, "  and %d more, see the error log\n", left)
		}
		b.WriteString("\n")
	}
	if len(m.Red) == 0 {
		b.WriteString("By now all lamps are green again. The master alarm stays on until somebody resets it.\n")
		return
	}
	fmt.Fprintf(b, "Red now: %s. What goes on by itself goes on; the master alarm stays on until somebody resets it.\n", strings.Join(m.Red, ", "))
}

func stamp(t time.Time, zone *time.Location) string {
	return t.In(zone).Format("2006-01-02 15:04:05 MST")
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func sortedLamps(by map[string]int) []string {
	names := make([]string, 0, len(by))
	for name := range by {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		if by[a] != by[b] {
			return by[b] - by[a]
		}
		return strings.Compare(a, b)
	})
	return names
}
