package cdr

import (
	"fmt"
	"testing"
	"time"

	"callreel/internal/recording"
)

func TestTAN(t *testing.T) {
	const begin = 1795262400
	owner := recording.Agent{CN: "Anna Rossi", E164: "24", GUID: "9A1F"}
	record := func(object string, at int, event string) string {
		return fmt.Sprintf(`<cdr %s dir="from" utc="%d">%s</cdr>`, object, begin+at, event)
	}
	dialled := func(n string) string {
		return fmt.Sprintf(`<event msg="setup-from" time="7" e164="%s" conf="aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"/><event msg="rel-from" time="12"/>`, n)
	}
	const rossi = `cn="Anna Rossi" e164="24" guid="9a1f"`
	for _, tt := range []struct {
		what string
		list []string
		want string
	}{
		{"none", []string{record(rossi, 30, dialled("0012345"))}, ""},
		{"in the call", []string{record(rossi, 30, dialled("77123456"))}, "123456"},
		{"the last one", []string{record(rossi, 60, dialled("77000002")), record(rossi, 30, dialled("77000001"))}, "000002"},
		{"another's", []string{record(`cn="Anna Rossi" e164="24" guid="ffff"`, 30, dialled("77123456"))}, ""},
		{"by number where no id is known", []string{record(`cn="A. Rossi" e164="24"`, 30, dialled("77123456"))}, "123456"},
		{"before the call", []string{record(rossi, -20, dialled("77123456"))}, ""},
		{"behind it", []string{record(rossi, 170, dialled("77123456"))}, ""},
		{"seven digits", []string{record(rossi, 30, dialled("771234567"))}, ""},
		{"no digits", []string{record(rossi, 30, dialled("7712345#"))}, ""},
		{"as the number from the root", []string{record(rossi, 30, `<event msg="setup-from" time="1" e164="123456" root="77123456"/>`)}, "123456"},
		{"as the target of a transfer", []string{record(rossi, 30, `<event msg="transfer-from" time="1"><to e164="77654321"/></event>`)}, "654321"},
		{"in a record that began before", []string{record(rossi, -600, `<event msg="setup-to" time="0"/><event msg="setup-from" time="640" e164="77123456"/>`)}, "123456"},
		{"no record", []string{"<cdr", "no"}, ""},
	} {
		var raw []recording.RawCDR
		for _, x := range tt.list {
			raw = append(raw, recording.RawCDR{XML: x})
		}
		if got := TAN(raw, "77", owner, time.Unix(begin, 0), time.Unix(begin+160, 0)); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.what, got, tt.want)
		}
	}
}
