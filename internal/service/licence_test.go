package service

import (
	"strings"
	"testing"

	"callreel/internal/recording"
)

// TestMarkLicences counts agents down in the order of their names.
func TestMarkLicences(t *testing.T) {
	agent := func(pbx, cn, number string) recording.Agent { return recording.Agent{PBX: pbx, CN: cn, E164: number} }
	for _, row := range []struct {
		name   string
		count  any
		counts map[string]int
		lists  [][]recording.Agent
		want   string // who has none, in their order
	}{
		{"unlimited", "unlimited", nil, [][]recording.Agent{{agent("p", "A", "1"), agent("p", "B", "2")}}, ""},
		{"a number", int64(2), nil, [][]recording.Agent{{agent("p", "C", "3"), agent("p", "A", "1")}, {agent("q", "B", "2")}}, "C"},
		{"none", int64(0), nil, [][]recording.Agent{{agent("", "", "24")}}, "24"},
		{"named twice", int64(1), nil, [][]recording.Agent{{agent("", "", "1")}, {agent("p", "A", "1")}}, ""},
		{"the same name at two PBXes", int64(1), nil, [][]recording.Agent{{agent("p", "A", "1")}, {agent("q", "A", "1")}}, "A"},
		{"each PBX its own", "pbx", map[string]int{"p": 1, "q": 0}, [][]recording.Agent{{agent("p", "A", "1"), agent("p", "B", "2")}, {agent("q", "C", "3")}}, "B C"},
		{"slave sites count with their master", "pbx", map[string]int{"p": 1}, [][]recording.Agent{{agent("p", "B", "2")}, {agent("p/north", "A", "1")}}, "B"},
		{"a PBX that never said", "pbx", map[string]int{"q": 0}, [][]recording.Agent{{agent("p", "A", "1")}}, ""},
		{"who got one again", int64(1), nil, [][]recording.Agent{{{PBX: "p", CN: "A", Unlicensed: true}}}, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			var got []string
			left := LicenceConfig{Count: row.count}.mark(row.counts, row.lists...)
			for _, a := range left {
				got = append(got, ledgerName(a))
			}
			if s := strings.Join(got, " "); s != row.want {
				t.Errorf("got %q, want %q", s, row.want)
			}
			marked := 0
			for _, l := range row.lists {
				for _, a := range l {
					if a.Unlicensed {
						marked++
					}
				}
			}
			if marked != len(left) {
				t.Errorf("%d are marked, %d named", marked, len(left))
			}
		})
	}
}

func ledgerName(a recording.Agent) string {
	if a.CN != "" {
		return a.CN
	}
	return a.E164
}
