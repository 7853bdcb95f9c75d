// Package ingest owns the way of a capture from its inbox into the spool: what
// lies in an inbox (WebDAV, plain HTTP or a folder), what a capture's name says, whether a
// file is complete, and a copy of it that is whole and proved. It neither asks the
// PBX nor decides what is kept, and it deletes a source only when told to.
//
// Names come from the other side and are foreign input: they are accepted by
// pattern before anything is done with them, and never become part of a local
// path but below an os.Root.
package ingest

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"callreel/internal/clock"
	"callreel/internal/recording"
)

// Entry is one capture in a listing.
type Entry struct {
	Name  string
	Stamp recording.Stamp
}

// notKnown begins the ETag of a file that was listed and not looked at yet.
const notKnown = "not known"

// Known reports whether the stamp is the file's. Where a server is asked for each file
// by itself, one that it did not tell of yet is listed all the same.
func (e Entry) Known() bool { return !strings.HasPrefix(e.Stamp.ETag, notKnown) }

// Stats counts what a listing showed beside captures.
type Stats struct {
	Ignored  int      // files and folders that are no captures; they are left alone
	Refused  int      // names that look like an attack, and files without a length
	Examples []string // of refused names, quoted, at most ten

	Date time.Time // the server's clock when it answered; zero where it does not tell

	// Away says that the standby address is in use, and the list may lack files of the main one,
	// which is always there: it was not listed, or has another file of one of these names.
	Away bool
}

func (s *Stats) refuse(name string) {
	s.Refused++
	if len(s.Examples) < 10 {
		s.Examples = append(s.Examples, fmt.Sprintf("%.200q", name))
	}
}

// Inbox is a drop directory. It is safe for concurrent use. A file that is not
// there is recording.ErrNotFound; one that is not the wanted one any more is
// recording.ErrChanged.
type Inbox interface {
	// Name is the inbox's name in the setup.
	Name() string
	// List gives all captures, sorted by name. An error means that nothing is
	// known: never conclude from it that a file is gone.
	List(ctx context.Context) ([]Entry, Stats, error)
	// Open reads a file from offset (in bytes) to its end, as long as it is the
	// wanted one. ErrNoResume says that it can only be read from its start.
	Open(ctx context.Context, name string, offset int64, want recording.Stamp) (io.ReadCloser, error)
	// Stat looks at one file.
	Stat(ctx context.Context, name string) (recording.Stamp, error)
	// Delete removes a file if it still is the wanted one, and looks again that it
	// is gone. That it was gone before is success.
	Delete(ctx context.Context, name string, want recording.Stamp) error
}

// Remover is an inbox that is asked over a network, where one listing can tell of many
// files what a question for each would.
type Remover interface {
	// Remove is Delete without the look whether the file is gone, unless gone says that it
	// was before: a listing that begins later has to tell.
	Remove(ctx context.Context, name string, want recording.Stamp) (gone bool, err error)
}

// New makes the inbox that a valid cfg describes; with a standby address it is a
// *Pair. It does not connect.
func New(cfg Config, clk clock.Clock, log *slog.Logger) (Inbox, error) {
	cfg = cfg.WithDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Standby == "" {
		return newSingle(cfg, clk, log)
	}
	second, err := cfg.StandbyConfig()
	if err != nil {
		return nil, fmt.Errorf("inbox %q: standby: %w", cfg.Name, err)
	}
	main, err := newSingle(cfg, clk, log)
	if err != nil {
		return nil, err
	}
	standby, err := newSingle(second, clk, log)
	if err != nil {
		return nil, err
	}
	pair := Failover(main, standby)
	pair.log = log
	return pair, nil
}

// newSingle makes an inbox with one address.
func newSingle(cfg Config, clk clock.Clock, log *slog.Logger) (Inbox, error) {
	switch cfg.Kind {
	case KindFolder:
		return &folder{cfg: cfg, clock: clk}, nil
	case KindHTTP:
		return newWeb(cfg, clk, log)
	}
	return newDAV(cfg, clk, log)
}

// CaptureOf begins the capture of a file that is listed for the first time. A
// name that says nothing leaves UID empty; Fetch sets it from the content.
func CaptureOf(cfg Config, e Entry, now time.Time) recording.Capture {
	c := recording.Capture{
		Source: recording.Source{Inbox: cfg.Name, Name: e.Name},
		Stamp:  e.Stamp, SeenAt: now.UTC(), StillAt: now.UTC(), Polls: 1,
		RecordedOn: cfg.RecordedOn, Swap: cfg.Swap, BySIP: cfg.Correlate != CorrelateConf && cfg.Correlate != "",
	}
	if c.RecordedOn == "" {
		c.RecordedOn = recording.OnPhone
	}
	uid, mac, serial, reg, ok := ParseName(e.Name)
	if !ok {
		if id, named := UniqueID(e.Name); named && cfg.Correlate == CorrelateAsterisk {
			c.Conf = recording.ConfIDOfUnique(id)
			c.UID = string(c.Conf)
		}
		return c
	}
	c.UID, c.MAC, c.Serial, c.RegName = uid, mac, serial, reg
	c.Conf, _ = recording.ParseConfID(uid) // ParseName has checked it
	for _, m := range cfg.GatewayMACs {
		if bareMAC(m) == bareMAC(mac) {
			c.RecordedOn = recording.OnGateway
		}
	}
	return c
}

func bareMAC(s string) string {
	return strings.ToLower(strings.NewReplacer("-", "", ":", "").Replace(s))
}

// Observe takes one more listing into account: a stamp that stands still is
// counted, another one starts the count again.
func Observe(prev recording.Capture, e Entry, now time.Time) recording.Capture {
	next := prev
	next.Stamp = e.Stamp
	if prev.Polls > 0 && prev.Stamp.Same(e.Stamp) {
		next.Polls++
		return next
	}
	next.Polls = 1
	next.StillAt = now.UTC()
	return next
}

// Facts are what is known about the call of a capture when Complete is asked.
type Facts struct {
	SOAPKnows bool          // the PBX session is up and has seen the conference
	Live      bool          // the PBX says that the call goes on
	Settle    time.Duration // how long a size must stand still without the PBX's word
	Now       time.Time
}

// Complete reports whether a capture is written to its end, and why (not), in
// words. While the PBX says that the call lives, a standing size means nothing:
// a call on hold writes no packets.
func Complete(c recording.Capture, f Facts) (bool, string) {
	switch {
	case f.Live:
		return false, "the call is still going on"
	case f.SOAPKnows && c.Polls >= 2:
		return true, "the call has ended and the size is the same in two listings"
	case f.SOAPKnows:
		return false, "the call has ended; waiting for a second listing with the same size"
	}
	still := f.Now.Sub(c.StillAt)
	if c.Polls >= 2 && still >= f.Settle {
		return true, fmt.Sprintf("the size has stood still for %s", f.Settle)
	}
	return false, fmt.Sprintf("the size must stand still for %s, so far %s", f.Settle, max(still, 0).Round(time.Second))
}
