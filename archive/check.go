package archive

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"callreel/internal/atomicfile"
)

// Space is the room on a disk, in bytes.
type Space struct {
	Free  int64 // for this program's user
	Total int64
}

// Check is the DISK lamp: it writes, syncs and removes a small file and tells the
// room that is left. IsFull recognises a full disk.
func (a *Archive) Check(ctx context.Context) (Space, error) {
	s, err := check(ctx, a.root, a.config.Path, workFolder+"/callreel-check")
	if err != nil {
		return s, fmt.Errorf("check archive: %w", err)
	}
	return s, nil
}

// CheckBackup is the BACKUP lamp, as Check is the DISK lamp. Without a backup the
// error is ErrNoBackup.
func (a *Archive) CheckBackup(ctx context.Context) (Space, error) {
	root, err := a.openBackup()
	if err != nil {
		return Space{}, fmt.Errorf("check backup: %w", err)
	}
	defer root.Close()
	s, err := check(ctx, root, a.config.Backup, ".callreel-check")
	if err != nil {
		return s, fmt.Errorf("check backup: %w", err)
	}
	return s, nil
}

func check(ctx context.Context, root *os.Root, folder, probe string) (Space, error) {
	if err := canceled(ctx); err != nil {
		return Space{}, err
	}
	s, err := space(folder)
	if err != nil {
		return s, err
	}
	f, err := atomicfile.Create(root, probe, filePerm)
	if err != nil {
		return s, err
	}
	defer f.Abort()
	// A block's worth: some file systems keep a few bytes where a full disk does
	// not show.
	if _, err := f.Write(make([]byte, 8<<10)); err != nil {
		return s, err
	}
	if err := f.Commit(); err != nil {
		return s, err
	}
	return s, root.Remove(probe)
}

// Lock holds a folder, or a file, against other recorders.
type Lock struct{ f *os.File }

const lockFile = ".callreel-lock"

// Lock takes the archive for this program. Another recorder that runs on it makes
// the error ErrLocked. The lock ends with Release, or when the program dies.
func (a *Archive) Lock(ctx context.Context) (*Lock, error) {
	if err := canceled(ctx); err != nil {
		return nil, err
	}
	return LockFolder(a.config.Path)
}

// LockFolder is Lock for any folder, for instance the spool.
func LockFolder(folder string) (*Lock, error) { return take(filepath.Join(folder, lockFile), folder) }

// LockFile is Lock for a single file, that may not be there yet, in a folder that
// others may use: by a file of the same name with ".lock" behind it, since programs
// that use the file have locks of their own in it. It is the same for all names that
// lead to the file.
func LockFile(path string) (*Lock, error) {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		real = path
	}
	return take(real+".lock", path)
}

// take locks the file name for what is to be held.
func take(name, what string) (*Lock, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, filePerm)
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", what, err)
	}
	if err := lock(f); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("lock %s: %w", what, err)
	}
	return &Lock{f}, nil
}

// Release gives free what was held. The lock file stays.
func (l *Lock) Release() error { return l.f.Close() }

// Room tells the room that is left at a folder, without a look into it.
func Room(folder string) (Space, error) {
	s, err := space(folder)
	if err != nil {
		return s, fmt.Errorf("look how much room %s has: %w", folder, err)
	}
	return s, nil
}
