package pbx

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"callreel/internal/recording"
)

// maxSites bounds the slave PBXes that are followed beside their master.
const maxSites = 200

// sites are the slave PBXes of one master. A site is found when the master shows
// an agent who is homed there, and is then followed as long as the master's Run
// lasts, with a session of its own.
type sites struct {
	running sync.WaitGroup
	known   map[string]bool // by location; touched by the session's goroutine only
	resume  []recording.Leg // legs of an earlier run at sites not found yet
}

// Why a site is down that was just found, and one too many.
var (
	errSiteNew  = errors.New("the PBX of this location has not been asked yet")
	errSiteMany = fmt.Errorf("more than %d locations are not followed", maxSites)
)

// siteName is how a site stands in logs, lamps and agents.
func siteName(pbx, loc string) string { return pbx + "/" + loc }

// followSites starts a client for each location that agents are homed on and
// that has none yet. The handler is told that it is down before anything else is
// concluded from the master's agents.
func (s *session) followSites(ctx context.Context) error {
	for _, loc := range s.roster.locations() {
		if s.sites.known[loc] {
			continue
		}
		if len(s.sites.known) >= maxSites {
			s.sites.known[loc] = true
			s.handler.Down(ctx, siteName(s.cfg.Name, loc), s.clock.Now(), errSiteMany)
			continue
		}
		client, err := s.siteClient(loc)
		if err != nil {
			return fmt.Errorf("location %q: %w", clip(loc), err)
		}
		s.sites.known[loc] = true
		s.handler.Down(ctx, client.cfg.Name, s.clock.Now(), errSiteNew)
		s.log.Info("agents are homed on a slave PBX; it is followed there", "location", loc)
		s.sites.running.Go(func() { _ = client.Run(ctx) })
	}
	return nil
}

// siteClient makes the client of a slave PBX: the master's configuration under
// another name, and an address that the master is asked for before each session.
func (s *session) siteClient(loc string) (*Client, error) {
	cfg := s.cfg
	cfg.Name, cfg.Standby = siteName(s.cfg.Name, loc), ""
	web, err := newHTTPClient(cfg)
	if err != nil {
		return nil, err
	}
	c := newClient(cfg, s.handler, s.clock, s.Client.log, web)
	c.loc, c.log = loc, s.Client.log.With("location", loc)
	// The master's own connection waits in a poll; this goes by the site's client.
	master := caller{url: s.pbx.url, wire: cfg.Wire, http: web}
	c.locate = func(ctx context.Context) (string, error) { return locate(ctx, &master, s.cfg, loc) }
	mine := func(l recording.Leg) bool { return l.Agent.PBX == cfg.Name }
	for _, l := range s.sites.resume {
		if mine(l) {
			c.Resume([]recording.Leg{l})
		}
	}
	s.sites.resume = slices.DeleteFunc(s.sites.resume, mine)
	return c, nil
}

// locate asks the master for a site's address. One without a path has the
// master's.
func locate(ctx context.Context, master *caller, cfg Config, loc string) (string, error) {
	own, err := url.Parse(cfg.URL)
	if err != nil {
		return "", err
	}
	text, err := master.locationURL(ctx, time.Duration(cfg.CallTimeout), loc, own.Scheme == "https")
	if err != nil {
		return "", err
	}
	u, err := url.Parse(text)
	switch {
	case text == "":
		return "", fmt.Errorf("the master knows no address of location %q", clip(loc))
	case err != nil || u.Host == "" || u.User != nil || u.Scheme != "http" && u.Scheme != "https":
		return "", fmt.Errorf("the master's address of location %q is no URL: %q", clip(loc), clip(text))
	case own.Scheme == "https" && u.Scheme != "https":
		return "", fmt.Errorf("the master is asked by https, its address of location %q is not: %q", clip(loc), clip(text))
	}
	if strings.Trim(u.Path, "/") == "" {
		u.Path = own.Path
	}
	return u.String(), nil
}

// locations are those of the group's members who are homed elsewhere, sorted.
func (r *roster) locations() []string {
	var list []string
	for _, u := range r.objects {
		if r.isMember(u) && u.Loc != "" && !r.slave && !r.isHere(u.Loc) && !slices.Contains(list, u.Loc) {
			list = append(list, u.Loc)
		}
	}
	slices.Sort(list)
	return list
}
