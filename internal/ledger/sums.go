package ledger

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"callreel/internal/recording"
)

// Sum counts entries by outcome.
func Sum(list []recording.Entry) map[recording.Outcome]int {
	out := map[recording.Outcome]int{}
	for _, e := range list {
		out[e.Outcome]++
	}
	return out
}

// InWords is a sum in one line: "3 calls of agents: 2 filed, 1 no-cdr".
func InWords(sums map[recording.Outcome]int) string {
	var parts []string
	n := 0
	for _, o := range recording.Outcomes() {
		if sums[o] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", sums[o], o))
			n += sums[o]
		}
	}
	if n == 0 {
		return "no calls of agents"
	}
	return fmt.Sprintf("%d calls of agents: %s", n, strings.Join(parts, ", "))
}

// WriteCSV writes entries as a table with a head, their times in a zone. A text that a
// spreadsheet would take for a formula stands behind an apostrophe: numbers and names come
// from whoever calls.
func WriteCSV(w io.Writer, list []recording.Entry, zone *time.Location) error {
	out := csv.NewWriter(w)
	_ = out.Write([]string{
		"time", "agent", "number", "pbx", "direction", "external", "conference", "seconds", "outcome", "rule", "reason", "recording", "files", "sources", "accepted",
	})
	for _, e := range list {
		row := []string{
			e.Began.In(zone).Format(time.RFC3339), e.Agent.CN, e.Agent.E164, e.Agent.PBX, string(e.Direction), e.External, string(e.Conf),
			strconv.Itoa(e.Seconds), string(e.Outcome), e.Rule, e.Reason, strconv.FormatInt(int64(e.Recording), 10), Files(e), strings.Join(e.Sources, " "), strconv.FormatBool(e.Accepted),
		}
		for i, text := range row {
			if formula(text) {
				row[i] = "'" + text
			}
		}
		_ = out.Write(row)
	}
	out.Flush()
	return out.Error() // the first one of all writes
}

// formula reports whether a spreadsheet would reckon with a text. A number with its sign,
// as of a telephone, stays what it is.
func formula(text string) bool {
	switch {
	case text == "":
		return false
	case strings.ContainsRune("+-", rune(text[0])):
		return strings.Trim(text[1:], "0123456789") != ""
	}
	return strings.ContainsRune("=@\t\r\n", rune(text[0]))
}

// Files are the names of an entry's files below the archive.
func Files(e recording.Entry) string {
	names := make([]string, 0, len(e.Places))
	for _, p := range e.Places {
		names = append(names, strings.TrimPrefix(string(p), "file:"))
	}
	return strings.Join(names, ";")
}
