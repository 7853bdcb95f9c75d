package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"callreel/internal/catalog"
	"callreel/internal/recording"
)

// TestMark stores marks beside a recorder that has the catalog open, and refuses what is
// nobody's.
func TestMark(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join(dir, "callreel.toml")
	setup := "timezone = \"Europe/Rome\"\ncatalog = \"c.db\"\n[archive]\npath = \"archive\"\n[[inbox]]\nname = \"a\"\npath = \"inbox\"\n[[agent]]\nnumber = \"24\"\n"
	if err := os.WriteFile(config, []byte(setup), 0o600); err != nil {
		t.Fatal(err)
	}
	call := func(code int, want string, args ...string) {
		t.Helper()
		var out bytes.Buffer
		err := run(t.Context(), append([]string{"mark", "--config", config}, args...), &out, &out)
		if got := exitCode(err, &out); got != code || !strings.Contains(out.String(), want) {
			t.Errorf("%v: exit code %d, want %d: %s", args, got, code, out.String())
		}
	}
	call(exitNothing, "open catalog", "24") // there is none
	c, err := catalog.Open(t.Context(), filepath.Join(dir, "c.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	const id = "c03a55c2e909d311b6450090331b3e3b"
	call(exitUsage, "needs the number")
	call(exitUsage, "needs the number", "24", "--skip")
	call(exitUsage, "is no number", "2\n4")
	call(exitUsage, "conference id", "--conf", "12", "24")
	call(exitUsage, "is no time", "--at", "noon", "24")
	call(exitUsage, "yet to come", "--at", "2999-01-01T00:00:00", "24")
	call(exitNothing, `"25": no agent has this number`, "25")
	call(exitDone, "the mark of 24 is stored", "24")
	call(exitDone, "stored", "--skip", "--conf", strings.ToUpper(id), "24")
	call(exitDone, "stored", "--at", "2026-11-21T12:30:00", "24")
	call(exitDone, "stored", "--at", "2026-11-21T12:30:00-02:00", "24")
	list, err := c.MarksOf(t.Context(), catalog.MarkQuery{Conf: id, From: time.Time{}, To: time.Now(), Limit: 10})
	if err != nil || len(list) != 4 {
		t.Fatalf("stored %v, %v", list, err)
	}
	got := map[string]bool{}
	for _, m := range list {
		at := m.At.Format("15:04")
		if since := time.Since(m.At); since >= 0 && since < time.Minute {
			at = "now"
		}
		got[string(m.Kind)+" "+at+" "+string(m.Conf)] = m.Number == "24"
	}
	for _, want := range []string{
		string(recording.MarkKeep) + " now ", string(recording.MarkSkip) + " now " + id,
		string(recording.MarkKeep) + " 11:30 ", string(recording.MarkKeep) + " 14:30 ",
	} {
		if !got[want] {
			t.Errorf("no mark %q among %v", want, got)
		}
	}
}
