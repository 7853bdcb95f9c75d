package service

import (
	"context"
	"sync"

	"callreel/internal/catalog"
	"callreel/rules"
)

// roster keeps the agents as the setup and the catalog name them, with their index,
// until they change: each decision asks for them. It is safe for concurrent use; the
// zero value has not looked yet.
type roster struct {
	mu    sync.Mutex
	known *rules.Roster
}

// get reads the catalog when something has changed since it last did.
func (r *roster) get(ctx context.Context, cfg Config, c *catalog.Catalog) (*rules.Roster, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known != nil {
		return r.known, nil
	}
	list, err := c.Agents(ctx)
	if err != nil {
		return nil, err
	}
	r.known = rules.NewRoster(append(cfg.agents(), list...))
	return r.known, nil
}

// changed says that the catalog's agents are others now.
func (r *roster) changed() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.known = nil
}
