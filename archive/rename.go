package archive

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"

	"callreel/internal/atomicfile"
	"callreel/internal/recording"
)

// notesExt ends the name of what somebody has noted of a recording.
const notesExt = ".txt"

// Rename gives the pair at a place, in the archive or in its backup, another name in
// the same folder and another sidecar, and returns its new place. Notes go with it. It
// may run twice: what a crash has left half renamed is brought to its end. ErrExists says
// that another file has the name. Nobody else may be at work on the pair.
//
// The order is: the new sidecar, the audio, the old sidecar's removal. So the audio has a
// sidecar under its own name at every moment.
func (a *Archive) Rename(ctx context.Context, place recording.Place, base string, sidecar []byte) (recording.Place, error) {
	root, file, done, err := a.locate(place)
	if err != nil {
		return "", err
	}
	defer done()
	a.filing.Lock()
	defer a.filing.Unlock()
	to := path.Join(path.Dir(file), base) + path.Ext(file)
	if err := checkBase(base, to); err != nil {
		return "", err
	}
	renamed := recording.Place(string(place)[:len(place)-len(file)] + to)
	if to == file {
		return renamed, nil
	}
	if err := errors.Join(canceled(ctx), a.rename(root, file, to, sidecar)); err != nil {
		return "", fmt.Errorf("rename %s: %w", place, err)
	}
	if err := verifyFile(ctx, root, sidecarOf(to), sumOf(sidecar)); err != nil {
		return "", fmt.Errorf("rename %s: %w", place, err)
	}
	return renamed, nil
}

// checkBase accepts a name without folder; a backup's file may lie in none.
func checkBase(base, file string) error {
	if base == "" || base != path.Base(base) {
		return fmt.Errorf("%w: %.300q", ErrName, base)
	}
	if path.Dir(file) == "." {
		file = "0000_00/" + file
	}
	return checkFile(file)
}

func (a *Archive) rename(root *os.Root, from, to string, sidecar []byte) error {
	old, err := exists(root, from)
	if err != nil {
		return err
	}
	taken, err := exists(root, to)
	switch {
	case err != nil:
		return err
	case old && taken:
		return ErrExists
	case !old && !taken:
		return recording.ErrNotFound
	}
	if err := put(root, sidecarOf(to), sidecar); err != nil {
		return err
	}
	a.at("new sidecar written")
	for _, move := range [][2]string{{from, to}, {notesOf(from), notesOf(to)}} {
		if err := moveFile(root, move[0], move[1]); err != nil {
			return err
		}
	}
	a.at("audio has its new name")
	if err := atomicfile.SyncIn(root, path.Dir(to)); err != nil {
		return err
	}
	if gone, err := exists(root, sidecarOf(from)); err != nil || !gone {
		return err
	}
	if err := root.Remove(sidecarOf(from)); err != nil {
		return err
	}
	return atomicfile.SyncIn(root, path.Dir(to))
}

func notesOf(file string) string { return file[:len(file)-len(path.Ext(file))] + notesExt }

// moveFile renames a file, if it is there.
func moveFile(root *os.Root, from, to string) error {
	there, err := exists(root, from)
	if err != nil || !there {
		return err
	}
	return root.Rename(from, to)
}

// put writes a file whole or not at all, over one that is there.
func put(root *os.Root, name string, content []byte) error {
	f, err := atomicfile.Create(root, path.Clean(name), filePerm)
	if err != nil {
		return err
	}
	defer f.Abort()
	if _, err := f.Write(content); err != nil {
		return err
	}
	return f.Commit()
}
