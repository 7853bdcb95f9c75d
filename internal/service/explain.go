package service

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"callreel/archive"
	"callreel/cdr"
	"callreel/convert"
	"callreel/crypto"
	"callreel/ingest"
	"callreel/internal/catalog"
	"callreel/internal/clock"
	"callreel/internal/explain"
	"callreel/internal/recording"
	"callreel/internal/sidecar"
	"callreel/naming"
	"callreel/rules"
)

// Past looks back: at what has become of calls, and what the rules say to them. It only
// reads, and a recorder may work on the same catalog meanwhile.
type Past struct {
	cfg        Config
	clock      clock.Clock
	zone       *time.Location
	catalog    *catalog.Catalog
	known      []recording.Agent // of the setup and of the PBXes, as they are now
	books      bookkeeper
	roster     *rules.Roster
	unlicensed []recording.Agent
	set        rules.Set
	markTime   time.Duration    // how long after a call's end marks are looked for
	archive    *archive.Archive // nil until it is needed
}

// OpenPast opens the catalog of a setup, which must be there, and reads its rules.
func OpenPast(ctx context.Context, cfg Config, now clock.Clock) (*Past, error) {
	set, err := ReadRules(cfg.Rules.File)
	if err != nil {
		return nil, err
	}
	zone, err := cfg.Location()
	if err != nil {
		return nil, err
	}
	c, err := catalog.OpenReader(ctx, cfg.Catalog)
	if err != nil {
		return nil, err
	}
	p := &Past{cfg: cfg, clock: now, zone: zone, catalog: c, set: set, markTime: set.MarkTime()}
	setup, known, err := cfg.counted(ctx, c)
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	p.known, p.books = known, booksOfReader(cfg, c, set, now, setup)
	agents, unlicensed := byLicence(append(setup, known...))
	p.roster, p.unlicensed = rules.NewRoster(agents), unlicensed
	return p, nil
}

// Close closes what was opened.
func (p *Past) Close() error {
	err := p.catalog.Close()
	if p.archive != nil {
		err = errors.Join(err, p.archive.Close())
	}
	return err
}

// Zone is that of the setup.
func (p *Past) Zone() *time.Location { return p.zone }

// Explain tells of everything that a word may mean: the number of a recording, a UID, a
// conference id, the name of a capture or of a filed recording. It returns
// recording.ErrNotFound where nothing is known of it.
func (p *Past) Explain(ctx context.Context, word string) ([]explain.Story, error) {
	found, err := p.find(ctx, word)
	if err != nil {
		return nil, err
	}
	var out []explain.Story
	for _, rec := range found {
		q, err := p.question(ctx, rec)
		if err != nil {
			return nil, err
		}
		out = append(out, explain.Tell(q))
	}
	if len(out) > 0 {
		return out, nil
	}
	if rec, ok, err := p.fromSidecar(ctx, word); err != nil || ok {
		if err != nil {
			return nil, err
		}
		q, err := p.question(ctx, rec)
		q.Sidecar = true
		return []explain.Story{explain.Tell(q)}, err
	}
	return p.withoutCapture(ctx, word)
}

// bare is a word without folder and without the extension of a filed recording. One
// that is filed as a capture has the extension of any capture, which stays.
func bare(word string) string {
	base := path.Base(strings.ReplaceAll(word, `\`, "/"))
	if ext := path.Ext(base); slices.Contains([]string{".wav", ".mp3", ".xml", ".txt"}, strings.ToLower(ext)) {
		return strings.TrimSuffix(base, ext)
	}
	return base
}

// meantConf is the conference that a word means: by its id, or by that of an Asterisk
// channel, which a capture's name may begin with.
func meantConf(word string) (recording.ConfID, bool) {
	if conf, err := recording.ParseCallID(word); err == nil {
		return conf, true
	}
	id, ok := ingest.UniqueID(strings.TrimSuffix(word, ".pcap") + ".pcap")
	if !ok {
		return "", false
	}
	return recording.ConfIDOfUnique(id), true
}

// find looks for recordings in the catalog, the ways that are quick first. What is not
// found as it is written is looked for in upper and lower case.
func (p *Past) find(ctx context.Context, word string) ([]recording.Recording, error) {
	base := bare(word)
	if n, err := strconv.ParseInt(word, 10, 64); err == nil && len(word) < 19 {
		rec, err := p.catalog.Get(ctx, recording.ID(n))
		if errors.Is(err, recording.ErrNotFound) {
			return nil, nil
		}
		return []recording.Recording{rec}, err
	}
	if conf, ok := meantConf(base); ok {
		if list, err := p.catalog.ByConf(ctx, conf); err != nil || len(list) > 0 {
			return list, err
		}
	}
	list, err := p.catalog.ByUID(ctx, base)
	if err != nil || len(list) > 0 {
		return list, err
	}
	if parts, err := naming.Parse(base, p.zone); err == nil {
		return p.filedAs(ctx, parts.UID, strings.TrimSuffix(base, convert.PCAP.Extension()))
	}
	for _, name := range []string{base, base + ".pcap"} {
		if uid, _, _, _, ok := ingest.ParseName(name); ok {
			list, err := p.catalog.ByUID(ctx, uid)
			list = slices.DeleteFunc(list, func(r recording.Recording) bool { return r.Capture.Source.Name != name })
			if err != nil || len(list) > 0 {
				return list, err
			}
		}
	}
	return p.catalog.Named(ctx, base, base)
}

// filedAs looks for the recordings that have a name in the archive, or had it.
func (p *Past) filedAs(ctx context.Context, uid, name string) ([]recording.Recording, error) {
	is := func(had string) bool { return strings.EqualFold(path.Base(had), name) }
	other := func(r recording.Recording) bool { return !is(r.Name) && !slices.ContainsFunc(r.Aliases, is) }
	list, err := p.catalog.ByUID(ctx, uid)
	if list = slices.DeleteFunc(list, other); err != nil || len(list) > 0 {
		return list, err
	}
	list, err = p.catalog.Named(ctx, uid, name)
	return slices.DeleteFunc(list, other), err
}

// records is a cdr.Source of what the catalog has and what a recording itself holds: of
// old calls only that is left.
type records struct {
	*catalog.Catalog
	own recording.Call
}

// ByConf returns the records of a conference; those that are in both come once.
func (r records) ByConf(ctx context.Context, conf recording.ConfID) ([]recording.RawCDR, error) {
	list, err := r.CDRs(ctx, conf)
	return append(list, r.own.Raw...), err
}

// Legs returns what was seen live of a conference.
func (r records) Legs(ctx context.Context, conf recording.ConfID) ([]recording.Leg, error) {
	list, err := r.Catalog.Legs(ctx, conf)
	if len(list) == 0 {
		list = r.own.Live
	}
	return list, err
}

// came is everything that is known of a recording's call by now.
func (p *Past) came(ctx context.Context, rec recording.Recording) (recording.Call, error) {
	if rec.Capture.Conf == "" {
		return rec.Call, nil
	}
	call, err := cdr.Correlator{Source: records{p.catalog, rec.Call}, Now: p.clock.Now}.Correlate(ctx, rec)
	if errors.Is(err, recording.ErrNotYet) {
		err = nil
	}
	call.SIP, call.Found = rec.Call.SIP, rec.Call.Found
	return call, err
}

// question gathers what is known of a recording.
func (p *Past) question(ctx context.Context, rec recording.Recording) (explain.Question, error) {
	q := explain.Question{Rec: rec, Set: p.set, Zone: p.zone}
	var err error
	if q.Came, err = p.came(ctx, rec); err != nil {
		return q, err
	}
	q.Twins, err = p.twins(ctx, rec)
	if err == nil {
		q.Facts, err = p.facts(ctx, rec, q.Came)
	}
	q.AgentBy = func(a recording.Agent) string { return p.agentBy(a, rec, q.Came) }
	return q, err
}

func (p *Past) twins(ctx context.Context, rec recording.Recording) ([]recording.Twin, error) {
	if rec.Capture.Conf == "" {
		return nil, nil
	}
	list, err := p.catalog.ByConf(ctx, rec.Capture.Conf)
	var out []recording.Twin
	for _, other := range list {
		if other.ID == rec.ID || other.Verdict.Rule == recording.SameFile {
			continue
		}
		t := recording.TwinOf(other)
		t.Safe = other.Place != ""
		out = append(out, t)
	}
	return out, err
}

// facts are those of then as far as they are kept: who was seen as an agent during the
// call, or owns the recording, was one; else who is one now.
func (p *Past) facts(ctx context.Context, rec recording.Recording, call recording.Call) (rules.Facts, error) {
	f := rules.Facts{
		Now: p.clock.Now().UTC(), All: p.cfg.Agents == "all", Roster: p.roster, Unlicensed: p.unlicensed,
		Settle: time.Duration(p.cfg.CDR.Settle), DiscardSettle: time.Duration(p.cfg.CDR.DiscardSettle),
	}
	f.Agents, f.Unlicensed = atTheTime(call.Live, f.Unlicensed)
	if o := rec.Verdict.Owner; rec.Verdict.Decision == recording.Keep && o != (recording.Agent{}) {
		f.Agents = append(f.Agents, o)
	}
	if err := p.draws(ctx, rec, &f); err != nil {
		return f, err
	}
	f.MarksSeen = f.Now
	asked := rec
	asked.Call = call
	return f, memory{p.catalog, p.cfg.Marks.Scripts, p.zone, p.markTime}.add(ctx, asked, &f)
}

// draws gives the rules what random recording goes by. A call keeps its number, and
// without one gets the next.
func (p *Past) draws(ctx context.Context, rec recording.Recording, f *rules.Facts) (err error) {
	if f.Counters, err = p.catalog.Counters(ctx); err != nil {
		return err
	}
	if d := rec.Verdict.Draw; d != nil {
		f.Drawn = []recording.Draw{*d}
		return nil
	}
	f.Drawn, err = p.catalog.Drawn(ctx, rec)
	return err
}

// agentBy says why somebody counts as an agent.
func (p *Past) agentBy(a recording.Agent, rec recording.Recording, call recording.Call) string {
	same := a.Same
	switch {
	case slices.ContainsFunc(call.Live, func(l recording.Leg) bool { return same(l.Agent) }):
		return "the PBX showed him as one during the call"
	case rec.Verdict.Decision == recording.Keep && same(rec.Verdict.Owner):
		return "he was one when it was decided"
	case slices.ContainsFunc(p.cfg.agents(), same):
		return "the setup names him"
	}
	if i := slices.IndexFunc(p.known, same); i >= 0 {
		return fmt.Sprintf("PBX %s names him, by what is known now", p.known[i].PBX)
	}
	if p.cfg.Agents == "all" {
		return `by agents = "all" every user is one`
	}
	return ""
}

// withoutCapture tells of a conference of which there is no capture, by what the PBX
// showed or wrote of it.
func (p *Past) withoutCapture(ctx context.Context, word string) ([]explain.Story, error) {
	conf, ok := meantConf(bare(word))
	if !ok {
		return nil, fmt.Errorf("nothing is known of %q: %w", word, recording.ErrNotFound)
	}
	q, err := p.question(ctx, recording.Recording{Capture: recording.Capture{Conf: conf}})
	if err != nil {
		return nil, err
	}
	if len(q.Came.CDRs) == 0 && len(q.Came.Live) == 0 {
		return nil, fmt.Errorf("no capture, no CDR and no call event of conference %s is here; CDRs are kept %d days: %w",
			conf, p.cfg.CDR.KeepDays, recording.ErrNotFound)
	}
	if q.Entries, err = p.books.of(ctx, conf); err != nil {
		return nil, err
	}
	return []explain.Story{explain.Tell(q)}, nil
}

// fromSidecar reads a filed recording that the catalog does not have.
func (p *Past) fromSidecar(ctx context.Context, word string) (recording.Recording, bool, error) {
	base := strings.TrimSuffix(bare(word), convert.PCAP.Extension())
	if _, err := naming.Parse(base, p.zone); err != nil || len(base) < len("2006_01") {
		return recording.Recording{}, false, nil
	}
	a, err := p.files()
	if a == nil {
		return recording.Recording{}, false, err
	}
	name := base[:len("2006_01")] + "/" + base
	for _, f := range []convert.Format{convert.WAV, convert.MP3, convert.PCAP} {
		found, err := a.Find(ctx, name, f.Extension())
		if err != nil {
			return recording.Recording{}, false, err
		}
		if found == archive.FoundPair || found == archive.FoundSidecar {
			rec, err := p.open(ctx, a, archive.PlaceOf(name, f.Extension()))
			return rec, err == nil, err
		}
	}
	return recording.Recording{}, false, nil
}

// files is the archive, opened when it is first needed; nil where there is none.
func (p *Past) files() (*archive.Archive, error) {
	if p.archive != nil {
		return p.archive, nil
	}
	if _, err := os.Stat(p.cfg.Archive.Path); err != nil {
		return nil, nil //nolint:nilerr,nilnil // without an archive there are no sidecars
	}
	a, err := archive.Open(p.cfg.Archive)
	p.archive = a
	return a, err
}

// open decrypts a sidecar. What it holds of a filed recording is that it is filed.
func (p *Past) open(ctx context.Context, a *archive.Archive, place recording.Place) (recording.Recording, error) {
	ring, err := ReadRing(p.cfg.Keys.File)
	if errors.Is(err, fs.ErrNotExist) {
		return recording.Recording{}, fmt.Errorf("the sidecar of %s is sealed: %w", place, err)
	}
	if err != nil {
		return recording.Recording{}, err
	}
	sealed, err := a.Sidecar(ctx, place)
	if err != nil {
		return recording.Recording{}, err
	}
	plain, err := crypto.OpenBytes(ring, sealed)
	if err != nil {
		return recording.Recording{}, fmt.Errorf("open the sidecar of %s: %w", place, err)
	}
	rec, _, err := sidecar.Decode(plain)
	rec.State, rec.Place = recording.Filed, place
	return rec, err
}
