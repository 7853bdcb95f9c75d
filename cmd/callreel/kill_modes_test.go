package main_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"callreel/internal/callcheck"
	"callreel/internal/catalog"
	"callreel/internal/recording"
)

// ruled is a rig whose setup has a file of rules.
func ruled(t *testing.T, text string) *rig {
	t.Helper()
	r := newRig(t, "[rules]\nfile = \"rules.toml\"")
	if err := os.WriteFile(filepath.Join(r.dir, "rules.toml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return r
}

// modeKills hit the verdict and what follows a drop.
func modeKills() []killPoint {
	var out []killPoint
	for i, line := range []string{
		`msg="step begins" step=decide `, `msg="step completed" step=decide `, `msg="step begins" step="clean up" `,
		`msg="step completed" step="clean up" `, `msg="step begins" step=fetch `, `msg="step begins" step="clean up" `,
	} {
		out = append(out, killPoint{line: line, after: time.Duration(i%3) * 2 * time.Millisecond})
	}
	return out
}

// ended lists the recordings of an agent's calls, by number.
func (r *rig) ended(t *testing.T) (list []recording.Recording) {
	t.Helper()
	c, err := catalog.OpenReader(t.Context(), filepath.Join(r.dir, "callreel.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	all, err := c.Search(t.Context(), catalog.Query{Limit: 1000, States: []recording.State{recording.Done, recording.Discarded}})
	if err != nil {
		t.Fatal(err)
	}
	for _, rec := range all {
		if rec.Verdict.Mode != "" {
			list = append(list, rec)
		}
	}
	return list
}

// TestKilledWhileItCounts kills the recorder around verdicts in the mode random: at the
// end each call has a number of its own, none is left out, and each second is kept.
func TestKilledWhileItCounts(t *testing.T) {
	r := ruled(t, "mode = \"random\"\n[random]\nsystem = 2\n")
	traffic := r.talk(t, 200*time.Millisecond)
	for i, k := range modeKills() {
		if !r.runUntil(t, k) {
			t.Fatalf("kill %d: the line %q did not come", i, k.line)
		}
	}
	r.runToTheEnd(t, traffic())
	seen := map[int64]recording.ID{}
	list := r.ended(t)
	for _, rec := range list {
		d := rec.Verdict.Draw
		if d == nil {
			t.Fatalf("recording %d ended by %s without a number", rec.ID, rec.Verdict.Rule)
		}
		if seen[d.System] != 0 || d.System >= int64(len(list)) {
			t.Errorf("recordings %d and %d have number %d of %d", rec.ID, seen[d.System], d.System, len(list))
		}
		if kept := rec.State == recording.Done; kept != (d.System%2 == 0) {
			t.Errorf("recording %d with number %d ended %s", rec.ID, d.System, rec.State)
		}
		seen[d.System] = rec.ID
	}
	if len(list) < 10 {
		t.Errorf("only %d calls", len(list))
	}
}

// TestKilledWhileItDrops kills the recorder in the mode tcr and takes copies of the spool
// after each kill: nothing in them is clear, and at the end no key is left that opens one.
func TestKilledWhileItDrops(t *testing.T) {
	r := ruled(t, "mode = \"tcr\"\n[tcr]\nminutes = 0\n")
	traffic := r.talk(t, 200*time.Millisecond)
	copies := 0
	for i, k := range modeKills() {
		if !r.runUntil(t, k) {
			t.Fatalf("kill %d: the line %q did not come", i, k.line)
		}
		copies += r.copiesAreSealed(t)
	}
	r.runToTheEnd(t, traffic())
	for _, rec := range r.ended(t) {
		if rec.State != recording.Discarded || rec.Verdict.Rule != "not-marked" {
			t.Errorf("recording %d ended %s by %s", rec.ID, rec.State, rec.Verdict.Rule)
		}
	}
	for folder, ending := range map[string]string{"callreel.keys.captures": ".key", "archive/REC": ".pcap"} {
		if err := callcheck.Empty(filepath.Join(r.dir, folder), ending, ".tmp"); err != nil {
			t.Error(err)
		}
	}
	if copies == 0 {
		t.Error("no kill has left a copy in the spool: the test has seen nothing")
	}
}

// copiesAreSealed looks at what lies in the spool, whole and half, and counts the whole.
func (r *rig) copiesAreSealed(t *testing.T) (n int) {
	t.Helper()
	files, err := os.ReadDir(filepath.Join(r.dir, "archive", "REC"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(filepath.Join(r.dir, "archive", "REC", f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if len(bytes.Trim(b, "\x00")) == 0 {
			continue // the disk's check, killed over its file
		}
		if len(b) >= 512 && !bytes.Contains(b[:512], []byte("once-")) {
			t.Errorf("%s has no key of its own: %s", f.Name(), fmt.Sprintf("%.16x", b))
		}
		if strings.HasSuffix(f.Name(), ".pcap") {
			n++
		}
	}
	return n
}
