package service

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"callreel/internal/doctor"
	"callreel/internal/recording"
)

// Text is the status on one screen: the last lines of messages and errors that fit, at
// most so many of each.
func (st Status) Text(zone *time.Location, lines int) string {
	var b strings.Builder
	at := func(t time.Time) string { return t.In(zone).Format("2006-01-02 15:04:05") }
	fmt.Fprintf(&b, "callreel %s   %s   running since %s\n", st.Version, at(st.Now), at(st.Started))
	fmt.Fprintf(&b, "mode %s   encryption: %s\n\n", st.Mode, st.Encryption)
	st.lampText(&b, at)
	if st.Fault != "" {
		fmt.Fprintf(&b, "the catalog cannot be asked, its figures are missing: %s\n", st.Fault)
	}
	fmt.Fprintf(&b, "\nfiled      %d since the start, %d today, %d this month\n", st.Filed.Start, st.Filed.Today, st.Filed.Month)
	fmt.Fprintf(&b, "           %d not kept, %d quarantined, %d unusable since the start   in all %d quarantined, %d unusable\n",
		st.Discarded, st.Quarantined, st.Unusable, st.Counts[recording.Quarantined], st.Counts[recording.Unusable])
	fmt.Fprintf(&b, "check      %d   channels in recording %d   queue %d   waiting %d\n", st.Checks, st.Channels, st.Queue, st.Waiting)
	if st.Disk != nil {
		fmt.Fprintf(&b, "disk       %s free of %s", size(st.Disk.Free), size(st.Disk.Total))
		if st.Backup != nil {
			fmt.Fprintf(&b, "   backup %s free of %s", size(st.Backup.Free), size(st.Backup.Total))
		}
		b.WriteString("\n")
	}
	if !st.Trace.IsZero() {
		fmt.Fprintf(&b, "trace      on until %s\n", at(st.Trace))
	}
	st.openText(&b, at, lines)
	tail(&b, "messages", st.Messages, lines)
	tail(&b, "errors", st.Errors, lines)
	return b.String()
}

func (st Status) lampText(b *strings.Builder, at func(time.Time) string) {
	for _, l := range st.Lamps {
		fmt.Fprintf(b, "%s %-6s ", l.Lamp, l.Light)
	}
	if st.Normal {
		b.WriteString("  Normal operation")
	}
	b.WriteString("\n")
	for _, l := range st.Lamps {
		if l.Light == Red {
			fmt.Fprintf(b, "  %s since %s: %s\n", l.Lamp, at(l.Since), l.Error)
		}
	}
	for _, l := range st.PBXes {
		fmt.Fprintf(b, "  PBX %s: %s, %s\n", l.Name, map[bool]string{true: "up", false: "down"}[l.Up], address(l.Standby))
	}
	for _, p := range st.Pairs {
		fmt.Fprintf(b, "  %s %s: %s\n", p.Kind, p.Name, address(p.Standby))
	}
	for _, c := range st.Clocks {
		off := time.Duration(c.Seconds * float64(time.Second))
		fmt.Fprintf(b, "  clock %s: %s this machine's\n", c.Where, doctor.AheadOrBehind(off))
	}
	b.WriteString(st.Alarm.Text(at))
}

// Text is the master alarm in words, with times as at writes them.
func (a Alarm) Text(at func(time.Time) string) string {
	var b strings.Builder
	switch a.State {
	case AlarmLatched:
		fmt.Fprintf(&b, "master alarm ON since %s: %s: %s\n", at(a.Since), a.Lamp, a.Error)
	case AlarmOff:
		fmt.Fprintf(&b, "master alarm SWITCHED OFF since %s\n", at(a.Since))
	default:
		fmt.Fprintf(&b, "master alarm %s\n", a.State)
	}
	for _, way := range slices.Sorted(maps.Keys(a.Ways)) {
		w := a.Ways[way]
		switch {
		case w.Fault != "":
			fmt.Fprintf(&b, "  %s: %d undelivered since %s, tried again %s: %s\n", way, len(w.Messages), at(w.Since), at(w.Next), w.Fault)
		case len(w.Messages) > 0:
			fmt.Fprintf(&b, "  %s: %d under way\n", way, len(w.Messages))
		}
	}
	return b.String()
}

func (st Status) openText(b *strings.Builder, at func(time.Time) string, lines int) {
	for i, o := range st.Open {
		if i == lines {
			fmt.Fprintf(b, "  and %d more\n", len(st.Open)-i)
			return
		}
		if i == 0 {
			b.WriteString("\nopen calls\n")
		}
		fmt.Fprintf(b, "  %6d  %s  %s  %s\n", o.ID, at(o.Since), o.UID, o.Why)
	}
}

func tail(b *strings.Builder, what string, all []string, lines int) {
	if len(all) == 0 || lines == 0 {
		return
	}
	fmt.Fprintf(b, "\nlast %s\n", what)
	for _, l := range all[max(0, len(all)-lines):] {
		fmt.Fprintf(b, "  %s\n", l)
	}
}

// size writes bytes for people.
func size(n int64) string {
	switch {
	case n >= 1<<40:
		return fmt.Sprintf("%.1f TiB", float64(n)/(1<<40))
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	default:
		return fmt.Sprintf("%.0f MiB", float64(n)/(1<<20))
	}
}
