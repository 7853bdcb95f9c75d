// Package atomicfile writes files that are whole or absent: the content goes to
// an exclusive temporary file in the target's folder, is synced to the disk and
// renamed into place, and then the folder is synced. A program or a machine that
// dies on the way leaves the old file, or none, and at most a leftover whose name
// begins with Prefix. The package knows nothing of what is written.
package atomicfile

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
)

// Prefix begins the name of every temporary file of this package. A file with
// such a name that no running program writes is a leftover and may be removed.
const Prefix = ".callreel-"

// Write makes or replaces the file at path with what fill writes. If fill or any
// later step fails, the target is untouched and the temporary file is removed.
func Write(path string, perm fs.FileMode, fill func(io.Writer) error) error {
	root, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer root.Close()
	f, err := Create(root, filepath.Base(path), perm)
	if err != nil {
		return err
	}
	defer f.Abort()
	if err := fill(f); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return f.Commit()
}

// WriteFile makes or replaces the file at path with data.
func WriteFile(path string, data []byte, perm fs.FileMode) error {
	return Write(path, perm, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// File is a file that is being written. It is used by one goroutine. Exactly one
// of Commit and Abort takes effect; Abort after Commit does nothing.
type File struct {
	root *os.Root
	file *os.File // nil after Commit or Abort
	temp string
	name string
}

// Create begins the file name (slash-separated, below root), whose folder must
// exist. Nothing stands under that name before Commit.
func Create(root *os.Root, name string, perm fs.FileMode) (*File, error) {
	temp := path.Join(path.Dir(name), Prefix+rand.Text()+".tmp")
	f, err := root.OpenFile(temp, os.O_RDWR|os.O_CREATE|os.O_EXCL, perm)
	if err != nil {
		return nil, fmt.Errorf("create %s: %w", name, err)
	}
	return &File{root: root, file: f, temp: temp, name: name}, nil
}

// Write appends to the file.
func (f *File) Write(p []byte) (int, error) {
	if f.file == nil {
		return 0, fs.ErrClosed
	}
	return f.file.Write(p)
}

// ReadAt reads what was written so far.
func (f *File) ReadAt(p []byte, off int64) (int, error) {
	if f.file == nil {
		return 0, fs.ErrClosed
	}
	return f.file.ReadAt(p, off)
}

// Commit makes the file durable under its name, replacing a file that stands
// there. When it fails the target is as it was, unless only the last step, the
// sync of the folder, failed.
func (f *File) Commit() error {
	if f.file == nil {
		return fs.ErrClosed
	}
	if err := f.file.Sync(); err != nil {
		f.Abort()
		return fmt.Errorf("sync %s: %w", f.name, err)
	}
	if err := f.close(); err != nil {
		return f.drop(fmt.Errorf("close %s: %w", f.name, err))
	}
	if err := f.root.Rename(f.temp, f.name); err != nil {
		return f.drop(fmt.Errorf("rename to %s: %w", f.name, err))
	}
	return SyncIn(f.root, path.Dir(f.name))
}

// Abort removes the temporary file.
func (f *File) Abort() {
	if f.file == nil {
		return
	}
	_ = f.close()
	_ = f.root.Remove(f.temp)
}

func (f *File) close() error {
	err := f.file.Close()
	f.file = nil
	return err
}

func (f *File) drop(err error) error {
	return errors.Join(err, ignoreGone(f.root.Remove(f.temp)))
}

func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// SyncDir makes the names in a folder durable. On Windows, where a folder cannot
// be synced, it does nothing.
func SyncDir(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("sync folder %s: %w", dir, err)
	}
	defer root.Close()
	return SyncIn(root, ".")
}

// SyncIn is SyncDir for a folder below root ("." for root itself).
func SyncIn(root *os.Root, dir string) error {
	d, err := root.Open(dir)
	if err != nil {
		return fmt.Errorf("sync folder %s: %w", dir, err)
	}
	defer d.Close()
	if err := syncFolder(d); err != nil {
		return fmt.Errorf("sync folder %s: %w", dir, err)
	}
	return nil
}
