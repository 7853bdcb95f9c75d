package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"callreel/internal/clock"
	"callreel/internal/service"
)

const smallSetup = `agents = "all"
[archive]
path = "archive"
[player]
listen = ""
[receiver]
listen = "127.0.0.1:0"
[alarm]
arm = "0s"
[[inbox]]
name = "drop"
path = "drop"
`

// TestAskRunning asks a recorder that runs by the command line.
func TestAskRunning(t *testing.T) {
	dir := t.TempDir()
	setup := filepath.Join(dir, "setup.toml")
	if err := errors.Join(os.WriteFile(setup, []byte(smallSetup), 0o600), os.Mkdir(filepath.Join(dir, "drop"), 0o750)); err != nil {
		t.Fatal(err)
	}
	if _, err := say(t, setup, "status"); exitCode(err, &bytes.Buffer{}) != exitNothing {
		t.Errorf("before it runs: %v", err)
	}
	stop := record(t, setup)
	eventually(t, func() error {
		out, err := say(t, setup, "status")
		if err == nil && !strings.Contains(out, "master alarm armed") {
			err = errors.New(out)
		}
		return err
	})
	out, err := say(t, setup, "status", "--json")
	var st service.Status
	if err := errors.Join(err, json.Unmarshal([]byte(out), &st)); err != nil || st.Version != "test" || len(st.Lamps) != 6 {
		t.Errorf("%v: %s", err, out)
	}
	for _, row := range []struct {
		args []string
		want string
		code int
	}{
		{[]string{"alarm", "off"}, "master alarm SWITCHED OFF since", exitDone},
		{[]string{"alarm", "show"}, "master alarm SWITCHED OFF since", exitDone},
		{[]string{"alarm", "on"}, "master alarm armed", exitDone},
		{[]string{"alarm", "reset"}, "master alarm armed", exitDone},
		{[]string{"alarm", "test"}, "", exitSomeLeft}, // nobody is to be told
		{[]string{"alarm", "louder"}, "", exitUsage},
		{[]string{"trace", "--for", "1h", "on"}, "the trace is on until", exitDone},
		{[]string{"trace", "off"}, "the trace is off", exitDone},
		{[]string{"trace", "--for", "48h", "on"}, "", exitFault},
		{[]string{"trace", "perhaps"}, "", exitUsage},
	} {
		out, err := say(t, setup, row.args...)
		if code := exitCode(err, &bytes.Buffer{}); code != row.code || !strings.Contains(out, row.want) {
			t.Errorf("%v: exit code %d, want %d; %q, %v", row.args, code, row.code, out, err)
		}
	}
	stop()
	if out, err := say(t, setup, "alarm", "off"); err != nil || !strings.Contains(out, "holds from its start on") {
		t.Errorf("off while none runs: %q, %v", out, err)
	}
	stop = record(t, setup)
	eventually(t, func() error {
		out, err := say(t, setup, "alarm", "show")
		if err == nil && !strings.Contains(out, "master alarm SWITCHED OFF since") {
			err = errors.New(out)
		}
		return err
	})
	stop()
	if _, err := say(t, setup, "alarm", "show"); exitCode(err, &bytes.Buffer{}) != exitNothing {
		t.Errorf("after it ran: %v", err)
	}
}

// say runs a command with the setup behind its first word.
func say(t *testing.T, setup string, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	err := run(t.Context(), append([]string{args[0], "--config", setup}, args[1:]...), &out, &bytes.Buffer{})
	return out.String(), err
}

// record runs a recorder in this process until stop.
func record(t *testing.T, setup string) (stop func()) {
	t.Helper()
	cfg, err := service.LoadConfig(setup)
	if err != nil {
		t.Fatal(err)
	}
	s, err := service.Open(t.Context(), cfg, service.Options{Clock: clock.System(), Log: slog.New(slog.DiscardHandler), Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	return func() {
		cancel()
		if err := errors.Join(<-done, s.Close()); err != nil {
			t.Error(err)
		}
	}
}

func eventually(t *testing.T, holds func() error) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for err := holds(); err != nil; err = holds() {
		if time.Now().After(deadline) {
			t.Fatal(fmt.Errorf("it does not come true: %w", err))
		}
		<-time.After(50 * time.Millisecond)
	}
}
