package explain

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"

	"callreel/internal/recording"
	"callreel/rules"
)

// Write writes stories for people, with times of zone.
func Write(w io.Writer, stories []Story, zone *time.Location) error {
	var b strings.Builder
	for i, s := range stories {
		if i > 0 {
			b.WriteString("\n")
		}
		s.write(&b, zone)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (s Story) write(b *strings.Builder, zone *time.Location) {
	title := fmt.Sprintf("Recording %d: %s", s.ID, s.State)
	if s.ID == 0 {
		title = "Conference " + cmp.Or(string(s.Conf), s.UID)
	}
	line(b, "%s", title)
	line(b, "  %s", s.Fate)
	if s.Decided {
		line(b, "  decided %s", when(s.Verdict.At, zone))
	}
	if s.Waits != "" {
		line(b, "  waits: %s", s.Waits)
		if !s.Until.IsZero() {
			line(b, "  until %s at the latest, then it is looked at again", when(s.Until, zone))
		}
	}
	b.WriteString("\nWhat is known\n")
	for _, f := range s.Facts {
		line(b, "  %-19s  %s: %s", when(f.At, zone), f.Source, f.What)
	}
	s.writeRules(b)
	writeChanges(b, s.Changes)
}

// line writes a line. What others have given, names and numbers, does not end it.
func line(b *strings.Builder, format string, args ...any) {
	b.WriteString(recording.OneLine(fmt.Sprintf(format, args...)) + "\n")
}

func when(t time.Time, zone *time.Location) string {
	if t.IsZero() {
		return ""
	}
	return t.In(zone).Format(time.DateTime)
}

func (s Story) writeRules(b *strings.Builder) {
	b.WriteString("\nThe rules in the order they were asked")
	if !s.Decided {
		b.WriteString(", as they stand now")
	}
	b.WriteString("\n")
	for _, t := range s.Rules {
		mark := "  "
		if t.Fired {
			mark = "=>"
		}
		line(b, "  %s %s: %s", mark, t.Rule, t.Why)
	}
	if s.Today != nil {
		b.WriteString("\n")
		line(b, "The rules in use, and what is known by now, would say something else: %s", Outcome(*s.Today))
	}
}

func writeChanges(b *strings.Builder, changes []rules.Change) {
	if len(changes) == 0 {
		return
	}
	b.WriteString("\nWhat would have changed it\n")
	var idle []string
	for _, c := range changes {
		if !c.Changes {
			idle = append(idle, c.What)
			continue
		}
		line(b, "  if %s: %s", c.What, Outcome(c.Verdict))
	}
	if len(idle) == len(changes) {
		b.WriteString("  nothing of what was tried\n")
	}
	if len(idle) > 0 {
		line(b, "  the same, if %s", strings.Join(idle, "; or if "))
	}
}
