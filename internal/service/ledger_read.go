package service

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"callreel/archive"
	"callreel/cdr"
	"callreel/internal/atomicfile"
	"callreel/internal/catalog"
	"callreel/internal/clock"
	"callreel/internal/ledger"
	"callreel/internal/recording"
	"callreel/rules"
)

// Ledger reads the every-call ledger, whether the recorder runs or not. What has
// happened since its lines were saved is taken into account.
type Ledger struct {
	cfg     Config
	catalog *catalog.Catalog
	books   bookkeeper
	zone    *time.Location
}

// OpenLedger opens the catalog of a setup; there must be one.
func OpenLedger(ctx context.Context, cfg Config) (*Ledger, error) {
	zone, err := cfg.Location()
	if err != nil {
		return nil, err
	}
	set, err := cfg.Rules.load()
	if err != nil {
		return nil, err
	}
	c, err := catalog.OpenReader(ctx, cfg.Catalog)
	if err != nil {
		return nil, err
	}
	setup, _, err := cfg.counted(ctx, c)
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return &Ledger{cfg: cfg, catalog: c, zone: zone, books: booksOfReader(cfg, c, set, clock.System(), setup)}, nil
}

// booksOfReader makes the bookkeeper of who only reads.
func booksOfReader(cfg Config, c *catalog.Catalog, set rules.Set, clk clock.Clock, setup []recording.Agent) bookkeeper {
	slowest := ""
	if len(cfg.Inbox) > 0 {
		slowest = cfg.Inbox[0].Name
	}
	return bookkeeper{
		cfg: cfg, catalog: c, rules: set, clock: clk, correlator: cdr.Correlator{Source: callSource{c}, Now: clk.Now},
		setup:  func() []recording.Agent { return slices.Clone(setup) },
		listed: func() (time.Time, string) { return time.Time{}, slowest }, // only the recorder knows
	}
}

// Close closes the catalog.
func (l *Ledger) Close() error { return l.catalog.Close() }

// Zone is that of the setup.
func (l *Ledger) Zone() *time.Location { return l.zone }

// Accept notes that somebody has looked at the calls without a capture of one
// conference, or of all with an empty one, and returns how many lines that were.
func (l *Ledger) Accept(ctx context.Context, conf recording.ConfID) (int64, error) {
	c, err := catalog.OpenBeside(ctx, l.cfg.Catalog)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	return c.AcceptMissing(ctx, conf)
}

// Between returns the lines of the calls that began from a time on and before another,
// in order of time.
func (l *Ledger) Between(ctx context.Context, from, to time.Time) ([]recording.Entry, error) {
	return l.books.between(ctx, from, to)
}

// mostUnsavedKeys bounds what a reader works out itself: the recorder saves lines
// within seconds.
const mostUnsavedKeys = 100_000

// between makes anew the lines of calls that are open or of which something has
// happened, and takes the others as they were saved.
func (b bookkeeper) between(ctx context.Context, from, to time.Time) ([]recording.Entry, error) {
	l, err := b.look(ctx)
	if err != nil && !errors.Is(err, errNobody) {
		return nil, err
	}
	// First what has no line yet: a recorder may save it before the lines are read.
	keys, unsureErr := b.unsure(ctx)
	if unsureErr != nil {
		return nil, unsureErr
	}
	saved, readErr := b.catalog.LedgerBetween(ctx, from, to)
	if errors.Is(readErr, catalog.ErrUnreadable) {
		readErr = nil // the others all the same; Check names it
	}
	if readErr != nil || err != nil {
		return saved, readErr
	}
	var list []recording.Entry
	for k := range keys {
		fresh, err := b.lines(ctx, k, l)
		if errors.Is(err, catalog.ErrUnreadable) {
			keys[k] = false // as they were saved
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, e := range fresh {
			if !e.Began.Before(from) && e.Began.Before(to) {
				list = append(list, e)
			}
		}
	}
	list = append(list, slices.DeleteFunc(saved, func(e recording.Entry) bool { return keys[keyOfEntry(e)] })...)
	slices.SortFunc(list, func(a, b recording.Entry) int { return compareEntries(a, b) })
	return list, nil
}

// of returns the lines of one conference: made anew where they may not say all.
func (b bookkeeper) of(ctx context.Context, conf recording.ConfID) ([]recording.Entry, error) {
	k := catalog.LedgerKey{Conf: conf}
	keys, err := b.unsure(ctx)
	if err != nil {
		return nil, err
	}
	saved, err := b.catalog.LedgerOf(ctx, k)
	if err != nil || !keys[k] {
		return saved, err
	}
	l, err := b.look(ctx)
	if errors.Is(err, errNobody) {
		return saved, nil
	}
	if err != nil {
		return nil, err
	}
	return b.lines(ctx, k, l)
}

func keyOfEntry(e recording.Entry) catalog.LedgerKey {
	if e.Conf == "" {
		return catalog.LedgerKey{Recording: e.Recording}
	}
	return catalog.LedgerKey{Conf: e.Conf}
}

func compareEntries(a, b recording.Entry) int {
	if c := a.Began.Compare(b.Began); c != 0 {
		return c
	}
	return strings.Compare(string(a.Conf)+a.Agent.PBX+a.Agent.CN, string(b.Conf)+b.Agent.PBX+b.Agent.CN)
}

// unsure are the keys whose saved lines may not say all.
func (b bookkeeper) unsure(ctx context.Context) (map[catalog.LedgerKey]bool, error) {
	out := map[catalog.LedgerKey]bool{}
	touched, err := b.catalog.LedgerTouched(ctx, time.Time{}, mostUnsavedKeys)
	if err != nil {
		return nil, err
	}
	if len(touched) == mostUnsavedKeys {
		return nil, fmt.Errorf("%d calls and more have no lines in the ledger yet; start the recorder, and ask again when it has made them", mostUnsavedKeys)
	}
	for _, t := range touched {
		out[t.LedgerKey] = true
	}
	open, err := b.catalog.LedgerOpen(ctx)
	for _, k := range open {
		out[k] = true
	}
	return out, err
}

// LedgerCheck is the ledger of a time held against the archive and the inboxes.
type LedgerCheck struct {
	Captures    map[recording.State]int // captures first seen in that time, by how they stand
	Differences []string
}

// Check holds the lines of whole days against the archive's files and the catalog's
// captures of those days. What a recorder files or renames meanwhile is no difference:
// those that are found are looked for once more.
func (l *Ledger) Check(ctx context.Context, from, to time.Time) (check LedgerCheck, err error) {
	if check.Differences, err = l.differences(ctx, from, to); err != nil {
		return check, err
	}
	if len(check.Differences) > 0 && l.books.clock.Wait(ctx.Done(), betweenLooks) {
		still, err := l.differences(ctx, from, to)
		if err != nil {
			return check, err
		}
		check.Differences = slices.DeleteFunc(check.Differences, func(d string) bool { return !slices.Contains(still, d) })
	}
	check.Captures, err = l.catalog.SeenBetween(ctx, from, to)
	return check, err
}

// betweenLooks is longer than a file has another name than the catalog says.
const betweenLooks = time.Second

// nearDays are the days beside a time in which the files of its calls may lie.
const nearDays = 2

func (l *Ledger) differences(ctx context.Context, from, to time.Time) (_ []string, err error) {
	var b ledger.Books
	if b.Writing, err = l.underWay(ctx); err != nil { // these may be filed before the archive is listed
		return nil, err
	}
	entries, err := l.Between(ctx, from.AddDate(0, 0, -nearDays), to.AddDate(0, 0, nearDays))
	if err != nil {
		return nil, err
	}
	in := func(at time.Time) bool { return !at.Before(from) && at.Before(to) }
	for _, e := range entries {
		if in(e.Began) {
			b.Entries = append(b.Entries, e)
		} else {
			b.Near.Entries = append(b.Near.Entries, e)
		}
	}
	if err = l.audio(ctx, from, to, &b); err != nil {
		return nil, err
	}
	if b.Unread, err = l.unread(ctx, from, to); err != nil {
		return nil, err
	}
	noLine, err := l.catalog.WithoutLine(ctx)
	if err != nil && !errors.Is(err, catalog.ErrUnreadable) { // the ledger's faults name it
		return nil, err
	}
	b.NoLine = slices.DeleteFunc(noLine, func(r recording.Recording) bool { return !in(r.Started()) })
	if b.Gone, err = l.catalog.Gaps(ctx, 100); err != nil {
		return nil, err
	}
	return ledger.Differences(b), nil
}

// unread says of which calls rows of the catalog cannot be read, whenever they were: that
// is not known of them.
func (l *Ledger) unread(ctx context.Context, from, to time.Time) (out []string, err error) {
	n, some, err := l.catalog.LedgerFaults(ctx)
	if err != nil {
		return nil, err
	}
	for _, f := range some {
		out = append(out, fmt.Sprintf("the lines of %s cannot be made: %s", f.LedgerKey, f.Why))
	}
	if more := n - len(some); more > 0 {
		out = append(out, fmt.Sprintf("nor can those of %d more", more))
	}
	_, err = l.catalog.LedgerBetween(ctx, from, to)
	if errors.Is(err, catalog.ErrUnreadable) {
		out, err = append(out, err.Error()), nil
	}
	return out, err
}

// underWay are the UIDs of recordings that may be filed at any moment.
func (l *Ledger) underWay(ctx context.Context) (uids []string, err error) {
	q := catalog.Query{Limit: 1000, States: []recording.State{recording.Seen, recording.Spooled, recording.Correlated, recording.Decided}}
	for {
		list, err := l.catalog.Search(ctx, q)
		if errors.Is(err, catalog.ErrUnreadable) {
			err = nil
		}
		if err != nil || len(list) == 0 {
			return uids, err
		}
		for _, rec := range list {
			uids = append(uids, rec.Capture.UID)
		}
		q.Before = list[len(list)-1].ID
	}
}

// audio lists the archive's audio files of calls that began in a time of whole days, and
// those near it. An archive that is not there has none.
func (l *Ledger) audio(ctx context.Context, from, to time.Time, b *ledger.Books) (err error) {
	if _, err := os.Stat(l.cfg.Archive.Path); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	arch, err := archive.Open(l.cfg.Archive)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, arch.Close()) }()
	months, err := arch.Months(ctx)
	if err != nil {
		return err
	}
	day := func(at time.Time, days int) string { return at.In(l.zone).AddDate(0, 0, days).Format("2006_01_02") }
	first, end, before, behind := day(from, 0), day(to, 0), day(from, -nearDays), day(to, nearDays)
	for _, month := range months {
		if month < before[:len(month)] || month > behind[:len(month)] {
			continue
		}
		pairs, err := arch.List(ctx, month)
		if err != nil {
			return err
		}
		for _, p := range pairs {
			switch name := filepath.Base(p.Name); {
			case p.Audio == "" || name < before || name >= behind:
			case name >= first && name < end:
				b.Audio = append(b.Audio, p.Audio)
			default:
				b.Near.Audio = append(b.Near.Audio, p.Audio)
			}
		}
	}
	return nil
}

// reportDays writes the lines of yesterday into the archive's TMP folder and their sums
// into the log, once, when all its captures should be here, and before them those of days
// at whose end the recorder stood still. Reports are kept as long as CDRs are.
func (s *Service) reportDays(ctx context.Context) {
	now := s.clock.Now().In(s.location)
	today, _ := clock.DayOf(now)
	if !s.cfg.Ledger.Daily || now.Before(today.Add(time.Duration(s.cfg.Ledger.NoCapture)+time.Hour)) || s.reported.Equal(today) {
		return
	}
	y, m, d := today.Date()
	var err error
	for back := max(s.cfg.CDR.KeepDays, 1); back > 0; back-- {
		from, to := clock.DayOf(time.Date(y, m, d-back, 12, 0, 0, 0, s.location))
		err = errors.Join(err, s.reportDay(ctx, from, to))
	}
	if ctx.Err() != nil {
		return
	}
	s.report(LampSoftware, "ledger of the day", "the ledger of the day cannot be written", err)
	if err == nil {
		s.reported = today
	}
}

const reportName = "ledger_2006_01_02.csv"

func (s *Service) reportDay(ctx context.Context, from, to time.Time) error {
	folder := filepath.Join(s.cfg.Archive.Path, "TMP")
	file := filepath.Join(folder, from.Format(reportName))
	if _, err := os.Stat(file); err == nil {
		return nil // before a restart
	}
	list, err := s.books.between(ctx, from, to)
	if err != nil || len(list) == 0 {
		return err
	}
	var table bytes.Buffer
	if err := ledger.WriteCSV(&table, list, s.location); err != nil {
		return err
	}
	if err := atomicfile.WriteFile(file, table.Bytes(), 0o600); err != nil {
		return err
	}
	s.log.Info("ledger of the day", "day", from.Format(time.DateOnly), "sums", ledger.InWords(ledger.Sum(list)))
	return dropReports(folder, from.AddDate(0, 0, -s.cfg.CDR.KeepDays).Format(reportName))
}

// dropReports deletes those that are older than one of this name.
func dropReports(folder, oldest string) error {
	files, err := filepath.Glob(filepath.Join(folder, "ledger_????_??_??.csv"))
	for _, f := range files {
		if filepath.Base(f) < oldest {
			err = errors.Join(err, os.Remove(f))
		}
	}
	return err
}
