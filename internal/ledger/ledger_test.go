package ledger

import (
	"bytes"
	"encoding/csv"
	"slices"
	"strings"
	"testing"
	"time"

	"callreel/internal/recording"
)

var (
	noon  = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	rossi = recording.Agent{CN: "Rossi", E164: "24", PBX: "main"}
	verdi = recording.Agent{CN: "Verdi", E164: "25", PBX: "main"}
)

const (
	conf  = recording.ConfID("c03a55c2e909d311b6450090331b3e3b")
	other = recording.ConfID("7d11f0a4e909d311b6460090331b3e3b")
)

// part is that of an agent who spoke, or whose telephone only rang.
func part(a recording.Agent, spoke bool) recording.Part {
	return recording.Part{Agent: a, Began: noon, Spoke: spoke, Live: true, Told: true}
}

func rec(id recording.ID, state recording.State, owner recording.Agent) recording.Recording {
	r := recording.Recording{ID: id, State: state, Verdict: recording.Verdict{Owner: owner, Rule: "agent-took-part", Reason: "why"}}
	r.Capture = recording.Capture{Conf: conf, UID: string(conf), SeenAt: noon}
	r.Retry.Reason = "reason of " + string(state)
	if kept(state) {
		r.Place = recording.Place("file:2026_11/" + string(conf) + ".wav")
	}
	return r
}

func discardedBy(rule string) recording.Recording {
	r := rec(1, recording.Discarded, recording.Agent{})
	r.Verdict.Rule = rule
	return r
}

// at is a case looked at some time after the call's end.
func at(after time.Duration, parts []recording.Part, recs ...recording.Recording) Case {
	c := Case{Conf: conf, Recordings: recs, Ended: noon, Cast: recording.Cast{Parts: parts}}
	for _, p := range parts {
		c.Cast.Answered = c.Cast.Answered || p.Spoke
	}
	c.Facts = Facts{Now: noon.Add(after), Settle: 30 * time.Second, NoCapture: 10 * time.Minute, Listed: noon.Add(after), Unlisted: "phones"}
	return c
}

// TestOutcomes has a row for each way in which a call can end.
func TestOutcomes(t *testing.T) {
	spoke := []recording.Part{part(rossi, true)}
	rang := []recording.Part{part(rossi, false)}
	both := []recording.Part{part(rossi, true), part(verdi, true)}
	oneRang := []recording.Part{part(rossi, true), part(verdi, false)}
	unsure := part(rossi, false)
	unsure.Told, unsure.Uncertain = false, true
	untold := part(rossi, false)
	untold.Told = false
	leads := part(rossi, true)
	leads.Also = []recording.ConfID{other}
	change := func(c Case, f func(*Case)) Case { f(&c); return c }
	elsewhere := func(s recording.State) func(*Case) {
		return func(c *Case) {
			r := rec(7, s, rossi)
			r.Capture.Conf = other
			c.Elsewhere = []recording.Recording{r}
		}
	}
	gone := rec(1, recording.Unusable, recording.Agent{})
	gone.Capture.SourceGone = true
	spooled := rec(1, recording.Unusable, rossi)
	spooled.Capture.Spool = "1.pcap"
	for _, row := range []struct {
		name string
		c    Case
		want string // agent:outcome, in order
	}{
		{"filed", at(0, spoke, rec(1, recording.Filed, rossi)), "Rossi:filed"},
		{"done", at(0, spoke, rec(1, recording.Done, rossi)), "Rossi:filed"},
		{"two agents spoke, one file", at(0, both, rec(1, recording.Done, rossi)), "Rossi:filed Verdi:with-other"},
		{"two phones, two files", at(0, both, rec(1, recording.Done, rossi), rec(2, recording.Done, verdi)), "Rossi:filed Verdi:filed"},
		{"another's phone only rang", at(0, oneRang, rec(1, recording.Done, rossi)), "Rossi:filed Verdi:not-answered"},
		{"owner whose phone only rang", at(0, rang, rec(1, recording.Done, rossi)), "Rossi:filed"},
		{"owner nobody else tells of", at(0, nil, rec(1, recording.Done, verdi)), "Verdi:filed"},
		{"filed for nobody", at(0, nil, rec(1, recording.Done, recording.Agent{})), "unknown:filed"},
		{"filed for nobody, an agent spoke", at(0, spoke, rec(1, recording.Done, recording.Agent{})), "Rossi:with-other unknown:filed"},
		{"discarded", at(0, spoke, discardedBy("queue-announced-to-user")), "Rossi:discarded"},
		{"discarded, phone only rang", at(0, rang, discardedBy("no-agent")), "Rossi:not-answered"},
		{"discarded, no agent", at(0, nil, discardedBy("no-agent")), ""},
		{"not marked", at(0, spoke, discardedBy("not-marked")), "Rossi:not-marked"},
		{"no licence", at(0, spoke, discardedBy("no-licence")), "Rossi:no-licence"},
		{"same file again", at(0, spoke, rec(1, recording.Done, rossi), discardedBy(recording.SameFile)), "Rossi:filed"},
		{"quarantined", at(0, spoke, rec(1, recording.Quarantined, recording.Agent{})), "Rossi:no-cdr"},
		{"quarantined, nobody's", at(0, nil, rec(1, recording.Quarantined, recording.Agent{})), "unknown:no-cdr"},
		{"unusable", at(0, spoke, spooled), "Rossi:unusable"},
		{"vanished", at(0, spoke, gone), "Rossi:vanished"},
		{"being written", at(0, spoke, rec(1, recording.Seen, recording.Agent{})), "Rossi:open"},
		{"waits for a CDR, no agent known", at(0, nil, rec(1, recording.Spooled, recording.Agent{})), ""},

		{"lives", change(at(time.Hour, spoke), func(c *Case) { c.Live = true }), "Rossi:open"},
		{"capture may still come", at(9*time.Minute, spoke), "Rossi:open"},
		{"no capture", at(11*time.Minute, spoke), "Rossi:no-capture"},
		{"no capture, inbox not readable since", change(at(time.Hour, spoke), func(c *Case) { c.Facts.Listed = noon.Add(9 * time.Minute) }), "Rossi:open"},
		{"not answered", at(time.Minute, rang), "Rossi:not-answered"},
		{"not answered, CDRs may come", at(10*time.Second, []recording.Part{untold}), "Rossi:open"},
		{"not answered, no CDR came", at(time.Minute, []recording.Part{untold}), "Rossi:not-answered"},
		{"link was down", at(11*time.Minute, []recording.Part{unsure}), "Rossi:no-capture"},
		{"user took his call", change(at(11*time.Minute, rang), func(c *Case) { c.Cast.Answered, c.Verdict.Owner = true, rossi }), "Rossi:no-capture"},
		{"internal at a trunk", change(at(time.Minute, spoke), func(c *Case) { c.Cast.Internal, c.Facts.AtTrunk = true, true }), "Rossi:internal"},
		{"internal at a phone", change(at(11*time.Minute, spoke), func(c *Case) { c.Cast.Internal = true }), "Rossi:no-capture"},
		{"would not be kept", change(at(11*time.Minute, spoke), func(c *Case) { c.Verdict.Decision, c.Verdict.Rule = recording.Discard, "private" }), "Rossi:discarded"},
		{"went on elsewhere, filed", change(at(time.Minute, []recording.Part{leads}), elsewhere(recording.Done)), "Rossi:with-other"},
		{"went on elsewhere, under way", change(at(time.Hour, []recording.Part{leads}), elsewhere(recording.Spooled)), "Rossi:open"},
		{"went on elsewhere, aside", change(at(time.Hour, []recording.Part{leads}), elsewhere(recording.Quarantined)), "Rossi:with-other"},
		{"went on elsewhere, discarded", change(at(time.Hour, []recording.Part{leads}), elsewhere(recording.Discarded)), "Rossi:discarded"},
		{"line of before stays", change(at(0, spoke, rec(1, recording.Done, rossi)), func(c *Case) {
			c.Before = []recording.Entry{{Conf: conf, Agent: verdi, Outcome: recording.OutcomeWithOther, Reason: "of old"}, {Conf: conf, Outcome: recording.OutcomeNoCDR}}
		}), "Rossi:filed Verdi:with-other"},
	} {
		t.Run(row.name, func(t *testing.T) {
			var got []string
			for _, e := range Of(row.c) {
				got = append(got, Name(e.Agent)+":"+string(e.Outcome))
				if e.Reason == "" {
					t.Errorf("no reason: %+v", e)
				}
				if open := e.Outcome == recording.OutcomeOpen; !open && !e.Again.IsZero() {
					t.Errorf("has ended and is looked at again: %+v", e)
				}
			}
			if s := strings.Join(got, " "); s != row.want {
				t.Errorf("got  %s\nwant %s", s, row.want)
			}
		})
	}
}

// TestAcceptedStays: who has looked at a call without audio is not asked again.
func TestAcceptedStays(t *testing.T) {
	c := at(time.Hour, []recording.Part{part(rossi, true)})
	c.Before = []recording.Entry{{Conf: conf, Agent: rossi, Began: noon, Outcome: recording.OutcomeNoCapture, Accepted: true}}
	if out := Of(c); len(out) != 1 || !out[0].Accepted || !out[0].Missing() {
		t.Errorf("%+v", out)
	}
}

// TestDifferences wants each kind of difference named once, and none where all agree.
func TestDifferences(t *testing.T) {
	place := recording.Place("file:2026_11/a.wav")
	agree := Books{Entries: []recording.Entry{{Outcome: recording.OutcomeFiled, Places: []recording.Place{place}}}, Audio: []recording.Place{place}}
	if out := Differences(agree); len(out) != 0 {
		t.Errorf("%q", out)
	}
	for want, b := range map[string]Books{
		"names no file":         {Entries: []recording.Entry{{Outcome: recording.OutcomeFiled}}},
		"not in the archive":    {Entries: agree.Entries},
		"no call of the ledger": {Audio: agree.Audio},
		"two lines":             {Entries: append(slices.Clone(agree.Entries), agree.Entries...), Audio: agree.Audio},
		"has no line":           {NoLine: []recording.Recording{{ID: 4}}},
		"recording 5 is not":    {Gone: []recording.ID{5}},
	} {
		if out := Differences(b); len(out) != 1 || !strings.Contains(out[0], want) {
			t.Errorf("%q, want one with %q", out, want)
		}
	}
	if out := Differences(Books{Audio: []recording.Place{"file:2026_11/x_c03a.wav"}, Writing: []string{"c03a"}}); len(out) != 0 {
		t.Errorf("being filed just now: %q", out)
	}
}

func TestSumsAndTable(t *testing.T) {
	list := []recording.Entry{
		{Agent: rossi, Began: noon, Outcome: recording.OutcomeFiled, Places: []recording.Place{"file:2026_11/a.wav", "file:2026_11/b.wav"}, Reason: "a, \"b\""},
		{Agent: verdi, Began: noon, Outcome: recording.OutcomeNoCDR}, {Outcome: recording.OutcomeFiled},
	}
	if got, want := InWords(Sum(list)), "3 calls of agents: 2 filed, 1 no-cdr"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := InWords(nil); got != "no calls of agents" {
		t.Errorf("got %q", got)
	}
	var b bytes.Buffer
	if err := WriteCSV(&b, list, time.FixedZone("", 3600)); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&b).ReadAll()
	if err != nil || len(rows) != 4 {
		t.Fatalf("%q, %v", rows, err)
	}
	if rows[1][0] != "2026-11-21T13:00:00+01:00" || rows[1][10] != "a, \"b\"" || rows[1][12] != "2026_11/a.wav;2026_11/b.wav" {
		t.Errorf("%q", rows[1])
	}
}

// TestCSVFormulas: no spreadsheet reckons with what others have given; what is none stays.
func TestCSVFormulas(t *testing.T) {
	for text, want := range map[string]string{
		`=HYPERLINK("http://x";"24")`: `'=HYPERLINK("http://x";"24")`, "@SUM(1)": "'@SUM(1)", "+39=1": "'+39=1", "-1+cmd|' /C calc'!A0": "'-1+cmd|' /C calc'!A0",
		"\t=1": "'\t=1", "+390471123": "+390471123", "-": "-", "": "", "*55": "*55", "O'Neill, \"x\"\ny": "O'Neill, \"x\"\ny",
	} {
		var b bytes.Buffer
		if err := WriteCSV(&b, []recording.Entry{{External: text, Agent: recording.Agent{CN: text}, Reason: text}}, time.UTC); err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(&b).ReadAll()
		if err != nil || len(rows) != 2 || rows[1][1] != want || rows[1][5] != want || rows[1][10] != want {
			t.Errorf("%q: %q, %v", text, rows, err)
		}
	}
}
