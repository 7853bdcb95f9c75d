package ingest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"callreel/internal/recording"
)

// What the inboxes on servers have in common.

// short bounds an operation that moves little: the idle timeout alone would let a
// server drip for ever. Real time, as all network timeouts.
func short(ctx context.Context, cfg Config) (context.Context, context.CancelFunc) {
	most := 4 * time.Duration(cfg.IdleTimeout)
	return context.WithTimeoutCause(ctx, most, fmt.Errorf("%w to the end within %s", ErrIdle, most))
}

// notFound makes a 404 recording.ErrNotFound as well.
func notFound(err error) error {
	if status, ok := errors.AsType[*StatusError](err); ok && status.Code == http.StatusNotFound {
		return fmt.Errorf("%w: %w", recording.ErrNotFound, err)
	}
	return err
}

// fault names inbox, deed and file of an error. An error about the inbox itself,
// with an empty name, never says that a file is not there.
func fault(inbox, do, name string, err error) error {
	if name != "" {
		return fmt.Errorf("inbox %s: %s %.100q: %w", inbox, do, name, err)
	}
	if status, ok := errors.AsType[*StatusError](err); ok {
		err = status
	}
	return fmt.Errorf("inbox %s: %s: %w", inbox, do, err)
}

// remover is an inbox that can be asked for, and rid of, one file.
type remover interface {
	Name() string
	Stat(ctx context.Context, name string) (recording.Stamp, error)
	remove(ctx context.Context, name string, got recording.Stamp) error
}

// deleteProved removes the file if it still is the wanted one, and looks again:
// servers say 404, or even 204, and keep the file; only its absence counts.
func deleteProved(ctx context.Context, in remover, name string, want recording.Stamp) error {
	gone, err := removeWanted(ctx, in, name, want)
	if gone || err != nil {
		return err
	}
	switch _, err := in.Stat(ctx, name); {
	case errors.Is(err, recording.ErrNotFound):
		return nil
	case err != nil:
		return err
	}
	return fault(in.Name(), "delete", name, ErrStill)
}

// removeWanted removes the file if it still is the wanted one. It reports whether it was
// gone before; else nobody has looked yet.
func removeWanted(ctx context.Context, in remover, name string, want recording.Stamp) (gone bool, err error) {
	got, err := in.Stat(ctx, name)
	switch {
	case errors.Is(err, recording.ErrNotFound):
		return true, nil
	case err != nil:
		return false, err
	case !got.Same(want):
		return false, fault(in.Name(), "delete", name, recording.ErrChanged)
	}
	if err := in.remove(ctx, name, got); err != nil && !errors.Is(err, recording.ErrNotFound) {
		return false, err
	}
	return false, nil
}
