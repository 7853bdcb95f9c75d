package cdr

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"callreel/internal/recording"
)

// Rows as cdr_csv writes them; the numbers are made up.
const (
	plainRow = `"","0012345","24","office","""Anna Bell"" <0012345>","PJSIP/provider-00000001","PJSIP/24-00000002","Dial","PJSIP/24,20",` +
		`"2026-11-21 12:00:00","2026-11-21 12:00:04","2026-11-21 12:02:40",160,156,"ANSWERED","DOCUMENTATION","1795262400.10",""`
	cutRow = `"","test","100","context","""Test User"" <test>","SIP/test-02897fd8","","Hangup","","2009-01-14 23:51:15","2009-01-14 23:51:15","2009-01-14 23:51:20",5,5,"ANSWERED","DOCUMENTATION","1231977075.0","`
)

func TestAsteriskRecords(t *testing.T) {
	a := Asterisk{Trunks: []string{"PJSIP/prov*"}}
	parsed, err := a.Parse(plainRow + "\r\n\n")
	if err != nil {
		t.Fatal(err)
	}
	if len(parsed) != 2 {
		t.Fatalf("got %d records, want the trunk's and the telephone's", len(parsed))
	}
	conf := recording.ConfIDOfUnique("1795262400.10")
	out, in := parsed[0].CDR, parsed[1].CDR
	if out.Pseudo != "trunk" || out.CN != "provider" || out.E164 != "" || out.Dir != recording.DirFrom || out.Events[0].Conf != conf {
		t.Errorf("trunk: %+v", out)
	}
	if in.Pseudo != "" || !in.IsUser || in.E164 != "24" || in.Dir != recording.DirTo || !in.UTC.Equal(time.Unix(1795262400, 0)) {
		t.Errorf("telephone: %+v", in)
	}
	want := []recording.CDREvent{
		{Msg: "setup-to", Type: "ext", E164: "0012345", DN: "Anna Bell", Conf: conf},
		{Msg: "alert-from", Type: "ext", E164: "0012345", DN: "Anna Bell"},
		{Msg: "conn-from", Time: 4, Type: "ext", E164: "0012345", DN: "Anna Bell"},
		{Msg: "rel-to", Time: 160, Cause: 16},
	}
	if !slices.EqualFunc(in.Events, want, func(a, b recording.CDREvent) bool {
		return a.Msg == b.Msg && a.Time == b.Time && a.Type == b.Type && a.E164 == b.E164 && a.DN == b.DN && a.Conf == b.Conf && a.Cause == b.Cause
	}) {
		t.Errorf("events %+v", in.Events)
	}
	if !strings.Contains(parsed[1].XML, "&#34;0012345&#34;") {
		t.Errorf("the row as it came is not in the record: %s", parsed[1].XML)
	}
}

// TestAsteriskLinked: a channel of a call that began with another one is found under
// both ids.
func TestAsteriskLinked(t *testing.T) {
	row := strings.Replace(plainRow, `"1795262400.10",""`, `"1795262400.12","","","1795262400.10",3`, 1)
	parsed, err := Asterisk{}.Parse(row)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range parsed {
		got := Confs(p.CDR)
		want := []recording.ConfID{recording.ConfIDOfUnique("1795262400.10"), recording.ConfIDOfUnique("1795262400.12")}
		if !slices.Equal(got, want) {
			t.Errorf("%s: conference ids %v, want %v", p.CDR.CN, got, want)
		}
	}
}

// TestAsteriskColumns: which columns a line has depends on what is switched on in
// cdr.conf: the unique id, the user's field, the three new ones.
func TestAsteriskColumns(t *testing.T) {
	first, linked := recording.ConfIDOfUnique("1795262400.10"), recording.ConfIDOfUnique("1795262400.12")
	for _, tt := range []struct {
		end  string
		want []recording.ConfID // nil: no row
	}{
		{`"1795262400.12"`, []recording.ConfID{linked}},
		{`"1795262400.12","note"`, []recording.ConfID{linked}},
		{`"1795262400.12","account","1795262400.10",3`, []recording.ConfID{first, linked}},
		{`"1795262400.12","note","account","1795262400.10",3`, []recording.ConfID{first, linked}},
		{`"account","1795262400.10",3`, nil},
	} {
		parsed, err := Asterisk{}.Parse(strings.Replace(plainRow, `"1795262400.10",""`, tt.end, 1))
		if len(parsed) > 0 != (tt.want != nil) || err != nil != (tt.want == nil) {
			t.Errorf("%s: %d records, %v", tt.end, len(parsed), err)
		}
		for _, p := range parsed {
			if got := Confs(p.CDR); !slices.Equal(got, tt.want) {
				t.Errorf("%s: conference ids %v, want %v", tt.end, got, tt.want)
			}
		}
	}
}

func TestAsteriskGoesOnBehindABadLine(t *testing.T) {
	for _, tt := range []struct{ line, want string }{
		{cutRow, `line 2: byte `},
		{strings.Replace(plainRow, `"1795262400.10"`, `""`, 1), "line 2: uniqueid is missing: write loguniqueid = yes"},
		{strings.Replace(plainRow, "2026-11-21 12:00:04", "noon", 1), `line 2: answer "noon" is no time`},
		{strings.Replace(plainRow, "2026-11-21 12:00:00", "", 1), "line 2: start is missing"},
		{strings.Repeat(`"",`, 30) + `""`, "line 2: 31 values, and there are 21 columns"},
		{`"` + strings.Repeat("a", maxRow) + `"`, "most is 65536"},
	} {
		parsed, err := Asterisk{}.Parse(plainRow + "\n" + tt.line + "\n" + plainRow + "\n")
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%.60s: error %v, want %q", tt.line, err, tt.want)
		}
		if len(parsed) != 4 {
			t.Errorf("%.60s: %d records, want the 4 of the good lines", tt.line, len(parsed))
		}
	}
}

// TestAsteriskManyBadLines: of a file that is none only the beginning is kept.
func TestAsteriskManyBadLines(t *testing.T) {
	_, err := Asterisk{}.Parse(strings.Repeat("what is this\n", 1000))
	var bad *BadLines
	if !errors.As(err, &bad) || bad.Count != 1000 || len(bad.Lines) != mostBad || bad.Lines[0] != "what is this" {
		t.Fatalf("%T %v", err, err)
	}
	if want := "1000 lines are no rows, the first: asterisk CDR, line 1: "; !strings.HasPrefix(err.Error(), want) {
		t.Errorf("%v, want %s…", err, want)
	}
}

// TestAsteriskTimes: the times have no zone.
func TestAsteriskTimes(t *testing.T) {
	rome, err := time.LoadLocation("Europe/Rome")
	if err != nil {
		t.Fatal(err)
	}
	at := func(s string) time.Time {
		v, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, tt := range []struct {
		what, start, end, unique string
		zone                     *time.Location
		wantStart                time.Time
		lasted                   int64
	}{
		{"summer", "2026-07-01 12:00:00", "2026-07-01 12:01:00", "1782900000.1", rome, at("2026-07-01T10:00:00Z"), 60},
		{"the hour that comes twice, first", "2026-10-25 02:30:00", "2026-10-25 02:31:00", "1792888200.1", rome, at("2026-10-25T00:30:00Z"), 60},
		{"the hour that comes twice, then", "2026-10-25 02:30:00", "2026-10-25 02:31:00", "1792891800.1", rome, at("2026-10-25T01:30:00Z"), 60},
		{"over the change", "2026-10-25 02:59:30", "2026-10-25 02:00:30", "1792889970.1", rome, at("2026-10-25T00:59:30Z"), 60},
		{"a wrong zone: the channel's second counts", "2026-11-21 08:00:00", "2026-11-21 08:01:00", "1795262400.1", nil, at("2026-11-21T12:00:00Z"), 60},
		{"seconds", "1795262400.25", "1795262410.9", "1795262400.1", rome, at("2026-11-21T12:00:00Z"), 10},
	} {
		r, err := Asterisk{Zone: tt.zone}.row(map[string]string{"uniqueid": tt.unique, "start": tt.start, "end": tt.end})
		if err != nil {
			t.Errorf("%s: %v", tt.what, err)
			continue
		}
		if !r.start.Equal(tt.wantStart) || r.lasted(r.end) != tt.lasted {
			t.Errorf("%s: start %s, %d s; want %s, %d s", tt.what, r.start, r.lasted(r.end), tt.wantStart, tt.lasted)
		}
	}
}

func TestConfIDOfUnique(t *testing.T) {
	for id, want := range map[string]recording.ConfID{
		"1335310195.17":           "a57e0013353101950000000017e3b0c4",
		"office.two-1335310195.7": "a57e0013353101950000000007d5c1c8",
	} {
		got := recording.ConfIDOfUnique(id)
		if got[:26] != want[:26] || len(got) != 32 {
			t.Errorf("%s: got %s, want %s…", id, got, want[:26])
		}
		if _, err := recording.ParseConfID(string(got)); err != nil {
			t.Error(err)
		}
	}
	if a, b := recording.ConfIDOfUnique("a-1335310195.7"), recording.ConfIDOfUnique("b-1335310195.7"); a == b {
		t.Error("two systems' channels have one id")
	}
	for _, odd := range []string{"", "x", "12345678901234.5", "1335310195", "1335310195."} {
		if got := recording.ConfIDOfUnique(odd); len(got) != 32 || !recording.UniqueTime(odd).IsZero() {
			t.Errorf("%q: id %s, time %s", odd, got, recording.UniqueTime(odd))
		}
	}
	if got := recording.UniqueTime("office-1335310195.17"); got.Unix() != 1335310195 {
		t.Errorf("time %s", got)
	}
}

// FuzzAsterisk: whatever is read has events that Parse reads again, and none of them
// is before its record.
func FuzzAsterisk(f *testing.F) {
	f.Add(plainRow)
	f.Add(cutRow)
	f.Add(strings.Replace(plainRow, "PJSIP/24-00000002", "Local/24@x-1;1", 1))
	f.Add(strings.Replace(plainRow, "Dial", "Queue", 1))
	f.Fuzz(func(t *testing.T, body string) {
		parsed, _ := Asterisk{Trunks: []string{"PJSIP/prov*", "["}}.Parse(body)
		for _, p := range parsed {
			again, err := Parse(p.XML)
			if err != nil || len(again) != 1 {
				t.Fatalf("%d records, %v: %s", len(again), err, p.XML)
			}
			if len(Confs(p.CDR)) == 0 {
				t.Fatalf("a record without conference: %s", p.XML)
			}
			for _, e := range p.CDR.Events {
				if e.Time < 0 {
					t.Fatalf("an event before its record: %s", p.XML)
				}
			}
		}
	})
}
