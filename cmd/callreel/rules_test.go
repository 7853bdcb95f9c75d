package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"callreel/internal/catalog"
	"callreel/internal/recording"
)

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	file := filepath.Join(dir, name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestRulesCheck(t *testing.T) {
	dir, _, call := site(t)
	call(exitUsage, "rules check", "a", "b")
	if out := call(exitDone, "rules check"); !strings.Contains(out, "built in: nothing is wrong") {
		t.Error(out)
	}
	good := write(t, dir, "good.toml", "[ownership]\nprefer = \"phone\"\n")
	if out := call(exitDone, "rules check", good); !strings.Contains(out, "good.toml: nothing is wrong") {
		t.Error(out)
	}
	bad := write(t, dir, "bad.toml", "mode = \"all\"\n[ownership]\nprefer = \"both\"\n")
	out := call(exitUsage, "rules check", bad)
	for _, want := range []string{`bad.toml:1: mode "all" is not allowed`, `bad.toml:3: ownership.prefer "both" is not allowed`} {
		if !strings.Contains(out, want) {
			t.Errorf("no %s in\n%s", want, out)
		}
	}
}

// TestRulesTest runs all cases of the rules, then some with other rules, and refuses what
// is no case.
func TestRulesTest(t *testing.T) {
	dir, _, call := site(t)
	cases := filepath.Join("..", "..", "rules", "testdata", "cases")
	if out := call(exitDone, "rules test", cases); !strings.Contains(out, " 0 failed") || strings.Count(out, "\nok") < 60 {
		t.Error(out)
	}
	keep := write(t, dir, "keep.toml", "[ownership]\nexceptions = \"keep\"\n")
	out := call(exitSomeLeft, "rules test", "--rules", keep, filepath.Join(cases, "13-queue-agent-to-user-announced.txt"), filepath.Join(cases, "01-external-to-agent.txt"))
	for _, want := range []string{
		"FAILED", "expected  discard by queue-announced-to-user\n", "got       keep 24 i 0012345 ring 3 by agent-took-part\n", "ok      ", "2 cases, 1 failed", "1 of 2 cases failed",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	call(exitUsage, "rules test")
	call(exitUsage, "rules test", filepath.Join(dir, "none.txt"))
	call(exitNothing, "rules test", t.TempDir())
	if out := call(exitUsage, "rules test", write(t, dir, "no.txt", "expect: perhaps\n")); !strings.Contains(out, `no.txt:1: "perhaps" begins with neither`) {
		t.Error(out)
	}
}

// TestRulesTestExample runs the case that doc/rules.md shows, as it stands there.
func TestRulesTestExample(t *testing.T) {
	doc, err := os.ReadFile(filepath.Join("..", "..", "doc", "rules.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, text, found := strings.Cut(string(doc), "```case\n")
	text, _, closed := strings.Cut(text, "```\n")
	if !found || !closed {
		t.Fatal("doc/rules.md shows no case")
	}
	dir, _, call := site(t)
	if out := call(exitDone, "rules test", write(t, dir, "example.txt", text)); !strings.Contains(out, "1 cases, 0 failed") {
		t.Error(out)
	}
	// The same with its records in a file of their own in one that lies elsewhere.
	head, records, _ := strings.Cut(text, "\n\n")
	records, soap, _ := strings.Cut(records, "soap: ")
	write(t, dir, "call.xml", records)
	if out := call(exitDone, "rules test", write(t, dir, "two.txt", head+"\ncdrs: call.xml\n\nsoap: "+soap)); !strings.Contains(out, "1 cases, 0 failed") {
		t.Error(out)
	}
	if out := call(exitUsage, "rules test", write(t, dir, "out.txt", head+"\ncdrs: ../call.xml\n")); !strings.Contains(out, "is not in the folder of the case") {
		t.Error(out)
	}
}

// TestRulesCase makes cases of calls of the catalog, which then hold as they are.
func TestRulesCase(t *testing.T) {
	dir, c, call := site(t)
	call(exitUsage, "rules case")
	call(exitNothing, "rules case", string(caseConf))
	names := []string{"01-external-to-agent", "13-queue-agent-to-user-announced", "02-external-to-user"}
	past(t, c, names...)
	folder := filepath.Join(dir, "cases")
	if err := os.Mkdir(folder, 0o750); err != nil {
		t.Fatal(err)
	}
	for i := range names {
		write(t, folder, fmt.Sprintf("%d.txt", i), call(exitDone, "rules case", fmt.Sprint(i+1)))
	}
	if out := call(exitDone, "rules test", folder); !strings.Contains(out, "3 cases, 0 failed") {
		t.Error(out)
	}
	_, records := caseFile(t, "15-agent-to-external")
	store(t, c, records, time.Now()) // of which no capture came
	out := call(exitDone, "rules case", string(caseConf))
	for _, want := range []string{"agents: 24 (Rossi)\n", "capture: " + string(caseConf) + ".pcap, written by a phone\n", "expect: keep 24 o 0012345 ring 7 by agent-took-part\n", "<!-- 1: "} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

// past fills a catalog with decided recordings of cases, each under a conference id of its
// own.
func past(t *testing.T, c *catalog.Catalog, names ...string) {
	t.Helper()
	at := time.Date(2026, 11, 21, 12, 3, 0, 0, time.UTC)
	for i, name := range names {
		_, records := caseFile(t, name)
		conf := recording.ConfID(fmt.Sprintf("%032x", i+1))
		records = strings.ReplaceAll(records, string(caseConf), string(conf))
		store(t, c, records, at)
		rec, err := c.Add(t.Context(), recording.Capture{Source: recording.Source{Inbox: "a", Name: string(conf) + ".pcap"}, UID: string(conf), Conf: conf, SeenAt: at})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Observe(t.Context(), rec, at); err != nil {
			t.Fatal(err)
		}
		cl, err := c.Claim(t.Context(), at, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		cl.State = recording.Discarded
		cl.Verdict = recording.Verdict{Decision: recording.Discard, Rule: "early-no-agent", Early: true, At: at}
		if i%2 == 0 {
			cl.State, cl.Verdict = recording.Done, recording.Verdict{Decision: recording.Keep, Rule: "agent-took-part", Owner: recording.Agent{CN: "Rossi", E164: "24"}, Direction: recording.In, External: "0012345", At: at}
		}
		if err := c.Advance(t.Context(), cl, time.Time{}, time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
}

// TestRulesReplay tries rules on calls of the past, of some of which the CDRs are gone.
func TestRulesReplay(t *testing.T) {
	dir, c, call := site(t)
	keep := write(t, dir, "keep.toml", "[ownership]\nexceptions = \"keep\"\n[[filter]]\nname = \"out\"\naction = \"drop\"\ndirection = \"out\"\n")
	call(exitUsage, "rules replay")
	call(exitUsage, "rules replay", "--month", "november", "--rules", keep)
	call(exitNothing, "rules replay", "--rules", keep)
	past(t, c, "01-external-to-agent", "13-queue-agent-to-user-announced", "15-agent-to-external", "02-external-to-user")
	out := call(exitDone, "rules replay", "--rules", keep)
	for _, want := range []string{
		"kept       recording 2,", `in use  not kept, by rule "queue-announced-to-user"`, "new     kept for 24 (Rossi), in, external 0012345", "deleted unfetched, which no rule changes",
		"not kept   recording 3,", `new     not kept, by rule "filter out"`,
		"4 calls: 2 would change (1 kept that are not, 1 not kept that are, 0 for another agent", "2 would not, 0 could not be asked about",
		"Of 2 calls it is not known who was an agent then", "Of 1 calls the rules in use say something else",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if strings.Contains(out, "recording 1,") || strings.Contains(out, "recording 4,") {
		t.Errorf("tells of what stays:\n%s", out)
	}
	call(exitNothing, "rules replay", "--month", "2026_10", "--rules", keep)
	call(exitNothing, "rules replay", "--month", "2026-10", "--rules", keep)
	if out := call(exitDone, "rules replay", "--month", "2026_11", "--rules", keep); !strings.Contains(out, "4 calls") {
		t.Error(out)
	}
	if _, err := c.PruneCDRs(t.Context(), time.Now().AddDate(10, 0, 0)); err != nil {
		t.Fatal(err)
	}
	out = call(exitSomeLeft, "rules replay", "--rules", keep)
	for _, want := range []string{"not asked  recording 1,", "it was discarded unfetched, and none of its CDRs is here; they are kept 90 days", "4 could not be asked about"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

// TestReplayChangesNothing: the catalog is the same before and after.
func TestReplayChangesNothing(t *testing.T) {
	dir, c, call := site(t)
	past(t, c, "01-external-to-agent", "15-agent-to-external")
	before, err := c.ByUID(t.Context(), fmt.Sprintf("%032x", 2))
	if err != nil || len(before) != 1 {
		t.Fatal(before, err)
	}
	call(exitDone, "rules replay", "--rules", write(t, dir, "r.toml", "[[filter]]\nname = \"all\"\naction = \"drop\"\ndirection = \"out\"\n"))
	after, err := c.ByUID(t.Context(), fmt.Sprintf("%032x", 2))
	if err != nil || fmt.Sprintf("%+v", after) != fmt.Sprintf("%+v", before) {
		t.Errorf("%+v\n%+v, %v", before, after, err)
	}
}

// TestReplayCountsCalls: random recording counts a call once, of however many devices there
// is a capture, and decides the same of all.
func TestReplayCountsCalls(t *testing.T) {
	dir, c, call := site(t)
	past(t, c, "01-external-to-agent", "01-external-to-agent", "01-external-to-agent", "15-agent-to-external")
	at := time.Date(2026, 11, 21, 12, 3, 0, 0, time.UTC)
	first := recording.ConfID(fmt.Sprintf("%032x", 1)) // the last recording is another capture of the first call
	for _, serial := range []string{"1", "2"} {
		_, err := c.Add(t.Context(), recording.Capture{Source: recording.Source{Inbox: "a", Name: serial + ".pcap"}, UID: string(first), Conf: first, Serial: serial, SeenAt: at})
		if err != nil {
			t.Fatal(err)
		}
	}
	out := call(exitDone, "rules replay", "--rules", write(t, dir, "random.toml", "mode = \"random\"\n[random]\nsystem = 2\n"))
	if !strings.Contains(out, "6 calls: 2 would change (0 kept that are not, 2 not kept that are") || !strings.Contains(out, "not kept   recording 2,") || !strings.Contains(out, "not kept   recording 4,") {
		t.Errorf("got\n%s", out)
	}
}

// TestReplayCountsByEnds: of two calls the one that ended first has the first number, though
// its capture came second.
func TestReplayCountsByEnds(t *testing.T) {
	dir, c, call := site(t)
	past(t, c, "01-external-to-agent", "01-external-to-agent")
	_, records := caseFile(t, "01-external-to-agent")
	records = strings.ReplaceAll(records, string(caseConf), fmt.Sprintf("%032x", 1))
	longer := strings.ReplaceAll(records, `time="160"`, `time="175"`)
	if longer == records {
		t.Fatalf("no record ends after 160 s:\n%s", records)
	}
	store(t, c, longer, time.Date(2026, 11, 21, 12, 3, 0, 0, time.UTC))
	out := call(exitDone, "rules replay", "--rules", write(t, dir, "random.toml", "mode = \"random\"\n[random]\nsystem = 2\n"))
	if !strings.Contains(out, "not kept   recording 1,") || strings.Contains(out, "not kept   recording 2,") {
		t.Errorf("got\n%s", out)
	}
}
