package main_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"callreel/internal/callcheck"
	"callreel/internal/catalog"
	"callreel/internal/pbxsim"
	"callreel/internal/recording"
	"callreel/internal/service"
)

// stopsWithin is what a service manager is promised.
const stopsWithin = 10 * time.Second

// append adds to the setup of a rig.
func (r *rig) append(t *testing.T, text string) {
	t.Helper()
	f, err := os.OpenFile(r.config, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

// stop sends SIGTERM and wants the program to end by itself, without a fault, in time. It
// returns the rest of the log.
func stop(t *testing.T, cmd *exec.Cmd, log io.Reader) string {
	t.Helper()
	began := time.Now()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	rest, _ := io.ReadAll(log)
	if err := cmd.Wait(); err != nil {
		t.Errorf("the recorder did not stop in order: %v\n%s", err, rest)
	}
	if took := time.Since(began); took >= stopsWithin {
		t.Errorf("the stop took %v", took)
	} else {
		t.Logf("stopped in %v", took.Round(time.Millisecond))
	}
	return string(rest)
}

// TestServiceManagerHears runs the program as systemd does, and reads what it tells.
func TestServiceManagerHears(t *testing.T) {
	r := newRig(t, "")
	socket := filepath.Join(r.dir, "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	t.Setenv("NOTIFY_SOCKET", socket)
	t.Setenv("WATCHDOG_USEC", "900000") // a word each 0.3 s
	t.Setenv("WATCHDOG_PID", "")

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd, log := r.start(ctx, t)
	hear := func() string {
		b := make([]byte, 4096)
		if err := conn.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
			t.Fatal(err)
		}
		n, err := conn.Read(b)
		if err != nil {
			t.Fatalf("nothing is heard: %v", err)
		}
		return string(b[:n])
	}
	if got := hear(); !strings.HasPrefix(got, "READY=1\nSTATUS=") {
		t.Errorf("first heard %q, want READY=1 with a status", got)
	}
	drained := make(chan string, 1)
	go func() { rest, _ := io.ReadAll(log); drained <- string(rest) }()
	for i := range 3 {
		if got := hear(); !strings.HasPrefix(got, "STATUS=") || !strings.HasSuffix(got, "\nWATCHDOG=1") || strings.Count(got, "\n") != 1 {
			t.Errorf("word %d is %q, want a status of one line and WATCHDOG=1", i, got)
		}
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for got := hear(); !strings.HasPrefix(got, "STOPPING=1\n"); got = hear() {
		if !strings.Contains(got, "WATCHDOG=1") {
			t.Errorf("heard %q before the stop", got)
		}
	}
	text := <-drained
	if err := cmd.Wait(); err != nil {
		t.Errorf("the recorder did not stop in order: %v\n%s", err, text)
	}
}

// TestStopLosesNothing stops the program by SIGTERM in the middle of its work while the
// inbox does not answer, the first time while a file of the setup hangs for ever too; and
// wants each call once in archive and backup at the end.
func TestStopLosesNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t, "")
	fifo := filepath.Join(r.dir, "queue.log") // nobody writes it: to open it hangs
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	r.append(t, fmt.Sprintf("[audio]\nformat = \"mp3\"\n[[asterisk]]\nname = \"hangs\"\nfile = %q\n", fifo))
	traffic := r.talk(t, 200*time.Millisecond)
	for i, line := range []string{
		`msg="step begins" step=file `, `msg="step begins" step=fetch `, `msg="step completed" step=file `, `msg="step begins" step=file `,
	} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		cmd, log := r.start(ctx, t)
		in := bufio.NewReader(log)
		if _, err := readUntil(in, line); err != nil {
			t.Fatalf("stop %d: the line %q did not come", i, line)
		}
		r.sim.Fault(pbxsim.InboxHangHeaders, true)
		<-time.After(time.Duration(i) * 4 * time.Millisecond) // the moment of the stop, not a wait for something
		rest := stop(t, cmd, in)
		if cut := strings.Contains(rest, "stopped in the middle"); cut != (i == 0) {
			t.Errorf("stop %d: what hangs was cut off: %v\n%s", i, cut, rest)
		}
		r.sim.Fault(pbxsim.InboxHangHeaders, false)
		cancel()
		if i == 0 {
			if err := os.Remove(fifo); err != nil {
				t.Fatal(err)
			}
		}
	}
	calls := traffic()
	r.runToTheEnd(t, calls)
	r.check(t, calls)
}

// check wants each call once in archive and backup.
func (r *rig) check(t *testing.T, calls []*pbxsim.Call) {
	t.Helper()
	ring, err := service.ReadRing(filepath.Join(r.dir, "callreel.keys"))
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{"archive", "backup"} {
		if err := callcheck.Calls(filepath.Join(r.dir, folder), ring, calls); err != nil {
			t.Errorf("%s: %v", folder, err)
		}
	}
}

func readUntil(in *bufio.Reader, part string) (string, error) {
	for {
		line, err := in.ReadString('\n')
		if err != nil || strings.Contains(line, part) {
			return line, err
		}
	}
}

// TestStopInALongConversion stops the program while it converts a long call, which
// it does again and to the end after the next start, once.
func TestStopInALongConversion(t *testing.T) {
	t.Parallel()
	r := newRig(t, "")
	r.append(t, "[audio]\nformat = \"mp3\"\n")
	call, err := r.sim.Place(t.Context(), pbxsim.Plan{Scenario: pbxsim.ExternalToAgent, Ring: 100 * time.Millisecond, Talk: 500 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	<-call.Done()
	// The call's capture is made 20 minutes long before anybody looks at it.
	gen := exec.CommandContext(t.Context(), "go", "run", "../../bench/gen", "-codec", "g729", "-minutes", "20", filepath.Join(r.dir, "inbox", call.File))
	if out, err := gen.CombinedOutput(); err != nil {
		t.Fatalf("make the capture: %v\n%s", err, out)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd, log := r.start(ctx, t)
	in := bufio.NewReader(log)
	if _, err := readUntil(in, `msg="step begins" step=file `); err != nil {
		t.Fatal("the conversion did not begin")
	}
	<-time.After(200 * time.Millisecond) // the moment of the stop, not a wait for something
	if rest := stop(t, cmd, in); strings.Contains(rest, `msg="step completed" step=file `) {
		t.Error("the conversion was over before the stop, so this shows nothing")
	}
	cmd, log = r.start(ctx, t)
	in = bufio.NewReader(log)
	if line, err := readUntil(in, `msg="step completed" step=finish `); err != nil {
		t.Fatalf("the conversion did not end: %v %s", err, line)
	}
	stop(t, cmd, in)
	if got := r.states(t); !slices.Equal(got, []recording.State{recording.Done}) {
		t.Errorf("the recordings are %v, want one that is done", got)
	}
	if files, err := filepath.Glob(filepath.Join(r.dir, "archive", "*", "*.mp3")); err != nil || len(files) != 1 {
		t.Errorf("filed are %q, %v, want one MP3", files, err)
	}
}

func (r *rig) states(t *testing.T) []recording.State {
	t.Helper()
	c, err := catalog.OpenReader(t.Context(), filepath.Join(r.dir, "callreel.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	n, err := c.Count(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var out []recording.State
	for state, count := range n {
		for range count {
			out = append(out, state)
		}
	}
	return out
}
