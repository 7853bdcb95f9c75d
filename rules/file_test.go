package rules_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"callreel/internal/recording"
	"callreel/rules"
)

// TestBadFiles holds every bad file against the message beside it: all that is wrong,
// each with line and key.
func TestBadFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/*.bad.toml")
	if err != nil || len(files) < 12 {
		t.Fatalf("%d bad files found, %v", len(files), err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			want, err := os.ReadFile(strings.TrimSuffix(file, ".bad.toml") + ".want")
			if err != nil {
				t.Fatal(err)
			}
			_, err = rules.Parse(name, data)
			if err == nil {
				t.Fatal("accepted")
			}
			got, list := err.Error(), strings.TrimSpace(string(want))
			// What the TOML reader itself says of a value is its own.
			if whole := strings.Contains(list, ": "); whole && got != list || !strings.HasPrefix(got, list) {
				t.Errorf("got\n%s\nwant\n%s", got, list)
			}
		})
	}
}

func good(tb testing.TB) rules.Set {
	tb.Helper()
	data, err := os.ReadFile("testdata/good.toml")
	if err != nil {
		tb.Fatal(err)
	}
	set, err := rules.Parse("good.toml", data)
	if err != nil {
		tb.Fatal(err)
	}
	return set
}

// TestFilters asks the filters of good.toml.
func TestFilters(t *testing.T) {
	out := func(a recording.Agent, dialled, far string) []recording.CDR {
		return []recording.CDR{
			user(a, "from", ev("setup-from", 0, dialled), ev("alert-to", 1, far), ev("conn-to", 4, far)),
			trunk("to", ev("setup-to", 0, a.E164)),
		}
	}
	in := func(a recording.Agent, far string) []recording.CDR {
		return []recording.CDR{user(a, "to", extEv("setup-to", 0, far), ev("conn-from", 4, far)), trunk("from", ev("setup-from", 0, a.E164))}
	}
	byDigits := func(digits ...string) []recording.CDR {
		events := []recording.CDREvent{ev("setup-from", 0, "")}
		for _, d := range digits {
			events = append(events, ev("info-from", 1, d))
		}
		events = append(events, ev("alert-to", 2, "0033"), ev("conn-to", 4, "0033"), ev("info-from", 9, "9"))
		return []recording.CDR{user(rossi, "from", events...), trunk("to", ev("setup-to", 0, "24"))}
	}
	isdn := func(cdrs []recording.CDR) []recording.CDR {
		cdrs[1].CN = "ISDN"
		return cdrs
	}
	bianchi := recording.Agent{CN: "Bianchi", E164: "31", GUID: "cc"}
	for _, row := range []struct {
		name string
		cdrs []recording.CDR
		want recording.Decision
		rule string
	}{
		{"the first that fits decides", out(rossi, "90012345", "0012345"), recording.Keep, "filter bank"},
		{"each ? is one digit", in(rossi, "003947112345"), recording.Keep, "filter bank"},
		{"not more", in(rossi, "0039471123456"), recording.Keep, "agent-took-part"},
		{"dialled with the prefix", out(rossi, "90033", "0033"), recording.Discard, "filter private"},
		{"what the PBX reached does not say what was dialled", out(rossi, "0033", "90033"), recording.Keep, "agent-took-part"},
		{"dialled digit by digit, with the prefix", byDigits("9", "900", "90033"), recording.Discard, "filter private"},
		{"the PBX shows the digits that came only", byDigits("9", "00", "33"), recording.Discard, "filter private"},
		{"dialled digit by digit, without", byDigits("0", "003", "0033"), recording.Keep, "agent-took-part"},
		{"another agent, the same far party", out(verdi, "0012345", "0012345"), recording.Keep, "agent-took-part"},
		{"over a trunk", isdn(in(verdi, "0012345")), recording.Discard, "filter second-trunk"},
		{"over another", in(verdi, "0012345"), recording.Keep, "agent-took-part"},
		{"a filter makes nobody's call anybody's", in(bianchi, "0012345"), recording.Discard, "no-agent"},
	} {
		rec := recording.Recording{Capture: recording.Capture{Conf: conf}, Call: recording.Call{CDRs: row.cdrs}}
		v := good(t).Decide(rec, rules.Facts{Now: noon, Agents: []recording.Agent{rossi, verdi}})
		if v.Decision != row.want || v.Rule != row.rule || v.Reason == "" || v.Trace[len(v.Trace)-1].Rule != row.rule {
			t.Errorf("%s: %s by %s (%s), want %s by %s", row.name, v.Decision, v.Rule, v.Reason, row.want, row.rule)
		}
	}
}

// TestFilterWaits: what a filter drops waits for late CDRs.
func TestFilterWaits(t *testing.T) {
	rec := recording.Recording{Capture: recording.Capture{Conf: conf}, Call: recording.Call{
		CDRs: []recording.CDR{user(rossi, "from", ev("setup-from", 0, "90033"), ev("conn-to", 4, "0033"))},
		Raw:  []recording.RawCDR{{Received: noon}},
	}}
	f := rules.Facts{Now: noon.Add(10 * time.Second), Agents: []recording.Agent{rossi}, Settle: 5 * time.Second, DiscardSettle: 30 * time.Second}
	if v := good(t).Decide(rec, f); v.Decision != recording.Wait || v.Rule != "filter private" || !v.Until.Equal(noon.Add(30*time.Second)) {
		t.Errorf("%s by %s until %s", v.Decision, v.Rule, v.Until)
	}
	f.Now = noon.Add(30 * time.Second)
	if v := good(t).Decide(rec, f); v.Decision != recording.Discard || v.Rule != "filter private" {
		t.Errorf("%s by %s", v.Decision, v.Rule)
	}
}

// TestExceptionsKept: with exceptions = "keep" nothing in which an agent took part is
// thrown away, and the other cases stay as they are.
func TestExceptionsKept(t *testing.T) {
	set, err := rules.Parse("keep.toml", []byte("[ownership]\nexceptions = \"keep\"\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range trials(t) {
		rec := recording.Recording{Capture: c.capture, Call: recording.Call{CDRs: c.cdrs}}
		got := outcome(set.Decide(rec, rules.Facts{Now: c.capture.SeenAt, Agents: c.agents, All: c.all}))
		switch c.number {
		case "13", "14", "17":
			if !strings.HasPrefix(got, "keep 24 ") {
				t.Errorf("%s: %s", c.file, got)
			}
		default:
			if got != c.expect {
				t.Errorf("%s: %s, want %s", c.file, got, c.expect)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, file := range []string{"good.toml", "filter-values.bad.toml", "unknown-key.bad.toml"} {
		data, err := os.ReadFile(filepath.Join("testdata", file))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	c := trials(f)[0]
	f.Fuzz(func(t *testing.T, data []byte) {
		set, err := rules.Parse("f.toml", data)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "f.toml") {
				t.Errorf("message does not name the file: %v", err)
			}
			return
		}
		rec := recording.Recording{Capture: c.capture, Call: recording.Call{CDRs: c.cdrs}}
		if v := set.Decide(rec, rules.Facts{Now: c.capture.SeenAt, Agents: c.agents}); v.Decision == recording.Wait || v.Reason == "" {
			t.Errorf("%s by %s (%s)", v.Decision, v.Rule, v.Reason)
		}
	})
}
