package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"callreel/internal/catalog"
	"callreel/internal/recording"
)

// TestLedger shows lines as text, table and JSON, filters them, accepts a call without
// a capture, and names what does not agree.
func TestLedger(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join(dir, "callreel.toml")
	setup := "timezone = \"UTC\"\ncatalog = \"c.db\"\n[archive]\npath = \"archive\"\n[[inbox]]\nname = \"a\"\npath = \"inbox\"\n[[agent]]\nnumber = \"24\"\n"
	if err := os.WriteFile(config, []byte(setup), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, complaints bytes.Buffer
	call := func(code int, args ...string) string {
		t.Helper()
		out.Reset()
		complaints.Reset()
		err := run(t.Context(), append([]string{"ledger", "--config", config}, args...), &out, &complaints)
		if got := exitCode(err, &complaints); got != code {
			t.Errorf("%v: exit code %d, want %d: %s", args, got, code, complaints.String())
		}
		return out.String()
	}
	call(exitNothing) // there is no catalog
	c, err := catalog.Open(t.Context(), filepath.Join(dir, "c.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	const conf = recording.ConfID("c03a55c2e909d311b6450090331b3e3b")
	began := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	rossi := recording.Agent{CN: "Rossi", E164: "24", PBX: "main"}
	for conf, answered := range map[recording.ConfID]bool{conf: true, conf[1:] + "0": false} {
		leg := recording.Leg{Agent: rossi, Conf: conf, ToAgent: true, Peer: recording.Number{E164: "0012345"}, Began: began, Alerted: began, Ended: began.Add(time.Minute)}
		if answered {
			leg.Connected = began.Add(3 * time.Second)
		}
		if err := c.SaveLeg(t.Context(), leg); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{
		{"more"},
		{"--day", "2026-11-21", "--month", "2026-11"},
		{"--csv", "--json"},
		{"--only", "lost"},
		{"--day", "21.11.2026"},
		{"--month", "11/2026"},
		{"--accept", "x"},
	} {
		call(exitUsage, args...)
	}
	text := call(exitDone, "--day", "2026-11-21")
	for _, want := range []string{
		"2026-11-21 12:00:00  open          24 (Rossi) from 0012345, 57 s; waiting for its capture", "conference " + string(conf) + " (SOAP)\n",
		"not-answered  24 (Rossi) from 0012345, 0 s; nobody answered", "2 calls of agents: 1 not-answered, 1 open\n0 captures seen\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if text := call(exitDone); !strings.HasPrefix(text, "no calls of agents\n") {
		t.Errorf("today: %s", text)
	}
	if text := call(exitDone, "--month", "2026-11", "--only", "not-answered"); strings.Contains(text, "12:00:00  open") || !strings.Contains(text, "1 calls") {
		t.Error(text)
	}
	if text := call(exitDone, "--month", "2026_11", "--agent", "25"); !strings.HasPrefix(text, "no calls") {
		t.Error(text)
	}
	rows, err := csv.NewReader(strings.NewReader(call(exitDone, "--month", "2026-11", "--csv", "--agent", "Rossi"))).ReadAll()
	if err != nil || len(rows) != 3 {
		t.Errorf("%q, %v", rows, err)
	}
	var told struct {
		Entries []recording.Entry
		Sums    map[string]int
	}
	if err := json.Unmarshal([]byte(call(exitDone, "--month", "2026-11", "--json")), &told); err != nil || len(told.Entries) != 2 || told.Sums["open"] != 1 {
		t.Errorf("%+v, %v", told, err)
	}

	call(exitNothing, "--accept", "all")
	entry := recording.Entry{Conf: conf, Agent: rossi, Began: began, Outcome: recording.OutcomeNoCapture, Reason: "none came"}
	touched, err := c.LedgerTouched(t.Context(), began, 10)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range touched {
		if k.Conf == conf {
			if err := c.SaveLedger(t.Context(), []catalog.LedgerLines{{Touched: k, Entries: []recording.Entry{entry}}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	call(exitDone, "--accept", string(conf))
	if text := call(exitDone, "--day", "2026-11-21"); !strings.Contains(text, "no-capture*   24 (Rossi)") {
		t.Error(text)
	}

	stray := filepath.Join(dir, "archive", "2026_11", "2026_11_21_1300_24_i_1_1_"+string(conf)+".wav")
	if err := os.MkdirAll(filepath.Dir(stray), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(stray, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	call(exitSomeLeft, "--day", "2026-11-21")
	if !strings.Contains(complaints.String(), filepath.Base(stray)+" is in the archive, and no call of the ledger has it") {
		t.Error(complaints.String())
	}
	call(exitDone, "--day", "2026-11-22")
}

// TestLedgerWithoutMidnight: each call is in the lines of one day, also where clocks are
// put forward at midnight.
func TestLedgerWithoutMidnight(t *testing.T) {
	dir, c, call := site(t)
	config := filepath.Join(dir, "callreel.toml")
	setup, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(config, bytes.Replace(setup, []byte("UTC"), []byte("America/Santiago"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	// Half past eleven in the evening of the day that has no midnight, and of those beside it.
	for _, began := range []time.Time{
		time.Date(2026, 9, 6, 3, 30, 0, 0, time.UTC), time.Date(2026, 9, 7, 2, 30, 0, 0, time.UTC), time.Date(2026, 9, 8, 2, 30, 0, 0, time.UTC),
	} {
		conf := recording.ConfID(fmt.Sprintf("%032x", began.Unix()))
		if err := c.SaveLeg(t.Context(), recording.Leg{Agent: recording.Agent{CN: "Rossi", E164: "24"}, Conf: conf, Began: began, Ended: began.Add(time.Minute)}); err != nil {
			t.Fatal(err)
		}
	}
	for _, day := range []string{"2026-09-05", "2026-09-06", "2026-09-07"} {
		if text := call(exitDone, "ledger", "--day", day); !strings.HasPrefix(text, day+" 23:30:00") || !strings.Contains(text, "1 calls of agents") {
			t.Errorf("%s:\n%s", day, text)
		}
	}
}

// TestLedgerHostileNames: a number of whoever calls begins no line of its own.
func TestLedgerHostileNames(t *testing.T) {
	e := recording.Entry{External: "5\n2026-11-21 12:00:00  filed\x1b[2J", Outcome: recording.OutcomeOpen, Reason: "r"}
	if line := ledgerLine(e, time.UTC); strings.Count(line, "\n") != 1 || !strings.HasSuffix(line, "()\n") || strings.Contains(line, "\x1b") {
		t.Errorf("%q", line)
	}
}
