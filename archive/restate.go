package archive

import (
	"context"
	"errors"
	"fmt"

	"callreel/internal/recording"
)

// Restate puts another sidecar in the place of that of the audio at place, in the archive
// or in its backup, whole or not at all, and proves it by reading it back. The audio is
// not touched. It is for what is learned of a recording after it was filed; nobody else
// may be at work on the pair.
func (a *Archive) Restate(ctx context.Context, place recording.Place, sidecar []byte) error {
	root, file, done, err := a.locate(place)
	if err != nil {
		return err
	}
	defer done()
	name := sidecarOf(file)
	there, err := exists(root, name)
	if err == nil && !there {
		err = recording.ErrNotFound
	}
	if err = errors.Join(err, canceled(ctx)); err != nil {
		return fmt.Errorf("restate %s: %w", place, err)
	}
	if err = put(root, name, sidecar); err == nil {
		err = verifyFile(ctx, root, name, sumOf(sidecar))
	}
	if err != nil {
		return fmt.Errorf("restate %s: %w", place, err)
	}
	return nil
}
