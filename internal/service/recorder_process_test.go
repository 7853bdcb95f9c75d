package service_test

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"callreel/internal/clock"
	"callreel/internal/service"
)

// recorderEnv names the file with the order of a recorder in a process of its own: this
// program once more, which is then no test.
const recorderEnv = "CALLREEL_TEST_RECORDER"

func TestMain(m *testing.M) {
	if file := os.Getenv(recorderEnv); file != "" {
		if err := beRecorder(file); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// recorderOrder is what a recorder in a process of its own is to do.
type recorderOrder struct {
	Config service.Config
	Epoch  time.Time // of the clock, which both processes have
	Scale  float64
}

// sample is how such a recorder is at a moment.
type sample struct {
	At         time.Time
	Hour       float64 // of the day in which it was asked for; the asker's
	Heap       uint64  // bytes in use after a collection
	Stacks     uint64  // bytes
	Goroutines int
	Handles    int   // open file handles; -1 where they cannot be counted
	Resident   int64 // bytes; 0 where it is not known
	Catalog    int64 // bytes of its files
	Status     service.Status
	Filed      map[string]time.Time // when, by UID, since the sample before
}

// beRecorder runs a recorder until its input ends, and answers each line of it with a
// sample.
func beRecorder(file string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var o recorderOrder
	if err := json.Unmarshal(data, &o); err != nil {
		return err
	}
	clk := clock.ScaledFrom(o.Epoch, o.Scale)
	seen := &filings{Handler: slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}), clock: clk, at: &filed{}}
	s, err := service.Open(context.Background(), o.Config, service.Options{Clock: clk, Log: slog.New(seen), Version: "soak"})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	lines, out := bufio.NewScanner(os.Stdin), json.NewEncoder(os.Stdout)
	for err == nil && lines.Scan() {
		err = out.Encode(takeSample(s, o.Config.Catalog, seen.at.take(), clk))
	}
	cancel()
	return errors.Join(err, <-done, s.Close())
}

func takeSample(s *service.Service, catalogFile string, filed map[string]time.Time, clk clock.Clock) sample {
	runtime.GC()
	runtime.GC() // what finalizers and pools held
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	out := sample{
		At: clk.Now(), Heap: m.HeapAlloc, Stacks: m.StackInuse, Goroutines: runtime.NumGoroutine(), Handles: -1,
		Resident: resident(), Status: s.Status(context.Background()), Filed: filed,
	}
	out.Status.Messages, out.Status.Errors, out.Status.Open = nil, nil, nil
	if list, err := os.ReadDir("/proc/self/fd"); err == nil {
		out.Handles = len(list) - 1 // that of the listing
	}
	for _, end := range []string{"", "-wal", "-shm"} {
		if info, err := os.Stat(catalogFile + end); err == nil {
			out.Catalog += info.Size()
		}
	}
	return out
}

// resident is the process's memory as Linux counts it.
func resident() int64 {
	data, _ := os.ReadFile("/proc/self/status") // elsewhere there is none
	for line := range strings.Lines(string(data)) {
		if kb, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			n, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(kb), " kB"), 10, 64)
			return n << 10
		}
	}
	return 0
}

// filings is a log that notes when recordings were filed.
type filings struct {
	slog.Handler
	clock clock.Clock
	at    *filed
}

// filed are times of filing by UID. It is safe for concurrent use.
type filed struct {
	mu sync.Mutex
	at map[string]time.Time
}

func (f *filed) take() map[string]time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := f.at
	f.at = nil
	return out
}

func (f *filed) add(uid string, at time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.at == nil {
		f.at = map[string]time.Time{}
	}
	f.at[uid] = at
}

// Enabled implements slog.Handler.
func (f *filings) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelInfo }

// Handle implements slog.Handler.
func (f *filings) Handle(ctx context.Context, r slog.Record) error {
	if r.Message == "recording filed" {
		r.Attrs(func(a slog.Attr) bool {
			if a.Key == "uid" {
				f.at.add(a.Value.String(), f.clock.Now())
			}
			return a.Key != "uid"
		})
	}
	if !f.Handler.Enabled(ctx, r.Level) {
		return nil
	}
	return f.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (f *filings) WithAttrs(a []slog.Attr) slog.Handler {
	return &filings{f.Handler.WithAttrs(a), f.clock, f.at}
}

// WithGroup implements slog.Handler.
func (f *filings) WithGroup(name string) slog.Handler {
	return &filings{f.Handler.WithGroup(name), f.clock, f.at}
}

// apart is a recorder in a process of its own.
type apart struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *json.Decoder
}

// startApart starts it; it ends when it is stopped, or when this process ends.
func startApart(t *testing.T, o recorderOrder) *apart {
	t.Helper()
	data, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	var same recorderOrder
	if err := json.Unmarshal(data, &same); err != nil || !reflect.DeepEqual(same.Config, o.Config) {
		t.Fatalf("the setup cannot be handed over: %v\n%+v\n%+v", err, same.Config, o.Config)
	}
	file := filepath.Join(t.TempDir(), "order.json")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	a := &apart{cmd: exec.CommandContext(t.Context(), self)}
	a.cmd.Env = append(os.Environ(), recorderEnv+"="+file)
	a.cmd.Stderr = testWriter{t}
	in, err := a.cmd.StdinPipe()
	out, err2 := a.cmd.StdoutPipe()
	if err := cmp.Or(err, err2); err != nil {
		t.Fatal(err)
	}
	a.in, a.out = in, json.NewDecoder(out)
	if err := a.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return a
}

func (a *apart) sample() (s sample, err error) {
	if _, err := io.WriteString(a.in, "\n"); err != nil {
		return s, err
	}
	return s, a.out.Decode(&s)
}

// stop ends it in order.
func (a *apart) stop() error {
	_ = a.in.Close()
	return a.cmd.Wait()
}
