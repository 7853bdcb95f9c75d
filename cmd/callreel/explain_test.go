package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"callreel/cdr"
	"callreel/internal/catalog"
	"callreel/internal/explain"
	"callreel/internal/recording"
)

// site makes a setup with an agent 24 and an empty catalog in a folder, and returns how
// to call a command there, which must end with a code.
func site(t *testing.T) (dir string, c *catalog.Catalog, call func(code int, args ...string) string) {
	t.Helper()
	dir = t.TempDir()
	config := filepath.Join(dir, "callreel.toml")
	setup := "timezone = \"UTC\"\ncatalog = \"c.db\"\n[archive]\npath = \"archive\"\n[[inbox]]\nname = \"a\"\npath = \"inbox\"\n[[agent]]\nnumber = \"24\"\nname = \"Rossi\"\n"
	if err := os.WriteFile(config, []byte(setup), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := catalog.Open(t.Context(), filepath.Join(dir, "c.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return dir, c, func(code int, args ...string) string {
		t.Helper()
		var out, complaints bytes.Buffer
		words := strings.Fields(args[0])
		args = append(append(words, "--config", config), args[1:]...)
		err := run(t.Context(), args, &out, &complaints)
		if got := exitCode(err, &complaints); got != code {
			t.Errorf("%v: exit code %d, want %d: %s", args, got, code, complaints.String())
		}
		return out.String() + complaints.String()
	}
}

// caseFile is one of the cases of the rules, cut into head and records.
func caseFile(t *testing.T, name string) (text, records string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "rules", "testdata", "cases", name+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	_, records, _ = strings.Cut(string(data), "\n\n")
	records, _, _ = strings.Cut(records, "soap: ")
	return string(data), records
}

// store puts the records of a case into a catalog.
func store(t *testing.T, c *catalog.Catalog, records string, at time.Time) {
	t.Helper()
	parsed, err := cdr.Parse(records)
	if err != nil {
		t.Fatal(err)
	}
	var list []catalog.CDR
	for _, p := range parsed {
		list = append(list, catalog.CDR{XML: p.XML, Confs: cdr.Confs(p.CDR)})
	}
	if err := c.SaveCDRs(t.Context(), list, at); err != nil {
		t.Fatal(err)
	}
}

const caseConf = recording.ConfID("c03a55c2e909d311b6450090331b3e3b")

// TestExplain explains a call from a waiting queue that the manual excepts, and fails as
// the help says.
func TestExplain(t *testing.T) {
	_, c, call := site(t)
	call(exitUsage, "explain")
	call(exitNothing, "explain", string(caseConf))
	_, records := caseFile(t, "13-queue-agent-to-user-announced")
	store(t, c, records, time.Date(2026, 11, 21, 12, 3, 0, 0, time.UTC))
	rec, err := c.Add(t.Context(), recording.Capture{Source: recording.Source{Inbox: "a", Name: "x.pcap"}, UID: string(caseConf), Conf: caseConf, SeenAt: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	out := call(exitDone, "explain", "1")
	for _, want := range []string{
		"Recording 1: seen\n", "=> queue-announced-to-user: agent Rossi", "24 (Rossi) is an agent: the setup names him", "31 (Bianchi) is no agent",
		"CDR: of 700 (Hotline), waiting (to)", `if the rules had exceptions = "keep": kept for 24 (Rossi), in, external 0012345`,
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	var stories []explain.Story
	if err := json.Unmarshal([]byte(call(exitDone, "explain --json", string(caseConf))), &stories); err != nil || len(stories) != 1 || stories[0].ID != rec.ID {
		t.Errorf("%+v, %v", stories, err)
	}
	if out := call(exitSomeLeft, "explain", "1", "nobody.wav"); !strings.Contains(out, "Recording 1") || !strings.Contains(out, `nothing is known of "nobody.wav"`) {
		t.Error(out)
	}
	missing := filepath.Join(t.TempDir(), "none.toml")
	if got := exitCode(run(t.Context(), []string{"explain", "--config", missing, "1"}, &bytes.Buffer{}, &bytes.Buffer{}), &bytes.Buffer{}); got != exitUsage {
		t.Error("exit code", got)
	}
	if _, err := os.Stat(missing); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}
