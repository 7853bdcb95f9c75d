package main_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"callreel/crypto"
	"callreel/internal/callcheck"
	"callreel/internal/catalog"
	"callreel/internal/pbxsim"
	"callreel/internal/recording"
	"callreel/internal/service"
)

// killPoint is a moment at which the recorder is killed: when it has logged
// that line, and a little later.
type killPoint struct {
	line  string
	after time.Duration
}

// killPoints hit every step of the line and the deletion of the source, at
// their begin and in their middle.
func killPoints(n int) []killPoint {
	var lines []string
	for _, step := range []string{"fetch", "correlate", "decide", "file", "back up", "finish", "clean up", "delete source"} {
		lines = append(lines, fmt.Sprintf(`msg="step begins" step=%s `, quoted(step)))
	}
	lines = append(lines, `msg="step completed" step=file `, `msg="step completed" step="delete source" `)
	random := rand.New(rand.NewPCG(1, 2))
	out := make([]killPoint, 0, n)
	for i := range n {
		k := killPoint{line: lines[i%len(lines)]}
		if i%3 != 0 {
			k.after = time.Duration(random.Int64N(int64(12 * time.Millisecond)))
		}
		out = append(out, k)
	}
	return out
}

func quoted(s string) string {
	if strings.Contains(s, " ") {
		return `"` + s + `"`
	}
	return s
}

// TestKillAtEveryStep runs the real program against the simulated PBX, kills it
// again and again at moments that hit every step, and wants every call exactly
// once in the archive and in the backup at the end, every sample right, inbox
// and spool empty.
func TestKillAtEveryStep(t *testing.T) {
	kills := 10
	if os.Getenv("CALLREEL_SOAK") != "" {
		kills = 60
	}
	r := newRig(t, "")
	traffic := r.talk(t, 200*time.Millisecond)
	for i, k := range killPoints(kills) {
		if !r.runUntil(t, k) {
			t.Fatalf("kill %d: the line %q did not come", i, k.line)
		}
	}
	calls := traffic()
	r.runToTheEnd(t, calls)
	r.wantCalls(t, calls, "archive", "backup")
	if err := callcheck.Empty(filepath.Join(r.dir, "inbox"), ".pcap"); err != nil {
		t.Error(err)
	}
	if err := callcheck.Empty(filepath.Join(r.dir, "archive", "REC"), ".pcap", ".part", ".tmp"); err != nil {
		t.Error(err)
	}
	t.Logf("%d kills, %d calls", kills, len(calls))
}

// wantCalls wants each call exactly once, with every sample, in each of the rig's folders,
// and returns the key ring that opens them.
func (r *rig) wantCalls(t *testing.T, calls []*pbxsim.Call, folders ...string) *crypto.Ring {
	t.Helper()
	ring, err := service.ReadRing(filepath.Join(r.dir, "callreel.keys"))
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range folders {
		if err := callcheck.Calls(filepath.Join(r.dir, folder), ring, calls); err != nil {
			t.Errorf("%s: %v", folder, err)
		}
	}
	return ring
}

// rig is a simulated PBX and a setup for the real program.
type rig struct {
	dir    string
	binary string
	config string
	sim    *pbxsim.Sim
}

func newRig(t *testing.T, extra string) *rig {
	t.Helper()
	dir := t.TempDir()
	r := &rig{dir: dir, binary: build(t), config: filepath.Join(dir, "callreel.toml")}
	for _, name := range []string{"inbox", "backup"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o750); err != nil {
			t.Fatal(err)
		}
	}
	receiver := freeAddr(t)
	var users []pbxsim.User
	for i := range 24 {
		users = append(users, pbxsim.User{
			CN: fmt.Sprintf("User %02d", i), Number: fmt.Sprint(20 + i), H323: fmt.Sprintf("user%02d", i), Agent: i%3 != 0,
		})
	}
	sim, err := pbxsim.Start(t.Context(), pbxsim.Config{
		InboxDir: filepath.Join(dir, "inbox"), Users: users, CDRDelay: 300 * time.Millisecond,
		CDRTarget: "http://" + receiver + "/cdr", Seed: 7, Standby: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	r.sim = sim
	user, password, group := sim.Credentials()
	text := fmt.Sprintf(`
catalog = "callreel.db"
%s
[archive]
path = "archive"
backup = "backup"
[receiver]
listen = %q
[player]
listen = ""
[cdr]
first_wait = "1s"
second_wait = "1s"
settle = "300ms"
discard_settle = "600ms"
[[pbx]]
name = "sim"
url = %q
user = %q
password = %q
group = %q
[[inbox]]
name = "phones"
kind = "webdav"
url = %q
user = %q
password = %q
poll = "250ms"
settle = "3s"
delete_delay = "0s"
`, extra, receiver, sim.PBXURL(), user, password, group, sim.InboxURL(), user, password)
	if err := os.WriteFile(r.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return r
}

// built is the program, built once for all tests of this package.
var built = sync.OnceValues(func() (string, error) {
	file := filepath.Join(os.Getenv("CALLREEL_TEST_BUILT_IN"), "callreel")
	if text, err := exec.Command("go", "build", "-o", file, ".").CombinedOutput(); err != nil { //nolint:noctx // for all tests
		return file, fmt.Errorf("build: %w\n%s", err, text)
	}
	return file, nil
})

func build(t *testing.T) string {
	t.Helper()
	file, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func freeAddr(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// talk lets the phones make calls until the returned function is called, which
// waits for the last one and returns them all.
func (r *rig) talk(t *testing.T, every time.Duration) func() []*pbxsim.Call {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	var calls []*pbxsim.Call
	done := make(chan error, 1)
	go func() {
		_, err := r.sim.Traffic(ctx, pbxsim.TrafficPlan{
			Every: every, MinTalk: 500 * time.Millisecond, MaxTalk: 2 * time.Second,
			Placed: func(c *pbxsim.Call) { calls = append(calls, c) },
		})
		done <- err
	}()
	return func() []*pbxsim.Call {
		stop()
		if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		return calls
	}
}

// runUntil starts the recorder, waits for a line of its log and kills it.
func (r *rig) runUntil(t *testing.T, k killPoint) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd, log := r.start(ctx, t)
	found := false
	lines := bufio.NewScanner(log)
	lines.Buffer(nil, 1<<20)
	var last []string
	for !found && lines.Scan() {
		found = strings.Contains(lines.Text(), k.line)
		if last = append(last, lines.Text()); len(last) > 30 {
			last = last[1:]
		}
	}
	if found && k.after > 0 {
		<-time.After(k.after) // the moment of the kill, not a wait for something
	}
	_ = cmd.Process.Kill()
	_, _ = io.Copy(io.Discard, log)
	_ = cmd.Wait()
	if !found {
		t.Logf("the last lines:\n%s", strings.Join(last, "\n"))
	}
	return found
}

func (r *rig) start(ctx context.Context, t *testing.T) (*exec.Cmd, io.Reader) {
	t.Helper()
	cmd := exec.CommandContext(ctx, r.binary, "run", "--config", r.config, "--log-level", "debug")
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, log
}

// runToTheEnd runs the recorder until every call has come to its end, then
// stops it in order.
func (r *rig) runToTheEnd(t *testing.T, calls []*pbxsim.Call) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd, log := r.start(ctx, t)
	var text strings.Builder
	copied := make(chan struct{})
	go func() { _, _ = io.Copy(&text, log); close(copied) }()
	waitErr := r.sim.Wait(ctx)
	err := r.settled(ctx, calls)
	_ = cmd.Process.Signal(os.Interrupt)
	<-copied
	if exit := cmd.Wait(); exit != nil {
		t.Errorf("the recorder did not stop in order: %v", exit)
	}
	if waitErr != nil || err != nil {
		lines := strings.Split(text.String(), "\n")
		t.Fatalf("%v %v; the last lines:\n%s", waitErr, err, strings.Join(lines[max(0, len(lines)-60):], "\n"))
	}
}

// settled waits until the catalog has an end for every call.
func (r *rig) settled(ctx context.Context, calls []*pbxsim.Call) error {
	c, err := catalog.OpenReader(ctx, filepath.Join(r.dir, "callreel.db"))
	if err != nil {
		return err
	}
	defer c.Close()
	captured := 0
	for _, call := range calls {
		if call.File != "" {
			captured++
		}
	}
	for {
		n, err := c.Count(ctx)
		if err != nil {
			return err
		}
		open, err := c.OpenWork(ctx)
		if err != nil {
			return err
		}
		if n[recording.Done]+n[recording.Discarded] >= captured && open == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d captures, and the recordings stand at %v with %d sources to delete", captured, n, open)
		case <-time.After(100 * time.Millisecond):
		}
	}
}
