// Package archive is the write-once store of finished recordings on plain
// folders. It files a recording as a pair, the audio and its sidecar, in such an
// order that a crash at any moment leaves a whole pair, or something that Find
// shows for what it is; it reads, lists, proves and backs up what it holds. It
// holds no key and does not know what is in the files. Old files are never
// changed.
//
// Below its folder stand YYYY_MM with the recordings, REC with work in progress
// and TMP with marks and logs. Nothing outside the folder can be named: all
// access goes through an os.Root.
package archive

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"sync"

	"callreel/internal/atomicfile"
	"callreel/internal/recording"
)

const (
	workFolder = "REC"
	tempFolder = "TMP"
	sidecarExt = ".xml"

	maxName    = 240 // bytes of a file name without its extension
	folderPerm = 0o750
	filePerm   = 0o640
)

var (
	// ErrExists says that another file has the name already. Nothing was changed.
	ErrExists = errors.New("another file of that name is in the archive")
	// ErrDamaged says that a file read back is not what was written.
	ErrDamaged = errors.New("file is not what was written")
	// ErrLocked says that another running recorder holds the folder or file.
	ErrLocked = errors.New("it is held by another running recorder")
	// ErrName says that a name is not one the archive accepts.
	ErrName = errors.New("not a name for the archive")
	// ErrNoBackup says that no backup is set up.
	ErrNoBackup = errors.New("no backup is set up")
)

// Layout is the form of the backup folder.
type Layout string

// The two forms.
const (
	Flat   Layout = "flat"   // all files in one folder, as in the manual
	Mirror Layout = "mirror" // the same folders as the archive
)

// Config is the part of the setup that this package reads.
type Config struct {
	Path         string `toml:"path"`
	Backup       string `toml:"backup"`        // folder; empty = no backup
	BackupLayout Layout `toml:"backup_layout"` // empty = flat
}

// Validate says which key is wrong, and what is allowed.
func (c Config) Validate() error {
	if c.Path == "" {
		return errors.New("archive.path is empty: want the folder that the recordings go to")
	}
	switch c.BackupLayout {
	case "", Flat, Mirror:
	default:
		return fmt.Errorf("archive.backup_layout is %q: want %q or %q", c.BackupLayout, Flat, Mirror)
	}
	if c.Backup != "" && within(c.Path, c.Backup) {
		return fmt.Errorf("archive.backup is %q, which lies in archive.path %q: want another folder, best on another disk", c.Backup, c.Path)
	}
	return nil
}

func within(outer, inner string) bool {
	rel, err := filepath.Rel(filepath.Clean(outer), filepath.Clean(inner))
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

// Archive is an open archive. It is safe for concurrent use.
type Archive struct {
	config Config
	root   *os.Root
	filing sync.Mutex        // from "is the name free" to the rename
	at     func(step string) // tests stop the program here
}

// Open opens the archive, whose folder it makes if it can, with REC and TMP.
func Open(c Config) (*Archive, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(c.Path, folderPerm); err != nil {
		return nil, fmt.Errorf("open archive: %w", err)
	}
	root, err := os.OpenRoot(c.Path)
	if err != nil {
		return nil, fmt.Errorf("open archive: %w", err)
	}
	a := &Archive{config: c, root: root, at: func(string) {}}
	for _, dir := range []string{workFolder, tempFolder} {
		if err := makeFolder(root, dir); err != nil {
			_ = root.Close()
			return nil, fmt.Errorf("open archive: %w", err)
		}
	}
	return a, nil
}

// Close gives the folder back. Drafts and files must be done with before.
func (a *Archive) Close() error { return a.root.Close() }

func makeFolder(root *os.Root, dir string) error {
	if dir == "." {
		return nil
	}
	err := root.Mkdir(dir, folderPerm)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("make folder %s: %w", dir, err)
	}
	return atomicfile.SyncIn(root, path.Dir(dir))
}

// The accepted names, compiled when they are needed first: that takes longer than
// most of a start. A month folder and a file name without anything that is a
// path, a stream or a device on any system.
var (
	namePattern  = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[0-9]{4}_[0-9]{2}/[^/\\:*?"<>|\x00-\x1f\x7f]+$`) })
	monthPattern = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[0-9]{4}_[0-9]{2}$`) })
	extPattern   = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^\.[a-z0-9]{1,8}$`) })
	idPattern    = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[0-9A-Za-z_-]{1,64}$`) })
)

func checkName(name string) error {
	base := path.Base(name)
	if !namePattern().MatchString(name) || len(base) > maxName || strings.HasPrefix(base, ".") || strings.HasSuffix(base, " ") {
		return fmt.Errorf("%w: %.300q", ErrName, name)
	}
	return nil
}

// withDot accepts "wav" and ".wav". The sidecar's and the notes' extensions are
// no audio.
func withDot(ext string) (string, error) {
	ext = "." + strings.TrimPrefix(ext, ".")
	if !extPattern().MatchString(ext) || ext == sidecarExt || ext == ".txt" {
		return "", fmt.Errorf("%w: extension %.20q", ErrName, ext)
	}
	return ext, nil
}

// The schemes of a place: a path below the archive or below the backup folder.
const (
	scheme       = "file:"
	backupScheme = "backup:"
)

// locate opens the folder that a place lies in. The caller calls done.
func (a *Archive) locate(place recording.Place) (root *os.Root, file string, done func(), err error) {
	if file, ok := strings.CutPrefix(string(place), scheme); ok {
		return a.root, file, func() {}, checkFile(file)
	}
	file, ok := strings.CutPrefix(string(place), backupScheme)
	if !ok {
		return nil, "", nil, fmt.Errorf("%w: place %.300q", ErrName, place)
	}
	if strings.Contains(file, "/") {
		err = checkFile(file)
	} else {
		err = checkFile("0000_00/" + file)
	}
	if err != nil {
		return nil, "", nil, err
	}
	root, err = a.openBackup()
	if err != nil {
		return nil, "", nil, err
	}
	return root, file, func() { _ = root.Close() }, nil
}

func checkFile(file string) error {
	ext := path.Ext(file)
	if !extPattern().MatchString(ext) {
		return fmt.Errorf("%w: %.300q", ErrName, file)
	}
	return checkName(strings.TrimSuffix(file, ext))
}

func sidecarOf(file string) string { return strings.TrimSuffix(file, path.Ext(file)) + sidecarExt }

// IsFull reports whether err says that a disk or a quota is full.
func IsFull(err error) bool { return atomicfile.IsFull(err) }

// notFound turns "no such file" into recording.ErrNotFound.
func notFound(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %w", recording.ErrNotFound, err)
	}
	return err
}

func canceled(ctx context.Context) error { return context.Cause(ctx) }
