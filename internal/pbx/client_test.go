package pbx_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"callreel/internal/clock"
	"callreel/internal/pbx"
	"callreel/internal/pbxsim"
	"callreel/internal/recording"
)

// book writes down what a client tells.
type book struct {
	mu     sync.Mutex
	agents [][]string
	legs   []recording.Leg
	ups    int
	downs  []error
	active []bool              // standby or not, as told before each Up
	said   []string            // "up <pbx>" and "down <pbx>"
	of     map[string][]string // agents by PBX, as last told
	change chan struct{}
}

func newBook() *book { return &book{change: make(chan struct{}, 1), of: map[string][]string{}} }

func (b *book) note(write func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	write()
	select {
	case b.change <- struct{}{}:
	default:
	}
}

func (b *book) Agents(_ context.Context, pbx string, list []recording.Agent) {
	b.note(func() {
		var names []string
		for _, a := range list {
			names = append(names, a.CN)
		}
		b.agents = append(b.agents, names)
		b.of[pbx] = names
	})
}

func (b *book) Up(_ context.Context, pbx string, _ time.Time) {
	b.note(func() { b.ups++; b.said = append(b.said, "up "+pbx) })
}

func (b *book) Down(_ context.Context, pbx string, _ time.Time, err error) {
	b.note(func() { b.downs = append(b.downs, err); b.said = append(b.said, "down "+pbx) })
}

func (b *book) Active(_ context.Context, _ string, standby bool) {
	b.note(func() { b.active = append(b.active, standby) })
}

func (b *book) Leg(_ context.Context, _ string, legs ...recording.Leg) {
	b.note(func() { b.legs = append(b.legs, legs...) })
}

// patience is how long a busy machine may take for what comes at once on an idle one.
const patience = time.Minute

// until waits until good holds; good is called with the lock held.
func (b *book) until(t *testing.T, what string, good func() bool) {
	t.Helper()
	deadline := time.After(patience)
	for {
		b.mu.Lock()
		ok := good()
		b.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-b.change:
		case <-deadline:
			t.Fatalf("waited in vain for: %s\n%+v", what, b)
		}
	}
}

// last returns the newest state of a leg. The caller holds the lock.
func (b *book) last(conf string) (recording.Leg, bool) {
	for _, l := range slices.Backward(b.legs) {
		if string(l.Conf) == conf {
			return l, true
		}
	}
	return recording.Leg{}, false
}

const fast = 40

// hurried is the one clock of PBX and client: two that begin one after the other would differ by
// forty times what lies between.
var hurried = clock.Scaled(fast)

func simulate(t *testing.T, cfg pbxsim.Config) *pbxsim.Sim {
	t.Helper()
	cfg.InboxDir, cfg.Clock = t.TempDir(), hurried
	sim, err := pbxsim.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	return sim
}

func config(sim *pbxsim.Sim) pbx.Config {
	cfg := pbx.DefaultConfig()
	cfg.URL = sim.PBXURL()
	cfg.User, cfg.Password, cfg.Group = sim.Credentials()
	cfg.Wire = sim.Wire()
	return cfg
}

// run runs a client until the test ends or stop is called, which waits for it.
func run(t *testing.T, cfg pbx.Config, before ...recording.Leg) (b *book, stop func()) {
	t.Helper()
	b = newBook()
	c, err := pbx.New(cfg, b, hurried, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	c.Resume(before)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-ended:
			if !errors.Is(err, context.Canceled) {
				t.Errorf("Run ended with %v", err)
			}
		case <-time.After(patience):
			t.Error("Run did not end")
		}
	})
	t.Cleanup(stop)
	return b, stop
}

func place(t *testing.T, sim *pbxsim.Sim, p pbxsim.Plan) *pbxsim.Call {
	t.Helper()
	c, err := sim.Place(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAgentsAndTheirCalls(t *testing.T) {
	t.Parallel()
	agents := []string{"Anna Rossi", "Jürgen Müller", "Luca Bianchi", "Mary Example"}
	rows := []struct {
		name string
		sim  pbxsim.Config
		all  bool // no group in the setup
		want []string
	}{
		{"digest", pbxsim.Config{}, false, agents},
		{"basic, latin-1, others in scope", pbxsim.Config{Basic: true, Latin1: true, WideScope: true}, false, agents},
		{"v11", pbxsim.Config{Wire: "v11"}, false, agents},
		{"v11, basic, latin-1, others in scope", pbxsim.Config{Wire: "v11", Basic: true, Latin1: true, WideScope: true}, false, agents},
		{"no group: all users in scope", pbxsim.Config{WideScope: true}, true, []string{
			"Anna Rossi", "Jürgen Müller", "Luca Bianchi", "Mary Example", "Paul Muster", "Reception",
		}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			sim := simulate(t, row.sim)
			cfg := config(sim)
			if row.all {
				cfg.Group = ""
			}
			b, _ := run(t, cfg)
			b.until(t, "session", func() bool { return b.ups == 1 })
			if !slices.Equal(b.agents[0], row.want) {
				t.Errorf("agents %q, want %q", b.agents[0], row.want)
			}
			in := place(t, sim, pbxsim.Plan{Scenario: pbxsim.ExternalToAgent, User: "Jürgen Müller", External: "0012345", Ring: 4 * time.Second, Talk: 8 * time.Second, Hold: 2 * time.Second})
			out := place(t, sim, pbxsim.Plan{Scenario: pbxsim.AgentToExternal, User: "Anna Rossi", Ring: 2 * time.Second, Talk: 4 * time.Second})
			b.until(t, "both calls' ends", func() bool {
				l, _ := b.last(in.Conf)
				m, _ := b.last(out.Conf)
				return !l.Ended.IsZero() && !m.Ended.IsZero()
			})
			checkLeg(t, b, in, true)
			checkLeg(t, b, out, false)
		})
	}
}

func checkLeg(t *testing.T, b *book, c *pbxsim.Call, toAgent bool) {
	t.Helper()
	l, _ := b.last(c.Conf)
	if l.Agent.CN != c.CN || l.Agent.E164 != c.Internal || l.Peer.E164 != c.External || l.ToAgent != toAgent || l.Uncertain || l.Held {
		t.Errorf("leg %+v of the call %s of %s", l, c.Conf, c.CN)
	}
	if l.Began.IsZero() || l.Alerted.Before(l.Began) || l.Connected.Before(l.Alerted) || !l.Ended.After(l.Connected) {
		t.Errorf("times of %+v", l)
	}
	// An event is seen when it has happened and, on a busy machine, some time
	// later; how much is not ours to promise.
	const late = fast * patience
	answer := c.Setup.Add(time.Duration(c.Ring) * time.Second)
	if l.Alerted.Before(c.Setup) || l.Alerted.After(c.Setup.Add(late)) || l.Connected.Before(answer) || l.Connected.After(answer.Add(late)) {
		t.Errorf("alerted %v and connected %v after the setup, want 0 and %v", l.Alerted.Sub(c.Setup), l.Connected.Sub(c.Setup), answer.Sub(c.Setup))
	}
	held := slices.ContainsFunc(b.legs, func(o recording.Leg) bool { return o.Conf == l.Conf && o.Held })
	if held != (c.HoldFrames > 0) {
		t.Errorf("hold was seen: %v", held)
	}
}

func TestAgentsComeAndGo(t *testing.T) {
	t.Parallel()
	for _, wide := range []bool{false, true} {
		sim := simulate(t, pbxsim.Config{WideScope: wide, Wire: map[bool]string{false: "v10", true: "v11"}[wide]})
		b, _ := run(t, config(sim))
		b.until(t, "session", func() bool { return b.ups == 1 })
		sim.SetAgent("Reception", true)
		b.until(t, "five agents", func() bool { return len(b.agents[len(b.agents)-1]) == 5 })
		c := place(t, sim, pbxsim.Plan{Scenario: pbxsim.ExternalToAgent, User: "Reception", Talk: 30 * time.Second})
		b.until(t, "new agent's call", func() bool { l, _ := b.last(c.Conf); return !l.Connected.IsZero() })
		sim.SetAgent("Reception", false)
		b.until(t, "four agents and the end of the leg", func() bool {
			l, _ := b.last(c.Conf)
			// In the group's scope the user disappears at once. In the wide
			// scope his call can be followed to its end.
			return len(b.agents[len(b.agents)-1]) == 4 && !l.Ended.IsZero() && l.Uncertain != wide
		})
	}
}

func TestLostSessions(t *testing.T) {
	t.Parallel()
	wires := map[pbxsim.Fault]string{pbxsim.SOAPLost: "v11", pbxsim.SOAPCut: "v10", pbxsim.SOAPFault: "v11"}
	for fault, wire := range wires {
		t.Run(string(fault), func(t *testing.T) {
			t.Parallel()
			sim := simulate(t, pbxsim.Config{Wire: wire, PollHold: 300 * time.Millisecond})
			b, _ := run(t, config(sim))
			b.until(t, "session", func() bool { return b.ups == 1 })
			short := place(t, sim, pbxsim.Plan{Scenario: pbxsim.ExternalToAgent, Talk: 10 * time.Minute})
			long := place(t, sim, pbxsim.Plan{Scenario: pbxsim.ExternalToAgent, Talk: 10 * time.Minute})
			b.until(t, "both calls", func() bool {
				l, _ := b.last(short.Conf)
				m, _ := b.last(long.Conf)
				return !l.Connected.IsZero() && !m.Connected.IsZero()
			})
			sim.Fault(fault, true)
			b.until(t, "loss", func() bool { return len(b.downs) > 0 && b.downs[0] != nil })
			sim.Forget(short) // over while nobody listens: its real end, at a time of its own, might still come to the old session
			sim.Fault(fault, false)
			b.until(t, "new session", func() bool { return b.ups == 2 })
			l, _ := b.last(short.Conf)
			if l.Ended.IsZero() || !l.Uncertain {
				t.Errorf("call that ended meanwhile: %+v", l)
			}
			l, _ = b.last(long.Conf)
			if !l.Ended.IsZero() || !l.Uncertain || l.Connected.IsZero() {
				t.Errorf("call that goes on: %+v", l)
			}
			if _, err := sim.Transfer(long); err != nil {
				t.Fatal(err)
			}
			b.until(t, "end of the long call", func() bool { l, _ := b.last(long.Conf); return !l.Ended.IsZero() })
		})
	}
}

func TestTransferMovesTheLeg(t *testing.T) {
	t.Parallel()
	sim := simulate(t, pbxsim.Config{})
	b, _ := run(t, config(sim))
	b.until(t, "session", func() bool { return b.ups == 1 })
	c := place(t, sim, pbxsim.Plan{Scenario: pbxsim.ExternalToAgent, Talk: 20 * time.Second})
	b.until(t, "answer", func() bool { l, _ := b.last(c.Conf); return !l.Connected.IsZero() })
	conf, err := sim.Transfer(c)
	if err != nil {
		t.Fatal(err)
	}
	b.until(t, "both ends", func() bool {
		l, _ := b.last(c.Conf)
		m, _ := b.last(conf)
		return !l.Ended.IsZero() && !m.Ended.IsZero() && !m.Began.Before(l.Ended)
	})
}

func TestLegsOfAnEarlierRun(t *testing.T) {
	t.Parallel()
	sim := simulate(t, pbxsim.Config{})
	c := place(t, sim, pbxsim.Plan{Scenario: pbxsim.ExternalToAgent, User: "Anna Rossi", Talk: 100 * time.Second})
	gone := recording.Leg{Agent: recording.Agent{CN: "Mary Example"}, Conf: "c03a55c2e909d311b6450090331b3e3b"}
	left := recording.Leg{Agent: recording.Agent{CN: "Former Colleague"}, Conf: "d03a55c2e909d311b6450090331b3e3b"}
	live := recording.Leg{Agent: recording.Agent{CN: "Anna Rossi"}, Conf: recording.ConfID(c.Conf), Began: time.Unix(1, 0)}
	b, _ := run(t, config(sim), gone, left, live)
	b.until(t, "session", func() bool { return b.ups == 1 })
	for _, old := range []recording.Leg{gone, left} {
		if l, ok := b.last(string(old.Conf)); !ok || l.Ended.IsZero() || !l.Uncertain {
			t.Errorf("leg of an earlier run: %+v", l)
		}
	}
	if l, ok := b.last(c.Conf); !ok || !l.Ended.IsZero() || !l.Uncertain || !l.Began.Equal(live.Began) {
		t.Errorf("leg that goes on: %+v", l)
	}
}

func TestPollsWithoutAnswerAreNoLoss(t *testing.T) {
	t.Parallel()
	sim := simulate(t, pbxsim.Config{})
	cfg := config(sim)
	cfg.PollTimeout = pbx.Duration(100 * time.Millisecond)
	b, _ := run(t, cfg)
	b.until(t, "session", func() bool { return b.ups == 1 })
	c := place(t, sim, pbxsim.Plan{Scenario: pbxsim.ExternalToAgent, Ring: 10 * time.Second, Talk: 20 * time.Second})
	b.until(t, "the call's end", func() bool { l, _ := b.last(c.Conf); return !l.Connected.IsZero() && !l.Ended.IsZero() })
	if b.ups != 1 || len(b.downs) != 0 {
		t.Errorf("%d sessions, losses %v", b.ups, b.downs)
	}
}

func TestOneConnectionAndAFarewell(t *testing.T) {
	t.Parallel()
	sim := simulate(t, pbxsim.Config{})
	cfg := config(sim)
	actions, connections := watch(t, &cfg)
	b, stop := run(t, cfg)
	b.until(t, "session", func() bool { return b.ups == 1 })
	c := place(t, sim, pbxsim.Plan{Scenario: pbxsim.ExternalToAgent, Talk: 4 * time.Second})
	b.until(t, "call", func() bool { l, _ := b.last(c.Conf); return !l.Ended.IsZero() })
	if n := connections.Load(); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
	stop()
	list := actions()
	if list[0] != `"http://innovaphone.com/pbx#Initialize"` || list[len(list)-1] != `"http://innovaphone.com/pbx#End"` {
		t.Errorf("first %s, last %s", list[0], list[len(list)-1])
	}
}

// watch puts a proxy between client and PBX that notes actions and counts
// connections.
func watch(t *testing.T, cfg *pbx.Config) (actions func() []string, connections *atomic.Int64) {
	t.Helper()
	target, err := url.Parse(cfg.URL)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var list []string
	proxy := newProxy(target)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		list = append(list, r.Header.Get("SOAPAction"))
		mu.Unlock()
		proxy.ServeHTTP(w, r)
	}))
	connections = &atomic.Int64{}
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	cfg.URL = server.URL + target.Path
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(list)
	}, connections
}

// newProxy passes requests on to the target's host. The proxy's own log is of no
// interest: connections break at the end of a test.
func newProxy(target *url.URL) http.Handler {
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: target.Scheme, Host: target.Host})
	proxy.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	return proxy
}

func TestPBXThatAnswersOtherwise(t *testing.T) {
	t.Parallel()
	rows := []struct {
		name   string
		answer http.HandlerFunc
		want   string
	}{
		{"redirect", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/login", http.StatusFound) }, "redirects"},
		{"refused", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }, "refuses user or password"},
		{"not there", http.NotFound, "HTTP 404"},
		{"500 without fault", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "oops", http.StatusInternalServerError) }, "without a SOAP fault"},
		{"login page", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html/>")) }, "not a SOAP envelope"},
		{"endless", func(w http.ResponseWriter, _ *http.Request) {
			for range 10 << 10 {
				if _, err := w.Write(make([]byte, 1<<10)); err != nil {
					return
				}
			}
		}, "larger than"},
		{"silence", func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body) // only then does the server notice that the client left
			<-r.Context().Done()
		}, "deadline exceeded"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(row.answer)
			t.Cleanup(server.Close)
			cfg := pbx.DefaultConfig()
			cfg.URL, cfg.User, cfg.CallTimeout = server.URL, "x", pbx.Duration(fast*patience)
			if row.name == "silence" {
				cfg.CallTimeout = pbx.Duration(500 * time.Millisecond)
			}
			b, _ := run(t, cfg)
			b.until(t, "failure", func() bool { return len(b.downs) > 1 })
			if !strings.Contains(b.downs[0].Error(), row.want) {
				t.Errorf("error %v, want one with %q", b.downs[0], row.want)
			}
		})
	}
}

func TestWrongPasswordAndUser(t *testing.T) {
	t.Parallel()
	sim := simulate(t, pbxsim.Config{})
	cfg := config(sim)
	cfg.Password = "wrong"
	b, stop := run(t, cfg)
	b.until(t, "refusal", func() bool {
		return len(b.downs) > 0 && strings.Contains(b.downs[0].Error(), "refuses user or password")
	})
	stop()
}

func TestConfigIsChecked(t *testing.T) {
	good := pbx.DefaultConfig()
	good.URL, good.User = "http://192.0.2.1/PBX0/user.soap", "callreel"
	rows := []struct {
		name, want string
		change     func(*pbx.Config)
	}{
		{"good", "", func(*pbx.Config) {}},
		{"no url", "url is missing", func(c *pbx.Config) { c.URL = "" }},
		{"no scheme", "must start with http://", func(c *pbx.Config) { c.URL = "pbx/user.soap" }},
		{"password in url", "keys of their own", func(c *pbx.Config) { c.URL = "http://u:p@192.0.2.1/" }},
		{"no user", "user is missing", func(c *pbx.Config) { c.User = "" }},
		{"v11", "", func(c *pbx.Config) { c.Wire = "v11" }},
		{"wire", `wire "v12" is not known`, func(c *pbx.Config) { c.Wire = "v12" }},
		{"standby with a path", "must be a host", func(c *pbx.Config) { c.Standby = "http://192.0.2.2/" }},
		{"slash in the name", "must not hold a slash", func(c *pbx.Config) { c.Name = "a/b" }},
		{"timeout", "must not be negative", func(c *pbx.Config) { c.CallTimeout = -1 }},
		{"both", "exclude each other", func(c *pbx.Config) { c.Insecure, c.CAFile = true, "x" }},
		{"no file", "ca_file", func(c *pbx.Config) { c.CAFile = "does-not-exist.pem" }},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			cfg := good
			row.change(&cfg)
			_, err := pbx.New(cfg, newBook(), clock.System(), slog.New(slog.DiscardHandler))
			if (err == nil) != (row.want == "") || err != nil && !strings.Contains(err.Error(), row.want) {
				t.Errorf("error %v, want %q", err, row.want)
			}
		})
	}
}

func TestAnEndThatWasMissedIsFound(t *testing.T) {
	t.Parallel()
	sim := simulate(t, pbxsim.Config{})
	b, _ := run(t, config(sim), recording.Leg{Agent: recording.Agent{CN: "Nobody"}, Conf: "c03a55c2e909d311b6450090331b3e3b"})
	b.until(t, "session", func() bool { return b.ups == 1 })
	lost := place(t, sim, pbxsim.Plan{Scenario: pbxsim.ExternalToAgent, User: "Anna Rossi", Talk: 10 * time.Second})
	b.until(t, "answer", func() bool { l, _ := b.last(lost.Conf); return !l.Connected.IsZero() })
	sim.Forget(lost)
	<-lost.Done()
	// Eight minutes of other calls, 12 s of the test, make the client look.
	calls, err := sim.Traffic(t.Context(), pbxsim.TrafficPlan{
		Calls: 9, Every: 40 * time.Second, MinTalk: 5 * time.Second, Mix: []pbxsim.Scenario{pbxsim.ExternalToAgent},
	})
	if err != nil || len(calls) != 9 {
		t.Fatal(len(calls), err)
	}
	b.until(t, "end of the forgotten call", func() bool { l, _ := b.last(lost.Conf); return !l.Ended.IsZero() && l.Uncertain })
}

// Who speaks another version than the PBX gets a fault, never silence.
func TestTheWrongWireIsAFault(t *testing.T) {
	t.Parallel()
	for _, wire := range []string{"v10", "v11"} {
		sim := simulate(t, pbxsim.Config{Wire: wire})
		cfg := config(sim)
		cfg.Wire = map[string]string{"v10": "v11", "v11": "v10"}[wire]
		b, stop := run(t, cfg)
		b.until(t, "refusal", func() bool {
			return len(b.downs) > 0 && strings.Contains(b.downs[0].Error(), "SOAPAction")
		})
		stop()
	}
}
