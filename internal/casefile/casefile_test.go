package casefile_test

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"callreel/internal/casefile"
	"callreel/internal/recording"
	"callreel/rules"
)

const head = "agents: 24 (Rossi)\ncapture: c03a55c2e909d311b6450090331b3e3b.pcap, written by a phone\n"

const record = `<cdr guid="aa" sys="S" cn="Rossi" e164="24" dir="to" utc="1795262400" local="0"><user/>
<event msg="setup-to" time="0" type="ext" e164="0012345" conf="c03a55c2e909d311b6450090331b3e3b"/>
<event msg="conn-from" time="3" e164="0012345"/></cdr>
`

// TestErrors holds what is wrong with a case against the message: file, line, reason.
func TestErrors(t *testing.T) {
	files := func(name string) ([]byte, error) {
		if name == "big.xml" {
			return make([]byte, casefile.MaxSize+1), nil
		}
		return nil, errors.New("there is no such file")
	}
	for _, row := range []struct{ name, text, want string }{
		{"empty", "", `f:1: the head has no agents`},
		{"no capture", "agents: all\nexpect: keep\n\n" + record, `f:3: the head has no capture`},
		{"nothing expected", head + "\n" + record, `f:3: the head does not say what to expect`},
		{"unknown key", "agents: all\nexpects: keep\n", `f:2: "expects" is not known`},
		{"no key", "agents: all\n" + record, `f:2: "<cdr guid=\"aa\" sys=\"S\" cn=\"Rossi\" e164=\"24\" dir=\"to\" utc`},
		{"agents", "agents: 24 Rossi\n", `f:1: agent "24 Rossi" is not of the form "24 (Rossi)"`},
		{"capture", "capture: holiday.pcap, written by a phone\n", `f:1: capture "holiday.pcap": its name must begin with a conference id`},
		{"device", "capture: c03a55c2e909d311b6450090331b3e3b.pcap\n", `write ", written by a phone"`},
		{"decision", "expect: retain 24\n", `f:1: "retain 24" begins with neither keep nor discard`},
		{"direction", "expect: keep 24 in\n", `must say i`},
		{"ring", "expect: keep 24 i 0012345 rang 3\n", `must say "ring"`},
		{"half a ring", "expect: keep 24 i 0012345 ring\n", `has something that does not belong there`},
		{"no rule", "expect: discard by \n", `has something that does not belong there`},
		{"without what", "without all: keep\n", `f:1: "without all": want the number of a record`},
		{"without too much", head + "expect: keep 24\nwithout 2: discard\n\n" + record, `f:6: the head says "without 2", and there are 1 records`},
		{"no record", head + "expect: keep 24\n\n", `f:5: call detail record at byte 0: no <cdr> element`},
		{"broken record", head + "expect: keep 24\n\n" + record[:200], `f:5: `},
		{"another call", strings.Replace(head, "c03a", "c03b", 1) + "expect: keep 24\n\n" + record, `does not have the conference id of the capture`},
		{"soap", head + "expect: keep 24\n\n" + record + "soap: 24 rang\n", `f:8: soap: "24 rang" is not of the form`},
		{"time", head + "expect: keep 24\n\n" + record + "soap: 24 calling 31, began 25:00:00, ended 12:00:00\n", `f:8: soap: "25:00:00" is no time of day`},
		{"missing file", head + "expect: keep 24\ncdrs: none.xml\n", `read the records: there is no such file`},
		{"big file", head + "expect: keep 24\ncdrs: big.xml\n", `big.xml: 4194305 bytes, at most 4194304 are read`},
		{"records twice", head + "expect: keep 24\ncdrs: none.xml\n\n" + record, `leave one of them out`},
		{"comments", head + "expect: keep 24\n\n<!-- 1: a -->\n<!-- 2: b -->\n" + record, `2 of 1 records say in a comment whose they are`},
	} {
		_, err := casefile.Parse("f", []byte(row.text), files)
		if err == nil || !strings.Contains(err.Error(), row.want) || !strings.HasPrefix(err.Error(), "f:") {
			t.Errorf("%s: %v, want %s", row.name, err, row.want)
		}
	}
	if _, err := casefile.Parse("f", make([]byte, casefile.MaxSize+1), nil); err == nil || !strings.Contains(err.Error(), "at most") {
		t.Error(err)
	}
}

// TestRun: what is expected is held against the rules in all that it says, and no more.
func TestRun(t *testing.T) {
	files := func(name string) ([]byte, error) { return []byte(record), nil }
	for _, row := range []struct {
		name, expect string
		want         []string // what is missed
	}{
		{"all of it", "expect: keep 24 i 0012345 ring 3 by agent-took-part", nil},
		{"its beginning", "expect: keep 24", nil},
		{"decision and rule", "expect: keep by agent-took-part", nil},
		{"another agent", "expect: keep 25", []string{"keep 25, not keep 24 i 0012345 ring 3 by agent-took-part"}},
		{"not to be kept", "expect: discard", []string{"discard, not keep 24 i 0012345 ring 3 by agent-took-part"}},
		{"another rule", "expect: keep 24 by magic", []string{"keep 24 by magic, not keep 24 i 0012345 ring 3 by agent-took-part"}},
		{"another number", "expect: keep 24 i 001234", []string{"keep 24 i 001234, not keep 24 i 0012345 ring 3 by agent-took-part"}},
		{"a missing record", "expect: keep 24\nwithout 1: wait by no-cdr", nil},
		{"a missing record, wrong", "expect: keep 24\nwithout 1: keep 24", []string{"without record 1: keep 24, not wait by no-cdr"}},
		{"its name", "expect: keep 24\nfile: 2026_11/2026_11_21_1200_24_i_0012345_3_c03a55c2e909d311b6450090331b3e3b", nil},
		{"another name", "expect: keep 24\nfile: a/b", []string{"a/b, not 2026_11/2026_11_21_1200_24_i_0012345_3_c03a55c2e909d311b6450090331b3e3b"}},
		{"records in a file", "expect: keep 24\ncdrs: call.xml", nil},
	} {
		body := record
		if strings.Contains(row.expect, "cdrs:") {
			body = ""
		}
		c, err := casefile.Parse("f", []byte(head+row.expect+"\n\n"+body), files)
		if err != nil {
			t.Errorf("%s: %v", row.name, err)
			continue
		}
		var got []string
		for _, m := range c.Run(rules.First()) {
			if m.When != "" {
				m.When += ": "
			}
			if m.Why == "" {
				t.Errorf("%s: no reason: %+v", row.name, m)
			}
			got = append(got, m.When+m.Want+", not "+m.Got)
		}
		if strings.Join(got, "\n") != strings.Join(row.want, "\n") {
			t.Errorf("%s: missed %q, want %q", row.name, got, row.want)
		}
	}
}

// TestFormat writes every case of the rules and reads it again.
func TestFormat(t *testing.T) {
	files, err := filepath.Glob("../../rules/testdata/cases/*.txt")
	if err != nil || len(files) < 31 {
		t.Fatal(len(files), err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		want, err := casefile.Parse(file, data, nil)
		if err != nil {
			t.Fatal(err)
		}
		text := casefile.Format(want)
		got, err := casefile.Parse("written", []byte(text), nil)
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		if casefile.Format(got) != text || !reflect.DeepEqual(got.CDRs, want.CDRs) || !reflect.DeepEqual(got.Legs, want.Legs) ||
			!reflect.DeepEqual(got.Capture, want.Capture) || !reflect.DeepEqual(got.Without, want.Without) || !reflect.DeepEqual(got.Objects, want.Objects) {
			t.Errorf("%s: read again it is\n%+v\nwant\n%+v", file, got, want)
		}
		if missed := got.Run(rules.First()); len(missed) > 0 {
			t.Errorf("%s: %+v", file, missed)
		}
	}
}

func TestAgents(t *testing.T) {
	for _, row := range []struct {
		line string
		want []recording.Agent
	}{
		{"none", nil},
		{"24", []recording.Agent{{E164: "24"}}},
		{"(Rossi, Anna), 25 (Verdi)", []recording.Agent{{CN: "Rossi, Anna"}, {E164: "25", CN: "Verdi"}}},
	} {
		c, err := casefile.Parse("f", []byte("agents: "+row.line+"\ncapture: c03a55c2e909d311b6450090331b3e3b.pcap, written by a phone\nexpect: keep\n\n"+record), nil)
		if err != nil || !reflect.DeepEqual(c.Agents, row.want) {
			t.Errorf("%s: %+v, %v", row.line, c.Agents, err)
		}
		if again := casefile.Format(c); !strings.Contains(again, "agents: "+row.line+"\n") {
			t.Errorf("written as\n%s", again)
		}
	}
}

func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("../../rules/testdata/cases/*.txt")
	if err != nil || len(files) == 0 {
		f.Fatal(len(files), err)
	}
	for _, file := range files[:8] {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(head + "expect: keep 24\nwithout 1: wait\n\n" + record + "soap: 24 called by 1, began 12:00:00, ended 12:00:01\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := casefile.Parse("f", data, nil)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "f:") {
				t.Errorf("%v names no line", err)
			}
			return
		}
		if len(c.CDRs) == 0 || c.Expect == "" {
			t.Errorf("accepted without records or expectation: %+v", c)
		}
		if _, err := casefile.Parse("again", []byte(casefile.Format(c)), nil); err != nil {
			t.Errorf("%v in what was written:\n%s", err, casefile.Format(c))
		}
		for _, m := range c.Run(rules.First()) {
			if m.Got == "" || m.Want == "" {
				t.Errorf("%+v", m)
			}
		}
	})
}

// TestBegins: where a capture begins is read, and written again.
func TestBegins(t *testing.T) {
	const text = "agents: 24 (Rossi)\ncapture: c03a55c2e909d311b6450090331b3e3b-009033220b07-4.pcap, written by a phone, begins 12:00:03\nexpect: keep\n\n" +
		`<cdr e164="24" utc="1795262400"><event msg="setup-to" conf="c03a55c2e909d311b6450090331b3e3b"/></cdr>`
	c, err := casefile.Parse("f", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	edited := "\ufeff" + strings.ReplaceAll(text, "\n", "\r\n")
	if c, err := casefile.Parse("f", []byte(edited), nil); err != nil || c.Capture.Begins.IsZero() || len(c.CDRs) != 1 {
		t.Errorf("of an editor with a mark and CRLF: %v", err)
	}
	if got := c.Capture.Begins.Format(time.DateTime); got != "2026-11-21 12:00:03" {
		t.Errorf("begins %s", got)
	}
	if again := casefile.Format(c); !strings.Contains(again, "-4.pcap, written by a phone, begins 12:00:03\n") {
		t.Errorf("written as\n%s", again)
	}
	if _, err := casefile.Parse("f", []byte(strings.Replace(text, "12:00:03", "noon", 1)), nil); err == nil {
		t.Error("noon is taken as a time of day")
	}
}
