package archive

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"callreel/internal/atomicfile"
	"callreel/internal/recording"
)

const partExt = ".part"

// Draft is an audio file that is being written in REC. It is an io.Writer and is
// used by one goroutine. It ends with Commit or Abort.
type Draft struct {
	a    *Archive
	dir  string // where it is written: REC, or CONVERTING
	id   string
	file *os.File // nil when closed
	hash hash.Hash
	size int64
	done bool
}

// Draft begins the audio file of the recording with this id (letters, digits, -
// and _). What an earlier try of the same id left is thrown away.
func (a *Archive) Draft(ctx context.Context, id string) (*Draft, error) {
	return a.draft(ctx, workFolder, id)
}

func (a *Archive) draft(ctx context.Context, dir, id string) (*Draft, error) {
	if !idPattern().MatchString(id) {
		return nil, fmt.Errorf("%w: id %.80q", ErrName, id)
	}
	if err := canceled(ctx); err != nil {
		return nil, err
	}
	d := &Draft{a: a, dir: dir, id: id, hash: sha256.New()}
	f, err := replace(a.root, d.audioPart())
	if err != nil {
		return nil, fmt.Errorf("begin file of %s: %w", id, err)
	}
	d.file = f
	return d, nil
}

// replace makes a new file in the place of one that may be there.
func replace(root *os.Root, name string) (*os.File, error) {
	if err := root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return root.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, filePerm)
}

func (d *Draft) audioPart() string   { return d.dir + "/" + d.id + partExt }
func (d *Draft) sidecarPart() string { return d.dir + "/" + d.id + sidecarExt + partExt }

// Write appends to the draft.
func (d *Draft) Write(p []byte) (int, error) {
	if d.file == nil {
		return 0, fs.ErrClosed
	}
	n, err := d.file.Write(p)
	d.hash.Write(p[:n])
	d.size += int64(n)
	return n, err
}

// Sum is the SHA-256 (lower-case hex) and the length of what was written.
func (d *Draft) Sum() (string, int64) {
	return hex.EncodeToString(d.hash.Sum(nil)), d.size
}

// Abort throws the draft away. After Commit or Abort it does nothing.
func (d *Draft) Abort() {
	if d.done {
		return
	}
	d.done = true
	if d.file != nil {
		_ = d.file.Close()
		d.file = nil
	}
	_ = d.a.root.Remove(d.audioPart())
	_ = d.a.root.Remove(d.sidecarPart())
}

// Commit files the draft and its sidecar under name ("2026_11/2026_11_21_…") and
// the extension ext. When it returns without error both are durable and were read
// back and compared. If the very same pair is there already, that is success; if
// another file has the name, the error is ErrExists and nothing was changed. The
// draft has ended in every case.
//
// Sealing the same content twice gives different bytes. So a caller that repeats
// the step after a crash asks Find first: of a pair that is there the sidecar
// tells whether it is of the same capture, and then the work was done already.
//
// The order is: sync both, rename the sidecar, rename the audio, sync the folder.
// So an audio file in the archive always has its sidecar, and a sidecar alone is
// the mark of a crash.
func (d *Draft) Commit(ctx context.Context, name, ext string, sidecar []byte) (recording.Place, error) {
	defer d.Abort()
	if d.file == nil {
		return "", fs.ErrClosed
	}
	ext, err := withDot(ext)
	if err != nil {
		return "", err
	}
	if err := errors.Join(checkName(name), canceled(ctx)); err != nil {
		return "", err
	}
	if err := d.durable(sidecar); err != nil {
		return "", fmt.Errorf("file %s: %w", d.id, err)
	}
	if err := d.place(ctx, name, ext, sidecar); err != nil {
		return "", fmt.Errorf("file %s as %s: %w", d.id, name+ext, err)
	}
	return recording.Place(scheme + name + ext), nil
}

// durable brings audio and sidecar to the disk, still in REC.
func (d *Draft) durable(sidecar []byte) error {
	if err := d.file.Sync(); err != nil {
		return err
	}
	d.a.at("audio synced")
	f, err := replace(d.a.root, d.sidecarPart())
	if err != nil {
		return err
	}
	_, err = f.Write(sidecar)
	err = errors.Join(err, f.Sync(), f.Close())
	d.a.at("sidecar synced")
	return err
}

func (d *Draft) place(ctx context.Context, name, ext string, sidecar []byte) error {
	d.a.filing.Lock()
	defer d.a.filing.Unlock()
	sum, _ := d.Sum()
	want := pairSums{audio: sum, sidecar: sumOf(sidecar)}
	free, err := d.a.isFree(ctx, name, ext, want)
	if err != nil || !free {
		return err
	}
	if err := d.rename(name, ext); err != nil {
		return err
	}
	if err := verifyPair(ctx, d.a.root, name+ext, want); err != nil {
		// It was never filed: give the name free for the next try.
		return errors.Join(err, d.a.root.Remove(name+ext), d.a.root.Remove(name+sidecarExt))
	}
	return nil
}

func (d *Draft) rename(name, ext string) error {
	root := d.a.root
	if err := makeFolder(root, path.Dir(name)); err != nil {
		return err
	}
	// An open file cannot be renamed on Windows.
	err := d.file.Close()
	d.file = nil
	if err != nil {
		return err
	}
	d.a.at("folder made")
	if err := root.Rename(d.sidecarPart(), name+sidecarExt); err != nil {
		return err
	}
	d.a.at("sidecar renamed")
	if err := root.Rename(d.audioPart(), name+ext); err != nil {
		return err
	}
	d.a.at("audio renamed")
	return atomicfile.SyncIn(root, path.Dir(name))
}

// pairSums are the SHA-256 of a pair, lower-case hex.
type pairSums struct{ audio, sidecar string }

// isFree reports whether the name can be used: false when the very same pair is
// there. A sidecar without audio is the rest of a crash and is written over.
func (a *Archive) isFree(ctx context.Context, name, ext string, want pairSums) (bool, error) {
	err := verifyPair(ctx, a.root, name+ext, want)
	switch {
	case err == nil:
		return false, nil
	case errors.Is(err, ErrDamaged), errors.Is(err, recording.ErrNotFound):
	default:
		return false, err
	}
	if _, err := a.root.Lstat(name + ext); errors.Is(err, fs.ErrNotExist) {
		return true, nil
	} else if err != nil {
		return false, err
	}
	return false, ErrExists
}

// verifyPair reads back both files of a pair.
func verifyPair(ctx context.Context, root *os.Root, file string, want pairSums) error {
	if err := verifyFile(ctx, root, file, want.audio); err != nil {
		return err
	}
	return verifyFile(ctx, root, sidecarOf(file), want.sidecar)
}

func verifyFile(ctx context.Context, root *os.Root, file, want string) error {
	got, err := sumFile(ctx, root, file)
	if err != nil {
		return fmt.Errorf("read back %s: %w", file, notFound(err))
	}
	if got != want {
		return fmt.Errorf("read back %s: SHA-256 is %s, want %s: %w", file, got, want, ErrDamaged)
	}
	return nil
}

func sumFile(ctx context.Context, root *os.Root, file string) (string, error) {
	f, err := root.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, stoppable{ctx, f}); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// stoppable ends a long read when its context is done.
type stoppable struct {
	ctx context.Context //nolint:containedctx // lives as long as one call
	r   io.Reader
}

func (s stoppable) Read(p []byte) (int, error) {
	if err := canceled(s.ctx); err != nil {
		return 0, err
	}
	return s.r.Read(p)
}

func sumOf(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

// Sweep removes what crashes have left in REC, but for drafts whose id keep says
// yes to. No draft may be open then but those. It returns how many files it
// removed.
func (a *Archive) Sweep(ctx context.Context, keep func(id string) bool) (int, error) {
	entries, err := readDir(a.root, workFolder)
	if err != nil {
		return 0, fmt.Errorf("sweep %s: %w", workFolder, err)
	}
	removed := 0
	for _, e := range entries {
		id, ok := strings.CutSuffix(e.Name(), partExt)
		id = strings.TrimSuffix(id, sidecarExt)
		leftover := strings.HasPrefix(e.Name(), atomicfile.Prefix) && e.Name() != lockFile // the spool's, if it is here
		if !leftover && (!ok || !idPattern().MatchString(id) || keep(id)) {
			continue
		}
		if err := errors.Join(canceled(ctx), a.root.Remove(workFolder+"/"+e.Name())); err != nil {
			return removed, fmt.Errorf("sweep %s: %w", workFolder, err)
		}
		removed++
	}
	return removed, nil
}

func readDir(root *os.Root, dir string) ([]fs.DirEntry, error) {
	d, err := root.Open(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return d.ReadDir(-1)
}
