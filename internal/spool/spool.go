// Package spool keeps the work copies of captures in one folder. A copy is whole
// or absent, and when the spool was given a Sealer no clear byte of it touches the
// disk. The package knows neither keys nor captures: names are the caller's, by
// the recording's id.
package spool

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"

	"callreel/internal/atomicfile"
	"callreel/internal/recording"
)

// Clear is the clear content of a copy.
type Clear = interface {
	io.ReaderAt
	Size() int64
}

// Writer is a copy that is being written: Commit makes it durable, Abort throws
// it away and does nothing after Commit.
type Writer = interface {
	io.Writer
	Commit() error
	Abort()
}

// Reader is an open copy, in the clear.
type Reader = interface {
	Clear
	io.Closer
}

// Sealer turns clear bytes into what lies on the disk, and back. Closing what
// Seal gives ends the sealed file and does not close w.
type Sealer interface {
	Seal(w io.Writer) (io.WriteCloser, error)
	Unseal(r io.ReaderAt, size int64) (Clear, error)
}

// Forgetter is a Sealer that gives copies keys of their own. A key is destroyed before
// its copy is removed, and after another has taken its copy's place.
type Forgetter interface {
	// KeyOf names the key of a copy, "" if it has none of its own.
	KeyOf(r io.ReaderAt) (string, error)
	// Forget destroys a key. That it is not there is success.
	Forget(key string) error
}

// ErrName says that a name is not one the spool accepts.
var ErrName = errors.New("not a name for the spool")

// A name has no separator and no stream, and begins with a letter or digit.
var namePattern = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z._-]{0,99}$`) })

// Dir is a spool in a folder. It is safe for concurrent use as long as no two
// callers write the same name.
type Dir struct {
	root   *os.Root
	sealer Sealer // nil = plain
}

// Open opens the spool in folder, which it makes if it can. A nil sealer keeps
// plain copies.
func Open(folder string, sealer Sealer) (*Dir, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("open spool: %w", err)
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, fmt.Errorf("open spool: %w", err)
	}
	return &Dir{root: root, sealer: sealer}, nil
}

// Close gives the folder back.
func (d *Dir) Close() error { return d.root.Close() }

// Create begins a copy; a copy of that name is replaced at Commit.
func (d *Dir) Create(name string) (Writer, error) {
	if !namePattern().MatchString(name) {
		return nil, fmt.Errorf("%w: %.120q", ErrName, name)
	}
	f, err := atomicfile.Create(d.root, name, 0o600)
	if err != nil {
		return nil, fmt.Errorf("spool: %w", err)
	}
	if d.sealer == nil {
		return f, nil
	}
	s, err := d.sealer.Seal(f)
	if err != nil {
		f.Abort()
		return nil, fmt.Errorf("spool: seal %s: %w", name, err)
	}
	return &sealedWriter{WriteCloser: s, file: f, dir: d, name: name}, nil
}

type sealedWriter struct {
	io.WriteCloser
	file *atomicfile.File
	dir  *Dir
	name string
	done bool
}

func (w *sealedWriter) Commit() error {
	if err := w.Close(); err != nil {
		w.Abort()
		return fmt.Errorf("spool: %w", err)
	}
	before, err := w.dir.keyOf(w.name)
	if err != nil {
		w.Abort()
		return err
	}
	if err := w.file.Commit(); err != nil {
		return err
	}
	w.done = true
	return w.dir.forget(before)
}

// Abort throws the copy away, and the key that was made for it.
func (w *sealedWriter) Abort() {
	w.file.Abort()
	if a, ok := w.WriteCloser.(interface{ Abort() error }); ok && !w.done {
		_ = a.Abort() // what is left of it, the next start destroys
	}
	w.done = true
}

// keyOf names the key that a copy has of its own; "" if it has none, or is not there.
func (d *Dir) keyOf(name string) (string, error) {
	f, ok := d.sealer.(Forgetter)
	if !ok {
		return "", nil
	}
	file, err := d.root.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("spool: %w", err)
	}
	key, err := f.KeyOf(file)
	if err = errors.Join(err, file.Close()); err != nil {
		return "", fmt.Errorf("spool: read the header of %s: %w", name, err)
	}
	return key, nil
}

// forget destroys a key; "" is none.
func (d *Dir) forget(key string) error {
	if f, ok := d.sealer.(Forgetter); ok && key != "" {
		return f.Forget(key)
	}
	return nil
}

// Keys names the keys that copies have of their own.
func (d *Dir) Keys() ([]string, error) {
	names, err := d.List()
	if err != nil {
		return nil, err
	}
	var keys []string
	for _, name := range names {
		key, err := d.keyOf(name)
		if err != nil {
			return nil, err
		}
		if key != "" {
			keys = append(keys, key)
		}
	}
	return keys, nil
}

// Open opens a copy. A missing one is recording.ErrNotFound.
func (d *Dir) Open(name string) (Reader, error) {
	if !namePattern().MatchString(name) {
		return nil, fmt.Errorf("%w: %.120q", ErrName, name)
	}
	f, err := d.root.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("spool: %w: %w", recording.ErrNotFound, err)
	}
	if err != nil {
		return nil, fmt.Errorf("spool: %w", err)
	}
	r, err := d.reader(f)
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("spool: open %s: %w", name, err)
	}
	return r, nil
}

func (d *Dir) reader(f *os.File) (Reader, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if d.sealer == nil {
		return reader{io.NewSectionReader(f, 0, info.Size()), f}, nil
	}
	clear, err := d.sealer.Unseal(f, info.Size())
	return reader{clear, f}, err
}

type reader struct {
	Clear
	io.Closer
}

// Remove removes a copy durably; its own key, if it has one, is destroyed first. That
// it is not there is success.
func (d *Dir) Remove(name string) error {
	if !namePattern().MatchString(name) {
		return fmt.Errorf("%w: %.120q", ErrName, name)
	}
	key, err := d.keyOf(name)
	if err = errors.Join(err, d.forget(key)); err != nil {
		return err
	}
	if err := d.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("spool: %w", err)
	}
	return atomicfile.SyncIn(d.root, ".")
}

// List names the copies, sorted.
func (d *Dir) List() ([]string, error) {
	entries, err := d.entries()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if e.Type().IsRegular() && namePattern().MatchString(e.Name()) {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, nil
}

// Sweep removes what a crash left half-written. Call it before anything writes.
func (d *Dir) Sweep() error {
	entries, err := d.entries()
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), atomicfile.Prefix) && strings.HasSuffix(e.Name(), ".tmp") {
			err = errors.Join(err, d.root.Remove(e.Name()))
		}
	}
	if err != nil {
		return fmt.Errorf("spool: sweep: %w", err)
	}
	return nil
}

func (d *Dir) entries() ([]fs.DirEntry, error) {
	dir, err := d.root.Open(".")
	if err != nil {
		return nil, fmt.Errorf("spool: list: %w", err)
	}
	defer dir.Close()
	entries, err := dir.ReadDir(-1)
	if err != nil {
		return nil, fmt.Errorf("spool: list: %w", err)
	}
	return entries, nil
}
