// Package pbxsim is a PBX made of software: the SOAP interface with users,
// groups and call events, phones that upload captures to a WebDAV drop
// directory while they talk, and the sender of call detail records. It plays
// calls in real or scaled time, knows what must come out of each, and can be
// made to fail in the ways real systems do. The demo and the tests use it;
// nothing of it listens outside loopback.
//
// It follows pbx10_00.wsdl (rpc/encoded) or pbx11_00.wsdl (document/literal) and the forms of innovaphone's public
// documentation, and shares no code with the recorder's own PBX client, so
// that each checks the other.
package pbxsim

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"callreel/internal/clock"
)

// User is a user object of the simulated PBX, with a phone that records.
type User struct {
	CN     string // long name, the PBX's key
	Number string // extension
	H323   string // registration name; empty = CN
	Site   string // location of the slave PBX he is homed on; empty = here
	MAC    string // of the phone, 12 hex; empty = made up
	Agent  bool   // member of the recording group

	Cast      int  // of which cast of scenes he is; 0: he takes ordinary calls
	Executive bool // an executive object, with the telephone of a user
}

// Config describes the PBX. The zero value of every field is usable but for
// InboxDir.
type Config struct {
	Listen      string // of the SOAP server; default 127.0.0.1:0
	InboxListen string // of the drop directory; default 127.0.0.1:0
	InboxDir    string // folder behind the drop directory; must exist
	User        string // long name of the SOAP user and of the drop directory's; default "callreel"
	Password    string // default "secret"
	Group       string // recording group; default "rec"
	Users       []User // default: four agents and two others
	Wire        string // version of the SOAP interface: "v10" (default) or "v11"
	Basic       bool   // ask for Basic instead of Digest
	Standby     bool   // the PBX has a second address, which stays when PBXDown strikes, and goes with StandbyDown
	OpenInbox   bool   // the drop directory asks for no credentials
	Latin1      bool   // answer SOAP in ISO-8859-1
	WideScope   bool   // the SOAP user sees all users, not only the recording group
	PlainNames  bool   // captures named as by version 10: the GUID alone

	CDRTarget   string        // URL that gets the call detail records; empty = they wait
	CDRDelay    time.Duration // from the end of a call to its records; default 3 s of the clock
	CDRLateBy   time.Duration // how much longer they take with CDRLate; default LateBy
	PollHold    time.Duration // longest blocking of a Poll, not scaled; default 20 s
	SessionIdle time.Duration // life of a session without a request, not scaled; default 30 s
	UploadStep  time.Duration // how much of a capture a phone sends at a time; default 500 ms of the clock

	Seed  uint64      // of everything made up; 0 = different each time
	Clock clock.Clock // default the system's
	Log   *slog.Logger
}

func (c Config) withDefaults() Config {
	def := func(s *string, v string) {
		if *s == "" {
			*s = v
		}
	}
	def(&c.Listen, "127.0.0.1:0")
	def(&c.InboxListen, "127.0.0.1:0")
	def(&c.User, "callreel")
	def(&c.Password, "secret")
	def(&c.Group, "rec")
	def(&c.Wire, wireV10)
	if len(c.Users) == 0 {
		c.Users = DefaultUsers()
	}
	for _, d := range []struct{ d, v *time.Duration }{
		{&c.CDRDelay, new(3 * time.Second)}, {&c.CDRLateBy, new(LateBy)}, {&c.PollHold, new(20 * time.Second)}, {&c.SessionIdle, new(30 * time.Second)},
		{&c.UploadStep, new(500 * time.Millisecond)},
	} {
		if *d.d == 0 {
			*d.d = *d.v
		}
	}
	if c.Clock.Now == nil {
		c.Clock = clock.System()
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Seed == 0 {
		c.Seed = rand.Uint64() //nolint:gosec // made-up calls
	}
	return c
}

// DefaultUsers returns the staff of a small fictitious office: four agents
// and two users who are not recorded.
func DefaultUsers() []User {
	return []User{
		{CN: "Anna Rossi", Number: "24", H323: "rossi", Agent: true},
		{CN: "Jürgen Müller", Number: "25", H323: "mueller", Agent: true},
		{CN: "Mary Example", Number: "26", H323: "example", Agent: true},
		{CN: "Luca Bianchi", Number: "27", H323: "bianchi", Agent: true},
		{CN: "Reception", Number: "10", H323: "reception"},
		{CN: "Paul Muster", Number: "31", H323: "muster"},
	}
}

// Sim is a running simulation. Its methods are safe for concurrent use.
type Sim struct {
	cfg      Config
	log      *slog.Logger
	clock    clock.Clock
	exchange *exchange // the master's
	sites    []*site   // the master first, then the slaves
	nonce    string
	dropURL  string // for who reads the drop directory
	putURL   string // for the phones
	standby  string // host and port of the PBX's second address, or empty
	gates    map[Fault][]*gate
	servers  []*http.Server
	sender   *sender
	faults   faults
	life     context.Context //nolint:containedctx // the simulation's own life, ended by Close
	cancel   context.CancelFunc
	running  sync.WaitGroup // everything that Close waits for

	mu       sync.Mutex
	ahead    time.Duration // of the PBX's clock
	random   *rand.Rand
	serial   int
	busy     map[string]bool // users in a call, by cn
	active   map[*Call]bool  // calls that have not ended
	licences map[string]int  // by name; nil: no list is shown
	closed   bool
}

// Start opens the servers and returns when they accept connections. The
// simulation ends when ctx is done or by Close; who starts it calls Close.
func Start(ctx context.Context, cfg Config) (*Sim, error) {
	cfg = cfg.withDefaults()
	if cfg.Wire != wireV10 && cfg.Wire != wireV11 {
		return nil, fmt.Errorf("pbxsim: wire %q is not known", cfg.Wire)
	}
	if info, err := os.Stat(cfg.InboxDir); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("pbxsim: inbox folder %q: not a folder", cfg.InboxDir)
	}
	s := &Sim{
		cfg: cfg, log: cfg.Log, clock: cfg.Clock, busy: map[string]bool{}, active: map[*Call]bool{}, gates: map[Fault][]*gate{},
		random: rand.New(rand.NewPCG(cfg.Seed, 16386)), //nolint:gosec // made-up calls
	}
	s.life, s.cancel = context.WithCancel(ctx)
	s.nonce = fmt.Sprintf("%016x", s.random.Uint64())
	s.makeSites(s.objects())
	s.sender = newSender(s)
	if err := s.listen(); err != nil {
		s.Close()
		return nil, fmt.Errorf("pbxsim: %w", err)
	}
	s.running.Go(s.sender.run)
	return s, nil
}

func (s *Sim) listen() error {
	for i, one := range s.sites {
		listen, fault := s.cfg.Listen, PBXDown
		if i > 0 {
			listen, fault = "127.0.0.1:0", SiteDown
		}
		address, err := s.serve(listen, one.pbxHandler(), fault)
		if err != nil {
			return err
		}
		one.url = "http://" + address + soapPath
	}
	if s.cfg.Standby {
		second := *s.sites[0]
		second.standby = true
		address, err := s.serve("127.0.0.1:0", second.pbxHandler(), StandbyDown)
		if err != nil {
			return err
		}
		s.standby = address
	}
	drop, err := s.serve(s.cfg.InboxListen, s.dropHandler(), InboxDown)
	if err != nil {
		return err
	}
	put, err := s.serve("127.0.0.1:0", s.dropHandler(), "")
	if err != nil {
		return err
	}
	s.dropURL, s.putURL = "http://"+drop+dropPrefix+"/", "http://"+put+dropPrefix+"/"
	return nil
}

// makeSites divides the objects: the master knows all, a slave those homed on it
// and the SOAP user.
func (s *Sim) makeSites(objects []*object) {
	add := func(name string, list []*object) {
		x := newExchange(s.cfg, name, list)
		s.sites = append(s.sites, &site{Sim: s, name: name, exchange: x, wire: x.wire})
	}
	add("", objects)
	s.exchange = s.sites[0].exchange
	homed := map[string][]*object{}
	for _, o := range objects {
		if o.Site != "" {
			twin := *o
			homed[o.Site] = append(homed[o.Site], &twin)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(homed)) {
		self := *s.exchange.object(s.cfg.User)
		add(name, append(homed[name], &self))
	}
}

// homeOf is the exchange of the PBX on which a user is homed.
func (s *Sim) homeOf(o *object) *exchange {
	for _, one := range s.sites {
		if one.name == o.Site {
			return one.exchange
		}
	}
	return s.exchange
}

// serve starts one server, which is away while the fault is on; addresses that are
// not loopback are refused.
func (s *Sim) serve(address string, h http.Handler, away Fault) (string, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return "", err
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return "", fmt.Errorf("address %s is not loopback; the simulation is never reachable from outside", address)
	}
	ln, err := (&net.ListenConfig{}).Listen(s.life, "tcp", address)
	if err != nil {
		return "", err
	}
	server := &http.Server{
		Handler: h, ReadHeaderTimeout: 10 * time.Second, ErrorLog: nil,
		BaseContext: func(net.Listener) context.Context { return s.life },
	}
	s.servers = append(s.servers, server)
	g := newGate(ln)
	s.gates[away] = append(s.gates[away], g)
	s.running.Go(func() {
		if err := server.Serve(g); !errors.Is(err, http.ErrServerClosed) {
			s.log.Error("simulated server ended", "err", err)
		}
	})
	return ln.Addr().String(), nil
}

// PBXURL is the address of the SOAP interface, of the master's if there are slaves.
func (s *Sim) PBXURL() string { return s.sites[0].url }

// StandbyHost is the PBX's second address, host and port, empty if there is none.
func (s *Sim) StandbyHost() string { return s.standby }

// InboxStandbyHost is a second server of the drop directory, host and port, which stays
// when InboxDown strikes.
func (s *Sim) InboxStandbyHost() string {
	return strings.TrimSuffix(strings.TrimPrefix(s.putURL, "http://"), dropPrefix+"/")
}

// Wire is the version of the SOAP interface that is spoken.
func (s *Sim) Wire() string { return s.cfg.Wire }

// InboxURL is the address of the drop directory, with a slash at its end.
func (s *Sim) InboxURL() string { return s.dropURL }

// Credentials returns the user, password and recording group that are set up.
func (s *Sim) Credentials() (user, password, group string) {
	return s.cfg.User, s.cfg.Password, s.cfg.Group
}

// SetCDRTarget says where call detail records are posted to from now on.
func (s *Sim) SetCDRTarget(url string) { s.sender.setTarget(url) }

// Wait returns when every call that was placed has ended and its records have
// been accepted, or with ctx's error.
func (s *Sim) Wait(ctx context.Context) error {
	for _, c := range s.activeCalls() {
		select {
		case <-c.ended:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	s.sender.idle(ctx)
	return errors.Join(ctx.Err(), s.life.Err())
}

func (s *Sim) activeCalls() []*Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Keys(s.active))
}

// Close stops everything and waits for it. Calls in progress are cut off.
func (s *Sim) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel()
	s.sender.stop()
	for _, server := range s.servers {
		_ = server.Close()
	}
	s.running.Wait()
}
