package main_test

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestTwoRecorders runs two recorders on one machine, each with its own PBX: each files its
// own calls. A third with the archive, the catalog, the spool or the port of one of them
// does not start, and says what is held.
func TestTwoRecorders(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	rigs := []*rig{newRig(t, ""), newRig(t, "")}
	var running []*exec.Cmd
	for _, r := range rigs {
		cmd, log := r.start(ctx, t)
		go func() { _, _ = io.Copy(io.Discard, log) }()
		running = append(running, cmd)
	}
	for i, r := range rigs {
		traffic := r.talk(t, 200*time.Millisecond)
		<-time.After(500 * time.Millisecond)
		if i == 0 {
			text, err := os.ReadFile(r.config)
			if err != nil {
				t.Fatal(err)
			}
			refused(ctx, t, r, string(text))
		}
		calls := traffic()
		if err := r.sim.Wait(ctx); err != nil {
			t.Fatal(err)
		}
		if err := r.settled(ctx, calls); err != nil {
			t.Fatal(err)
		}
		r.wantCalls(t, calls, "archive")
	}
	for _, cmd := range running {
		stopped(t, cmd)
	}
}

// refused starts recorders whose setup takes something that r, which runs, has.
func refused(ctx context.Context, t *testing.T, r *rig, text string) {
	t.Helper()
	receiver := text[strings.Index(text, "[receiver]\nlisten = ")+len("[receiver]\nlisten = "):]
	receiver = strings.Trim(receiver[:strings.IndexByte(receiver, '\n')], `"`)
	for _, c := range []struct{ name, old, own, says string }{
		{"archive", "", "", "held by another running recorder"},
		{"spool", `path = "archive"`, `path = "archive3"`, "held by another running recorder"},
		{"catalog", `path = "archive"`, `path = "archive4"`, "held by another running recorder"},
		{"port", `path = "archive"`, `path = "archive5"`, receiver},
	} {
		own := strings.ReplaceAll(text, c.old, c.own)
		if c.name != "spool" && c.name != "archive" {
			own = "spool = \"spool " + c.name + "\"\n" + own
		} else if c.name == "spool" {
			own = "spool = \"archive/REC\"\n" + own
		}
		if c.name == "port" {
			own = strings.Replace(own, `catalog = "callreel.db"`, `catalog = "other.db"`, 1)
		} else {
			own = strings.Replace(own, receiver, freeAddr(t), 1)
		}
		file := filepath.Join(r.dir, "third "+c.name+".toml")
		if err := os.WriteFile(file, []byte(own), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, folder := range []string{"archive3", "archive4", "archive5", "spool catalog", "spool port"} {
			if err := os.MkdirAll(filepath.Join(r.dir, folder), 0o750); err != nil {
				t.Fatal(err)
			}
		}
		asked, cancel := context.WithTimeout(ctx, time.Minute)
		out, err := exec.CommandContext(asked, r.binary, "run", "--config", file).CombinedOutput()
		cancel()
		if err == nil || !strings.Contains(string(out), c.says) {
			t.Errorf("%s: %v; want one that says %q:\n%s", c.name, err, c.says, out)
		}
	}
}
