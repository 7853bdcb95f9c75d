package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"callreel/ingest"
	"callreel/internal/catalog"
	"callreel/internal/clock"
	"callreel/internal/recording"
)

// Captures of one content are filed one after the other, each after the one before is
// saved; others are not kept waiting, and who is stopped waits no longer.
func TestFilingOfOneContent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var f filing
		began := time.Now()
		if err := errors.Join(f.begin(t.Context(), 1, "a"), f.begin(t.Context(), 2, "b")); err != nil || time.Since(began) > 0 {
			t.Fatalf("%v after %v", err, time.Since(began))
		}
		turns := make(chan time.Duration, 2)
		for _, id := range []recording.ID{3, 4} {
			go func() {
				if err := f.begin(t.Context(), id, "a"); err != nil {
					t.Error(err)
				}
				turns <- time.Since(began)
				time.Sleep(time.Second)
				f.end(id)
			}()
		}
		gone, cancel := context.WithTimeoutCause(t.Context(), time.Second, errStopped)
		defer cancel()
		if err := f.begin(gone, 5, "a"); !errors.Is(err, errStopped) {
			t.Errorf("a stopped one: %v", err)
		}
		f.end(9) // has none
		f.end(2)
		f.end(1)
		got := []time.Duration{<-turns, <-turns}
		if want := []time.Duration{time.Second, 2 * time.Second}; !slices.Equal(got, want) {
			t.Errorf("the turns began after %v, want %v", got, want)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		f.mu.Lock()
		defer f.mu.Unlock()
		if len(f.busy) != 0 {
			t.Errorf("turns left: %v", f.busy)
		}
	})
}

var errStopped = errors.New("stopped")

// filingHeld holds one recording where it is filed and not saved yet.
type filingHeld struct {
	slog.Handler
	id    recording.ID
	armed atomic.Bool
	filed chan struct{} // closed when it is so far
	goOn  chan struct{}
}

// Handle arms the hold when the step begins that files.
func (h *filingHeld) Handle(_ context.Context, r slog.Record) error {
	said := map[string]string{}
	r.Attrs(func(a slog.Attr) bool { said[a.Key] = a.Value.String(); return true })
	if r.Message == "step begins" && said["step"] == "file" && said["id"] == fmt.Sprint(h.id) {
		h.armed.Store(true)
	}
	return nil
}

func (h *filingHeld) Enabled(context.Context, slog.Level) bool { return true }

// Now holds who asks for the time next, which the step does when all is done.
func (h *filingHeld) Now() time.Time {
	if h.armed.CompareAndSwap(true, false) {
		close(h.filed)
		<-h.goOn
	}
	return time.Now()
}

// TestOneContentIsFiledOnce: of two captures of the same content, fetched at the same
// moment from two inboxes, one is filed and the other is not kept, also if the older one
// was saved as fetched only after the younger had looked for it, and comes to be filed
// while that is filed and not saved yet.
func TestOneContentIsFiledOnce(t *testing.T) {
	t.Parallel()
	capture, err := os.ReadFile(filepath.Join("..", "..", "convert", "testdata", "call1_alaw.pcap.gz"))
	if err != nil {
		t.Fatal(err)
	}
	const older, younger = 1, 2
	hold := &filingHeld{Handler: slog.DiscardHandler, id: younger, filed: make(chan struct{}), goOn: make(chan struct{})}
	clk := clock.System()
	clk.Now = hold.Now
	s := openedWith(t, func(c *Config) {
		for _, name := range []string{"a", "b"} {
			in := ingest.Config{}
			in.Name, in.Kind, in.Path = name, "folder", t.TempDir()
			c.Inbox = append(c.Inbox, in)
		}
	}, Options{Clock: clk, Log: slog.New(hold), Version: "test"})
	ctx := t.Context()
	for _, inbox := range []string{"a", "b"} {
		if _, err := s.catalog.Add(ctx, recording.Capture{
			Source: recording.Source{Inbox: inbox, Name: "c03a55c2d309e311a0b500903306225f.pcap"}, UID: "c03a55c2d309e311a0b500903306225f", Conf: "c03a55c2d309e311a0b500903306225f", SeenAt: time.Now(),
		}); err != nil {
			t.Fatal(err)
		}
	}
	// fetched takes a recording to where it is to be filed.
	fetched := func(id recording.ID) (cl catalog.Claimed) {
		t.Helper()
		rec, err := s.catalog.Get(ctx, id)
		if err == nil {
			err = s.catalog.Observe(ctx, rec, time.Now())
		}
		if err == nil {
			cl, err = s.catalog.Claim(ctx, time.Now(), time.Hour)
		}
		if err != nil || cl.ID != id {
			t.Fatalf("recording %d: %+v, %v", id, cl.ID, err)
		}
		cl.State, cl.Capture.SHA256, cl.Capture.Spool, cl.Capture.FetchedAt = recording.Decided, strings.Repeat("ab", 32), fmt.Sprintf("%d.pcap", id), time.Now()
		cl.Verdict = recording.Verdict{Decision: recording.Keep, Owner: recording.Agent{E164: "24"}, Internal: "24", Direction: recording.In, Rule: "agent-took-part"}
		if err := errors.Join(os.WriteFile(filepath.Join(s.cfg.Spool, cl.Capture.Spool), capture, 0o600), s.catalog.Keep(ctx, &cl, time.Now().Add(time.Hour), time.Time{})); err != nil {
			t.Fatal(err)
		}
		return cl
	}
	advance := func(cl catalog.Claimed) <-chan error {
		done := make(chan error, 1)
		go func() {
			done <- s.advance(ctx, cl)
			close(done)
		}()
		return done
	}
	first := advance(fetched(younger))
	<-hold.filed
	second := advance(fetched(older))
	select {
	case err := <-second:
		t.Errorf("the older one did not wait for the younger to be saved: %v", err)
	case <-time.After(300 * time.Millisecond):
	}
	close(hold.goOn)
	for _, done := range []<-chan error{first, second} {
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("does not end")
		}
	}
	kept, err := s.catalog.Get(ctx, younger)
	if err != nil || kept.Place == "" {
		t.Errorf("the younger one is %s, %q, %v", kept.State, kept.Place, err)
	}
	other, err := s.catalog.Get(ctx, older)
	if err != nil || other.State != recording.Discarded || other.Verdict.Rule != recording.SameFile || !strings.Contains(other.Verdict.Reason, "recording 2 ") {
		t.Errorf("the older one is %s by %q: %s, %v", other.State, other.Verdict.Rule, other.Verdict.Reason, err)
	}
	months, err := s.archive.Months(ctx)
	if err != nil || len(months) != 1 {
		t.Fatalf("%q, %v", months, err)
	}
	if pairs, err := s.archive.List(ctx, months[0]); err != nil || len(pairs) != 1 {
		t.Errorf("%+v, %v", pairs, err)
	}
}
