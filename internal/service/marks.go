package service

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"callreel/ingest"
	"callreel/internal/catalog"
	"callreel/internal/recording"
	"callreel/rules"
)

// This file takes marks up, from wherever they come. A mark is stored durably before
// its file is deleted; which call it is of is found when that is decided.

// MarksConfig says where marks lie and who takes them at the PBX.
type MarksConfig struct {
	InboxFolders   []string `toml:"inbox_folders"`   // folders in each inbox
	ArchiveFolders []string `toml:"archive_folders"` // folders in the archive
	// Scripts are the numbers or names of the objects that agents call to mark: such a
	// call is none that is marked.
	Scripts []string `toml:"scripts"`
}

// DefaultMarksConfig has the folders of SPEC §4.5.
func DefaultMarksConfig() MarksConfig {
	return MarksConfig{InboxFolders: []string{"TCR", "TMP"}, ArchiveFolders: []string{"TMP"}}
}

// Validate checks the values; errors name the key and what is allowed.
func (c MarksConfig) Validate() error {
	for _, list := range []struct {
		key   string
		names []string
	}{{"inbox_folders", c.InboxFolders}, {"archive_folders", c.ArchiveFolders}} {
		for _, name := range list.names {
			if err := ingest.CheckMarkFolder(name); err != nil {
				return fmt.Errorf("marks: %s: %w", list.key, err)
			}
		}
	}
	if slices.Contains(c.Scripts, "") {
		return errors.New(`marks: scripts "" is not allowed; write the number or the name of an object`)
	}
	return nil
}

const (
	// clocksDiffer is how far a server's clock must be off before its times are put
	// right (SPEC §3.7): it tells whole seconds only.
	clocksDiffer = 2 * time.Second
	// looking is how long a look at the folders of marks may take before calls are kept
	// without it, beside two pauses between looks.
	looking = 10 * time.Second
	// idleMark is how long after the time for marks one of no call is told of.
	idleMark = 2 * time.Hour
	// mostMarks bounds the marks that are looked at for one call.
	mostMarks = 100_000
	// mostOpen bounds the recordings that a call may have to wait for in random recording.
	mostOpen = 2000
	// mostOthers bounds the records of other calls that are looked at for its marks.
	mostOthers = 5000
)

// markPlace is a folder of marks.
type markPlace struct {
	name  string // begins the origin of its marks
	inbox ingest.Inbox

	// Of its own loop:
	odd     map[string]bool // names that say of nobody, in the last listing
	refused bool            // the server has refused to list it

	mu   sync.Mutex
	seen time.Time
}

// origin says where a mark of this place comes from.
func (p *markPlace) origin(e ingest.Entry) string { return p.name + "/" + ingest.MarkText(e.Name) }

func (p *markPlace) saw(at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen = at
}

func (p *markPlace) sawUpTo() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen
}

// openMarks makes the places of marks.
func (s *Service) openMarks(context.Context) error {
	for _, b := range s.inboxes {
		for _, folder := range s.cfg.Marks.InboxFolders {
			p, err := s.openPlace(b.cfg, folder)
			if err != nil {
				return err
			}
			b.marks = append(b.marks, p)
		}
	}
	for _, folder := range s.cfg.Marks.ArchiveFolders {
		p, err := s.openPlace(ingest.Config{Name: "archive", Kind: ingest.KindFolder, Path: s.cfg.Archive.Path}, folder)
		if err != nil {
			return err
		}
		p.name = "archive/" + folder
		s.markPlaces = append(s.markPlaces, p)
	}
	return nil
}

func (s *Service) openPlace(cfg ingest.Config, folder string) (*markPlace, error) {
	in, err := ingest.NewMarks(cfg, folder, s.clock, s.log)
	if err != nil {
		return nil, fmt.Errorf("marks: %w", err)
	}
	return &markPlace{name: "inbox " + cfg.Name + "/" + folder, inbox: in}, nil
}

// marksSeen is up to when every place of marks has been looked at.
func (s *Service) marksSeen() time.Time {
	seen := s.clock.Now()
	places := s.markPlaces
	for _, b := range s.inboxes {
		places = append(places[:len(places):len(places)], b.marks...)
	}
	for _, p := range places {
		if at := p.sawUpTo(); at.Before(seen) {
			seen = at
		}
	}
	return seen
}

// watchMarks looks at the archive's folders until ctx is done; those of an inbox are
// looked at with it.
func (s *Service) watchMarks(ctx context.Context) {
	for {
		err := s.pollMarks(ctx, s.markPlaces)
		if ctx.Err() != nil {
			return
		}
		s.report(LampDisk, "marks in the archive", "marks in the archive cannot be read", err)
		if least, _ := s.polls(); !s.clock.Wait(ctx.Done(), least) {
			return
		}
	}
}

// polls are the shortest and the longest pause between two looks at an inbox.
func (s *Service) polls() (least, most time.Duration) {
	for _, b := range s.inboxes {
		p := time.Duration(b.cfg.Poll)
		if least == 0 || p < least {
			least = p
		}
		most = max(most, p)
	}
	return least, most
}

func (s *Service) pollMarks(ctx context.Context, places []*markPlace) error {
	var all error
	for _, p := range places {
		all = errors.Join(all, s.pollMark(ctx, p))
	}
	return all
}

// pollInboxMarks looks at the folders of an inbox that has just been listed.
func (s *Service) pollInboxMarks(ctx context.Context, b *box) {
	err := s.pollMarks(ctx, b.marks)
	if ctx.Err() == nil {
		s.report(LampPCAP, "marks of inbox "+b.cfg.Name, "marks cannot be read", err)
	}
}

// isMissing reports whether a place is not there. Some servers say of a folder that they
// do not have something else than "not found"; where no call hangs on marks that is no
// fault either.
func (s *Service) isMissing(p *markPlace, err error) bool {
	status, answered := errors.AsType[*ingest.StatusError](err)
	switch {
	case errors.Is(err, ingest.ErrNoFolder):
		return true
	case !answered || status.Code >= http.StatusInternalServerError || s.rules.Mode() == rules.ModeTCR:
		return false
	}
	if !p.refused {
		p.refused = true
		s.log.Warn("a folder of marks cannot be listed and is taken for one that is not there", "place", p.name, "error", err)
	}
	return true
}

// pollMark looks at one place once. A place that is not there is an empty one. One that was
// looked at by its standby address alone was not looked at: a mark may lie on the card of the
// PBX that went down.
func (s *Service) pollMark(ctx context.Context, p *markPlace) error {
	before := s.clock.Now()
	entries, stats, err := p.inbox.List(ctx)
	if err != nil && !s.isMissing(p, err) {
		return fmt.Errorf("folder of marks %s: %w", p.name, err)
	}
	off := clockOff(s.clock.Now(), stats.Date)
	s.unsafeMarks(p, stats)
	if !stats.Away {
		if err := s.markFilesGone(ctx, p, entries); err != nil {
			return err
		}
	}
	odd := map[string]bool{}
	var all error
	for _, e := range entries {
		kind, number, err := ingest.ParseMark(e.Name)
		switch {
		case err != nil:
			odd[e.Name] = true
			s.oddMark(ctx, p, e, err)
			continue
		case !e.Known():
			all = errors.Join(all, fmt.Errorf("marks in %s: the server does not tell when a mark was made", p.name))
			continue
		}
		m := recording.Mark{Kind: kind, Number: number, At: markedAt(e, off, s.clock.Now()), From: p.origin(e)}
		all = errors.Join(all, s.takeMark(ctx, p, e, m))
	}
	if p.odd = odd; all == nil && !stats.Away {
		p.saw(before)
	}
	return all
}

// unsafeMarks tells of names that are no text, or files of which a server tells too little: a
// mark may be among them that nobody can read.
func (s *Service) unsafeMarks(p *markPlace, stats ingest.Stats) {
	var unsafe error
	if stats.Refused > 0 {
		unsafe = fmt.Errorf("the folder of marks %s shows %d names that are not safe; they are not touched, and no marks", p.name, stats.Refused)
		s.log.Debug("names that are not safe", "place", p.name, "examples", stats.Examples)
	}
	s.report(LampPCAP, "names in "+p.name, "a folder of marks shows names that are not safe", unsafe)
}

// clockOff is what must be added to a server's times to have this machine's.
func clockOff(now, date time.Time) time.Duration {
	if off := now.Sub(date); !date.IsZero() && off.Abs() > clocksDiffer {
		return off
	}
	return 0
}

// markedAt is when a mark file was written; a file is never newer than now.
func markedAt(e ingest.Entry, off time.Duration, now time.Time) time.Time {
	at := e.Stamp.ModTime.Add(off)
	if e.Stamp.ModTime.IsZero() || at.After(now) {
		return now
	}
	return at
}

// stampOf tells a file from a later one of its name. An ETag does not: a fresh file's may
// change by itself.
func stampOf(e ingest.Entry) string {
	if t := e.Stamp.ModTime; !t.IsZero() {
		return strconv.FormatInt(t.UnixNano(), 10)
	}
	return fmt.Sprint(e.Stamp.Size, " bytes")
}

// markFilesGone notes which files of a place are not there any more.
func (s *Service) markFilesGone(ctx context.Context, p *markPlace, entries []ingest.Entry) error {
	files, err := s.catalog.MarkFiles(ctx)
	if err != nil {
		return err
	}
	for _, f := range files {
		there := slices.ContainsFunc(entries, func(e ingest.Entry) bool { return p.origin(e) == f.Origin && stampOf(e) == f.Stamp })
		if strings.HasPrefix(f.Origin, p.name+"/") && !there {
			if err := s.catalog.MarkFileGone(ctx, f); err != nil {
				return err
			}
		}
	}
	return nil
}

// takeMark stores the mark of a file, then deletes the file.
func (s *Service) takeMark(ctx context.Context, p *markPlace, e ingest.Entry, m recording.Mark) error {
	file := catalog.MarkFile{Origin: m.From, Stamp: stampOf(e)}
	if err := s.addMark(ctx, m, file); err != nil {
		return err
	}
	if !s.deleteMark(ctx, p, e) {
		return nil
	}
	return s.catalog.MarkFileGone(ctx, file)
}

// addMark stores a mark and says so, once.
func (s *Service) addMark(ctx context.Context, m recording.Mark, file catalog.MarkFile) error {
	added, err := s.catalog.AddMark(ctx, m, file, s.clock.Now())
	if err != nil || !added {
		return err
	}
	s.wakeUp()
	agent, known, err := agentOf(ctx, s.catalog, s.cfg, m.Number)
	if err != nil {
		return err
	}
	s.log.Debug("mark received", "number", m.Number, "from", m.From)
	if !known {
		s.log.Warn("a mark is for a number that no agent has; it is kept for a while", "kind", m.Kind)
		return nil
	}
	s.log.Info("mark received", "kind", m.Kind, "agent", agent, "at", m.At)
	return nil
}

// agentOf reports whether a mark's number may be an agent's, and gives it if one is
// known to have it: only then may it stand in the log.
func agentOf(ctx context.Context, c *catalog.Catalog, cfg Config, number string) (agent string, known bool, err error) {
	list, err := c.Agents(ctx)
	if err != nil {
		return "", false, err
	}
	if slices.ContainsFunc(append(cfg.agents(), list...), func(a recording.Agent) bool { return rules.NamesAgent(number, a) }) {
		return number, true, nil
	}
	return "", cfg.Agents == "all", nil
}

// oddMark tells once of a mark file of which it is not certain whose it is, and deletes
// it when nobody can want it any more.
func (s *Service) oddMark(ctx context.Context, p *markPlace, e ingest.Entry, why error) {
	if !p.odd[e.Name] {
		s.log.Warn("a mark's file says not whose mark it is; it is left there for a while", "place", p.name, "reason", why)
		s.log.Debug("such a mark", "place", p.name, "file", e.Name)
	}
	if age := s.clock.Now().Sub(e.Stamp.ModTime); e.Stamp.ModTime.IsZero() || age < s.rules.MarkTime()+idleMark {
		return
	}
	s.deleteMark(ctx, p, e)
}

// deleteMark deletes the file of a mark and reports whether it is gone. That it cannot
// be deleted is a fault and holds nothing up: it is known when it is seen again.
func (s *Service) deleteMark(ctx context.Context, p *markPlace, e ingest.Entry) bool {
	err := p.inbox.Delete(ctx, e.Name, e.Stamp)
	if ctx.Err() != nil || errors.Is(err, recording.ErrChanged) {
		return false // it was written again: another mark, at the next look
	}
	s.report(LampPCAP, "marks in "+p.name, "a mark's file cannot be deleted", err)
	return err == nil
}

// Mark stores what came by HTTP; it reports whether the number is an agent's.
func (s *Service) Mark(ctx context.Context, m recording.Mark) (known bool, err error) {
	m.At = s.clock.Now()
	if err := s.addMark(ctx, m, catalog.MarkFile{}); err != nil {
		s.report(LampSoftware, "marks", "a mark cannot be stored", err)
		return false, err
	}
	s.lamps.Good(LampSoftware, "marks")
	_, known, err = agentOf(ctx, s.catalog, s.cfg, m.Number)
	return known, err
}

// idleMarks tells once of each mark that is of no call.
func (s *Service) idleMarks(ctx context.Context) error {
	list, err := s.catalog.IdleMarks(ctx, s.clock.Now().Add(-s.rules.MarkTime()-idleMark))
	if err != nil {
		return err
	}
	for _, m := range list {
		agent, _, err := agentOf(ctx, s.catalog, s.cfg, m.Number)
		if err != nil {
			return err
		}
		s.log.Warn("a mark is of no call that was recorded", "kind", m.Kind, "agent", agent, "at", m.At)
		if err := s.catalog.MarkTold(ctx, m.ID); err != nil {
			return err
		}
	}
	return nil
}
