package archive

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"callreel/internal/atomicfile"
	"callreel/internal/recording"
)

// convertFolder is where converters keep their claims and drafts. The recorder sweeps REC
// at its start, and must not sweep theirs.
const convertFolder = tempFolder + "/CONVERTING"

// ErrClaimed says that another converter works on the pair, or has taken it over.
var ErrClaimed = errors.New("another converter works on it")

// Claim is the right of one converter to work on a pair, on whatever machine that shares
// the folder. It is a file with a number; the highest number of a pair holds. A number is
// only ever made by one, so of several that take an old claim over one wins. It must be
// renewed; whether one is old is told by the folder's own clock, that of the server which
// stamps its files, so that the clocks of the machines do not matter.
type Claim struct {
	a     *Archive
	name  string
	base  string // of the files of the pair's claims and drafts; bounded, as a name is not
	seq   int
	token string
}

// Claim takes a pair, if nobody has it or who has it has not renewed his claim for as long
// as old. who is for the reader of the file. ErrClaimed says that somebody has it.
func (a *Archive) Claim(ctx context.Context, name, who string, old time.Duration) (*Claim, error) {
	if err := errors.Join(checkName(name), canceled(ctx)); err != nil {
		return nil, err
	}
	if err := errors.Join(makeFolder(a.root, tempFolder), makeFolder(a.root, convertFolder)); err != nil {
		return nil, fmt.Errorf("claim %s: %w", name, err)
	}
	id := make([]byte, 16)
	_, _ = rand.Read(id)
	c := &Claim{a: a, name: name, base: sumOf([]byte(name))[:32], token: hex.EncodeToString(id) + " " + who + " " + name}
	if err := c.take(old); err != nil {
		return nil, fmt.Errorf("claim %s: %w", name, err)
	}
	if err := errors.Join(c.Mine(), c.fence()); err != nil {
		c.Release()
		return nil, fmt.Errorf("claim %s: %w", name, err)
	}
	return c, nil
}

func (c *Claim) take(old time.Duration) error {
	last, err := c.last()
	if err != nil {
		return err
	}
	if last > 0 {
		fresh, err := c.isFresh(c.file(last), old)
		if err != nil {
			return err
		}
		if fresh {
			return ErrClaimed
		}
	}
	c.seq = last + 1
	f, err := c.a.root.OpenFile(c.file(c.seq), os.O_WRONLY|os.O_CREATE|os.O_EXCL, filePerm)
	if errors.Is(err, fs.ErrExist) {
		return ErrClaimed
	}
	if err != nil {
		return err
	}
	_, err = f.WriteString(c.token)
	return errors.Join(err, f.Close())
}

func (c *Claim) file(seq int) string {
	return convertFolder + "/" + c.base + "." + strconv.Itoa(seq) + ".claim"
}

// fence removes the drafts of earlier owners. One that only stood still, and looked at its
// claim before this one was made, cannot move them into the archive any more, however late
// it wakes: to look and to rename are two things, to rename what is gone is none. What it
// moved before is there to be read when Claim returns.
func (c *Claim) fence() error {
	entries, err := readDir(c.a.root, convertFolder)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), c.base+"-") || strings.HasPrefix(e.Name(), c.draftID()) {
			continue
		}
		if err := c.a.root.Remove(convertFolder + "/" + e.Name()); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// draftID differs for every claim, so that nobody moves or removes another's draft.
func (c *Claim) draftID() string { return c.base + "-" + c.token[:16] }

// last is the highest number that the pair has a claim of, 0 if there is none.
func (c *Claim) last() (int, error) {
	all, err := c.numbers()
	if err != nil || len(all) == 0 {
		return 0, err
	}
	return slices.Max(all), nil
}

// numbers are those of the pair's claims.
func (c *Claim) numbers() (all []int, err error) {
	entries, err := readDir(c.a.root, convertFolder)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		rest, ok := strings.CutPrefix(e.Name(), c.base+".")
		number, ended := strings.CutSuffix(rest, ".claim")
		if n, err := strconv.Atoi(number); ok && ended && err == nil {
			all = append(all, n)
		}
	}
	return all, nil
}

// isFresh reports whether a claim was written less than old ago, by the clock that stamps
// a file written now. One that is gone meanwhile counts as fresh: ask again later.
func (c *Claim) isFresh(file string, old time.Duration) (bool, error) {
	theirs, err := c.a.root.Stat(file)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	probe := convertFolder + "/" + c.token[:16] + ".clock"
	f, err := replace(c.a.root, probe)
	if err != nil {
		return false, err
	}
	_, err = f.WriteString(" ")
	// An open file may show this machine's time; closed and asked by name it has the server's.
	err = errors.Join(err, f.Close())
	info, statErr := c.a.root.Stat(probe)
	if err = errors.Join(err, statErr, c.a.root.Remove(probe)); err != nil {
		return false, err
	}
	return info.ModTime().Sub(theirs.ModTime()) < old, nil
}

// Renew shows that the owner is still at work. ErrClaimed says that somebody has taken
// the pair over.
func (c *Claim) Renew() error {
	if err := c.Mine(); err != nil {
		return err
	}
	f, err := c.a.root.OpenFile(c.file(c.seq), os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("renew the claim of %s: %w", c.name, err)
	}
	// The file that is open must be one's own: the number may have been given back and
	// made anew by another since Mine looked.
	text, err := io.ReadAll(io.LimitReader(f, int64(len(c.token))+1))
	if err == nil && string(text) != c.token {
		err = ErrClaimed
	}
	if err == nil {
		_, err = f.WriteAt([]byte(c.token), 0)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("renew the claim of %s: %w", c.name, err)
	}
	return nil
}

// Mine returns ErrClaimed if somebody has taken the pair over.
func (c *Claim) Mine() error {
	last, err := c.last()
	if err == nil && last == c.seq {
		var text []byte
		if text, err = c.a.root.ReadFile(c.file(c.seq)); err == nil && string(text) == c.token {
			return nil
		}
	}
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		err = ErrClaimed
	}
	return fmt.Errorf("claim of %s: %w", c.name, err)
}

// Release gives the pair back, with what earlier owners have left.
func (c *Claim) Release() {
	if c.Mine() != nil {
		return // what is there is another's
	}
	all, _ := c.numbers()
	slices.Sort(all) // one's own last: until then the lower ones hold nothing
	for _, seq := range all {
		if seq <= c.seq {
			_ = c.a.root.Remove(c.file(seq))
		}
	}
}

// Draft begins the new audio of the pair.
func (c *Claim) Draft(ctx context.Context) (*Draft, error) {
	return c.a.draft(ctx, convertFolder, c.draftID())
}

// Recast files a draft in the place of the pair's capture, with a sidecar that names it in
// the place of the one that names the capture, which must still be was, and removes the
// capture. When it returns without error the new pair is durable and was read back.
//
// The order is: the new audio, the new sidecar, the capture's removal; so at every moment
// the sidecar has the audio that it names. What a crash leaves is an audio file that the
// next try writes over, or a capture that DropCapture removes.
func (c *Claim) Recast(ctx context.Context, d *Draft, from recording.Place, ext string, was, sidecar []byte) (recording.Place, error) {
	defer d.Abort()
	root, file, done, err := c.a.locate(from)
	if err != nil {
		return "", err
	}
	defer done()
	if ext, err = withDot(ext); err != nil {
		return "", err
	}
	if c.name+ext == file || root != c.a.root || d.file == nil {
		return "", fmt.Errorf("recast %s as %s: %w", from, ext, ErrExists)
	}
	if err := errors.Join(canceled(ctx), d.durable(sidecar)); err != nil {
		return "", fmt.Errorf("recast %s: %w", from, err)
	}
	if err := c.recast(ctx, d, file, ext, was, sidecar); err != nil {
		return "", fmt.Errorf("recast %s: %w", from, err)
	}
	return PlaceOf(c.name, ext), nil
}

func (c *Claim) recast(ctx context.Context, d *Draft, file, ext string, was, sidecar []byte) error {
	root, side := c.a.root, sidecarOf(file)
	c.a.filing.Lock()
	defer c.a.filing.Unlock()
	unchanged := func() error { return errors.Join(c.Mine(), verifyFile(ctx, root, side, sumOf(was))) }
	if err := unchanged(); err != nil {
		return err
	}
	err := d.file.Close() // an open file cannot be renamed on Windows
	d.file = nil
	if err == nil {
		err = c.moved(d.audioPart(), c.name+ext, "new audio placed")
	}
	if err != nil {
		return err
	}
	sum, _ := d.Sum()
	if err := verifyFile(ctx, root, c.name+ext, sum); err != nil {
		return err
	}
	if err := unchanged(); err != nil {
		return err
	}
	if err := c.moved(d.sidecarPart(), side, "sidecar replaced"); err != nil {
		return err
	}
	if err := verifyPair(ctx, root, c.name+ext, pairSums{sum, sumOf(sidecar)}); err != nil {
		return err
	}
	return c.remove(file)
}

// moved renames a file and brings that to the disk.
func (c *Claim) moved(from, to, what string) error {
	err := c.a.root.Rename(from, to)
	if errors.Is(err, fs.ErrNotExist) {
		return ErrClaimed // who took the pair over has removed the draft
	}
	if err != nil {
		return err
	}
	c.a.at(what)
	return atomicfile.SyncIn(c.a.root, to[:strings.LastIndexByte(to, '/')])
}

func (c *Claim) remove(file string) error {
	if err := c.Mine(); err != nil {
		return err
	}
	if err := c.a.root.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	c.a.at("capture removed")
	return atomicfile.SyncIn(c.a.root, file[:strings.LastIndexByte(file, '/')])
}

// DropCapture removes the capture that a crash has left beside a pair that was recast,
// once the audio of kept is proved to have the SHA-256 want.
func (c *Claim) DropCapture(ctx context.Context, capture, kept recording.Place, want string) error {
	_, file, done, err := c.a.locate(capture)
	if err != nil {
		return err
	}
	defer done()
	if kept == capture {
		return fmt.Errorf("drop %s: %w", capture, ErrExists)
	}
	if err := c.a.Verify(ctx, kept, want); err != nil {
		return err
	}
	if err := c.remove(file); err != nil {
		return fmt.Errorf("drop %s: %w", capture, err)
	}
	return nil
}
