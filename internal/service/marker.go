package service

import (
	"context"
	"errors"
	"time"

	"callreel/internal/catalog"
	"callreel/internal/recording"
)

// Marker stores marks beside a recorder that runs, or before it starts.
type Marker struct {
	cfg     Config
	catalog *catalog.Catalog
}

// ErrNobody says that no agent has a number.
var ErrNobody = errors.New("no agent has this number")

// OpenMarker opens the catalog of a setup; there must be one.
func OpenMarker(ctx context.Context, cfg Config) (*Marker, error) {
	c, err := catalog.OpenBeside(ctx, cfg.Catalog)
	if err != nil {
		return nil, err
	}
	return &Marker{cfg, c}, nil
}

// Close closes the catalog.
func (m *Marker) Close() error { return m.catalog.Close() }

// Mark stores a mark. It refuses one for a number that no agent has.
func (m *Marker) Mark(ctx context.Context, mark recording.Mark, now time.Time) error {
	_, known, err := agentOf(ctx, m.catalog, m.cfg, mark.Number)
	if err != nil {
		return err
	}
	if !known {
		return ErrNobody
	}
	_, err = m.catalog.AddMark(ctx, mark, catalog.MarkFile{}, now)
	return err
}
