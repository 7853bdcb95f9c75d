package service

import (
	"context"
	"errors"
	"sync"

	"callreel/internal/catalog"
	"callreel/internal/recording"
	"callreel/rules"
)

// roster keeps the agents as the setup and the catalog name them, with their index,
// until they change: each decision asks for them. It is safe for concurrent use; the
// zero value has not looked yet.
type roster struct {
	mu    sync.Mutex
	known *staff
}

// staff are the agents at one time.
type staff struct {
	agents     *rules.Roster     // who is recorded
	unlicensed []recording.Agent // for whom there is no licence
	everyone   *rules.Roster     // both
	unread     error             // a row of the catalog that is passed over
}

// get returns the agents. It reads the catalog when something has changed since it last
// did; setup are the agents of the setup.
func (r *roster) get(ctx context.Context, setup []recording.Agent, c *catalog.Catalog) (*staff, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known != nil {
		return r.known, nil
	}
	list, err := c.Agents(ctx)
	if err != nil && !errors.Is(err, catalog.ErrUnreadable) {
		return nil, err
	}
	list = append(setup, list...)
	agents, unlicensed := byLicence(list)
	r.known = &staff{rules.NewRoster(agents), unlicensed, rules.NewRoster(list), err}
	return r.known, nil
}

// change saves other agents. Nobody is told the ones of before once they are saved.
func (r *roster) change(save func() error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.known = nil
	return save()
}

// changed says that the catalog's agents are others now.
func (r *roster) changed() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.known = nil
}
