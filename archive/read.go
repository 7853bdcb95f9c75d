package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"callreel/internal/atomicfile"
	"callreel/internal/recording"
)

// maxSidecar bounds what Sidecar reads into memory, in bytes.
const maxSidecar = 64 << 20

// Found says what stands under a name.
type Found string

// What can stand there.
const (
	FoundNothing Found = "nothing"
	FoundPair    Found = "pair"
	FoundSidecar Found = "sidecar" // alone: a crash between the two renames
	FoundAudio   Found = "audio"   // alone: the sidecar was lost later
)

// Find tells what stands under name with the audio extension ext.
func (a *Archive) Find(ctx context.Context, name, ext string) (Found, error) {
	ext, err := withDot(ext)
	if err := errors.Join(err, checkName(name), canceled(ctx)); err != nil {
		return "", err
	}
	audio, err := exists(a.root, name+ext)
	if err != nil {
		return "", fmt.Errorf("find %s: %w", name, err)
	}
	side, err := exists(a.root, name+sidecarExt)
	if err != nil {
		return "", fmt.Errorf("find %s: %w", name, err)
	}
	return found(audio, side), nil
}

func found(audio, side bool) Found {
	switch {
	case audio && side:
		return FoundPair
	case audio:
		return FoundAudio
	case side:
		return FoundSidecar
	}
	return FoundNothing
}

func exists(root *os.Root, file string) (bool, error) {
	_, err := root.Lstat(file)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// PlaceOf is the place that Commit gives for name and ext.
func PlaceOf(name, ext string) recording.Place {
	return recording.Place(scheme + name + "." + strings.TrimPrefix(ext, "."))
}

// NameOf is the name and the extension that Commit was given for a place, and false for one
// that is not in the archive itself.
func NameOf(place recording.Place) (name, ext string, ok bool) {
	file, ok := strings.CutPrefix(string(place), scheme)
	ext = path.Ext(file)
	return strings.TrimSuffix(file, ext), ext, ok
}

// RemoveOrphan removes the sidecar of name if no audio of that name is there, and
// refuses with ErrExists if there is one. That nothing is there is success.
func (a *Archive) RemoveOrphan(ctx context.Context, name string) error {
	if err := errors.Join(checkName(name), canceled(ctx)); err != nil {
		return err
	}
	a.filing.Lock()
	defer a.filing.Unlock()
	pairs, err := a.list(path.Dir(name))
	if errors.Is(err, recording.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("remove sidecar of %s: %w", name, err)
	}
	i := slices.IndexFunc(pairs, func(p Pair) bool { return p.Name == name })
	switch {
	case i < 0:
		return nil
	case pairs[i].Audio != "":
		return fmt.Errorf("remove sidecar of %s: its audio is there: %w", name, ErrExists)
	}
	if err := a.root.Remove(name + sidecarExt); err != nil {
		return fmt.Errorf("remove sidecar of %s: %w", name, err)
	}
	return atomicfile.SyncIn(a.root, path.Dir(name))
}

// File is an open audio file.
type File struct {
	f    *os.File
	size int64
	done func()
}

// ReadAt reads the file as it was filed, sealed or not.
func (f *File) ReadAt(p []byte, off int64) (int, error) { return f.f.ReadAt(p, off) }

// Size is the length in bytes.
func (f *File) Size() int64 { return f.size }

// Close closes the file.
func (f *File) Close() error {
	defer f.done()
	return f.f.Close()
}

// Open opens the audio file at place. A missing one is recording.ErrNotFound.
func (a *Archive) Open(ctx context.Context, place recording.Place) (*File, error) {
	root, file, done, err := a.locate(place)
	if err != nil {
		return nil, err
	}
	f, err := openFile(ctx, root, file, done)
	if err != nil {
		done()
		return nil, fmt.Errorf("open %s: %w", place, notFound(err))
	}
	return f, nil
}

func openFile(ctx context.Context, root *os.Root, file string, done func()) (*File, error) {
	if err := canceled(ctx); err != nil {
		return nil, err
	}
	f, err := root.Open(file)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no regular file", file)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return &File{f: f, size: info.Size(), done: done}, nil
}

// Sidecar reads the sidecar of the audio at place, sealed as it lies there. A
// missing one is recording.ErrNotFound.
func (a *Archive) Sidecar(ctx context.Context, place recording.Place) ([]byte, error) {
	root, file, done, err := a.locate(place)
	if err != nil {
		return nil, err
	}
	defer done()
	f, err := openFile(ctx, root, sidecarOf(file), func() {})
	if err != nil {
		return nil, fmt.Errorf("sidecar of %s: %w", place, notFound(err))
	}
	defer f.Close()
	if f.size > maxSidecar {
		return nil, fmt.Errorf("sidecar of %s: %d bytes, want at most %d", place, f.size, maxSidecar)
	}
	b, err := io.ReadAll(io.NewSectionReader(f, 0, f.size))
	if err != nil {
		return nil, fmt.Errorf("sidecar of %s: %w", place, err)
	}
	return b, nil
}

// Verify reads the audio at place and compares its SHA-256 (lower-case hex). The
// error is ErrDamaged if it differs, recording.ErrNotFound if it is missing.
func (a *Archive) Verify(ctx context.Context, place recording.Place, want string) error {
	root, file, done, err := a.locate(place)
	if err != nil {
		return err
	}
	defer done()
	return verifyFile(ctx, root, file, want)
}

// Pair is what stands under one name.
type Pair struct {
	Name    string          // with the month folder, without extension
	Audio   recording.Place // empty when only the sidecar is there
	Sidecar bool
	Size    int64 // bytes of the audio
}

// Months lists the month folders, oldest first.
func (a *Archive) Months(ctx context.Context) ([]string, error) {
	entries, err := readDir(a.root, ".")
	if err := errors.Join(err, canceled(ctx)); err != nil {
		return nil, fmt.Errorf("list archive: %w", err)
	}
	var months []string
	for _, e := range entries {
		if e.IsDir() && monthPattern().MatchString(e.Name()) {
			months = append(months, e.Name())
		}
	}
	slices.Sort(months)
	return months, nil
}

// List lists a month ("2026_11") by name. A month that is not there is
// recording.ErrNotFound. Notes and foreign files are passed over.
func (a *Archive) List(ctx context.Context, month string) ([]Pair, error) {
	if !monthPattern().MatchString(month) {
		return nil, fmt.Errorf("%w: month %.40q", ErrName, month)
	}
	if err := canceled(ctx); err != nil {
		return nil, err
	}
	return a.list(month)
}

func (a *Archive) list(month string) ([]Pair, error) {
	entries, err := readDir(a.root, month)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", month, notFound(err))
	}
	slices.SortFunc(entries, func(x, y fs.DirEntry) int { return strings.Compare(x.Name(), y.Name()) })
	sidecars := make(map[string]bool)
	var pairs []Pair
	for _, e := range entries {
		file := month + "/" + e.Name()
		name, ext := strings.TrimSuffix(file, path.Ext(file)), path.Ext(file)
		switch {
		case !e.Type().IsRegular() || checkName(name) != nil:
		case ext == sidecarExt:
			sidecars[name] = true
		default:
			if _, err := withDot(ext); err != nil {
				continue
			}
			info, err := e.Info()
			if err != nil {
				continue // removed since
			}
			pairs = append(pairs, Pair{Name: name, Audio: PlaceOf(name, ext), Size: info.Size()})
		}
	}
	return join(pairs, sidecars), nil
}

// join marks the pairs that have a sidecar and adds the sidecars that are alone.
func join(pairs []Pair, sidecars map[string]bool) []Pair {
	alone := make(map[string]bool, len(sidecars))
	for name := range sidecars {
		alone[name] = true
	}
	for i, p := range pairs {
		pairs[i].Sidecar = sidecars[p.Name]
		delete(alone, p.Name)
	}
	for name := range alone {
		pairs = append(pairs, Pair{Name: name, Sidecar: true})
	}
	slices.SortFunc(pairs, func(a, b Pair) int {
		return strings.Compare(a.Name+string(a.Audio), b.Name+string(b.Audio))
	})
	return pairs
}
