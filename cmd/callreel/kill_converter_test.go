package main_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"callreel/internal/callcheck"
	"callreel/internal/catalog"
)

const converterKeys = "[converter]\npoll = \"200ms\"\nstale = \"1s\"\n"

// converterSetup is a setup as a converter on another machine has it: archive, keys and
// audio.
func (r *rig) converterSetup(t *testing.T, more string) string {
	t.Helper()
	file := filepath.Join(r.dir, "converter.toml")
	text := more + converterKeys + "[archive]\npath = \"archive\"\n[keys]\nfile = \"callreel.keys\"\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// captures are the captures in a folder and its months.
func captures(t *testing.T, folder string) []string {
	t.Helper()
	var all []string
	for _, pattern := range []string{"*.pcap", "*/*.pcap"} {
		list, err := filepath.Glob(filepath.Join(folder, pattern))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, list...)
	}
	return all
}

// TestConvertersKilled has a recorder file captures as they come, and three converters at
// work on them that are killed again and again: at the end each call is there once, as
// audio with every sample right, in archive and backup, and the recorder knows it.
func TestConvertersKilled(t *testing.T) {
	r := newRig(t, "[audio]\nformat = \"pcap\"\n"+converterKeys)
	setup := r.converterSetup(t, "")
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	recorder, log := r.start(ctx, t)
	go func() { _, _ = io.Copy(io.Discard, log) }()
	for { // a converter needs the key ring, which the recorder makes
		if _, err := os.Stat(filepath.Join(r.dir, "callreel.keys")); err == nil || ctx.Err() != nil {
			break
		}
		<-time.After(20 * time.Millisecond)
	}
	traffic := r.talk(t, 150*time.Millisecond)

	var kills atomic.Int32
	var all sync.WaitGroup
	killing, stop := context.WithCancel(ctx)
	for i := range 3 {
		random := rand.New(rand.NewPCG(5, uint64(i)))
		all.Go(func() {
			for killing.Err() == nil {
				cmd := exec.CommandContext(ctx, r.binary, "converter", "--config", setup)
				if cmd.Start() != nil {
					return
				}
				<-time.After(60*time.Millisecond + time.Duration(random.Int64N(int64(400*time.Millisecond)))) // the moment of the kill
				_ = cmd.Process.Kill()
				if _ = cmd.Wait(); cmd.ProcessState.Exited() {
					t.Errorf("a converter ended by itself with exit code %d", cmd.ProcessState.ExitCode())
					return
				}
				kills.Add(1)
			}
		})
	}
	for kills.Load() < 40 && ctx.Err() == nil {
		<-time.After(50 * time.Millisecond)
	}
	calls := traffic()
	if err := r.sim.Wait(ctx); err != nil {
		t.Fatal(err)
	}
	stop()
	all.Wait()
	if err := r.settled(ctx, calls); err != nil {
		t.Fatal(err)
	}
	left, err := exec.CommandContext(ctx, r.binary, "converter", "--config", setup, "--once").CombinedOutput()
	for len(captures(t, filepath.Join(r.dir, "archive"))) > 0 && ctx.Err() == nil { // claims of the killed become stale
		<-time.After(200 * time.Millisecond)
		left, err = exec.CommandContext(ctx, r.binary, "converter", "--config", setup, "--once").CombinedOutput()
	}
	if err != nil {
		t.Fatalf("the last converter: %v\n%s", err, left)
	}
	if err := errors.Join(r.followed(ctx), r.settled(ctx, calls)); err != nil { // the copies too
		t.Fatal(err)
	}
	stopped(t, recorder)

	r.wantCalls(t, calls, "archive", "backup")
	for _, folder := range []string{"archive", "backup"} {
		if list := captures(t, filepath.Join(r.dir, folder)); len(list) > 0 {
			t.Errorf("captures left in the %s: %q", folder, list)
		}
	}
	t.Logf("%d kills, %d calls", kills.Load(), len(calls))
}

// stopped stops a recorder in order.
func stopped(t *testing.T, recorder *exec.Cmd) {
	t.Helper()
	_ = recorder.Process.Signal(os.Interrupt)
	if err := recorder.Wait(); err != nil {
		t.Errorf("the recorder did not stop in order: %v", err)
	}
}

// followed waits until the recorder's catalog has no capture any more that is audio by now.
func (r *rig) followed(ctx context.Context) error {
	c, err := catalog.OpenReader(ctx, filepath.Join(r.dir, "callreel.db"))
	if err != nil {
		return err
	}
	defer c.Close()
	for {
		list, err := c.FiledCaptures(ctx, 0, 1)
		if err != nil || len(list) == 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the catalog has %s still", list[0].Place)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// TestConverterOnce: what was sealed stays sealed and opens, what cannot be converted stays
// as it is and is told of, and a converter without the key ring says so.
func TestConverterOnce(t *testing.T) {
	r := newRig(t, "[audio]\nformat = \"pcap\"\n[keys]\nencrypt_audio = true\n")
	traffic := r.talk(t, 200*time.Millisecond)
	<-time.After(1500 * time.Millisecond)
	calls := traffic()
	r.runToTheEnd(t, calls)
	archive := filepath.Join(r.dir, "archive")
	before := captures(t, archive)
	if len(before) < 2 {
		t.Fatalf("%d captures were filed", len(before))
	}
	whole, err := os.ReadFile(before[0])
	if err != nil {
		t.Fatal(err)
	}
	broken := append([]byte(nil), whole...)
	broken[len(broken)/2] ^= 1
	if err := os.WriteFile(before[0], broken, 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(setup string, want int) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), r.binary, "converter", "--config", setup, "--once")
		out, _ := cmd.CombinedOutput()
		if got := cmd.ProcessState.ExitCode(); got != want {
			t.Fatalf("exit code %d, want %d:\n%s", got, want, out)
		}
		return string(out)
	}
	setup := r.converterSetup(t, "")
	if out := run(setup, 4); !strings.Contains(out, "1 not converted") || !strings.Contains(out, "not what was filed") {
		t.Errorf("of a changed capture it says:\n%s", out)
	}
	if got, err := os.ReadFile(before[0]); err != nil || string(got) != string(broken) {
		t.Errorf("the changed capture was touched: %v", err)
	}
	if err := os.WriteFile(before[0], whole, 0o600); err != nil {
		t.Fatal(err)
	}
	if out := run(setup, 0); !strings.Contains(out, "1 captures converted") {
		t.Errorf("of the capture that was put back it says:\n%s", out)
	}
	ring := r.wantCalls(t, calls, "archive")
	filed, err := callcheck.Read(archive, ring)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range filed {
		seal := f.Sidecar.Seal
		if !seal.AudioSealed || len(seal.Before) != 1 || seal.Before[0].Format != "pcap" || seal.Before[0].ClearSHA256 != f.Sidecar.Capture.SHA256 {
			t.Errorf("%s: seal %+v, capture %s", f.Sidecar.Name, seal, f.Sidecar.Capture.SHA256)
		}
	}
	if err := os.Remove(filepath.Join(r.dir, "callreel.keys")); err != nil {
		t.Fatal(err)
	}
	if out := run(setup, 3); !strings.Contains(out, "key ring") {
		t.Errorf("without a key ring it says:\n%s", out)
	}
}

// TestConvertedWhileTheBackupIsAway: what a converter made is known and heard at once, and
// the copy follows when its disk is back.
func TestConvertedWhileTheBackupIsAway(t *testing.T) {
	r := newRig(t, "[audio]\nformat = \"pcap\"\n"+converterKeys)
	traffic := r.talk(t, 200*time.Millisecond)
	<-time.After(time.Second)
	calls := traffic()
	r.runToTheEnd(t, calls)
	backup := filepath.Join(r.dir, "backup")
	copies := len(captures(t, backup))
	if copies == 0 {
		t.Fatal("nothing was backed up")
	}
	if out, err := exec.CommandContext(t.Context(), r.binary, "converter", "--config", r.converterSetup(t, ""), "--once").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := os.Rename(backup, backup+" away"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	recorder, log := r.start(ctx, t)
	go func() { _, _ = io.Copy(io.Discard, log) }()
	if err := r.followed(ctx); err != nil {
		t.Fatal(err)
	}
	if got := len(captures(t, backup+" away")); got != copies {
		t.Errorf("%d of %d copies are left while the new ones cannot be made", got, copies)
	}
	if err := os.Rename(backup+" away", backup); err != nil {
		t.Fatal(err)
	}
	if err := r.settled(ctx, calls); err != nil {
		t.Fatal(err)
	}
	stopped(t, recorder)
	r.wantCalls(t, calls, "archive", "backup")
	if list := captures(t, backup); len(list) > 0 {
		t.Errorf("captures left in the backup: %q", list)
	}
}
