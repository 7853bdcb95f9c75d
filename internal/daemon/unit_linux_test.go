package daemon_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"callreel/internal/daemon"
)

// mostExposed is the highest exposure by systemd-analyze security, 0 to 100, that a unit
// of ours may have; without hardening a service has 96.
const mostExposed = 22

// TestUnits lets systemd itself judge units: that it knows all that stands in them, and
// how much a service could do that is none of its business.
func TestUnits(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("systemd-analyze is not here")
	}
	binary := filepath.Join(t.TempDir(), "call reel")
	if err := os.WriteFile(binary, []byte("#!/bin/sh\n"), 0o755); err != nil { //nolint:gosec // it has to be run
		t.Fatal(err)
	}
	template := strings.ReplaceAll(daemon.Template(), "/usr/bin/callreel", "/bin/true") // it need not be installed here
	for _, row := range []struct{ name, text string }{
		{"callreel.service", daemon.Unit{
			Service: "callreel", Binary: binary, Config: `/etc/call"reel/50% of $all.toml`, User: "root",
			Needs: daemon.Needs{Write: []string{"/srv/calls", "/srv/my backup"}, LowPorts: true},
		}.Text()},
		{"callreel-home.service", daemon.Unit{
			Service: "callreel-home", Binary: "/bin/true", Config: "/home/me/callreel.toml",
			Needs: daemon.Needs{Write: []string{"/tmp/calls"}},
		}.Text()},
		{"callreel@.service", strings.Replace(template, "User=callreel", "User=root", 1)},
	} {
		file := filepath.Join(t.TempDir(), row.name)
		if err := os.WriteFile(file, []byte(row.text), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.CommandContext(t.Context(), "systemd-analyze", "verify", "--man=no", "--recursive-errors=no", file).CombinedOutput()
		if err != nil || len(out) > 0 {
			t.Errorf("%s: systemd-analyze verify: %v\n%s\n%s", row.name, err, out, row.text)
		}
		out, err = exec.CommandContext(t.Context(), "systemd-analyze", "security", "--offline=yes", "--threshold="+strconv.Itoa(mostExposed), "--no-pager", file).CombinedOutput()
		if level := regexp.MustCompile(`Overall exposure level.*`).Find(out); err != nil {
			t.Errorf("%s: systemd-analyze security: %v\n%s", row.name, err, out)
		} else {
			t.Logf("%s: %s", row.name, level)
		}
	}
}

// TestVerifyFindsFaults shows that the judge above does find what is wrong.
func TestVerifyFindsFaults(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("systemd-analyze is not here")
	}
	file := filepath.Join(t.TempDir(), "callreel.service")
	text := strings.Replace(daemon.Unit{Service: "callreel", Binary: "/bin/true", Config: "/x"}.Text(), "WatchdogSec=", "WatchdogSeconds=", 1)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	out, _ := exec.CommandContext(t.Context(), "systemd-analyze", "verify", "--man=no", "--recursive-errors=no", file).CombinedOutput()
	if !strings.Contains(string(out), "WatchdogSeconds") {
		t.Errorf("a key that systemd does not know is not found: %s", out)
	}
}
