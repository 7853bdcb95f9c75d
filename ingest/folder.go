package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"callreel/internal/clock"
	"callreel/internal/recording"
)

// folder is an inbox on a disk. It opens the folder anew each time, because a
// card or a network drive comes and goes.
type folder struct {
	cfg   Config
	clock clock.Clock
}

func (f *folder) Name() string { return f.cfg.Name }

func (f *folder) fault(do, name string, err error) error {
	if errors.Is(err, fs.ErrNotExist) && name != "" {
		err = fmt.Errorf("%w: %w", recording.ErrNotFound, err)
	}
	return fmt.Errorf("inbox %s: %s %.100q: %w", f.cfg.Name, do, name, err)
}

// open opens the inbox. A missing folder is not a missing file.
func (f *folder) open(ctx context.Context) (*os.Root, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(f.cfg.Path)
	if err != nil {
		return nil, fmt.Errorf("inbox %s: the folder cannot be opened: %w", f.cfg.Name, err)
	}
	if f.cfg.marks == "" {
		return root, nil
	}
	defer root.Close()
	marks, err := root.OpenRoot(f.cfg.marks)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w: %w", ErrNoFolder, err)
	}
	if err != nil {
		return nil, fmt.Errorf("inbox %s: open its folder of marks: %w", f.cfg.Name, err)
	}
	return marks, nil
}

func (f *folder) List(ctx context.Context) ([]Entry, Stats, error) {
	root, err := f.open(ctx)
	if err != nil {
		return nil, Stats{}, err
	}
	defer root.Close()
	dir, err := root.Open(".")
	if err != nil {
		return nil, Stats{}, f.fault("list", "", err)
	}
	defer dir.Close()
	all, err := dir.ReadDir(-1)
	if err != nil {
		return nil, Stats{}, f.fault("list", "", err)
	}
	var stats Stats
	var entries []Entry
	for _, e := range all {
		if entry, ok := f.entry(e, &stats); ok {
			entries = append(entries, entry)
		}
	}
	sortEntries(entries)
	return entries, stats, nil
}

func sortEntries(list []Entry) {
	slices.SortFunc(list, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
}

func (f *folder) entry(e fs.DirEntry, stats *Stats) (Entry, bool) {
	switch {
	case !e.Type().IsRegular():
		stats.Ignored++
	case f.cfg.wanted(e.Name()):
		info, err := e.Info()
		if err == nil { // else removed since
			return Entry{e.Name(), stampOf(info)}, true
		}
	case harmless(e.Name()) || hidden(e.Name()):
		stats.Ignored++
	default:
		stats.refuse(e.Name())
	}
	return Entry{}, false
}

func stampOf(info fs.FileInfo) recording.Stamp {
	return recording.Stamp{Size: info.Size(), ModTime: info.ModTime().UTC()}
}

func (f *folder) Stat(ctx context.Context, name string) (recording.Stamp, error) {
	root, err := f.open(ctx)
	if err != nil {
		return recording.Stamp{}, err
	}
	defer root.Close()
	return f.stat(root, name)
}

func (f *folder) stat(root *os.Root, name string) (recording.Stamp, error) {
	if !f.cfg.wanted(name) {
		return recording.Stamp{}, f.fault("look at", name, errName)
	}
	info, err := root.Lstat(name)
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is no regular file")
	}
	if err != nil {
		return recording.Stamp{}, f.fault("look at", name, err)
	}
	return stampOf(info), nil
}

var errName = errors.New("it is not the name of a capture")

func (f *folder) Open(ctx context.Context, name string, offset int64, want recording.Stamp) (io.ReadCloser, error) {
	root, err := f.open(ctx)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	if err := f.isWanted(root, name, want); err != nil {
		return nil, err
	}
	file, err := root.Open(name)
	if err != nil {
		return nil, f.fault("open", name, err)
	}
	if _, err := file.Seek(offset, io.SeekStart); err != nil {
		_ = file.Close()
		return nil, f.fault("open", name, err)
	}
	return file, nil
}

func (f *folder) isWanted(root *os.Root, name string, want recording.Stamp) error {
	got, err := f.stat(root, name)
	if err != nil {
		return err
	}
	if !got.Same(want) {
		return f.fault("look at", name, recording.ErrChanged)
	}
	return nil
}

func (f *folder) Delete(ctx context.Context, name string, want recording.Stamp) error {
	if !f.clock.Wait(ctx.Done(), time.Duration(f.cfg.DeleteDelay)) {
		return context.Cause(ctx)
	}
	root, err := f.open(ctx)
	if err != nil {
		return err
	}
	defer root.Close()
	err = f.isWanted(root, name, want)
	if errors.Is(err, recording.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := root.Remove(name); err != nil {
		return f.fault("delete", name, err)
	}
	if _, err := f.stat(root, name); !errors.Is(err, recording.ErrNotFound) {
		return f.fault("delete", name, errors.Join(ErrStill, err))
	}
	return nil
}
