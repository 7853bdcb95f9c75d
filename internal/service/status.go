package service

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"callreel/archive"
	"callreel/internal/catalog"
	"callreel/internal/clock"
	"callreel/internal/control"
	"callreel/internal/pbx"
	"callreel/internal/recording"
)

// StatusConfig says where other commands and Prometheus ask the recorder; empty is
// nowhere. Loopback only.
type StatusConfig struct {
	Listen string `toml:"listen"`
}

// Validate refuses an address that others than this machine can reach.
func (c StatusConfig) Validate() error {
	if c.Listen == "" {
		return nil
	}
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return fmt.Errorf("status: listen %q must be host:port, for instance \"127.0.0.1:9321\"", c.Listen)
	}
	if !net.ParseIP(host).IsLoopback() {
		return fmt.Errorf("status: listen %q is not allowed: what is asked there commands the recorder, so only loopback addresses are (127.0.0.1, [::1])", c.Listen)
	}
	return nil
}

// controlFile ends the name of the file beside the catalog that tells other commands
// where the recorder listens.
const controlFile = ".control"

// mostShown bounds the open calls that a status names.
const mostShown = 200

// Status is how the recorder is, for "callreel status".
type Status struct {
	Version string    `json:"version"`
	Now     time.Time `json:"now"`
	Started time.Time `json:"started"`
	Mode    string    `json:"mode"`
	// Encryption is what is sealed.
	Encryption string      `json:"encryption"`
	Lamps      []LampState `json:"lamps"`
	Alarm      Alarm       `json:"alarm"`
	Normal     bool        `json:"normal"` // no lamp is red: "Normal operation"
	PBXes      []PBXLink   `json:"pbxes"`
	// Pairs are the inboxes and Reporting servers that have a standby address.
	Pairs []Pair `json:"pairs"`

	// Checks counts how often inboxes were looked at, 0 to 9999 and on from 0.
	Checks int64 `json:"checks"`
	Filed  Tally `json:"filed"`
	// Discarded and others are of this start; Counts are all there are, by state.
	Discarded   int                     `json:"discarded"`
	Quarantined int                     `json:"quarantined"`
	Unusable    int                     `json:"unusable"`
	Counts      map[recording.State]int `json:"counts"`

	Channels int        `json:"channels"` // calls in recording
	Queue    int        `json:"queue"`    // steps that are due
	Waiting  int        `json:"waiting"`  // recordings that wait for a time to come
	Open     []OpenCall `json:"open"`     // the newest of them all

	Disk   *Room `json:"disk,omitempty"`
	Backup *Room `json:"backup,omitempty"`

	Clocks []ClockOff `json:"clocks"` // that differ from this machine's

	// Fault is why the catalog cannot be asked: what it counts is missing then.
	Fault    string    `json:"fault,omitempty"`
	Trace    time.Time `json:"trace,omitzero"` // until when all is logged
	Messages []string  `json:"messages"`       // the last 100
	Errors   []string  `json:"errors"`
}

// Tally is how many recordings were filed.
type Tally struct {
	Start int `json:"since_start"`
	Today int `json:"today"` // of calls that began today
	Month int `json:"month"`
}

// PBXLink is one PBX, and which of its addresses is in use.
type PBXLink struct {
	Name    string `json:"name"`
	Up      bool   `json:"up"`
	Standby bool   `json:"standby"` // STB, else ACT
}

// Pair is an inbox or a Reporting server with two addresses, and which of them is in use.
type Pair struct {
	Kind    string `json:"kind"` // "inbox" or "Reporting"
	Name    string `json:"name"`
	Standby bool   `json:"standby"` // STB, else ACT
}

// OpenCall is a capture that is being written or waited for.
type OpenCall struct {
	ID    recording.ID    `json:"id"`
	UID   string          `json:"uid"`
	State recording.State `json:"state"`
	Since time.Time       `json:"since"`
	// Countdown is how many five-second looks are left, 0 where nothing is counted.
	Countdown int    `json:"countdown,omitempty"`
	Why       string `json:"why,omitempty"`
}

// Room is the room on a disk, in bytes.
type Room struct {
	Free  int64 `json:"free"`
	Total int64 `json:"total"`
}

func roomOf(sp archive.Space, err error) *Room {
	if err != nil || sp.Total == 0 {
		return nil
	}
	return &Room{sp.Free, sp.Total}
}

// Status tells how the recorder is, also while the catalog cannot be asked.
func (s *Service) Status(ctx context.Context) Status {
	now := s.clock.Now().UTC()
	st := Status{
		Version: s.version, Now: now, Started: s.started, Mode: s.rules.Mode(), Encryption: s.encryption(),
		Lamps: s.lamps.All(), Alarm: s.Alarm(), Normal: true, PBXes: s.links.list(), Pairs: s.pairs(), Checks: s.checks.Load() % 10_000,
		Discarded: s.tallies.count(recording.Discarded), Quarantined: s.tallies.count(recording.Quarantined), Unusable: s.tallies.count(recording.Unusable),
		Trace: s.book.tracedUntil(now), Messages: s.book.lastLines.list(), Errors: s.book.lastErrors.list(), Open: []OpenCall{},
	}
	for _, l := range st.Lamps {
		st.Normal = st.Normal && l.Light != Red
	}
	st.Disk, st.Backup = s.rooms()
	st.Clocks = s.clocks.off()
	err := s.count(ctx, &st)
	if err == nil {
		err = s.openCalls(ctx, &st)
	}
	if err != nil {
		st.Fault = err.Error()
	}
	return st
}

func (s *Service) openCalls(ctx context.Context, st *Status) error {
	open, err := s.catalog.Search(ctx, catalog.Query{Limit: mostShown, States: []recording.State{
		recording.Seen, recording.Spooled, recording.Correlated, recording.Decided,
	}})
	for _, rec := range open {
		st.Open = append(st.Open, openCall(rec, st.Now))
	}
	return err
}

func openCall(rec recording.Recording, now time.Time) OpenCall {
	o := OpenCall{ID: rec.ID, UID: rec.Capture.UID, State: rec.State, Since: rec.Capture.SeenAt, Why: why(rec, now)}
	if rec.Retry.Until.After(now) {
		o.Countdown = int(rec.Retry.Until.Sub(now) / countdownStep)
	}
	return o
}

// count fills in what the catalog counts.
func (s *Service) count(ctx context.Context, st *Status) (err error) {
	if st.Counts, err = s.catalog.Count(ctx); err != nil {
		return err
	}
	st.Channels = st.Counts[recording.Seen]
	if st.Queue, st.Waiting, err = s.catalog.Queue(ctx, st.Now); err != nil {
		return err
	}
	st.Filed.Start = s.tallies.count(recording.Filed)
	day, _ := clock.DayOf(st.Now.In(s.location))
	if st.Filed.Today, err = s.catalog.FiledSince(ctx, day); err != nil {
		return err
	}
	month, _ := clock.MonthOf(st.Now.In(s.location))
	st.Filed.Month, err = s.catalog.FiledSince(ctx, month)
	return err
}

func (s *Service) encryption() string {
	key := "; key " + s.ring.Current()
	if s.cfg.Keys.EncryptAudio {
		return "audio and sidecars" + key
	}
	return "sidecars" + key
}

// rooms are the rooms that the last check found. They are safe for concurrent use.
type rooms struct {
	mu           sync.Mutex
	disk, backup *Room
}

func (r *rooms) set(disk, backup *Room) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.disk, r.backup = disk, backup
}

// rooms are those of archive and backup, nil where it is not known.
func (s *Service) rooms() (disk, backup *Room) {
	s.room.mu.Lock()
	defer s.room.mu.Unlock()
	return s.room.disk, s.room.backup
}

// openControl lets other commands and Prometheus ask.
func (s *Service) openControl(ctx context.Context) error {
	s.started = s.clock.Now().UTC()
	file := s.cfg.Catalog + controlFile
	return s.listen(ctx, "status", s.cfg.Status.Listen, func(ctx context.Context, ln net.Listener) error {
		h, remove, err := control.Handler(file, ln.Addr().String(), asked{s})
		if err != nil { // the recorder records all the same
			s.report(LampSoftware, "control", "no other command can ask the recorder", err)
			h, remove = http.NotFoundHandler(), func() error { return nil }
		}
		err = pbx.Serve(ctx, ln, h)
		if gone := remove(); gone != nil {
			s.log.Warn("the file that tells where the recorder listens cannot be removed", "error", gone)
		}
		return err
	})
}

// asked is the recorder as other commands see it.
type asked struct{ *Service }

// What the recorder can be asked and told.
const (
	AskStatus = "status"
	DoAlarm   = "alarm"
	DoTrace   = "trace"
)

// Ask answers a question.
func (a asked) Ask(ctx context.Context, what string) (any, error) {
	if what != AskStatus {
		return nil, control.ErrUnknown
	}
	return a.Status(ctx), nil
}

// Do does what another command wants.
func (a asked) Do(_ context.Context, what string, how url.Values) (any, error) {
	switch what {
	case DoAlarm:
		return a.doAlarm(how.Get("action"))
	case DoTrace:
		length, err := time.ParseDuration(how.Get("for"))
		if err != nil {
			return nil, err
		}
		until, err := a.Trace(length)
		return until, err
	}
	return nil, control.ErrUnknown
}

func (a asked) doAlarm(action string) (any, error) {
	switch action {
	case "reset":
		return a.ResetAlarm(), nil
	case "off":
		return a.SwitchAlarm(false), nil
	case "on":
		return a.SwitchAlarm(true), nil
	case "test":
		return a.TestAlarm(), nil
	case "show":
		return a.Alarm(), nil
	}
	return nil, control.ErrUnknown
}

// Metrics writes the figures.
func (a asked) Metrics(ctx context.Context, w io.Writer) error { return a.writeMetrics(ctx, w) }

// Running finds the recorder that runs with a setup, or returns control.ErrNotRunning.
func Running(cfg Config) (*control.Client, error) { return control.Find(cfg.Catalog + controlFile) }
