package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"callreel/internal/catalog"
	"callreel/internal/recording"
)

// TestAside lists what is put aside, accepts one, tries the others again, and names
// what it leaves.
func TestAside(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join(dir, "callreel.toml")
	setup := "agents = \"all\"\ncatalog = \"c.db\"\n[archive]\npath = \"archive\"\n[[inbox]]\nname = \"a\"\npath = \"inbox\"\n"
	if err := os.WriteFile(config, []byte(setup), 0o600); err != nil {
		t.Fatal(err)
	}
	call := func(code int, args ...string) string {
		t.Helper()
		var out, complaints bytes.Buffer
		err := run(t.Context(), append([]string{"aside", "--config", config}, args...), &out, &complaints)
		if got := exitCode(err, &complaints); got != code {
			t.Errorf("%v: exit code %d, want %d: %s", args, got, code, complaints.String())
		}
		return out.String() + complaints.String()
	}
	call(exitNothing, "list") // there is no catalog
	c, err := catalog.Open(t.Context(), filepath.Join(dir, "c.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	seen := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	for _, reason := range []string{"no CDR", "no voice", "vanished"} {
		rec, err := c.Add(t.Context(), recording.Capture{Source: recording.Source{Inbox: "a", Name: reason}, UID: reason, SeenAt: seen})
		err = errors.Join(err, c.Observe(t.Context(), rec, seen))
		cl, claiming := c.Claim(t.Context(), seen, time.Hour)
		if cl.State, cl.Retry.Reason = recording.Unusable, reason; reason != "vanished" {
			cl.Capture.Spool = reason
		}
		if err = errors.Join(err, claiming, c.Advance(t.Context(), cl, time.Time{}, time.Time{}), c.SourceGone(t.Context(), cl.ID)); err != nil {
			t.Fatal(err)
		}
	}
	call(exitUsage)
	call(exitUsage, "frob")
	call(exitUsage, "again")
	call(exitUsage, "again", "x")
	if out := call(exitDone, "accept", "1"); !strings.Contains(out, "recording 1 is accepted") {
		t.Error(out)
	}
	out := call(exitDone, "list")
	for _, want := range []string{"*      1  unusable", "no CDR\n", "       2  unusable", "       3  unusable", "vanished"} {
		if !strings.Contains(out, want) {
			t.Errorf("the list has no %q:\n%s", want, out)
		}
	}
	if out := call(exitSomeLeft, "again", "all"); !strings.Contains(out, "recording 2 goes on") || !strings.Contains(out, "recording 3: no copy") || strings.Contains(out, "recording 1") {
		t.Error(out)
	}
	if rec, err := c.Get(t.Context(), 2); err != nil || rec.State != recording.Spooled || rec.Retry.Reason != "" {
		t.Errorf("%s, %+v, %v", rec.State, rec.Retry, err)
	}
	call(exitDone, "accept", "all")
	call(exitNothing, "again", "all")
	call(exitDone, "again", "1")
	call(exitSomeLeft, "again", "2", "99")
}
