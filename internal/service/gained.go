package service

import (
	"context"
	"errors"
	"slices"
	"time"

	"callreel/internal/recording"
)

// This file is about calls whose records come while callreel cannot know the agents: its
// link to their PBX is down, or their site is not found yet. Their lines are made when the
// agents are told. Who becomes an agent while the link is up is one from then on.

const (
	// gainedBack bounds how far is looked back when a PBX tells its agents for the first time.
	gainedBack = 7 * 24 * time.Hour
	// hungFor is how long a link may have hung before it counts as down.
	hungFor = 5 * time.Minute
)

// agentsSure notes that a PBX tells each change of its agents from now on.
func (s *Service) agentsSure(ctx context.Context, pbx string) {
	s.report(LampSoftware, "agents known of "+pbx, "it cannot be noted that a PBX tells its agents",
		s.catalog.RosterSure(context.WithoutCancel(ctx), pbx))
}

// agentsUnsure notes that the agents of a PBX may change unseen since a while before at.
func (s *Service) agentsUnsure(ctx context.Context, pbx string, at time.Time) {
	s.report(LampSoftware, "agents known of "+pbx, "it cannot be noted that a PBX does not tell its agents",
		s.catalog.RosterUnsure(context.WithoutCancel(ctx), pbx, at.Add(-hungFor)))
}

// lookBack is from when on calls have to be looked at again, since one of a PBX's agents
// may have been one unseen; the zero time if none can have been.
func (s *Service) lookBack(ctx context.Context, pbx string, list, before []recording.Agent) (time.Time, error) {
	if pbx == "" || !gained(list, before) {
		return time.Time{}, nil
	}
	oldest := s.clock.Now().Add(-gainedBack)
	since, err := s.catalog.UnsureSince(ctx, pbx)
	switch {
	case errors.Is(err, recording.ErrNotFound):
		return oldest, nil
	case err != nil || since.IsZero():
		return time.Time{}, err
	}
	return laterOf(since, oldest), nil
}

// gained reports whether a list has somebody, or a number or name of somebody, whom the
// one before has not; his licence does not matter.
func gained(list, before []recording.Agent) bool {
	known := map[recording.Agent]bool{}
	for _, a := range before {
		a.Unlicensed = false
		known[a] = true
	}
	return slices.ContainsFunc(list, func(a recording.Agent) bool {
		a.Unlicensed = false
		return !known[a]
	})
}
