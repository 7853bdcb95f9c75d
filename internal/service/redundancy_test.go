package service_test

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
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

// hurry is how many times faster time goes in the scenes of redundancy.
const hurry = 20

// pair is a whole office with a pair of PBXes, of which machines are killed while
// calls are ringing, up, on hold and being transferred.
type pair struct {
	*rig
	clock    clock.Clock
	main     *reporting // Reporting servers, where the scene has some
	standby  *reporting
	moved    string // the conference that a call was transferred to
	lostCDRs bool   // records of the calls at the moment of the kill are lost with it
}

// reporting is a Reporting server that can be killed.
type reporting struct {
	office
	*httptest.Server
	dead bool
}

func newReporting(t *testing.T) *reporting {
	t.Helper()
	r := &reporting{}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

// ServeHTTP breaks every connection while the server is dead.
func (r *reporting) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	dead := r.dead
	r.mu.Unlock()
	if dead && req.Method != http.MethodPost {
		panic(http.ErrAbortHandler)
	}
	r.office.ServeHTTP(w, req)
}

func (r *reporting) kill(dead bool) {
	r.mu.Lock()
	r.dead = dead
	r.mu.Unlock()
	if dead {
		r.CloseClientConnections()
	}
}

func (r *reporting) host() string { return strings.TrimPrefix(r.URL, "http://") }

// switchover is a scene: what is killed in the middle of calls, and what must show.
type switchover struct {
	name    string
	reports bool // CDRs come by a pair of Reporting servers alone
	setup   func(*pair, *service.Config)
	before  func(*testing.T, *pair) // when the recorder runs
	kill    func(*testing.T, *pair)
	during  func(*testing.T, *pair) // while it is dead
	back    func(*testing.T, *pair) // nil: it stays dead
	after   func(*testing.T, *pair) // when all is filed

	lamp service.Lamp // becomes red; empty: none does
	says string       // the lamp's error, or a part of it
	stb  bool         // in the end the PBX's standby address is in use
}

// killMain kills the main PBX: nobody knows the calls that go on.
func killMain(_ *testing.T, p *pair) {
	p.sim.Fault(pbxsim.PBXDown, true)
	p.sim.ForgetCalls()
}

func mainBack(_ *testing.T, p *pair) { p.sim.Fault(pbxsim.PBXDown, false) }

// showsPBX waits until the status shows the PBX up, and which of its addresses is used.
func showsPBX(standby bool) func(*testing.T, *pair) {
	return func(t *testing.T, p *pair) {
		t.Helper()
		want := "PBX sim: up, " + map[bool]string{false: "ACT", true: "STB"}[standby]
		until(t, "the status shows the address in use", func() error {
			st := p.s.Status(t.Context())
			if text := st.Text(time.UTC, 0); !strings.Contains(text, want) {
				return fmt.Errorf("no %q in\n%s", want, text)
			}
			return nil
		})
	}
}

// asked is what the error of a PBX that dies names: whatever it was asked just then, a poll
// mostly, or whether it is there.
const asked = "/PBX0/user.soap"

func switchovers() []switchover {
	return []switchover{
		{
			name: "the main PBX dies and stays dead", kill: killMain, during: showsPBX(true),
			lamp: service.LampPBX, says: asked, stb: true,
		},
		{
			name: "the main PBX dies and comes back", kill: killMain, during: showsPBX(true), back: mainBack,
			lamp: service.LampPBX, says: asked, stb: true,
		},
		{
			name:   "the standby PBX wakes up some time after the main one has died",
			before: func(_ *testing.T, p *pair) { p.sim.Fault(pbxsim.StandbyDown, true) },
			kill:   killMain,
			during: func(t *testing.T, p *pair) { p.pass(t, 40*time.Second); p.light(t, service.LampPBX, service.Red) },
			back:   func(_ *testing.T, p *pair) { p.sim.Fault(pbxsim.StandbyDown, false) },
			lamp:   service.LampPBX, says: "connection", stb: true,
		},
		{
			name: "both PBXes are dead for four minutes, then the main one is back",
			kill: func(t *testing.T, p *pair) {
				killMain(t, p)
				p.sim.Fault(pbxsim.StandbyDown, true)
				p.sim.SetCDRTarget("")
			},
			during: func(t *testing.T, p *pair) { p.pass(t, 4*time.Minute); p.light(t, service.LampPBX, service.Red) },
			back: func(t *testing.T, p *pair) {
				mainBack(t, p)
				p.light(t, service.LampPBX, service.Green)
				p.sim.SetCDRTarget(p.records(t))
			},
			lamp: service.LampPBX, says: "connection",
		},
		{
			name:   "the standby PBX dies while the main one works",
			kill:   func(_ *testing.T, p *pair) { p.sim.Fault(pbxsim.StandbyDown, true) },
			during: showsPBX(false),
			back:   func(_ *testing.T, p *pair) { p.sim.Fault(pbxsim.StandbyDown, false) },
		},
		{
			name: "the standby PBX dies while it is in use, and the main one is back",
			before: func(t *testing.T, p *pair) {
				p.sim.Fault(pbxsim.PBXDown, true)
				showsPBX(true)(t, p)
				p.sim.Fault(pbxsim.PBXDown, false)
			},
			kill: func(_ *testing.T, p *pair) {
				p.sim.Fault(pbxsim.StandbyDown, true)
				p.sim.ForgetCalls()
			},
			during: showsPBX(false), lamp: service.LampPBX, says: asked,
		},
		{
			name: "the records of the calls die with the main PBX", kill: killMain, during: showsPBX(true), stb: true,
			setup: func(p *pair, _ *service.Config) { p.lostCDRs = true },
			lamp:  service.LampPBX, says: asked,
		},
		{
			name: "the inbox's server dies in the middle of a fetch, and its standby has the same files",
			setup: func(p *pair, c *service.Config) {
				c.Inbox[0].Standby, c.Inbox[0].IdleTimeout = p.sim.InboxStandbyHost(), ingest.Duration(20*time.Second)
			},
			before: func(_ *testing.T, p *pair) { p.sim.Fault(pbxsim.InboxCutBody, true) },
			kill:   killInbox,
			during: func(t *testing.T, p *pair) { p.addressed(t, "inbox phones", true) },
			back:   func(_ *testing.T, p *pair) { p.sim.Fault(pbxsim.InboxDown, false) },
		},
		{
			name: "main PBX, the inbox on its card and main Reporting die together; the standby ones follow", reports: true,
			setup: func(p *pair, c *service.Config) {
				c.Inbox[0].Standby, c.Inbox[0].FollowPBX = p.sim.InboxStandbyHost(), true
				c.Reporting[0].FollowPBX = true
			},
			kill: func(t *testing.T, p *pair) {
				p.sim.Fault(pbxsim.InboxDown, true)
				p.main.kill(true)
				killMain(t, p)
			},
			during: func(t *testing.T, p *pair) {
				showsPBX(true)(t, p)
				p.addressed(t, "inbox phones", true)
			},
			back: func(t *testing.T, p *pair) {
				p.main.kill(false)
				p.sim.Fault(pbxsim.InboxDown, false)
				mainBack(t, p)
				p.sim.Fault(pbxsim.StandbyDown, true) // the office goes back to the main one
				showsPBX(false)(t, p)
				p.addressed(t, "inbox phones", false)
			},
			after: func(t *testing.T, p *pair) { p.addressed(t, "Reporting ap", false) },
			lamp:  service.LampPBX, says: asked,
		},
		{
			name: "main Reporting dies and stays dead", reports: true,
			kill:  func(_ *testing.T, p *pair) { p.main.kill(true) },
			after: func(t *testing.T, p *pair) { p.addressed(t, "Reporting ap", true) },
		},
		{
			name: "both Reporting servers and the main PBX are dead", reports: true,
			kill: func(t *testing.T, p *pair) {
				p.main.kill(true)
				p.standby.kill(true)
				killMain(t, p)
			},
			during: func(t *testing.T, p *pair) {
				showsPBX(true)(t, p)
				p.light(t, service.LampReporting, service.Red)
			},
			back: func(_ *testing.T, p *pair) { p.standby.kill(false) },
			lamp: service.LampReporting, stb: true,
		},
		{
			name: "the archive's disk goes while the main PBX dies",
			kill: func(t *testing.T, p *pair) { p.takeDisk(t, p.cfg.Archive.Path); killMain(t, p) },
			during: func(t *testing.T, p *pair) {
				showsPBX(true)(t, p)
				p.light(t, service.LampDisk, service.Red)
			},
			back: func(t *testing.T, p *pair) { p.giveDisk(t, p.cfg.Archive.Path) },
			lamp: service.LampDisk, says: "archive", stb: true,
		},
		{
			name: "the backup's disk goes while the main PBX dies",
			kill: func(t *testing.T, p *pair) { p.takeDisk(t, p.cfg.Archive.Backup); killMain(t, p) },
			during: func(t *testing.T, p *pair) {
				showsPBX(true)(t, p)
				p.light(t, service.LampBackup, service.Red)
			},
			back: func(t *testing.T, p *pair) { p.giveDisk(t, p.cfg.Archive.Backup) },
			lamp: service.LampBackup, says: "backup", stb: true,
		},
	}
}

// killInbox kills the drop directory's server when its connection has broken in the middle
// of a file.
func killInbox(t *testing.T, p *pair) {
	t.Helper()
	ended := p.place(t, pbxsim.Plan{Scenario: pbxsim.ExternalToAgent, User: "Otto Last", Talk: 4 * time.Second})
	p.calls = append(p.calls, ended)
	<-ended.Done()
	until(t, "the fetch begins", func() error {
		list, err := os.ReadDir(p.cfg.Spool)
		for _, f := range list {
			if info, err := f.Info(); err == nil && info.Size() > 1000 {
				return nil
			}
		}
		return cmp.Or(err, fmt.Errorf("the spool holds %v", list))
	})
	p.sim.Fault(pbxsim.InboxDown, true)
	p.sim.Fault(pbxsim.InboxCutBody, false)
}

// takeDisk takes a folder away as a disk does that fails: a file stands in its place.
func (p *pair) takeDisk(t *testing.T, folder string) {
	t.Helper()
	if err := errors.Join(os.Rename(folder, folder+".away"), os.WriteFile(folder, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
}

func (p *pair) giveDisk(t *testing.T, folder string) {
	t.Helper()
	if err := errors.Join(os.Remove(folder), os.Rename(folder+".away", folder)); err != nil {
		t.Fatal(err)
	}
}

// pass lets so much time of the clock pass.
func (p *pair) pass(t *testing.T, d time.Duration) {
	t.Helper()
	if !p.clock.Wait(t.Context().Done(), d) {
		t.Fatal(t.Context().Err())
	}
}

// addressed waits until the status shows which address of an inbox or a Reporting server
// is in use.
func (p *pair) addressed(t *testing.T, what string, standby bool) {
	t.Helper()
	want := what + ": " + map[bool]string{false: "ACT", true: "STB"}[standby]
	until(t, "the address in use", func() error {
		if text := p.s.Status(t.Context()).Text(time.UTC, 0); !strings.Contains(text, want) {
			return fmt.Errorf("no %q in\n%s", want, text)
		}
		return nil
	})
}

// records is where the PBX sends its records.
func (p *pair) records(t *testing.T) string {
	t.Helper()
	if p.main == nil {
		return "http://" + p.s.Addr("receiver") + "/cdr"
	}
	both := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		for _, r := range []*reporting{p.main, p.standby} { // each has all, as a replicated database
			again := req.Clone(req.Context())
			again.Body = io.NopCloser(strings.NewReader(string(body)))
			r.office.ServeHTTP(w, again)
		}
	}))
	t.Cleanup(both.Close)
	return both.URL
}

func newPair(t *testing.T, sc switchover) *pair {
	t.Helper()
	p := &pair{clock: clock.Scaled(hurry)}
	if sc.reports {
		p.main, p.standby = newReporting(t), newReporting(t)
	}
	staff := append(pbxsim.DefaultUsers(), pbxsim.User{CN: "Nora New", Number: "28", H323: "new", Agent: true},
		pbxsim.User{CN: "Otto Last", Number: "29", H323: "last", Agent: true})
	p.rig = newRigWith(t, pbxsim.Config{Standby: true, Clock: p.clock, Users: staff, UploadStep: 2 * time.Second}, func(r *rig, c *service.Config) {
		p.rig = r
		c.CDR = service.DefaultConfig().CDR
		c.CDR.LastWait, c.CDR.DiscardSettle = pbx.Duration(2*time.Minute), pbx.Duration(time.Minute)
		c.Ledger.NoCapture = pbx.Duration(2 * time.Hour) // no record that is simulated links a transfer's two conferences
		in := &c.Inbox[0]
		in.Poll, in.Settle, in.IdleTimeout = ingest.Duration(5*time.Second), 0, ingest.Duration(2*time.Second)
		in.SettleUnseen = ingest.Duration(3 * time.Minute) // longer than the hold
		if sc.reports {
			c.Receiver.Listen = ""
			c.Reporting = []pbx.ReportingConfig{{Name: "ap", URL: p.main.URL + "/?conf={conf}", Standby: p.standby.host(), Timeout: pbx.Duration(time.Second)}}
		}
		if sc.setup != nil {
			sc.setup(p, c)
		}
	})
	p.sim.SetCDRTarget(p.records(t))
	p.light(t, service.LampPBX, service.Green)
	return p
}

// begin places a call that is to be filed, or not.
func (p *pair) begin(t *testing.T, plan pbxsim.Plan) *pbxsim.Call {
	t.Helper()
	c := p.place(t, plan)
	p.calls = append(p.calls, c)
	return c
}

// at waits for a time after a call has begun.
func (p *pair) at(t *testing.T, c *pbxsim.Call, after time.Duration) {
	t.Helper()
	p.pass(t, c.Setup.Add(after).Sub(p.clock.Now()))
}

// TestRedundancy kills one machine or several of a pair in the middle of calls, in every
// way of which the manual's section on redundancy speaks: each call is filed once, for its
// agent, with every sample; the ledger has its line; a lamp has shown the fault, is green
// again, and the log names the cause.
func TestRedundancy(t *testing.T) {
	t.Parallel()
	for _, sc := range switchovers() {
		t.Run(sc.name, func(t *testing.T) {
			t.Parallel()
			sc.play(t, newPair(t, sc))
		})
	}
}

func (sc switchover) play(t *testing.T, p *pair) {
	t.Helper()
	if sc.before != nil {
		sc.before(t, p)
	}
	count := p.s.Lamp(sc.lamp).Count
	up, moves := p.inEveryState(t)
	sc.kill(t, p)
	until(t, "a transfer", func() (err error) {
		p.moved, err = p.sim.Transfer(moves)
		return err
	})
	while := p.begin(t, pbxsim.Plan{Scenario: pbxsim.ExternalToAgent, User: "Nora New", Ring: 2 * time.Second, Talk: 20 * time.Second})
	if sc.lamp != "" {
		p.red(t, sc, count)
	}
	if sc.during != nil {
		sc.during(t, p)
	}
	<-while.Done()
	if sc.back != nil {
		sc.back(t, p)
	}
	for _, c := range p.calls {
		<-c.Done()
	}
	p.begin(t, pbxsim.Plan{Scenario: pbxsim.AgentToExternal, User: "Anna Rossi", Ring: 2 * time.Second, Talk: 10 * time.Second})
	if p.lostCDRs {
		p.inQuarantine(t, up)
	}
	p.filed(t)
	p.accounted(t)
	showsPBX(sc.stb)(t, p)
	if sc.after != nil {
		sc.after(t, p)
	}
	for _, lamp := range p.s.Lamps() {
		if !p.lostCDRs || lamp.Lamp != service.LampReporting { // which tells of the quarantine
			p.light(t, lamp.Lamp, service.Green)
		}
	}
}

// inEveryState places calls, and returns when one is ringing, some are up, one of them
// soon to be transferred, and one is on hold.
func (p *pair) inEveryState(t *testing.T) (up, moves *pbxsim.Call) {
	t.Helper()
	const brief = 2 * time.Second
	up = p.begin(t, pbxsim.Plan{Scenario: pbxsim.AgentToExternal, User: "Jürgen Müller", Ring: brief, Talk: 100 * time.Second, NoCDR: p.lostCDRs})
	p.begin(t, pbxsim.Plan{Scenario: pbxsim.ExternalToAgent, User: "Anna Rossi", Ring: 50 * time.Second, Talk: 40 * time.Second})
	p.begin(t, pbxsim.Plan{Scenario: pbxsim.ExternalToAgent, User: "Mary Example", Ring: brief, Talk: 120 * time.Second, Hold: 90 * time.Second})
	moves = p.begin(t, pbxsim.Plan{Scenario: pbxsim.AgentToExternal, User: "Luca Bianchi", Ring: brief, Talk: 100 * time.Second})
	p.begin(t, pbxsim.Plan{Scenario: pbxsim.ExternalToUser, User: "Reception", Ring: brief, Talk: 36 * time.Second})
	p.at(t, up, 30*time.Second)
	return up, moves
}

// red waits until the lamp has been red since, and the log tells why.
func (p *pair) red(t *testing.T, sc switchover, count int) {
	t.Helper()
	until(t, fmt.Sprintf("lamp %s shows the fault", sc.lamp), func() error {
		if p.s.Lamp(sc.lamp).Count == count {
			return errors.New("it has not been red")
		}
		for _, line := range p.log(t, "error") {
			if strings.Contains(line, "lamp="+string(sc.lamp)) && strings.Contains(line, sc.says) {
				return nil
			}
		}
		return fmt.Errorf("the log says nothing of %s with %q:\n%s", sc.lamp, sc.says, strings.Join(p.log(t, "error"), "\n"))
	})
}

// inQuarantine waits until a call whose records are lost is put aside with the cause.
func (p *pair) inQuarantine(t *testing.T, c *pbxsim.Call) {
	t.Helper()
	until(t, "quarantine", func() error {
		list, err := recordingsOf(t, p.cfg, c.Conf)
		if err == nil && (len(list) != 1 || list[0].State != recording.Quarantined) {
			err = fmt.Errorf("%d recordings of conference %s", len(list), c.Conf)
		}
		if err == nil && !strings.Contains(list[0].Retry.Reason, "PBX sim") {
			err = fmt.Errorf("the reason does not name the PBX: %s", list[0].Retry.Reason)
		}
		return err
	})
}

// filed is allFiled, but that captures without records stay in the spool.
func (p *pair) filed(t *testing.T) {
	t.Helper()
	p.done(t)
	if !p.lostCDRs {
		p.allFiled(t)
		return
	}
	ring, err := service.ReadRing(p.cfg.Keys.File)
	if err != nil {
		t.Fatal(err)
	}
	until(t, "the others are filed", func() error {
		return errors.Join(callcheck.Calls(p.cfg.Archive.Path, ring, p.calls), callcheck.Calls(p.cfg.Archive.Backup, ring, p.calls))
	})
}

// done waits until the catalog has the end of all that is to be kept, which costs less to
// ask again and again than what is in the files.
func (p *pair) done(t *testing.T) {
	t.Helper()
	c, err := catalog.OpenReader(t.Context(), p.cfg.Catalog)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, call := range p.calls {
		until(t, "its recording is done", func() error {
			list, err := c.ByConf(t.Context(), recording.ConfID(call.Conf))
			if err == nil && call.Kept && (len(list) != 1 || list[0].State != recording.Done) {
				err = fmt.Errorf("call %s of %s: %d recordings", call.Conf, call.CN, len(list))
				for _, rec := range list {
					err = fmt.Errorf("%w; %s: %s", err, rec.State, rec.Retry.Reason)
				}
			}
			return err
		})
	}
}

// accounted wants a line for each agent's call, filed for him, and of the transferred call's
// second conference none that is filed.
func (p *pair) accounted(t *testing.T) {
	t.Helper()
	l := p.books(t)
	from, to := anyTime()
	until(t, "the ledger", func() error {
		list, err := l.Between(t.Context(), from, to)
		if err != nil {
			return err
		}
		lines := map[string]recording.Entry{}
		for _, e := range list {
			if _, twice := lines[string(e.Conf)]; twice {
				return fmt.Errorf("two lines of conference %s", e.Conf)
			}
			lines[string(e.Conf)] = e
		}
		for _, c := range p.calls {
			want := recording.OutcomeFiled
			if c.Plan().NoCDR {
				want = recording.OutcomeNoCDR
			}
			e, ok := lines[c.Conf]
			if isAgent := len(c.Legs) > 0; ok != isAgent || ok && (e.Outcome != want || e.Agent.CN != c.CN) {
				return fmt.Errorf("call %s of %s: line %v, %s for %s: %s", c.Conf, c.CN, ok, e.Outcome, e.Agent.CN, e.Reason)
			}
			delete(lines, c.Conf)
		}
		if lines[p.moved].Outcome == recording.OutcomeFiled {
			return errors.New("the second conference of a transfer is filed")
		}
		delete(lines, p.moved)
		if len(lines) > 0 {
			return fmt.Errorf("lines too many: %+v", lines)
		}
		return nil
	})
}
