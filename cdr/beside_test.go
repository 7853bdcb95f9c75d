package cdr

import (
	"fmt"
	"testing"
	"time"

	"callreel/internal/recording"
)

func TestBeside(t *testing.T) {
	const begin, conf = 1795262400, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	record := func(at, lasted int, number, conf string) string {
		return fmt.Sprintf(`<cdr cn="Anna Rossi" e164="24" dir="to" utc="%d"><event msg="setup-to" time="0" %s conf="%s"/><event msg="rel-to" time="%d"/></cdr>`,
			begin+at, number, conf, lasted)
	}
	const own, other = conf, "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
	for _, tt := range []struct {
		what string
		list []string
		want string
	}{
		{"none", nil, ""},
		{"the call that goes on", []string{record(-300, 500, `e164="0012345" type="ext"`, other)}, "0012345"},
		{"only the recording itself", []string{record(-300, 500, `e164="0012345"`, own)}, ""},
		{"the longest of two", []string{record(-300, 310, `e164="0011111"`, other), record(20, 400, `e164="0022222"`, other)}, "0022222"},
		{"one that had ended", []string{record(-300, 200, `e164="0012345"`, other)}, ""},
		{"a number of the recording's own", []string{record(-300, 500, `e164="57"`, other)}, ""},
	} {
		var raw []recording.RawCDR
		for _, x := range tt.list {
			raw = append(raw, recording.RawCDR{XML: x})
		}
		not := func(n string) bool { return n == "57" }
		got := Beside(raw, recording.Agent{CN: "Anna Rossi"}, conf, time.Unix(begin, 0), time.Unix(begin+100, 0), not)
		if got.E164 != tt.want {
			t.Errorf("%s: %q, want %q", tt.what, got.E164, tt.want)
		}
	}
}
