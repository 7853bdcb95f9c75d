//go:build !windows

package main_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
)

// onTerminal starts callreel setup on a terminal of its own.
func onTerminal(t *testing.T, binary, dir string) (tty *os.File, said *output, exited chan error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	cmd := exec.CommandContext(ctx, binary, "setup", "--config", filepath.Join(dir, "callreel.toml"))
	tty, err := pty.Start(cmd)
	if err != nil {
		cancel()
		t.Skipf("no terminal can be made here: %v", err)
	}
	said, exited = &output{}, make(chan error, 1)
	read := make(chan struct{})
	go func() {
		defer close(read)
		buf := make([]byte, 4096)
		for {
			n, err := tty.Read(buf)
			_, _ = said.Write(buf[:n])
			if err != nil {
				return
			}
		}
	}()
	go func() {
		err := cmd.Wait()
		<-read // the terminal ends with the program, after all that it said
		exited <- err
	}()
	t.Cleanup(func() {
		cancel()
		_ = tty.Close()
		<-read
	})
	return tty, said, exited
}

// typeAll answers each question when it stands on the terminal.
func typeAll(t *testing.T, tty *os.File, said *output, lines [][2]string) {
	t.Helper()
	seen := 0
	for _, l := range lines {
		deadline := time.Now().Add(30 * time.Second)
		for {
			text := said.String()
			if at := strings.Index(text[seen:], l[0]); at >= 0 {
				seen += at + len(l[0])
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("never asked %q; said\n%s", l[0], text)
			}
			<-time.After(5 * time.Millisecond)
		}
		if _, err := tty.WriteString(l[1]); err != nil {
			t.Fatal(err)
		}
	}
}

// TestSetupOnATerminal answers all questions on a real terminal. Passwords are not
// shown, though the terminal shows everything else that is typed.
func TestSetupOnATerminal(t *testing.T) {
	binary, dir := build(t), t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "in"), 0o750); err != nil {
		t.Fatal(err)
	}
	tty, said, exited := onTerminal(t, binary, dir)
	typeAll(t, tty, said, [][2]string{
		{"innovaphone PBX? [Y/n]: ", "n\r"},
		{"Asterisk PBX? [y/N]: ", "\r"},
		{"Extensions that are recorded", "24, 25\r"},
		{"Reporting server? [y/N]: ", "\r"},
		{"take them at [127.0.0.1:8901]: ", freeAddr(t) + "\r"},
		{"if any: ", "pbx\r"},
		{"Its password: ", "hiddem\x7fn one\r"},
		{"[phones]: ", "\r"},
		{"or a folder: ", "in\r"},
		{"[phone]: ", "\r"},
		{"another inbox? [y/N]: ", "\r"},
		{"Folder of the recordings: ", "calls\r"},
		{"another disk: ", "\r"},
		{"[wav]: ", "\r"},
		{"[no]: ", "\r"},
		{"machine's: ", "Europe/Rome\r"}, {"is written to: ", "\r"}, {"if there is one: ", "\r"},
		{"Enter for none): ", "secret again\r"},
		{"Once more: ", "secret again\r"},
	})
	// The disk may be fuller than a recorder wants it; that is not what is tried here.
	typeAll(t, tty, said, [][2]string{{"All links together:", ""}, {"clocks:", ""}})
	if strings.Contains(said.String(), "FAULT") {
		typeAll(t, tty, said, [][2]string{{"all the same? [y/N]: ", "y\r"}})
	}
	typeAll(t, tty, said, [][2]string{{"into the inbox? [y/N]: ", "y\r"}, {"What is left to do", ""}})
	<-exited
	text := said.String()
	if strings.Contains(text, "hidden one") || strings.Contains(text, "secret again") || !strings.Contains(text, "Europe/Rome") {
		t.Errorf("the terminal shows\n%s", text)
	}
	data, err := os.ReadFile(filepath.Join(dir, "callreel.toml"))
	if err != nil || !strings.Contains(string(data), "timezone = \"Europe/Rome\"") {
		t.Errorf("the setup is\n%s\n%v", data, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "in", "TCR", "TCRec.xml")); err != nil {
		t.Error(err)
	}
}

// TestCtrlCInAHiddenLine ends the program, writes nothing and leaves the terminal as it was.
func TestCtrlCInAHiddenLine(t *testing.T) {
	dir := t.TempDir()
	tty, said, exited := onTerminal(t, build(t), dir)
	typeAll(t, tty, said, [][2]string{
		{"innovaphone PBX? [Y/n]: ", "y\r"}, {"[main]: ", "\r"}, {"Address of the PBX: ", "192.0.2.1\r"}, {"logs in as: ", "callreel\r"}, {"Its password: ", "abc\x03"},
	})
	if err := <-exited; err == nil || !strings.Contains(said.String(), "nothing was written") {
		t.Errorf("%v, said\n%s", err, said)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}
