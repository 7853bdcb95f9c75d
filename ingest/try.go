package ingest

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"callreel/internal/clock"
	"callreel/internal/recording"
)

// Trial is how far Try came: each step needs the one before.
type Trial struct {
	Captures, Others int  // in the listing
	Listed           bool // the folder could be listed
	Written          bool // a probe could be put there
	ReadBack         bool // and was read back as it was written
	Gone             bool // and is not there any more after its deletion

	Probe string // its name
	Left  bool   // it could not be removed again

	Ahead time.Duration // of the server's clock before this machine's, to the second
	Dated bool          // the server sends a Date
}

// probeName makes a name that no inbox takes for a capture, and no one for a mark.
func probeName() string {
	var raw [6]byte
	_, _ = rand.Read(raw[:]) // never fails; it ends the program instead
	return "callreel-probe-" + hex.EncodeToString(raw[:]) + ".txt"
}

// Try does in an inbox what recording needs, with a probe of its own: list, write, read,
// delete, and look that it is gone. No capture is touched. The error is that of the
// first step that failed; the probe is removed all the same if it can be.
func Try(ctx context.Context, cfg Config, clk clock.Clock, log *slog.Logger) (Trial, error) {
	cfg.Standby, cfg.FollowPBX = "", false
	var t Trial
	in, err := New(cfg, clk, log)
	if err != nil {
		return t, err
	}
	files, err := OpenFiles(cfg)
	if err != nil {
		return t, err
	}
	list, stats, err := in.List(ctx)
	if err != nil {
		return t, err
	}
	t.Listed, t.Captures, t.Others = true, len(list), stats.Ignored+stats.Refused
	if !stats.Date.IsZero() {
		t.Ahead, t.Dated = stats.Date.Sub(clk.Now()).Round(time.Second), true
	}
	t.Probe = probeName()
	return t, t.files(ctx, files)
}

func (t *Trial) files(ctx context.Context, files Files) error {
	content := []byte("callreel tries this folder; this file may be deleted\n")
	if err := files.Write(ctx, t.Probe, content); err != nil {
		_ = t.clear(ctx, files) // a server may have kept a part of it; the error that counts is the first
		return err
	}
	t.Written, t.Left = true, true
	got, err := files.Read(ctx, t.Probe)
	if err == nil && !bytes.Equal(got, content) {
		err = fmt.Errorf("%.100q was read back with another content", t.Probe)
	}
	t.ReadBack = err == nil
	gone := t.clear(ctx, files)
	t.Gone = gone == nil
	return errors.Join(err, gone)
}

// clear removes the probe, and looks that it is gone: servers answer 204 and keep it.
func (t *Trial) clear(ctx context.Context, files Files) error {
	ctx = context.WithoutCancel(ctx) // its requests have a bound of their own
	if err := files.Remove(ctx, t.Probe); err != nil && !errors.Is(err, recording.ErrNotFound) {
		return err
	}
	if _, err := files.Read(ctx, t.Probe); !errors.Is(err, recording.ErrNotFound) {
		return errors.Join(fmt.Errorf("delete %.100q: %w", t.Probe, ErrStill), err)
	}
	t.Left = false
	return nil
}
