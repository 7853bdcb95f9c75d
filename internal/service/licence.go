package service

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"callreel/internal/catalog"
	"callreel/internal/pbx"
	"callreel/internal/recording"
)

// LicenceConfig says for how many agents there are licences (SPEC §3.8).
type LicenceConfig struct {
	// Count is "unlimited", a number, or "pbx": the PBX is asked.
	Count any `toml:"count"`
	// Name is that of the licence in the PBX's list, Path where the PBX shows it.
	Name  string       `toml:"name"`
	Path  string       `toml:"path"`
	Every pbx.Duration `toml:"every"` // how often the PBX is asked
}

// The words that Count may be.
const (
	licenceUnlimited = "unlimited"
	licencePBX       = "pbx"
)

// Validate checks the values; errors name the key and what is allowed.
func (c LicenceConfig) Validate() error {
	n, isNumber := c.Count.(int64)
	switch {
	case isNumber && n < 0, !isNumber && c.Count != licenceUnlimited && c.Count != licencePBX:
		return fmt.Errorf(`licence: count %v is not allowed; allowed: "unlimited", "pbx", or a number`, c.Count)
	case c.Name == "" && c.Count == licencePBX:
		return errors.New("licence: name must be that of the licence in the PBX's list")
	case !strings.HasPrefix(c.Path, "/"):
		return fmt.Errorf("licence: path %q must begin with a slash", c.Path)
	case c.Every <= 0:
		return fmt.Errorf("licence: every %s is not allowed; allowed: more than 0s", time.Duration(c.Every))
	}
	return nil
}

// checkLicence refuses what no licence can be counted against.
func (c Config) checkLicence() error {
	if err := c.Licence.Validate(); err != nil {
		return err
	}
	if c.Licence.Count != licenceUnlimited && c.Agents == "all" {
		return errors.New(`licence: count is limited, and agents = "all" makes everybody an agent, so that nobody can be counted; name the agents or their group`)
	}
	if c.Licence.Count == licencePBX && len(c.PBX) == 0 {
		return errors.New(`licence: count = "pbx" needs a [[pbx]] that can be asked`)
	}
	return nil
}

// licences are what agents are counted down against. It is safe for concurrent use.
type licences struct {
	mu    sync.Mutex
	setup []recording.Agent // those of the setup, marked
	left  string            // who has none, as last told
}

// setupAgents are the agents of the setup; who has no licence is marked.
func (l *licences) setupAgents() []recording.Agent {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.setup)
}

// limit is how many agents of a PBX may be recorded, and under which name they are
// counted; none says that all may. A number counts for all PBXes together; where the
// PBX is asked, each counts its own, with those of its slave sites.
func (c LicenceConfig) limit(counts map[string]int, pbx string) (pool string, most int, limited bool) {
	if n, ok := c.Count.(int64); ok {
		return "", int(n), true
	}
	if c.Count != licencePBX || pbx == "" {
		return "", 0, false
	}
	master, _, _ := strings.Cut(pbx, "/")
	most, limited = counts[master] // one that never said how many: what loses no call
	return master, most, limited
}

// mark counts agents down in the order of their names and marks those for whom there
// is no licence left. One that is named twice is counted once.
func (c LicenceConfig) mark(counts map[string]int, lists ...[]recording.Agent) (left []recording.Agent) {
	var all []*recording.Agent
	for _, list := range lists {
		for i := range list {
			all = append(all, &list[i])
		}
	}
	slices.SortStableFunc(all, func(a, b *recording.Agent) int {
		return cmp.Or(cmp.Compare(cmp.Or(a.CN, a.E164), cmp.Or(b.CN, b.E164)), cmp.Compare(a.PBX, b.PBX))
	})
	used := map[string]int{}
	for i, a := range all {
		twin := slices.IndexFunc(all[:i], func(o *recording.Agent) bool { return o.Same(*a) && (o.PBX == a.PBX || o.PBX == "" || a.PBX == "") })
		pool, most, limited := c.limit(counts, a.PBX)
		switch {
		case twin >= 0:
			a.Unlicensed = all[twin].Unlicensed
		case !limited:
			a.Unlicensed = false
		default:
			used[pool]++
			if a.Unlicensed = used[pool] > most; a.Unlicensed {
				left = append(left, *a)
			}
		}
	}
	return left
}

// counted are the agents of the setup, and those that a catalog knows; who has no licence
// is marked, as the recorder does. It is for who looks back.
func (c Config) counted(ctx context.Context, from *catalog.Catalog) (setup, known []recording.Agent, err error) {
	if known, err = from.Agents(ctx); err != nil && !errors.Is(err, catalog.ErrUnreadable) {
		return nil, nil, err
	}
	counts, err := from.Licences(ctx, c.Licence.Name)
	setup = c.agents()
	c.Licence.mark(counts, setup, known)
	return setup, known, err
}

// byLicence divides agents into those that are recorded and those without a licence.
// Who is named as both is recorded.
func byLicence(all []recording.Agent) (agents, unlicensed []recording.Agent) {
	for _, a := range all {
		if a.Unlicensed {
			unlicensed = append(unlicensed, a)
		} else {
			agents = append(agents, a)
		}
	}
	return agents, unlicensed
}

// relicense counts the agents down anew: those of a PBX as it has just named them (nil
// for none), the others as last known. What has changed is saved.
func (s *Service) relicense(ctx context.Context, name string, list []recording.Agent) error {
	s.licences.mu.Lock()
	defer s.licences.mu.Unlock()
	known, err := s.catalog.Agents(ctx)
	if err != nil && !errors.Is(err, catalog.ErrUnreadable) {
		return err
	}
	byPBX := map[string][]recording.Agent{}
	before := map[string][]recording.Agent{}
	for _, a := range known {
		byPBX[a.PBX] = append(byPBX[a.PBX], a)
		before[a.PBX] = append(before[a.PBX], a)
	}
	if name != "" {
		byPBX[name] = slices.Clone(list)
	}
	counts, err := s.catalog.Licences(ctx, s.cfg.Licence.Name)
	if err != nil {
		return err
	}
	setup := s.cfg.agents()
	lists := [][]recording.Agent{setup}
	for _, l := range byPBX {
		lists = append(lists, l)
	}
	left := s.cfg.Licence.mark(counts, lists...)
	s.licences.setup = setup
	defer s.roster.changed()
	since, err := s.lookBack(ctx, name, list, before[name])
	if err != nil {
		return err
	}
	err = s.roster.change(func() error {
		for pbx, l := range byPBX {
			switch {
			case pbx == name:
				err = s.catalog.SaveAgentsGained(ctx, pbx, l, since)
			case !slices.Equal(l, before[pbx]):
				err = s.catalog.SaveAgents(ctx, pbx, l)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		s.tellLicences(left) // what holds after a restart too
	}
	return err
}

// tellLicences makes the lamp SOFTWARE say who has no licence, and logs it when that
// changes.
func (s *Service) tellLicences(left []recording.Agent) {
	const cause = "licences"
	names := make([]string, 0, len(left))
	for _, a := range left {
		names = append(names, cmp.Or(a.CN, a.E164))
	}
	who := strings.Join(names, ", ")
	if who != s.licences.left && who != "" {
		s.log.Warn("there are more agents than licences; these are not recorded", "count", len(left), "agents", who)
	}
	if s.licences.left = who; who == "" {
		s.lamps.Good(LampSoftware, cause)
		return
	}
	s.lamps.Still(LampSoftware, cause, fmt.Errorf("%d agents have no licence and are not recorded: %s", len(left), who))
}

// unlicensed reports whether an agent whom a PBX has just shown has no licence.
func (s *Service) unlicensed(ctx context.Context, a recording.Agent) bool {
	if s.cfg.Licence.Count == licenceUnlimited {
		return false
	}
	staff, err := s.roster.get(ctx, s.licences.setupAgents(), s.catalog)
	return err == nil && slices.ContainsFunc(staff.unlicensed, func(o recording.Agent) bool {
		return o.PBX == a.PBX && o.CN == a.CN // what is not known loses no call
	})
}

// hadLicence reports whether there was a licence for an agent in a call that goes on: that
// call is kept, though somebody has joined the group since who stands before him. What is
// not known loses no call.
func (s *Service) hadLicence(ctx context.Context, leg recording.Leg) bool {
	legs, err := s.catalog.Legs(ctx, leg.Conf)
	return err != nil || slices.ContainsFunc(slices.Concat(legs, s.legs.of(leg.Conf)), func(l recording.Leg) bool {
		return l.Agent.Same(leg.Agent) && l.Agent.PBX == leg.Agent.PBX && !l.Agent.Unlicensed
	})
}

// openLicences counts with what was known when the recorder stopped.
func (s *Service) openLicences(ctx context.Context) error { return s.relicense(ctx, "", nil) }

// watchLicences asks the PBXes how many licences they have. A count that cannot be read
// is an alarm, and the last known one stays.
func (s *Service) watchLicences(ctx context.Context) {
	if s.cfg.Licence.Count != licencePBX {
		return
	}
	for {
		for _, p := range s.cfg.PBX {
			err := s.readLicences(ctx, p)
			if ctx.Err() != nil {
				return
			}
			s.report(LampSoftware, "licences of "+p.Name, "the PBX's licences cannot be read; the last known count stays", err)
		}
		if !s.clock.Wait(ctx.Done(), time.Duration(s.cfg.Licence.Every)) {
			return
		}
	}
}

func (s *Service) readLicences(ctx context.Context, p pbx.Config) error {
	n, err := pbx.Licences(ctx, p, s.cfg.Licence.Path, s.cfg.Licence.Name)
	if err != nil {
		return err
	}
	before, err := s.catalog.Licences(ctx, s.cfg.Licence.Name)
	if err != nil {
		return err
	}
	if old, known := before[p.Name]; known && old == n {
		return nil
	}
	if err := s.catalog.SaveLicences(ctx, p.Name, s.cfg.Licence.Name, n, s.clock.Now()); err != nil {
		return err
	}
	s.log.Info("licences of the PBX", "pbx", p.Name, "name", s.cfg.Licence.Name, "count", strconv.Itoa(n))
	return s.relicense(ctx, "", nil)
}
