// Package service is callreel at work: the list of steps a recording takes
// (line.go), the workers that take them, the setup, the lamps, and the one
// place (open.go) where the concrete packages are put together. It parses no
// format and writes no SQL or HTML.
package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"callreel/archive"
	"callreel/cdr"
	"callreel/crypto"
	"callreel/ingest"
	"callreel/internal/atomicfile"
	"callreel/internal/catalog"
	"callreel/internal/clock"
	"callreel/internal/link"
	"callreel/internal/pbx"
	"callreel/internal/player"
	"callreel/internal/recording"
	"callreel/internal/shred"
	"callreel/internal/spool"
	"callreel/rules"
)

// Options is what a Service needs beside its setup.
type Options struct {
	Clock   clock.Clock
	Log     *slog.Logger
	Version string
	Manager Manager // nil: nobody wants to hear
}

// Service is one recorder. Open makes it, Run works it, Close ends it.
type Service struct {
	making
	filed sync.Mutex // held by who changes what is filed
	clock clock.Clock
	log   *slog.Logger

	catalog    *catalog.Catalog
	spool      *spool.Dir
	onceKeys   *shred.Keys // of copies in the spool that have keys of their own
	rules      rules.Set
	correlator cdr.Correlator
	inboxes    map[string]*box
	markPlaces []*markPlace // in the archive
	pbxes      []*pbx.Client
	reporting  []*pbx.Reporting
	dialects   map[string]cdr.Asterisk // of the [[asterisk]]s, by name
	listeners  []listener
	links      *links
	roster     roster
	legs       unsaved
	lamps      *lamps
	heard      heard
	woken      chan struct{}
	claims     claims
	filing     filing
	checks     atomic.Int64 // polls of inboxes
	indexed    atomic.Bool  // all CDRs are found by the times of their set-ups
	books      bookkeeper
	partners   partners
	appServer  *link.AppServer // nil: there is none
	webhooks   []*link.Webhook
	relay      link.Relay
	wrong      wrongTokens
	licences   licences
	book       *logbook
	master     master
	tallies    tallies
	room       rooms
	clocks     clocks
	first      firstChecks
	manager    Manager
	pulse      pulse
	started    time.Time
	reported   time.Time // the day before this one has its ledger written; touched by keepLedger only
	closers    []func() error
}

// listener is an address that is taken, and who serves it until the context is
// done.
type listener struct {
	what  string
	addr  net.Addr
	serve func(context.Context) error
}

// Open puts a recorder together. It refuses an archive, spool or catalog that another
// recorder holds. On error nothing stays open.
func Open(ctx context.Context, cfg Config, o Options) (*Service, error) {
	cfg = cfg.WithDefaults() // the names of PBXes above all, by which links and legs are known
	loc, err := cfg.Location()
	if err != nil {
		return nil, err
	}
	s := &Service{
		making: making{cfg: cfg, version: o.Version, location: loc}, clock: o.Clock, log: o.Log, manager: o.Manager,
		inboxes: map[string]*box{}, woken: make(chan struct{}, cfg.Workers),
	}
	for _, open := range []func(context.Context) error{
		s.openLogs, s.openHealth, s.openAlarm, s.openRules, s.openOutside, s.openKeys, s.openStores, s.openSetup, s.openInboxes, s.openMarks,
		s.openPBXes, s.openReporting, s.openAsterisk, s.openLicences, s.openLedger, s.openPartners, s.openListeners, s.openControl,
	} {
		if err := open(ctx); err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	return s, nil
}

// Close releases what Open took. Run must have returned.
func (s *Service) Close() error {
	var all error
	for _, f := range slices.Backward(s.closers) {
		all = errors.Join(all, f())
	}
	s.closers = nil
	return all
}

func (s *Service) onClose(f func() error) { s.closers = append(s.closers, f) }

func (s *Service) openHealth(context.Context) error {
	var grey []Lamp
	if s.cfg.Archive.Backup == "" {
		grey = append(grey, LampBackup)
	}
	if len(s.cfg.PBX) == 0 {
		grey = append(grey, LampPBX)
	}
	s.lamps = newLamps(s.clock, grey...)
	s.lamps.muted = map[string]bool{noCDR: !s.cfg.Alarm.NoCDR}
	names := make([]string, 0, len(s.cfg.PBX))
	for _, p := range s.cfg.PBX {
		names = append(names, p.Name)
		s.lamps.Bad(LampPBX, "pbx "+p.Name, errors.New(notConnected))
	}
	s.links = newLinks(names)
	return nil
}

// openKeys reads the key ring, or makes one with a first key; but not beside
// recordings that no new ring would open.
func (s *Service) openKeys(ctx context.Context) error {
	if err := s.ringIsLost(ctx); err != nil {
		return err
	}
	ring, made, err := EnsureRing(s.cfg.Keys.File)
	if err != nil {
		return err
	}
	if made {
		s.log.Warn("a new key ring was made; keep a copy of it in a safe place, without it no sidecar opens", "file", s.cfg.Keys.File)
	}
	s.ring = ring
	return nil
}

// ringIsLost reports a missing key ring where recordings are filed already.
func (s *Service) ringIsLost(ctx context.Context) error {
	for _, file := range []string{s.cfg.Keys.File, s.cfg.Catalog} {
		_, err := os.Stat(file)
		if lost := file == s.cfg.Keys.File; lost == (err == nil) {
			return nil // the ring is here, or there is no catalog
		}
	}
	c, err := catalog.OpenReader(ctx, s.cfg.Catalog)
	if err != nil {
		return err
	}
	defer c.Close()
	filed, err := c.Search(ctx, catalog.Query{Limit: 1})
	if err != nil || len(filed) == 0 {
		return err
	}
	return fmt.Errorf("the key ring %s is not there, and recordings are filed that only it opens; put it back from its copy, "+
		"or make another one with \"callreel keys new\" if it is lost for good", s.cfg.Keys.File)
}

// ReadRing reads the key ring at path; an error wraps fs.ErrNotExist where there
// is none.
func ReadRing(path string) (*crypto.Ring, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the key ring: %w", err)
	}
	ring, err := crypto.DecodeRing(b)
	if err != nil {
		return nil, fmt.Errorf("key ring %s: %w", path, err)
	}
	return ring, nil
}

// EnsureRing reads the key ring at path. Where there is none it makes one with
// a default key and reports that it did.
func EnsureRing(path string) (ring *crypto.Ring, made bool, err error) {
	ring, err = ReadRing(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return ring, false, err
	}
	ring = crypto.NewRing()
	if err := ring.Generate("default"); err != nil {
		return nil, false, fmt.Errorf("make the key ring %s: %w", path, err)
	}
	return ring, true, SaveRing(path, ring)
}

// SaveRing writes the key ring to path, readable by its owner only.
func SaveRing(path string, ring *crypto.Ring) error {
	b, err := ring.Encode()
	if err != nil {
		return fmt.Errorf("write the key ring %s: %w", path, err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return fmt.Errorf("write the key ring %s: %w", path, err)
	}
	return atomicfile.WriteFile(path, b, 0o600)
}

func (s *Service) openStores(ctx context.Context) error {
	arch, err := archive.Open(s.cfg.Archive)
	if err != nil {
		return err
	}
	s.archive = arch
	s.onClose(arch.Close)
	lock, err := arch.Lock(ctx)
	if err != nil {
		return err
	}
	s.onClose(lock.Release)
	if s.onceKeys, err = shred.Open(s.cfg.Keys.File+onceFolder, s.ring); err != nil {
		return err
	}
	s.onClose(s.onceKeys.Close)
	s.spool, err = spool.Open(s.cfg.Spool, spoolSealing{
		sealing{s.ring, s.cfg.Keys.EncryptAudio}, s.onceKeys, s.rules.Mode() == rules.ModeTCR,
	})
	if err != nil {
		return err
	}
	s.onClose(s.spool.Close)
	spooling, err := archive.LockFolder(s.cfg.Spool)
	if err != nil {
		return err
	}
	s.onClose(spooling.Release)
	if err := os.MkdirAll(filepath.Dir(s.cfg.Catalog), 0o750); err != nil {
		return fmt.Errorf("open the catalog: %w", err)
	}
	held, err := archive.LockFile(s.cfg.Catalog)
	if err != nil {
		return err
	}
	s.onClose(held.Release)
	if s.catalog, err = catalog.Open(ctx, s.cfg.Catalog); err != nil {
		return err
	}
	s.onClose(s.catalog.Close)
	s.correlator = cdr.Correlator{Source: callSource{s.catalog}, Now: s.clock.Now, Memory: &cdr.Memory{}}
	return nil
}

func (s *Service) openInboxes(context.Context) error {
	for _, c := range s.cfg.Inbox {
		c = c.WithDefaults()
		direct := c
		direct.DeleteDelay = 0 // the pause is a due time of ours, so that listings go on meanwhile
		in, err := ingest.New(direct, s.clock, s.log)
		if err != nil {
			return fmt.Errorf("inbox %s: %w", c.Name, err)
		}
		s.inboxes[c.Name] = &box{cfg: c, inbox: in}
	}
	return nil
}

// legsOf are the legs at one PBX and at its slave sites.
func legsOf(legs []recording.Leg, pbx string) []recording.Leg {
	var out []recording.Leg
	for _, l := range legs {
		if l.Agent.PBX == pbx || strings.HasPrefix(l.Agent.PBX, pbx+"/") {
			out = append(out, l)
		}
	}
	return out
}

func (s *Service) openPBXes(ctx context.Context) error {
	live, err := s.catalog.LiveLegs(ctx)
	if err != nil {
		return err
	}
	for _, c := range s.cfg.PBX {
		client, err := pbx.New(c, s, s.clock, s.log)
		if err != nil {
			return err
		}
		client.Resume(legsOf(live, c.Name))
		s.pbxes = append(s.pbxes, client)
	}
	return nil
}

// pageConns bounds the connections to the page: each player that listens holds one.
const pageConns = 300

// openListeners takes the ports before anything runs, so that a taken port is
// an error of the start.
func (s *Service) openListeners(ctx context.Context) error {
	r := pbx.NewReceiver(s.cfg.Receiver, s, s.clock, s.log)
	serveHTTP := func(h http.Handler) func(context.Context, net.Listener) error {
		return func(ctx context.Context, ln net.Listener) error { return pbx.Serve(ctx, ln, h) }
	}
	servePage := func(h http.Handler) func(context.Context, net.Listener) error {
		return func(ctx context.Context, ln net.Listener) error { return pbx.ServeMany(ctx, ln, h, pageConns) }
	}
	return errors.Join(
		s.listen(ctx, "receiver", s.cfg.Receiver.Listen, serveHTTP(s.received(pbx.NewMarker(s.cfg.Receiver, s, r, s.log)))),
		s.listen(ctx, "receiver lines", s.cfg.Receiver.LinesListen, r.ServeLines),
		s.listenPacket(ctx, "receiver syslog", s.cfg.Receiver.SyslogListen, r.ServeSyslog),
		s.listen(ctx, "player", s.cfg.Player.Listen, servePage(player.New(s.forPlayer(), s.log))),
		s.listenAPI(ctx),
	)
}

// listen takes a TCP address; an empty one is none.
func (s *Service) listen(ctx context.Context, what, addr string, serve func(context.Context, net.Listener) error) error {
	if addr == "" {
		return nil
	}
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("%s: listen on %s: %w", what, addr, err)
	}
	s.taken(what, ln.Addr(), ln, func(ctx context.Context) error { return serve(ctx, ln) })
	return nil
}

// listenPacket takes a UDP address; an empty one is none.
func (s *Service) listenPacket(ctx context.Context, what, addr string, serve func(context.Context, net.PacketConn) error) error {
	if addr == "" {
		return nil
	}
	pc, err := (&net.ListenConfig{}).ListenPacket(ctx, "udp", addr)
	if err != nil {
		return fmt.Errorf("%s: listen on %s: %w", what, addr, err)
	}
	s.taken(what, pc.LocalAddr(), pc, func(ctx context.Context) error { return serve(ctx, pc) })
	return nil
}

func (s *Service) taken(what string, addr net.Addr, c io.Closer, serve func(context.Context) error) {
	s.onClose(func() error {
		if err := c.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	})
	s.listeners = append(s.listeners, listener{what, addr, serve})
}

// Addr is the address that "receiver", "receiver lines", "receiver syslog",
// "player" or "api" listens on, empty if it does not.
func (s *Service) Addr(what string) string {
	for _, l := range s.listeners {
		if l.what == what {
			return l.addr.String()
		}
	}
	return ""
}
