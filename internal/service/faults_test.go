package service_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"callreel/internal/clock"
	"callreel/internal/pbx"
	"callreel/internal/pbxsim"
	"callreel/internal/service"
)

// TestCallsAreFiled is the line without any fault, for all kinds of calls.
func TestCallsAreFiled(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *service.Config) { c.Inbox[0].IdleTimeout = 0 }) // the default: no server hangs here
	r.light(t, service.LampPBX, service.Green)
	for _, scenario := range pbxsim.DefaultMix() {
		r.call(t, scenario)
	}
	r.allFiled(t)
	for _, st := range r.s.Lamps() {
		if st.Light != service.Green {
			t.Errorf("lamp %s is %s: %s", st.Lamp, st.Light, st.Error)
		}
	}
}

// TestSealedAudio has every byte of a call sealed on its way: spool, archive
// and backup.
func TestSealedAudio(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *service.Config) { c.Keys.EncryptAudio = true })
	c := r.call(t, pbxsim.ExternalToAgent)
	r.allFiled(t)
	external, _ := c.Voice()
	for _, folder := range []string{r.cfg.Archive.Path, r.cfg.Archive.Backup, r.cfg.Spool} {
		err := filepath.WalkDir(folder, func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			data, err := os.ReadFile(path)
			if bytes.Contains(data, []byte("RIFF")) || bytes.Contains(data, external[1000:1160]) {
				t.Errorf("%s holds clear audio", path)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// TestFaultsLoseNothing makes every fault while a call is made, sees the lamp
// go red, mends the fault, and wants the call filed and the lamp green.
func TestFaultsLoseNothing(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		fault pbxsim.Fault
		lamp  service.Lamp // empty: nothing needs to be red
	}{
		{pbxsim.InboxHangHeaders, service.LampPCAP},
		{pbxsim.InboxHangBody, service.LampPCAP},
		{pbxsim.InboxUnauthorized, service.LampPCAP},
		{pbxsim.InboxRedirect, service.LampPCAP},
		{pbxsim.InboxCutListing, service.LampPCAP},
		{pbxsim.InboxCutBody, service.LampPCAP},
		{pbxsim.InboxEvilNames, ""},
		{pbxsim.SOAPFault, service.LampPBX},
		{pbxsim.SOAPLost, service.LampPBX},
		{pbxsim.SOAPCut, service.LampPBX},
		{pbxsim.CDRGarbage, service.LampReporting},
		{pbxsim.CDRDuplicate, ""},
		{pbxsim.CDRLate, ""},
	} {
		t.Run(string(row.fault), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, func(c *service.Config) {
				c.CDR.LastWait = pbx.Duration(2 * time.Hour)
			})
			r.light(t, service.LampPBX, service.Green)
			r.call(t, pbxsim.ExternalToAgent)
			r.sim.Fault(row.fault, true)
			r.call(t, pbxsim.AgentToExternal)
			if row.lamp != "" {
				st := r.seenRed(t, row.lamp)
				if st.Count == 0 {
					t.Errorf("lamp %s has counted no fault", row.lamp)
				}
			}
			r.sim.Fault(row.fault, false)
			r.call(t, pbxsim.ExternalToAgent)
			r.allFiled(t)
			if row.lamp != "" {
				r.light(t, row.lamp, service.Green)
			}
		})
	}
}

// seenRed waits until a lamp has been red at least once since the start of the
// fault: some faults mend themselves at once.
func (r *rig) seenRed(t *testing.T, lamp service.Lamp) service.LampState {
	t.Helper()
	before := r.s.Lamp(lamp)
	if before.Light == service.Red {
		return before
	}
	var st service.LampState
	until(t, "fault shows in lamp "+string(lamp), func() error {
		st = r.s.Lamp(lamp)
		if st.Light != service.Red && st.Count == 0 {
			return errors.New("it has not been red")
		}
		return nil
	})
	return st
}

// TestNoCDRMeansQuarantine keeps the capture of a call whose CDR does not come,
// and takes it back when it does.
func TestNoCDRMeansQuarantine(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *service.Config) { c.CDR.LastWait = pbx.Duration(500 * time.Millisecond) })
	r.light(t, service.LampPBX, service.Green)
	r.sim.SetCDRTarget("")
	r.call(t, pbxsim.ExternalToAgent)
	r.light(t, service.LampReporting, service.Red)
	until(t, "quarantine", func() error { return r.count("quarantined", 1) })
	r.sim.SetCDRTarget("http://" + r.s.Addr("receiver") + "/cdr")
	r.allFiled(t)
}

func (r *rig) count(state string, want int) error {
	resp, err := http.Get("http://" + r.s.Addr("player") + "/api/status")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var b bytes.Buffer
	if _, err := b.ReadFrom(resp.Body); err != nil {
		return err
	}
	if !strings.Contains(b.String(), fmt.Sprintf(`"%s":%d`, state, want)) {
		return errors.New("status is " + b.String())
	}
	return nil
}

// unmount takes a file system away. It is a command, so that the tests compile where
// nothing is mounted.
func unmount(t *testing.T, folder string) {
	t.Helper()
	_ = exec.CommandContext(context.WithoutCancel(t.Context()), "umount", "-l", folder).Run()
}

// TestFullDisk fills a real, small file system under the archive.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	small := t.TempDir()
	if err := exec.CommandContext(t.Context(), "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", small).Run(); err != nil {
		t.Skipf("a small file system cannot be mounted here: %v", err)
	}
	t.Cleanup(func() { unmount(t, small) })
	r := newRig(t, func(c *service.Config) { c.Archive.Path = filepath.Join(small, "archive") })
	r.call(t, pbxsim.ExternalToAgent)
	r.allFiled(t)
	ballast := filepath.Join(small, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 2<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("the disk did not fill up: %v", err)
	}
	r.call(t, pbxsim.ExternalToAgent)
	if st := r.light(t, service.LampDisk, service.Red); !strings.Contains(st.Error, "no space left") {
		t.Errorf("lamp DISK says %q", st.Error)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	r.allFiled(t)
	r.light(t, service.LampDisk, service.Green)
}

// TestFullSpool fills the disk of the spool: captures stay at the source.
func TestFullSpool(t *testing.T) {
	t.Parallel()
	small := t.TempDir()
	if err := exec.CommandContext(t.Context(), "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", small).Run(); err != nil {
		t.Skipf("a small file system cannot be mounted here: %v", err)
	}
	t.Cleanup(func() { unmount(t, small) })
	r := newRig(t, func(c *service.Config) { c.Spool = filepath.Join(small, "spool") })
	ballast := filepath.Join(small, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 2<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("the disk did not fill up: %v", err)
	}
	c := r.call(t, pbxsim.ExternalToAgent)
	r.light(t, service.LampDisk, service.Red)
	if _, err := os.Stat(filepath.Join(r.dir, "inbox", c.File)); err != nil {
		t.Errorf("the capture is not at its source any more: %v", err)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	r.allFiled(t)
	r.light(t, service.LampDisk, service.Green)
}

// TestBackupAway takes the backup folder away and gives it back.
func TestBackupAway(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.call(t, pbxsim.ExternalToAgent)
	r.allFiled(t)
	away := r.cfg.Archive.Backup + ".away"
	if err := os.Rename(r.cfg.Archive.Backup, away); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(r.cfg.Archive.Backup, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r.call(t, pbxsim.ExternalToAgent)
	r.light(t, service.LampBackup, service.Red)
	if err := os.Remove(r.cfg.Archive.Backup); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(away, r.cfg.Archive.Backup); err != nil {
		t.Fatal(err)
	}
	r.allFiled(t)
	r.light(t, service.LampBackup, service.Green)
}

// TestHeld refuses a second recorder on the same archive, spool or catalog.
func TestHeld(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	link := filepath.Join(r.dir, "link.db")
	if err := os.Symlink(r.cfg.Catalog, link); err != nil {
		t.Skipf("no symbolic links here: %v", err)
	}
	for held, keep := range map[string]func(*service.Config){
		"archive":               func(c *service.Config) { c.Archive.Path = r.cfg.Archive.Path },
		"spool":                 func(c *service.Config) { c.Spool = r.cfg.Spool },
		"catalog":               func(c *service.Config) { c.Catalog = r.cfg.Catalog },
		"catalog, by a new way": func(c *service.Config) { c.Catalog = link },
	} {
		dir := t.TempDir()
		other := r.cfg
		other.Catalog, other.Spool = filepath.Join(dir, "callreel.db"), filepath.Join(dir, "spool")
		other.Archive.Path, other.Archive.Backup = filepath.Join(dir, "archive"), ""
		other.Receiver.Listen, other.Player.Listen = "", ""
		keep(&other)
		s, err := service.Open(t.Context(), other, service.Options{Clock: clock.System(), Log: slog.New(slog.DiscardHandler)})
		if err == nil {
			t.Errorf("%s: a second recorder opened it; %v", held, s.Close())
		} else if !strings.Contains(err.Error(), "held by another running recorder") {
			t.Errorf("%s: the refusal says %v", held, err)
		}
	}
}
