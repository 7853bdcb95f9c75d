package service_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"callreel/ingest"
	"callreel/internal/callcheck"
	"callreel/internal/catalog"
	"callreel/internal/clock"
	"callreel/internal/pbx"
	"callreel/internal/pbxsim"
	"callreel/internal/recording"
	"callreel/internal/service"
)

// soak is a recorder that is stopped and started while faults come and go.
type soak struct {
	dir   string
	cfg   service.Config
	clock clock.Clock
	whole bool // the recorder is not stopped by chaos
	sim   *pbxsim.Sim
	feed  *feed
	log   *slog.Logger

	stop    func() error // of the recorder that runs
	made    map[string]int
	numbers map[string]string // of all users, by name
}

// TestSoak plays calls of all kinds in scaled time to a recorder under random faults of
// every kind and restarts, and wants every call filed once and for its own agent, or
// ended with a reason, and a line in the ledger for each with what was played. In the
// ordinary run it is short; CALLREEL_SOAK gives the number of calls, CALLREEL_SOAK_SCALE how
// many times faster time goes.
//
// It runs alone in its package: at 20 times the speed of time the records of one call come
// 50 ms apart, and what else wants the processor pulls them further apart than any PBX does.
func TestSoak(t *testing.T) {
	calls, scale, every := 120, 20.0, 4*time.Second
	if n, err := strconv.Atoi(os.Getenv("CALLREEL_SOAK")); err == nil && n > 1 {
		calls, scale, every = n, 40, 4*time.Second
	}
	if x, err := strconv.ParseFloat(os.Getenv("CALLREEL_SOAK_SCALE"), 64); err == nil && x >= 1 && x <= 100 {
		scale = x
	}
	s := newSoak(t, clock.Scaled(scale), 40)
	s.start(t)
	ctx, cancel := context.WithCancel(t.Context())
	chaos := make(chan error, 1)
	go func() { chaos <- s.chaos(ctx, t, 6) }()
	began := time.Now()
	placed, err := s.sim.Traffic(t.Context(), pbxsim.TrafficPlan{
		Calls: calls, Every: every, MinRing: time.Second, MaxRing: 5 * time.Second,
		MinTalk: 5 * time.Second, MaxTalk: 25 * time.Second, Odd: true, Scenes: scenes(t),
	})
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-chaos; err != nil {
		t.Fatal(err)
	}
	s.mend()
	s.end(t, placed)
	if err := s.stop(); err != nil {
		t.Error(err)
	}
	t.Logf("%d calls, %.0f s at scale %.0f; faults made: %v", calls, time.Since(began).Seconds(), scale, s.made)
}

// mend ends all faults.
func (s *soak) mend() {
	for _, f := range pbxsim.AllFaults() {
		s.sim.Fault(f, false)
	}
	s.feed.set(feedBoth)
	s.sim.SetCDRTarget(s.feed.url)
	s.sim.SetClockOffset(0)
}

// newSoak makes all but the recorder; so many scenes can be played at once.
func newSoak(t *testing.T, clk clock.Clock, casts int) *soak {
	t.Helper()
	s := &soak{dir: t.TempDir(), clock: clk, made: map[string]int{}}
	for _, dir := range []string{"inbox", "backup"} {
		if err := os.MkdirAll(filepath.Join(s.dir, dir), 0o750); err != nil {
			t.Fatal(err)
		}
	}
	s.log = slog.New(slog.NewTextHandler(testWriter{t}, &slog.HandlerOptions{Level: slog.LevelWarn}))
	var users []pbxsim.User
	for i := range 90 {
		users = append(users, pbxsim.User{
			CN: fmt.Sprintf("User %02d", i), Number: strconv.Itoa(100 + i), H323: fmt.Sprintf("user%02d", i), Agent: i%3 != 0,
			Site: []string{"", "", "north", "south"}[i%4],
		})
	}
	users = append(users, pbxsim.SceneUsers(casts)...)
	sim, err := pbxsim.Start(t.Context(), pbxsim.Config{
		InboxDir: filepath.Join(s.dir, "inbox"), Users: users, CDRDelay: 3 * time.Second, CDRLateBy: 20 * time.Second,
		PollHold: time.Second, Clock: s.clock, Seed: 11, Standby: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	s.sim, s.numbers = sim, map[string]string{}
	for _, u := range users {
		s.numbers[u.CN] = u.Number
	}
	s.cfg = setup(s.dir, sim)
	s.cfg.Receiver.Listen, s.cfg.Player.Listen = takeAddr(t), ""
	s.feed = newFeed(t, "http://"+s.cfg.Receiver.Listen+"/cdr")
	s.cfg.Reporting = []pbx.ReportingConfig{{Name: "ap", URL: s.feed.url + "?conf={conf}", Timeout: pbx.Duration(time.Second)}}
	s.cfg.CDR, s.cfg.Workers = service.DefaultConfig().CDR, 3
	s.cfg.CDR.LastWait, s.cfg.CDR.DiscardSettle = pbx.Duration(5*time.Minute), pbx.Duration(4*time.Minute)
	in := &s.cfg.Inbox[0]
	in.Poll, in.Settle = ingest.Duration(40*time.Second), 0 // scaled; the default
	in.RecordedOn, in.Swap = recording.OnGateway, true      // as the scenes say; the device's sides are a phone's
	sim.SetCDRTarget(s.feed.url)
	return s
}

func takeAddr(t *testing.T) string {
	t.Helper()
	ln := mustListen(t)
	defer ln.Close()
	return ln.Addr().String()
}

func (s *soak) start(t *testing.T) {
	t.Helper()
	var r *service.Service
	until(t, "recorder starts", func() (err error) {
		r, err = service.Open(t.Context(), s.cfg, service.Options{Clock: s.clock, Log: s.log, Version: "soak"})
		return err
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	s.stop = func() error {
		cancel()
		return errors.Join(<-done, r.Close())
	}
}

// chaos makes one fault after the other until ctx is done.
func (s *soak) chaos(ctx context.Context, t *testing.T, seed uint64) error {
	random := rand.New(rand.NewPCG(5, seed))
	faults := slices.DeleteFunc(pbxsim.AllFaults(), func(f pbxsim.Fault) bool {
		return f == pbxsim.InboxFull // then the phones cannot deliver; nothing of ours
	})
	random.Shuffle(len(faults), func(a, b int) { faults[a], faults[b] = faults[b], faults[a] })
	next := 0
	for i := 0; ctx.Err() == nil; i++ {
		if i%5 == 0 {
			s.made["PBX's clock set"]++
			s.sim.SetClockOffset(time.Duration(random.IntN(120)-60) * time.Second)
		}
		wait := time.Duration(100+random.IntN(600)) * time.Millisecond
		turn := i % 9
		if turn == 8 && s.whole {
			turn = 0
		}
		switch turn {
		case 8:
			s.made["recorder restarted"]++
			if err := s.stop(); err != nil {
				return err
			}
			rest(ctx, wait)
			s.start(t)
		case 4:
			s.made["CDRs held back"]++
			s.sim.SetCDRTarget("")
			rest(ctx, wait)
			s.sim.SetCDRTarget(s.feed.url)
		case 2, 6:
			f := []feedFault{feedReportingDown, feedReportingCut, feedReportingOnly}[random.IntN(3)]
			s.made[string(f)]++
			s.feed.set(f)
			rest(ctx, wait)
			s.feed.set(feedBoth)
		default:
			f := faults[next%len(faults)] // each in turn
			next++
			s.made[string(f)]++
			s.sim.Fault(f, true)
			rest(ctx, wait)
			s.sim.Fault(f, false)
		}
		rest(ctx, wait/2)
	}
	return nil
}

func rest(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// end waits until all is filed and holds it against what was played.
func (s *soak) end(t *testing.T, calls []*pbxsim.Call) {
	t.Helper()
	limit, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	if err := s.sim.Wait(limit); err != nil {
		t.Fatal(err)
	}
	ring, err := service.ReadRing(s.cfg.Keys.File)
	if err != nil {
		t.Fatal(err)
	}
	c, err := catalog.OpenReader(t.Context(), s.cfg.Catalog)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	finished(t, c)
	ended := s.reasons(t, c)
	others := s.ledger(t, c, calls)
	for _, folder := range []string{s.cfg.Archive.Path, s.cfg.Archive.Backup} {
		if err := callcheck.Calls(folder, ring, calls); err != nil {
			for line := range strings.Lines(err.Error()) {
				if !excused(line, ended) && !s.keptInDoubt(line, calls) && !forAnother(line, others) {
					t.Error(strings.TrimSpace(line))
				}
			}
		}
	}
}

// finished waits until nothing is open, as long as it goes on.
func finished(t *testing.T, c *catalog.Catalog) {
	t.Helper()
	for before := -1; ; {
		var left int
		until(t, "the work goes on", func() (err error) {
			left, err = c.OpenWork(t.Context())
			if err == nil && left > 0 && left == before {
				err = fmt.Errorf("%d recordings have work left", left)
			}
			return err
		})
		if left == 0 {
			return
		}
		before = left
	}
}

// reasons are those recordings that ended otherwise than filed or not kept,
// with why; each is allowed only with a reason.
func (s *soak) reasons(t *testing.T, c *catalog.Catalog) map[string]string {
	t.Helper()
	list, err := c.Aside(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, rec := range list {
		if rec.Retry.Reason == "" {
			t.Errorf("recording %d ended as %s without a reason", rec.ID, rec.State)
		}
		out[string(rec.Capture.Conf)] = rec.Retry.Reason
	}
	return out
}

// keptInDoubt reports whether a complaint is of a call that should not have been kept,
// and was because records that prove it did not come.
func (s *soak) keptInDoubt(line string, calls []*pbxsim.Call) bool {
	return strings.Contains(line, "filed, but it is not to be kept") && slices.ContainsFunc(calls, func(c *pbxsim.Call) bool {
		return strings.Contains(line, c.Conf) && (c.RecordsLost() || s.feed.held(c.Conf))
	})
}

// excused reports whether a complaint is that a call is not filed, and it has ended
// otherwise with a reason.
func excused(line string, ended map[string]string) bool {
	for conf := range ended {
		if strings.Contains(line, conf) && strings.Contains(line, "filed 0 times") {
			return true
		}
	}
	return false
}

// forAnother reports whether a complaint is of whose a call is, and nothing that came named
// the agent whose it was.
func forAnother(line string, others map[string]bool) bool {
	of, what, _ := strings.Cut(line, ": ")
	for conf := range others {
		if strings.Contains(of, conf) {
			for _, start := range []string{"agent is ", "internal number is ", "external number is ", "direction is ", "rang "} {
				if strings.HasPrefix(what, start) {
					return true
				}
			}
		}
	}
	return false
}
