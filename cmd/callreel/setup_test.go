package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"callreel/internal/callcheck"
	"callreel/internal/clock"
	"callreel/internal/pbxsim"
	"callreel/internal/service"
)

// newSim is a simulated PBX with a folder beside it for a setup.
func newSim(t *testing.T) (sim *pbxsim.Sim, dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "inbox"), 0o750); err != nil {
		t.Fatal(err)
	}
	sim, err := pbxsim.Start(t.Context(), pbxsim.Config{InboxDir: filepath.Join(dir, "inbox"), CDRDelay: 200 * time.Millisecond, PollHold: time.Second, Seed: 5})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	return sim, dir
}

// byFlags are the flags of a setup that fits a simulated PBX.
func byFlags(t *testing.T, sim *pbxsim.Sim, dir string) []string {
	user, password, group := sim.Credentials()
	t.Setenv("CALLREEL_TEST_PW", password)
	return []string{
		"setup", "--config", filepath.Join(dir, "callreel.toml"), "--yes",
		"--pbx-url", sim.PBXURL(), "--pbx-user", user, "--pbx-password-env", "CALLREEL_TEST_PW", "--pbx-group", group,
		"--inbox", sim.InboxURL(), "--inbox-user", user, "--inbox-password-env", "CALLREEL_TEST_PW",
		"--archive", "calls", "--receiver-listen", freePort(t),
		"--set", "inbox.poll=200ms", "--set", "cdr.settle=300ms", "--set", "cdr.first_wait=300ms", "--set", "player.listen=127.0.0.1:0",
	}
}

func runSetupWith(t *testing.T, args ...string) (code int, said string) {
	t.Helper()
	var out bytes.Buffer
	err := run(t.Context(), args, &out, &out)
	return exitCode(err, &out), out.String()
}

// TestSetupThenRecord writes a setup by flags, runs the recorder with it, and calls.
func TestSetupThenRecord(t *testing.T) {
	sim, dir := newSim(t)
	file := filepath.Join(dir, "callreel.toml")
	code, said := runSetupWith(t, byFlags(t, sim, dir)...)
	t.Log(said)
	if code != exitDone {
		t.Fatalf("exit code %d", code)
	}
	cfg, err := service.LoadConfig(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"pbx main (" + sim.PBXURL() + "): the login is good; 4 agents", "clocks: against this machine: pbx main the same", "http://" + cfg.Receiver.Listen + "/cdr", "enter the URL\n  " + sim.InboxURL()} {
		if !strings.Contains(said, want) {
			t.Errorf("it does not say %q", want)
		}
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if _, password, _ := sim.Credentials(); strings.Contains(string(data), `"`+password+`"`) {
		t.Errorf("the password is in clear in\n%s", data)
	}
	sim.SetCDRTarget("http://" + cfg.Receiver.Listen + cfg.Receiver.Path)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	s, err := service.Open(t.Context(), cfg, service.Options{Clock: clock.System(), Log: slog.New(slog.DiscardHandler), Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	go func() { done <- s.Run(ctx) }()
	until(t, "PBX link", func() error {
		if st := s.Lamp(service.LampPBX); st.Light != service.Green {
			return errors.New(st.Error)
		}
		return nil
	})
	c := placed(t, sim)
	ringed(t, cfg, c)
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func placed(t *testing.T, sim *pbxsim.Sim) *pbxsim.Call {
	t.Helper()
	c, err := sim.Place(t.Context(), pbxsim.Plan{Scenario: pbxsim.ExternalToAgent, Talk: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	<-c.Done()
	return c
}

// ringed waits until the call stands in the archive as it was played.
func ringed(t *testing.T, cfg service.Config, c *pbxsim.Call) {
	t.Helper()
	until(t, "call filed", func() error {
		ring, err := service.ReadRing(cfg.Keys.File)
		if err != nil {
			return err
		}
		return callcheck.Calls(cfg.Archive.Path, ring, []*pbxsim.Call{c})
	})
}

// until polls a condition; the test fails after a minute without it.
func until(t *testing.T, what string, holds func() error) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		err := holds()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: %v", what, err)
		}
		<-time.After(20 * time.Millisecond)
	}
}

func TestSetupWithFaults(t *testing.T) {
	sim, dir := newSim(t)
	file := filepath.Join(dir, "callreel.toml")
	if code, said := runSetupWith(t, "setup", "--config", file, "--check"); code != exitNothing {
		t.Errorf("nothing to check: exit code %d, said\n%s", code, said)
	}
	args := byFlags(t, sim, dir)
	t.Setenv("CALLREEL_TEST_PW", "wrong")
	code, said := runSetupWith(t, args...)
	if code != exitSomeLeft || !strings.Contains(said, "FAULT pbx main") || !strings.Contains(said, "user or password is not accepted (401)") {
		t.Errorf("exit code %d, said\n%s", code, said)
	}
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it was written: %v", err)
	}
	if code, said = runSetupWith(t, append(args, "--anyway")...); code != exitSomeLeft || !strings.Contains(said, "written all the same") {
		t.Errorf("with --anyway: exit code %d, said\n%s", code, said)
	}
	if code, said = runSetupWith(t, "setup", "--config", file, "--check"); code != exitSomeLeft || !strings.Contains(said, "FAULT inbox phones") {
		t.Errorf("with --check: exit code %d, said\n%s", code, said)
	}
	_, password, _ := sim.Credentials()
	t.Setenv("CALLREEL_TEST_PW", password)
	code, said = runSetupWith(t, "setup", "--config", file, "--yes", "--pbx-password-env", "CALLREEL_TEST_PW", "--inbox-password-env", "CALLREEL_TEST_PW", "--scripts")
	if code != exitDone || !strings.Contains(said, file+".bak") || !strings.Contains(said, "TAN.xml            written") {
		t.Errorf("mended: exit code %d, said\n%s", code, said)
	}
	if code, said = runSetupWith(t, "setup", "--config", file, "--check"); code != exitDone {
		t.Errorf("mended, with --check: exit code %d, said\n%s", code, said)
	}
}

func TestSetupPassword(t *testing.T) {
	sim, dir := newSim(t)
	t.Setenv("CALLREEL_TEST_SETUP", "a good password")
	args := append(byFlags(t, sim, dir), "--new-setup-password-env", "CALLREEL_TEST_SETUP")
	if code, said := runSetupWith(t, args...); code != exitDone {
		t.Fatalf("exit code %d, said\n%s", code, said)
	}
	file := filepath.Join(dir, "callreel.toml")
	change := []string{"setup", "--config", file, "--yes", "--format", "mp3"}
	if code, said := runSetupWith(t, change...); code != exitFault || !strings.Contains(said, "protected by a password") {
		t.Errorf("without the password: exit code %d, said\n%s", code, said)
	}
	t.Setenv("CALLREEL_TEST_WRONG", "another password")
	if code, said := runSetupWith(t, append(change, "--setup-password-env", "CALLREEL_TEST_WRONG")...); code != exitFault || !strings.Contains(said, "this is not it") {
		t.Errorf("with a wrong one: exit code %d, said\n%s", code, said)
	}
	if code, said := runSetupWith(t, append(change, "--setup-password-env", "CALLREEL_TEST_SETUP")...); code != exitDone {
		t.Errorf("with the password: exit code %d, said\n%s", code, said)
	}
	if code, said := runSetupWith(t, append(change, "--forget-setup-password")...); code != exitDone || !strings.Contains(said, "is noted in the archive") {
		t.Errorf("forgotten: exit code %d, said\n%s", code, said)
	}
	if cfg, err := service.LoadConfig(file); err != nil || cfg.Setup.Forgotten == "" || cfg.Setup.PasswordHash != "" || cfg.Audio.Format != "mp3" {
		t.Errorf("%+v, %v", cfg.Setup, err)
	}
}

func TestSetupNeedsAnswers(t *testing.T) {
	file := filepath.Join(t.TempDir(), "callreel.toml")
	for name, row := range map[string]struct {
		args []string
		want string
	}{
		"nothing":         {nil, "so: setup: inbox is missing"},
		"bad choice":      {[]string{"--format", "ogg"}, "--format: answer one of: wav, mp3, pcap"},
		"no such key":     {[]string{"--set", "audio.farmat=mp3"}, "there is no key audio.farmat"},
		"password":        {[]string{"--set", "pbx.password=secret"}, "seen by everybody"},
		"no such entry":   {[]string{"--set", "inbox[3].poll=2s"}, "there are 0 of [[inbox]]"},
		"no variable":     {[]string{"--pbx-password-env", "NO_SUCH_VARIABLE"}, "the environment has no NO_SUCH_VARIABLE"},
		"not an address":  {[]string{"--pbx-url", "http://u:p@192.0.2.1/"}, "without user and password"},
		"more than flags": {[]string{"again"}, "takes no arguments"},
	} {
		code, said := runSetupWith(t, append([]string{"setup", "--config", file, "--yes"}, row.args...)...)
		if code != exitUsage || !strings.Contains(said, row.want) {
			t.Errorf("%s: exit code %d, said\n%s\nwant %s", name, code, said, row.want)
		}
	}
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it was written: %v", err)
	}
}

// freePort is an address that nothing listens at.
func freePort(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}
