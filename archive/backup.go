package archive

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"callreel/internal/atomicfile"
	"callreel/internal/recording"
)

// openBackup opens the backup folder anew each time: a network drive comes and
// goes. It never makes the folder itself, so that an unmounted drive is an error
// and not a copy on the wrong disk.
func (a *Archive) openBackup() (*os.Root, error) {
	if a.config.Backup == "" {
		return nil, ErrNoBackup
	}
	root, err := os.OpenRoot(a.config.Backup)
	if err != nil {
		return nil, fmt.Errorf("open backup: %w", err)
	}
	return root, nil
}

// HasBackup reports whether a backup is set up.
func (a *Archive) HasBackup() bool { return a.config.Backup != "" }

// Backup copies the pair at place to the backup folder, the sidecar first, and
// proves the copies by reading them back. The very same copy being there is
// success; another file of that name is ErrExists.
func (a *Archive) Backup(ctx context.Context, place recording.Place) (recording.Place, error) {
	file, ok := strings.CutPrefix(string(place), scheme)
	if !ok || checkFile(file) != nil {
		return "", fmt.Errorf("%w: place %.300q", ErrName, place)
	}
	to, err := a.openBackup()
	if err != nil {
		return "", fmt.Errorf("back up %s: %w", place, err)
	}
	defer to.Close()
	target := path.Base(file)
	if a.config.BackupLayout == Mirror {
		target = file
	}
	if err := makeFolder(to, path.Dir(target)); err != nil {
		return "", fmt.Errorf("back up %s: %w", place, err)
	}
	for _, c := range []struct{ from, to string }{{sidecarOf(file), sidecarOf(target)}, {file, target}} {
		if err := a.copyTo(ctx, to, c.from, c.to); err != nil {
			return "", fmt.Errorf("back up %s: %w", place, err)
		}
		a.at("copied " + path.Ext(c.to))
	}
	return recording.Place(backupScheme + target), nil
}

// BackUpAgain copies the pair at place, whose audio has the SHA-256 want, over its copy of
// before, which may have been of another format, and removes what is left of that. It may
// run twice.
func (a *Archive) BackUpAgain(ctx context.Context, place, before recording.Place, want string) (recording.Place, error) {
	file, ok := strings.CutPrefix(string(place), scheme)
	if !ok || checkFile(file) != nil {
		return "", fmt.Errorf("%w: place %.300q", ErrName, place)
	}
	to, old, done, err := a.locate(before)
	if err != nil {
		return "", fmt.Errorf("back up %s again: %w", place, err)
	}
	defer done()
	if to == a.root {
		return "", fmt.Errorf("%w: %.300q is no copy", ErrName, before)
	}
	if err := a.Verify(ctx, place, want); err != nil { // else the last good copy would go
		return "", fmt.Errorf("back up %s again: %w", place, err)
	}
	target := strings.TrimSuffix(old, path.Ext(old)) + path.Ext(file)
	for _, c := range []struct{ from, to string }{{file, target}, {sidecarOf(file), sidecarOf(target)}} {
		want, err := sumFile(ctx, a.root, c.from)
		if err == nil {
			err = copyFile(ctx, a.root, c.from, to, c.to, want)
		}
		if err == nil {
			err = verifyFile(ctx, to, c.to, want)
		}
		if err != nil {
			return "", fmt.Errorf("back up %s again: %w", place, notFound(err))
		}
		a.at("copied again " + path.Ext(c.to))
	}
	if old != target {
		if err := to.Remove(old); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("back up %s again: %w", place, err)
		}
	}
	return recording.Place(backupScheme + target), nil
}

func (a *Archive) copyTo(ctx context.Context, root *os.Root, from, to string) error {
	want, err := sumFile(ctx, a.root, from)
	if err != nil {
		return notFound(err)
	}
	if there, err := exists(root, to); err != nil {
		return err
	} else if there {
		return isSame(ctx, root, to, want)
	}
	if err := copyFile(ctx, a.root, from, root, to, want); err != nil {
		return err
	}
	return verifyFile(ctx, root, to, want)
}

func isSame(ctx context.Context, root *os.Root, file, want string) error {
	err := verifyFile(ctx, root, file, want)
	if errors.Is(err, ErrDamaged) {
		return fmt.Errorf("%s in the backup differs: %w", file, ErrExists)
	}
	return err
}

// copyFile copies whole or not at all. It does not put a copy under its name that
// differs from want.
func copyFile(ctx context.Context, src *os.Root, from string, dst *os.Root, to, want string) error {
	in, err := src.Open(from)
	if err != nil {
		return notFound(err)
	}
	defer in.Close()
	out, err := atomicfile.Create(dst, to, filePerm)
	if err != nil {
		return err
	}
	defer out.Abort()
	h := sha256.New()
	if _, err := io.Copy(io.MultiWriter(out, h), stoppable{ctx, in}); err != nil {
		return err
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != want {
		return fmt.Errorf("%s changed while being copied: %w", from, ErrDamaged)
	}
	return out.Commit()
}
