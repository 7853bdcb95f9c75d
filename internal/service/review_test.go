package service_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/webdav"

	"callreel/ingest"
	"callreel/internal/callcheck"
	"callreel/internal/catalog"
	"callreel/internal/clock"
	"callreel/internal/pbx"
	"callreel/internal/pbxsim"
	"callreel/internal/recording"
	"callreel/internal/service"
)

// These tests hold the promise that nothing is lost silently against what goes
// wrong between the steps rather than in them.

const lonely = recording.ConfID("c03a55c2e909d311b6450090331b3e3b")

// plain is a setup without a PBX: a folder as inbox, one agent by number.
func plain(t *testing.T) service.Config {
	t.Helper()
	dir := t.TempDir()
	cfg := service.DefaultConfig()
	cfg.Catalog, cfg.Keys.File = filepath.Join(dir, "callreel.db"), filepath.Join(dir, "callreel.keys")
	cfg.Archive.Path, cfg.Spool = filepath.Join(dir, "archive"), filepath.Join(dir, "spool")
	cfg.Receiver.Listen, cfg.Player.Listen = "127.0.0.1:0", ""
	cfg.CDR.FirstWait = pbx.Duration(50 * time.Millisecond)
	cfg.CDR.Settle, cfg.CDR.DiscardSettle = pbx.Duration(50*time.Millisecond), pbx.Duration(100*time.Millisecond)
	cfg.Agent = []service.AgentConfig{{Number: "24"}}
	in := ingest.Config{}
	in.Name, in.Kind, in.Path = "card", "folder", filepath.Join(dir, "inbox")
	in.Poll, in.Settle, in.DeleteDelay = ingest.Duration(50*time.Millisecond), ingest.Duration(150*time.Millisecond), 0
	cfg.Inbox = []ingest.Config{in}
	for _, d := range []string{in.Path, cfg.Spool} {
		if err := os.MkdirAll(d, 0o750); err != nil {
			t.Fatal(err)
		}
	}
	return cfg
}

// running runs a recorder until the test ends.
func running(t *testing.T, cfg service.Config) *service.Service {
	t.Helper()
	log := slog.New(slog.NewTextHandler(testWriter{t}, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s, err := service.Open(t.Context(), cfg, service.Options{Clock: clock.System(), Log: log, Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := errors.Join(<-done, s.Close()); err != nil {
			t.Errorf("the recorder ended: %v", err)
		}
	})
	return s
}

// rows are all recordings of a conference, read beside the recorder.
func rows(t *testing.T, cfg service.Config, conf recording.ConfID) []recording.Recording {
	t.Helper()
	c, err := catalog.OpenReader(t.Context(), cfg.Catalog)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	list, err := c.ByConf(t.Context(), conf)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// waiting enters a recording in a state into a catalog that no recorder has open.
func waiting(t *testing.T, cfg service.Config, inbox string, state recording.State) recording.Recording {
	t.Helper()
	c := catalogOf(t, cfg)
	now := time.Now()
	rec, err := c.Add(t.Context(), recording.Capture{
		Source: recording.Source{Inbox: inbox, Name: string(lonely) + ".pcap"}, UID: string(lonely), Conf: lonely, SeenAt: now,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Observe(t.Context(), rec, now); err != nil {
		t.Fatal(err)
	}
	cl, err := c.Claim(t.Context(), now, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if cl.State = state; state != recording.Seen {
		cl.Capture.FetchedAt, cl.Capture.SHA256 = now, "0123456789abcdef"
	}
	if err := c.Advance(t.Context(), cl, now, time.Time{}); err != nil {
		t.Fatal(err)
	}
	return rec
}

func cdrOf(number string, conf recording.ConfID) string {
	return fmt.Sprintf(`<cdr guid="" sys="S" cn="" e164="%s" dir="to" utc="%d" local="0"><user/>`+
		`<event msg="setup-to" time="0" type="ext" e164="0012345" conf="%s"/><event msg="conn-from" time="1" e164="0012345"/></cdr>`,
		number, time.Now().Unix(), conf)
}

func post(t *testing.T, s *service.Service, body string) {
	t.Helper()
	resp, err := http.Post("http://"+s.Addr("receiver")+"/cdr", "text/xml", strings.NewReader("log-msg"+body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("the receiver answers %s", resp.Status)
	}
}

// TestInboxLeavesTheSetup restarts a recorder whose inbox was renamed while
// recordings of it waited: in every state it must go on, and say so.
func TestInboxLeavesTheSetup(t *testing.T) {
	for _, state := range []recording.State{recording.Seen, recording.Spooled, recording.Correlated} {
		t.Run(string(state), func(t *testing.T) {
			t.Parallel()
			cfg := plain(t)
			waiting(t, cfg, "renamed", state)
			s := running(t, cfg)
			post(t, s, cdrOf("31", lonely)) // of a user: to be discarded
			until(t, "it goes on", func() error {
				rec := rows(t, cfg, lonely)[0]
				if state == recording.Seen && rec.State == recording.Seen && rec.Retry.Tries > 0 {
					return nil
				}
				if state != recording.Seen && rec.State == recording.Discarded {
					return nil
				}
				return fmt.Errorf("state %s: %s", rec.State, rec.Retry.Reason)
			})
			if state == recording.Seen {
				if st := s.Lamp(service.LampPCAP); st.Light != service.Red || !strings.Contains(st.Error, "renamed") {
					t.Errorf("lamp PCAP is %s: %s", st.Light, st.Error)
				}
			}
		})
	}
}

// TestSpoolOfALostCatalog starts with an empty catalog beside a spool that holds
// the only copy of a capture.
func TestSpoolOfALostCatalog(t *testing.T) {
	cfg := plain(t)
	if err := os.WriteFile(filepath.Join(cfg.Spool, "1.pcap"), []byte("the only copy"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := running(t, cfg)
	until(t, "it is set aside", func() error {
		if st := s.Lamp(service.LampSoftware); st.Light != service.Red {
			return errors.New("lamp SOFTWARE is not red")
		}
		return nil
	})
	kept, _ := filepath.Glob(filepath.Join(cfg.Spool, "*1.pcap"))
	if len(kept) != 1 {
		t.Fatalf("the spool holds %v", kept)
	}
	if data, err := os.ReadFile(kept[0]); err != nil || string(data) != "the only copy" {
		t.Errorf("it holds %q, %v", data, err)
	}
	if filepath.Base(kept[0]) == "1.pcap" {
		t.Error("the next capture will be written over it")
	}
}

// TestServerDeniesAFileOnce has a server say 404 to one download: the file is
// there, and must neither be given up nor stay in the inbox for ever.
func TestServerDeniesAFileOnce(t *testing.T) {
	cfg := plain(t)
	dir := cfg.Inbox[0].Path
	files := &webdav.Handler{FileSystem: webdav.Dir(dir), LockSystem: webdav.NewMemLS()}
	var denied atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && denied.CompareAndSwap(false, true) {
			http.NotFound(w, r)
			return
		}
		files.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	cfg.Inbox[0].Kind, cfg.Inbox[0].Path, cfg.Inbox[0].URL = "webdav", "", server.URL
	running(t, cfg)
	if err := os.WriteFile(filepath.Join(dir, string(lonely)+".pcap"), []byte("a capture"), 0o600); err != nil {
		t.Fatal(err)
	}
	until(t, "it is fetched", func() error {
		list := rows(t, cfg, lonely)
		if !denied.Load() || len(list) != 1 || list[0].Capture.FetchedAt.IsZero() {
			return fmt.Errorf("denied %v, %d recordings: %+v", denied.Load(), len(list), list)
		}
		return callcheck.Empty(dir, ".pcap")
	})
}

// grow writes a capture into the inbox of a rig as a phone does, in two goes.
func (r *rig) grow(t *testing.T, conf recording.ConfID) {
	t.Helper()
	f, err := os.Create(filepath.Join(r.dir, "inbox", string(conf)+".pcap"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	write := func() {
		if _, err := f.Write(make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
	}
	write()
	until(t, "it is seen", func() error {
		if len(rows(t, r.cfg, conf)) == 0 {
			return errors.New("not yet")
		}
		return nil
	})
	write()
}

// quiet waits until the inbox has been listed without the file.
func (r *rig) quiet(t *testing.T) {
	t.Helper()
	r.light(t, service.LampPBX, service.Green)
	<-time.After(600 * time.Millisecond) // three listings
}

func (r *rig) ended(t *testing.T, conf recording.ConfID) recording.Recording {
	t.Helper()
	var rec recording.Recording
	until(t, "it comes to its end", func() error {
		if rec = rows(t, r.cfg, conf)[0]; !rec.State.Ended() {
			return fmt.Errorf("state %s: %s", rec.State, rec.Retry.Reason)
		}
		return nil
	})
	return rec
}

// TestEarlyDiscardAgainstEvidence has captures of which the PBX link has shown no
// agent, while something else says that one took part or may have.
func TestEarlyDiscardAgainstEvidence(t *testing.T) {
	for _, row := range []struct {
		name string
		say  func(t *testing.T, r *rig)
		want bool // discarded early
	}{
		{"nothing speaks against it", func(*testing.T, *rig) {}, true},
		{"a CDR of an agent is here", func(t *testing.T, r *rig) {
			post(t, r.s, cdrOf(pbxsimAgent(t), lonely))
		}, false},
		{"a call event could not be saved", func(t *testing.T, r *rig) {
			sqlIn(t, r.cfg.Catalog, `CREATE TRIGGER full BEFORE INSERT ON leg BEGIN SELECT raise(ABORT, 'the disk is full'); END`)
			r.s.Leg(t.Context(), "sim", recording.Leg{Agent: recording.Agent{CN: "A", PBX: "sim"}, Conf: lonely, Began: time.Now(), Ended: time.Now()})
		}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			r.quiet(t)
			r.grow(t, lonely)
			row.say(t, r)
			rec := r.ended(t, lonely)
			if early := rec.State == recording.Discarded && rec.Verdict.Early; early != row.want {
				t.Errorf("%s, early %v: %s %s", rec.State, rec.Verdict.Early, rec.Verdict.Reason, rec.Retry.Reason)
			}
		})
	}
}

func pbxsimAgent(t *testing.T) string {
	t.Helper()
	for _, u := range pbxsim.DefaultUsers() {
		if u.Agent {
			return u.Number
		}
	}
	t.Fatal("the simulated PBX has no agent")
	return ""
}

// TestUnsavedCallEventIsSavedLater: an end that is not saved would leave its call
// alive, and its capture at the source, for ever.
func TestUnsavedCallEventIsSavedLater(t *testing.T) {
	cfg := plain(t)
	s := running(t, cfg)
	leg := recording.Leg{Agent: recording.Agent{CN: "A", PBX: "p"}, Conf: lonely, Began: time.Now()}
	s.Leg(t.Context(), "p", leg)
	leg.Ended = time.Now()
	sqlIn(t, cfg.Catalog, `CREATE TRIGGER full BEFORE UPDATE ON leg BEGIN SELECT raise(ABORT, 'the disk is full'); END`)
	s.Leg(t.Context(), "p", leg)
	if st := s.Lamp(service.LampSoftware); st.Light != service.Red {
		t.Errorf("lamp SOFTWARE is %s", st.Light)
	}
	sqlIn(t, cfg.Catalog, `DROP TRIGGER full`)
	s.Leg(t.Context(), "p", recording.Leg{Agent: recording.Agent{CN: "B", PBX: "p"}, Conf: lonely[1:] + "0", Began: time.Now()})
	list, err := legsOf(t, cfg, lonely)
	if err != nil || len(list) != 1 || list[0].Ended.IsZero() {
		t.Errorf("legs = %+v, %v; want one that has ended", list, err)
	}
	if st := s.Lamp(service.LampSoftware); st.Light != service.Green {
		t.Errorf("lamp SOFTWARE is %s: %s", st.Light, st.Error)
	}
}

// legsOf are what the PBX showed live of a conference, as the catalog has it.
func legsOf(t *testing.T, cfg service.Config, conf recording.ConfID) ([]recording.Leg, error) {
	t.Helper()
	c, err := catalog.OpenReader(t.Context(), cfg.Catalog)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return c.Legs(t.Context(), conf)
}

// TestMisspeltGroup: a PBX that names no agent must not make callreel delete
// every call.
func TestMisspeltGroup(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *service.Config) { c.PBX[0].Group = "misspelt" })
	r.light(t, service.LampPBX, service.Green)
	c := r.call(t, pbxsim.ExternalToAgent)
	r.light(t, service.LampSoftware, service.Red)
	conf, err := recording.ParseConfID(c.Conf)
	if err != nil {
		t.Fatal(err)
	}
	until(t, "it waits", func() error {
		if rec := rows(t, r.cfg, conf)[0]; rec.State != recording.Correlated || rec.Capture.Spool == "" {
			return fmt.Errorf("state %s, spool %q: %s", rec.State, rec.Capture.Spool, rec.Verdict.Reason)
		}
		return nil
	})
}

// TestOtherContentUnderAFiledName has a device send a capture again, with other
// content: both are kept, under two names.
func TestOtherContentUnderAFiledName(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.light(t, service.LampPBX, service.Green)
	c := r.call(t, pbxsim.ExternalToAgent)
	file := filepath.Join(r.dir, "inbox", c.File)
	data, err := os.ReadFile(file)
	if err != nil {
		t.Skipf("the capture was gone before it could be copied: %v", err)
	}
	r.allFiled(t)
	if err := os.WriteFile(file, data[:len(data)*4/5], 0o600); err != nil {
		t.Fatal(err)
	}
	conf, _ := recording.ParseConfID(c.Conf)
	until(t, "both are filed", func() error {
		list := rows(t, r.cfg, conf)
		if len(list) != 2 || list[1].State != recording.Done {
			return fmt.Errorf("%d recordings, the last %s: %s", len(list), list[len(list)-1].State, list[len(list)-1].Retry.Reason)
		}
		if list[0].Place == list[1].Place {
			t.Fatalf("both are at %s", list[0].Place)
		}
		return nil
	})
}

// TestHoldWhileAnotherPBXIsDown: a link that is down says nothing about a call
// that the other PBX knows to be on hold.
func TestHoldWhileAnotherPBXIsDown(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *service.Config) {
		other := c.PBX[0]
		other.Name, other.URL = "branch", "http://127.0.0.1:1/PBX0/user.soap"
		c.PBX = append(c.PBX, other)
		c.Inbox[0].Settle = ingest.Duration(500 * time.Millisecond)
	})
	until(t, "the first link is up", func() error {
		if n, err := linked(t, r.cfg); err != nil || n == 0 {
			return fmt.Errorf("%d agents, %w", n, err)
		}
		return nil
	})
	c, err := r.sim.Place(t.Context(), pbxsim.Plan{Scenario: pbxsim.ExternalToAgent, Talk: 4 * time.Second, Hold: 3 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	r.calls = append(r.calls, c)
	<-c.Done()
	r.allFiled(t)
}

func linked(t *testing.T, cfg service.Config) (int, error) {
	t.Helper()
	c, err := catalog.OpenReader(t.Context(), cfg.Catalog)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	list, err := c.Agents(t.Context())
	return len(list), err
}

// TestPBXLeavesTheSetupDuringACall: nobody tells of the end of its calls any
// more, and their captures are fetched all the same.
func TestPBXLeavesTheSetupDuringACall(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *service.Config) {
		c.Inbox[0].SettleUnseen = c.Inbox[0].Settle // else ten minutes: it might be on hold
		store, err := catalog.Open(t.Context(), c.Catalog)
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		err = store.SaveLeg(t.Context(), recording.Leg{Agent: recording.Agent{CN: "A", PBX: "before"}, Conf: lonely, Began: time.Now()})
		if err != nil {
			t.Fatal(err)
		}
	})
	r.quiet(t)
	r.grow(t, lonely)
	until(t, "it is fetched", func() error {
		if rec := rows(t, r.cfg, lonely)[0]; rec.Capture.FetchedAt.IsZero() {
			return fmt.Errorf("state %s", rec.State)
		}
		return nil
	})
}

// TestFullCatalog fills the disk of the catalog in the middle of a call.
func TestFullCatalog(t *testing.T) {
	t.Parallel()
	small := t.TempDir()
	if err := exec.CommandContext(t.Context(), "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", small).Run(); err != nil {
		t.Skipf("a small file system cannot be mounted here: %v", err)
	}
	t.Cleanup(func() { unmount(t, small) })
	r := newRig(t, func(c *service.Config) { c.Catalog = filepath.Join(small, "callreel.db") })
	r.light(t, service.LampPBX, service.Green)
	c, err := r.sim.Place(t.Context(), pbxsim.Plan{Scenario: pbxsim.ExternalToAgent, Talk: 1500 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	r.calls = append(r.calls, c)
	conf, _ := recording.ParseConfID(c.Conf)
	until(t, "the call is seen", func() error {
		if l, err := legsOf(t, r.cfg, conf); err != nil || len(l) == 0 {
			return fmt.Errorf("%v, %w", l, err)
		}
		return nil
	})
	ballast := filepath.Join(small, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 2<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("the disk did not fill up: %v", err)
	}
	<-c.Done()
	r.light(t, service.LampDisk, service.Red)
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	r.allFiled(t)
	r.light(t, service.LampDisk, service.Green)
}

// TestSpoolIsHeld refuses a second recorder on the same spool: each would take the
// other's captures for leftovers.
func TestSpoolIsHeld(t *testing.T) {
	first, second := plain(t), plain(t)
	second.Spool = first.Spool
	running(t, first)
	s, err := service.Open(t.Context(), second, service.Options{Clock: clock.System(), Log: slog.New(slog.DiscardHandler)})
	if err == nil {
		t.Fatal("a second recorder opened the spool", s.Close())
	}
	if !strings.Contains(err.Error(), "held by another") {
		t.Errorf("the refusal says %v", err)
	}
}

// TestKeyRingIsExchanged starts with another key ring than the one the recordings
// are sealed with.
func TestKeyRingIsExchanged(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.light(t, service.LampPBX, service.Green)
	r.call(t, pbxsim.ExternalToAgent)
	r.allFiled(t)
	other := r.cfg
	copied := plain(t)
	other.Archive.Path, other.Archive.Backup, other.Spool, other.Catalog = copied.Archive.Path, "", copied.Spool, copied.Catalog
	other.Keys.File, other.PBX, other.Agent, other.Inbox = copied.Keys.File, nil, copied.Agent, copied.Inbox
	if err := os.CopyFS(other.Archive.Path, os.DirFS(r.cfg.Archive.Path)); err != nil {
		t.Fatal(err)
	}
	conf, _ := recording.ParseConfID(r.calls[0].Conf)
	filed := rows(t, r.cfg, conf)[0]
	put(t, other, filed)
	if _, made, err := service.EnsureRing(other.Keys.File); err != nil || !made {
		t.Fatalf("another key ring: made %v, %v", made, err)
	}
	s := running(t, other)
	until(t, "lamp SOFTWARE", func() error {
		if st := s.Lamp(service.LampSoftware); st.Light != service.Red || !strings.Contains(st.Error, "key ring") {
			return fmt.Errorf("it is %s: %s", st.Light, st.Error)
		}
		return nil
	})
}

// put enters a filed recording into a catalog that no recorder has open.
func put(t *testing.T, cfg service.Config, rec recording.Recording) {
	t.Helper()
	c := catalogOf(t, cfg)
	added, err := c.Add(t.Context(), rec.Capture)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	if err := c.Observe(t.Context(), added, now); err != nil {
		t.Fatal(err)
	}
	cl, err := c.Claim(t.Context(), now, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	id := cl.ID
	cl.Recording = rec
	cl.ID, cl.State = id, recording.Done
	if err := c.Advance(t.Context(), cl, time.Time{}, time.Time{}); err != nil {
		t.Fatal(err)
	}
}

// TestQuarantineLampHeals: once the late CDR has come there is nothing left to
// look at.
func TestQuarantineLampHeals(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *service.Config) { c.CDR.LastWait = pbx.Duration(100 * time.Millisecond) })
	r.light(t, service.LampPBX, service.Green)
	r.sim.SetCDRTarget("")
	r.call(t, pbxsim.ExternalToAgent)
	r.light(t, service.LampReporting, service.Red)
	r.sim.SetCDRTarget("http://" + r.s.Addr("receiver") + "/cdr")
	r.allFiled(t)
	r.light(t, service.LampReporting, service.Green)
}

// TestTwoInboxesShowOneFolder files the calls of a folder once, by whichever way
// they come first.
func TestTwoInboxesShowOneFolder(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *service.Config) {
		twin := c.Inbox[0]
		twin.Name = "twin"
		c.Inbox = append(c.Inbox, twin)
	})
	r.light(t, service.LampPBX, service.Green)
	for range 3 {
		r.call(t, pbxsim.ExternalToAgent)
	}
	until(t, "the inbox is empty", func() error { return callcheck.Empty(filepath.Join(r.dir, "inbox"), ".pcap") })
	for _, call := range r.calls {
		conf, _ := recording.ParseConfID(call.Conf)
		until(t, "all come to an end", func() error {
			for _, rec := range rows(t, r.cfg, conf) {
				if !rec.State.Ended() {
					return fmt.Errorf("recording %d is %s", rec.ID, rec.State)
				}
			}
			return nil
		})
	}
	r.allFiled(t)
}

// TestCaptureVanishesBeforeItIsFetchedAgain: the copy of before is better than
// nothing.
func TestCaptureVanishesBeforeItIsFetchedAgain(t *testing.T) {
	cfg := plain(t)
	cfg.Inbox[0].DeleteDelay = 0
	rec := waiting(t, cfg, "card", recording.Spooled)
	c, err := catalog.Open(t.Context(), cfg.Catalog)
	if err != nil {
		t.Fatal(err)
	}
	cl, err := c.Claim(t.Context(), time.Now(), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	cl.Capture.Spool = "1.pcap"
	if err := c.Advance(t.Context(), cl, time.Now(), time.Time{}); err != nil {
		t.Fatal(err)
	}
	if ok, err := c.Refetch(t.Context(), rec.ID); !ok || err != nil {
		t.Fatal(ok, err)
	}
	if err := errors.Join(c.Close(), os.WriteFile(filepath.Join(cfg.Spool, "1.pcap"), []byte("a copy"), 0o600)); err != nil {
		t.Fatal(err)
	}
	running(t, cfg)
	until(t, "the copy goes on", func() error {
		got := rows(t, cfg, lonely)[0]
		if got.State != recording.Quarantined || got.Capture.Spool == "" || !got.Capture.SourceGone {
			return fmt.Errorf("%s, spool %q: %s", got.State, got.Capture.Spool, got.Retry.Reason)
		}
		return nil
	})
}
