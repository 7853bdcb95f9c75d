package cdr

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"callreel/internal/recording"
)

func sample(tb testing.TB, name string) string {
	tb.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		tb.Fatal(err)
	}
	return string(raw)
}

func TestParseGolden(t *testing.T) {
	for _, name := range []string{"pbx_cdr_samples_sdk", "pbx_cdr_v14r2_partial"} {
		t.Run(name, func(t *testing.T) {
			parsed, err := Parse(sample(t, name+".xml"))
			if err != nil {
				t.Fatal(err)
			}
			var records []recording.CDR
			for _, p := range parsed {
				records = append(records, p.CDR)
			}
			got, err := json.MarshalIndent(records, "", "\t")
			if err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", name+".golden.json")
			if os.Getenv("UPDATE_GOLDEN") != "" {
				if err := os.WriteFile(golden, append(got, '\n'), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if want := sample(t, name+".golden.json"); string(got)+"\n" != want {
				t.Errorf("records differ from %s; set UPDATE_GOLDEN=1, then read the difference", golden)
			}
		})
	}
}

func TestParseCountsAndKeepsEachRecordVerbatim(t *testing.T) {
	body := sample(t, "pbx_cdr_samples_sdk.xml")
	parsed, err := Parse(body)
	if err != nil {
		t.Fatal(err)
	}
	if len(parsed) != 21 {
		t.Fatalf("got %d records, want 21", len(parsed))
	}
	for i, p := range parsed {
		if !strings.Contains(body, p.XML) || !strings.HasPrefix(p.XML, "<cdr ") || !strings.HasSuffix(p.XML, "</cdr>") {
			t.Errorf("record %d is not verbatim: %q", i, p.XML)
		}
		again, err := Parse(p.XML)
		if err != nil || len(again) != 1 || len(again[0].CDR.Events) != len(p.CDR.Events) {
			t.Errorf("record %d does not parse again to the same: %v", i, err)
		}
	}
}

func TestParseReadsEveryPart(t *testing.T) {
	const body = `<?xml version="1.0" encoding="iso-8859-1"?>` + "\n" +
		`<cdr guid="g" id="i" sys="s" pbx="p" node="n" cn="Rossi" e164="24" h323="rossi" device="d" dir="to" utc="1795000000" local="1" odd="x">` +
		`<user pseudo="executive"/><grp name="rec" mode="active"/><grp>sales</grp><unknown><deep/></unknown>` +
		`<event msg="setup-to" time="130" type="ext" e164="0012345" h323="h" dn="D" root="12345" conf="75c1f48e909d31188fc00903306225f" more="true">` +
		`<ep e164="7" h323="seven" dn="Seven"/><cf e164="8"/><ct e164="9"/><to e164="10" h323="ten"/><makecall appl="a"/></event>` +
		`<event msg="rel-from" time="140" cause="16"/></cdr>`
	parsed, err := Parse(body)
	if err != nil {
		t.Fatal(err)
	}
	got := parsed[0].CDR
	if got.GUID != "g" || got.ID != "i" || got.Sys != "s" || got.PBX != "p" || got.Node != "n" || got.CN != "Rossi" ||
		got.E164 != "24" || got.H323 != "rossi" || got.Device != "d" || got.Dir != recording.DirTo ||
		!got.UTC.Equal(time.Unix(1795000000, 0)) || got.Pseudo != "executive" || !got.IsUser || !got.More {
		t.Errorf("header: %+v", got)
	}
	if !slices.Equal(got.Groups, []string{"rec", "sales"}) {
		t.Errorf("groups: %q", got.Groups)
	}
	e := got.Events[0]
	if e.Conf != "075c1f48e909d31188fc00903306225f" || e.Type != "ext" || e.Time != 130 || e.Root != "12345" || e.DN != "D" {
		t.Errorf("event: %+v", e)
	}
	if e.EP[0].DN != "Seven" || e.CF[0].E164 != "8" || e.CT[0].E164 != "9" || e.To[0].H323 != "ten" {
		t.Errorf("parties: %+v", e)
	}
	if got.Events[1].Cause != 16 {
		t.Errorf("cause: %+v", got.Events[1])
	}
}

func TestParseErrors(t *testing.T) {
	const good = `<cdr cn="A" utc="1"><event msg="setup-to" time="0"/></cdr>`
	rows := []struct {
		name, body, want string
		before           int
	}{
		{"empty", "", "no <cdr> element", 0},
		{"other text", "hello", "no <cdr> element", 0},
		{"cut", good + `<cdr cn="B"><event msg=`, "at byte", 1},
		{"not closed", `<cdr cn="B"><event msg="x"/>`, "EOF", 0},
		{"utc", `<cdr utc="soon"/>`, `utc "soon" is no time`, 0},
		{"time", `<cdr><event time="9x"/></cdr>`, `time "9x" is no number`, 0},
		{"cause", `<cdr><event cause="99999999999"/></cdr>`, "is no number", 0},
		{"deep", strings.Repeat("<a>", 20), "deeper than", 0},
		{"many events", "<cdr>" + strings.Repeat("<event/>", maxEvents+1) + "</cdr>", "more than 2000 events", 0},
		{"many parties", "<cdr><event>" + strings.Repeat("<to/>", maxParties+1) + "</event></cdr>", "more than 200", 0},
		{"too large", strings.Repeat(" ", maxBody+1), "most is", 0},
		{"not UTF-8", "<cdr cn=\"\xff\"/>", "invalid UTF-8", 0},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			parsed, err := Parse(row.body)
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("error %v, want one with %q", err, row.want)
			}
			if len(parsed) != row.before {
				t.Errorf("%d records before the fault, want %d", len(parsed), row.before)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add(sample(f, "pbx_cdr_samples_sdk.xml"))
	f.Add(sample(f, "pbx_cdr_v14r2_partial.xml"))
	f.Add(`<cdr utc="1"><event time="1" conf="75c1f48e909d31188fc00903306225f"><to/></event></cdr>`)
	f.Add(`<cdr/><cdr`)
	f.Add(`<a><cdr><grp>x<b/></grp></cdr></a>`)
	f.Fuzz(func(t *testing.T, body string) {
		parsed, _ := Parse(body)
		for _, p := range parsed {
			if !strings.Contains(body, p.XML) || p.XML == "" {
				t.Errorf("record is not a part of the body: %q", p.XML)
			}
			if _, err := Parse(p.XML); err != nil && !strings.Contains(p.XML, ":") {
				t.Errorf("record does not parse by itself: %q: %v", p.XML, err)
			}
			for _, conf := range Confs(p.CDR) {
				if len(conf) != 32 {
					t.Errorf("conference id %q", conf)
				}
			}
		}
	})
}
