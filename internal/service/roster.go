package service

import (
	"context"
	"sync"

	"callreel/internal/catalog"
	"callreel/internal/recording"
	"callreel/rules"
)

// roster keeps the agents as the setup and the catalog name them, with their index,
// until they change: each decision asks for them. It is safe for concurrent use; the
// zero value has not looked yet.
type roster struct {
	mu         sync.Mutex
	known      *rules.Roster
	unlicensed []recording.Agent
}

// get returns the agents and those for whom there is no licence. It reads the catalog
// when something has changed since it last did; setup are the agents of the setup.
func (r *roster) get(ctx context.Context, setup []recording.Agent, c *catalog.Catalog) (*rules.Roster, []recording.Agent, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known != nil {
		return r.known, r.unlicensed, nil
	}
	list, err := c.Agents(ctx)
	if err != nil {
		return nil, nil, err
	}
	agents, unlicensed := byLicence(append(setup, list...))
	r.known, r.unlicensed = rules.NewRoster(agents), unlicensed
	return r.known, r.unlicensed, nil
}

// changed says that the catalog's agents are others now.
func (r *roster) changed() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.known = nil
}
