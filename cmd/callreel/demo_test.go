package main_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"callreel/internal/callcheck"
	"callreel/internal/clock"
	"callreel/internal/player"
	"callreel/internal/recording"
	"callreel/internal/service"
)

// demoRun is "callreel demo" as a user starts it.
type demoRun struct {
	url     string // of the page, ends in /
	tmp     string // what the program takes for the machine's temporary folder
	started time.Time
	cmd     *exec.Cmd
	said    *output       // on standard error
	exited  chan struct{} // closed when it has, with err set
	err     error
}

// output collects what a program writes.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// startDemo runs the program until the test ends or interrupt is called.
func startDemo(t *testing.T, binary string, args ...string) *demoRun {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("a child process cannot be interrupted on Windows as Ctrl-C does it")
	}
	d := &demoRun{tmp: t.TempDir(), said: &output{}, exited: make(chan struct{})}
	d.cmd = exec.Command(binary, append([]string{"demo", "--listen", "127.0.0.1:0"}, args...)...) // it is interrupted, not killed
	d.cmd.Env = append(os.Environ(), "TMPDIR="+d.tmp)
	d.cmd.Stderr = d.said
	stdout, err := d.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	d.started = clock.System().Now()
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	address := make(chan string, 1)
	go func() {
		address <- readAddress(stdout)
		_, _ = io.Copy(io.Discard, stdout)
		d.err = d.cmd.Wait()
		close(d.exited)
	}()
	t.Cleanup(func() { d.end(t) })
	select {
	case d.url = <-address:
	case <-time.After(time.Minute):
	}
	if d.url == "" {
		t.Fatalf("the demo printed no address; it said %s", d.said)
	}
	return d
}

func readAddress(stdout io.Reader) string {
	line := regexp.MustCompile(`^Open (http://127\.0\.0\.1:\d+/) in a browser`)
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		if found := line.FindStringSubmatch(lines.Text()); found != nil {
			return found[1]
		}
	}
	return ""
}

// age is how long ago the program was started.
func (d *demoRun) age() time.Duration { return clock.System().Now().Sub(d.started) }

// end stops a demo that still runs, by force if it must be.
func (d *demoRun) end(t *testing.T) {
	t.Helper()
	_ = d.cmd.Process.Signal(os.Interrupt)
	select {
	case <-d.exited:
	case <-time.After(10 * time.Second):
		_ = d.cmd.Process.Kill()
		<-d.exited
		t.Errorf("the demo had to be killed; it said %s", d.said)
	}
}

// interrupt is Ctrl-C: the program must end within 5 seconds, with exit code 0
// and without a complaint.
func (d *demoRun) interrupt(t *testing.T) {
	t.Helper()
	if err := d.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	select {
	case <-d.exited:
		if d.err != nil {
			t.Errorf("the demo ended with %v", d.err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("the demo did not end within 5 seconds of Ctrl-C")
	}
	if said := d.said.String(); said != "" {
		t.Errorf("the demo said on standard error:\n%s", said)
	}
	if left, err := os.ReadDir(d.tmp); err != nil || len(left) > 0 {
		t.Errorf("left in the temporary folder: %v, %v", left, err)
	}
}

// get asks the page's API.
func (d *demoRun) get(ctx context.Context, path string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.url+path, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", path, resp.Status, b)
	}
	return b, err
}

// wait asks the API until an answer is as wanted, at most for the given time.
func wait[T any](t *testing.T, d *demoRun, path string, atMost time.Duration, good func(T) bool) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), atMost)
	defer cancel()
	var last []byte
	for {
		b, err := d.get(ctx, path)
		if err == nil {
			var v T
			if err := json.Unmarshal(b, &v); err != nil {
				t.Fatal(err)
			}
			if good(v) {
				return v
			}
			last = b
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s did not come as wanted within %v: %v, last %s; the demo said %s", path, atMost, err, last, d.said)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// allDone waits for n recordings that have come to the end of the line.
func allDone(t *testing.T, d *demoRun, n int) []player.Row {
	t.Helper()
	return wait(t, d, "api/recordings", 40*time.Second, func(rows []player.Row) bool {
		return len(rows) >= n && !slices.ContainsFunc(rows, func(r player.Row) bool { return r.State != recording.Done })
	})
}

// In the middle of calls, with captures growing, Ctrl-C ends the simulator, the
// recorder and the page, and nothing of them stays.
func TestDemoLeavesNothing(t *testing.T) {
	t.Parallel()
	d := startDemo(t, build(t), "--every", "1s")
	wait(t, d, "api/status", 20*time.Second, func(s player.Status) bool { return len(s.Open) >= 2 })
	if found, err := filepath.Glob(filepath.Join(d.tmp, "callreel-demo-*")); err != nil || len(found) != 1 {
		t.Errorf("the demo works in %v, want one folder callreel-demo-*; %v", found, err)
	}
	ports := listening(t, d.cmd.Process.Pid)
	if page := strings.TrimSuffix(strings.TrimPrefix(d.url, "http://"), "/"); !slices.Contains(ports, page) {
		ports = append(ports, page)
	}
	d.interrupt(t)
	for _, addr := range ports {
		dialer := net.Dialer{Timeout: time.Second}
		if conn, err := dialer.DialContext(t.Context(), "tcp", addr); err == nil {
			conn.Close()
			t.Errorf("%s still answers", addr)
		}
	}
	t.Logf("closed: %v", ports)
}

// listening returns the addresses at which a process listens on IPv4, and fails
// the test if one of them can be reached from another machine. Only Linux tells.
func listening(t *testing.T, pid int) []string {
	t.Helper()
	if runtime.GOOS != "linux" {
		return nil
	}
	table, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/tcp", pid))
	if err != nil {
		t.Fatal(err)
	}
	mine := sockets(t, pid)
	var out []string
	for line := range strings.Lines(string(table)) {
		const listen = "0A"
		f := strings.Fields(line)
		if len(f) < 10 || f[3] != listen || !mine["socket:["+f[9]+"]"] {
			continue
		}
		var host, port uint32
		if _, err := fmt.Sscanf(f[1], "%08X:%04X", &host, &port); err != nil {
			t.Fatalf("%q: %v", f[1], err)
		}
		addr := net.JoinHostPort(net.IPv4(byte(host), byte(host>>8), byte(host>>16), byte(host>>24)).String(), fmt.Sprint(port))
		if byte(host) != 127 {
			t.Errorf("the demo listens on %s, which is no loopback address", addr)
		}
		out = append(out, addr)
	}
	if len(out) < 3 {
		t.Errorf("the demo listens on %v, want at least the page, the receiver and the simulated PBX", out)
	}
	return out
}

func sockets(t *testing.T, pid int) map[string]bool {
	t.Helper()
	found, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]bool{}
	for _, fd := range found {
		if name, err := os.Readlink(fd); err == nil {
			out[name] = true
		}
	}
	return out
}

// With --dir the archive stays, opens with the keys beside it, and a second
// demo goes on with it.
func TestDemoKeepsItsArchive(t *testing.T) {
	t.Parallel()
	binary, dir := build(t), filepath.Join(t.TempDir(), "my calls")
	d := startDemo(t, binary, "--every", "1s", "--calls", "2", "--dir", dir)
	allDone(t, d, 2)
	d.interrupt(t)
	first := readArchive(t, dir, 2)

	d = startDemo(t, binary, "--every", "1s", "--calls", "1", "--dir", dir)
	rows := wait(t, d, "api/recordings", 5*time.Second, func(rows []player.Row) bool { return len(rows) >= 2 })
	for _, f := range first {
		i := slices.IndexFunc(rows, func(r player.Row) bool { return strings.Contains(f.Path, filepath.FromSlash(r.File)) })
		if i < 0 {
			t.Fatalf("%s is not listed after the restart: %+v", f.Path, rows)
		}
		got, err := d.get(t.Context(), fmt.Sprintf("api/recordings/%d/audio", rows[i].ID))
		if err != nil || !bytes.Equal(got, f.Audio) {
			t.Errorf("recording %d plays %d bytes, want the %d that were filed; %v", rows[i].ID, len(got), len(f.Audio), err)
		}
	}
	allDone(t, d, 3)
	d.interrupt(t)
	readArchive(t, dir, 3)
}

// readArchive wants n whole pairs in the archive and in the backup.
func readArchive(t *testing.T, dir string, n int) (filed []callcheck.Filed) {
	t.Helper()
	ring, err := service.ReadRing(filepath.Join(dir, "callreel.keys"))
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{"backup", "archive"} {
		filed, err = callcheck.Read(filepath.Join(dir, folder), ring)
		if err != nil || len(filed) != n {
			t.Fatalf("%s: %d recordings, %v; want %d", folder, len(filed), err, n)
		}
		for _, f := range filed {
			samples := 2 * f.Sidecar.Audio.Samples
			if !bytes.HasPrefix(f.Audio, []byte("RIFF")) || samples < 4*2*8000 || int64(len(f.Audio)) < samples {
				t.Errorf("%s: %d bytes for %d samples of two sides, want a WAV file of at least 4 seconds", f.Path, len(f.Audio), samples)
			}
		}
	}
	return filed
}
