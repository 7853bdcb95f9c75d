package setup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"callreel/internal/atomicfile"
	"callreel/internal/clock"
	"callreel/internal/secret"
	"callreel/internal/tomlfile"
)

// Session is one change of a setup, from reading the file to writing it.
type Session struct {
	File     string
	User     string // of the machine, for the trace
	Clock    clock.Clock
	Validate func(data []byte) error // of the whole; errors name line and key

	draft  *Draft
	before *Draft
	old    []byte          // as the file was; nil: there was none
	proved map[string]bool // hashes whose password was given
	lost   []string        // passwords that do not open, and why
	kept   bool            // the old file lies beside the new one
	note   []string        // what goes into the trace

	decided bool // what becomes of the setup password
}

// maxSetup bounds a setup file, in bytes.
const maxSetup = 1 << 20

// Open reads the setup, if there is one.
func (s *Session) Open() error {
	s.draft, s.before, s.proved = NewDraft(), NewDraft(), map[string]bool{}
	data, err := os.ReadFile(s.File)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the setup: %w", err)
	}
	if len(data) > maxSetup {
		return fmt.Errorf("%w: %s is larger than %d bytes, so it is no setup", ErrAnswers, s.File, maxSetup)
	}
	s.old = data
	if s.draft, err = ReadDraft(s.File, data); err != nil {
		return fmt.Errorf("%w: %w", ErrAnswers, err)
	}
	s.before = s.draft.clone()
	return s.dropLost()
}

// dropLost takes away the passwords that the key at hand does not open: they are to be
// entered anew.
func (s *Session) dropLost() error {
	var sealed []tomlfile.At
	for at, v := range s.draft.values {
		if text, ok := v.(string); ok && secret.IsSealed(text) {
			sealed = append(sealed, at)
		}
	}
	if len(sealed) == 0 {
		return nil
	}
	key, err := secret.ReadKey(secret.KeyFile(s.File))
	if err != nil && !errors.Is(err, secret.ErrNoKey) {
		return err
	}
	for _, at := range sealed {
		why := err
		if key != nil {
			_, why = key.Open(s.draft.Text(at.Section, at.Index, at.Key))
		}
		if why != nil {
			s.draft.Set(at.Section, at.Index, at.Key, nil)
			s.lost = append(s.lost, fmt.Sprintf("%s: %v; enter it anew", strings.TrimPrefix(at.Section+"."+at.Key, "."), why))
		}
	}
	slices.Sort(s.lost)
	return nil
}

// Lost says which passwords cannot be opened any more, and why.
func (s *Session) Lost() []string { return s.lost }

// Draft is what is being changed.
func (s *Session) Draft() *Draft { return s.draft }

// New reports whether there was no setup.
func (s *Session) New() bool { return s.old == nil }

// archives are the folders of recordings before and after the change.
func (s *Session) archives() []string {
	var out []string
	for _, d := range []*Draft{s.before, s.draft} {
		path := d.Text("archive", -1, "path")
		if path == "" {
			continue
		}
		if !filepath.IsAbs(path) {
			path = filepath.Join(filepath.Dir(s.File), path)
		}
		if !slices.Contains(out, path) {
			out = append(out, path)
		}
	}
	return out
}

// archive is the folder of recordings after the change.
func (s *Session) archive() string {
	all := s.archives()
	if len(all) == 0 || s.draft.Text("archive", -1, "path") == "" {
		return ""
	}
	return all[len(all)-1]
}

// Locks are the hashes whose password has not been given yet: that of the file, and
// those of the archives. It is to be asked again when another archive was chosen.
func (s *Session) Locks() ([]string, error) {
	hashes := []string{s.before.Text("setup", -1, hashKey)}
	for _, a := range s.archives() {
		hash, err := HashOf(a)
		if err != nil {
			return nil, err
		}
		hashes = append(hashes, hash)
	}
	var out []string
	for _, h := range hashes {
		if h != "" && !s.proved[h] && !slices.Contains(out, h) {
			out = append(out, h)
		}
	}
	return out, nil
}

// Unlock gives a password for all that is locked. A wrong one is ErrPassword, and is
// noted in the archive.
func (s *Session) Unlock(password string) error {
	locks, err := s.Locks()
	if err != nil {
		return err
	}
	for _, hash := range locks {
		same, err := SamePassword(hash, password)
		if err != nil {
			return err
		}
		if !same {
			s.traceAll("was refused: wrong setup password")
			return fmt.Errorf("%w, and this is not it", ErrPassword)
		}
		s.proved[hash] = true
	}
	return nil
}

// traceAll notes something that must not keep what is done from being done.
func (s *Session) traceAll(what string) {
	for _, a := range s.archives() {
		if _, err := os.Stat(a); err == nil {
			_ = Trace(a, s.Clock.Now(), s.User, what)
		}
	}
}

// Forget opens the setup without its password, for who can read the key of the setup.
// It is noted in the archive and in the setup itself before anything is open; the
// recorder says so at each start.
func (s *Session) Forget() error {
	locks, err := s.Locks()
	if err != nil {
		return err
	}
	if len(locks) == 0 {
		return errors.New("there is no setup password that could be forgotten")
	}
	if !s.New() {
		if _, err := secret.ReadKey(secret.KeyFile(s.File)); err != nil {
			return fmt.Errorf("only who can read the key of the setup can take its password away: %w", err)
		}
	}
	if len(s.archives()) == 0 {
		return errors.New("it must be noted in an archive that the setup password was taken away, and the setup names none")
	}
	for _, a := range s.archives() {
		if _, err := os.Stat(a); err != nil { // a drive that is away is not made up for by a folder
			return fmt.Errorf("note what was done to the setup: %w", err)
		}
		if err := Trace(a, s.Clock.Now(), s.User, "takes the setup password away without giving it"); err != nil {
			return err
		}
	}
	for _, hash := range locks {
		s.proved[hash] = true
	}
	s.decided = true
	s.draft.Set("setup", -1, hashKey, nil)
	s.draft.Set("setup", -1, "forgotten", s.Clock.Now().UTC().Format("2006-01-02T15:04:05Z")+" by "+s.User)
	return nil
}

// SetPassword protects the setup from now on; an empty password protects it no more.
func (s *Session) SetPassword(password string) error {
	if password == "" {
		s.decided = true
		s.draft.Set("setup", -1, hashKey, nil)
		s.note = append(s.note, "takes the setup password away")
		return nil
	}
	hash, err := HashPassword(password)
	if err != nil {
		return err
	}
	s.decided = true
	s.draft.Set("setup", -1, hashKey, hash)
	s.draft.Set("setup", -1, "forgotten", nil)
	s.note = append(s.note, "sets a setup password")
	return nil
}

// Check says what is wrong with the draft.
func (s *Session) Check() error {
	data, err := s.draft.Encode(nil)
	if err != nil {
		return err
	}
	if err := s.Validate(data); err != nil { // whose lines are of a file that is not written yet
		return errors.New(linePrefix().ReplaceAllString(err.Error(), ""))
	}
	return nil
}

var linePrefix = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?m)^[^\n]*?:[0-9]+(:[0-9]+)?: `) })

// Save writes the setup, sealed, and keeps the old file as .bak. The password's hash
// goes into the archive first: a setup without it there would be free.
func (s *Session) Save(ctx context.Context) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	if locks, err := s.Locks(); err != nil || len(locks) > 0 {
		return errors.Join(err, ErrPassword)
	}
	key, err := secret.EnsureKey(secret.KeyFile(s.File))
	if err != nil {
		return err
	}
	s.adopt()
	data, err := s.draft.Encode(key)
	if err != nil {
		return err
	}
	if err := s.Validate(data); err != nil {
		return err
	}
	if a := s.archive(); a != "" {
		if err := s.saveHash(a); err != nil {
			return err
		}
	}
	if err := s.write(data); err != nil {
		return err
	}
	s.traceAll(s.told())
	return nil
}

// write puts the setup in its place, and the old one beside it.
func (s *Session) write(data []byte) error {
	old, err := os.Stat(s.File)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("write the setup: %w", err)
	}
	if s.old != nil && !bytes.Equal(s.old, data) {
		if err := atomicfile.WriteFile(s.File+backupEnd, s.old, 0o600); err != nil {
			return fmt.Errorf("keep the old setup: %w", err)
		}
		s.kept = true
	}
	if err := atomicfile.WriteFile(s.File, data, 0o600); err != nil {
		return fmt.Errorf("write the setup: %w", err)
	}
	if old == nil {
		if old, err = os.Stat(filepath.Dir(s.File)); err != nil {
			return fmt.Errorf("write the setup: %w", err)
		}
	}
	for _, path := range []string{s.File, s.File + backupEnd, secret.KeyFile(s.File)} {
		if err := keepOwner(path, old); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("give %s back to its owner: %w", path, err)
		}
	}
	return nil
}

// backupEnd follows the name of the setup that was before.
const backupEnd = ".bak"

// Told says in words what was written.
func (s *Session) Told() string {
	var b strings.Builder
	fmt.Fprintf(&b, "The setup is written to %s; the key of its passwords is %s.\n", s.File, secret.KeyFile(s.File))
	if s.kept {
		fmt.Fprintf(&b, "The setup as it was is %s. A recorder that runs takes the new one at its next start.\n", s.File+backupEnd)
	}
	if s.kept && s.before.clear() {
		fmt.Fprintf(&b, "note  that old file holds passwords in clear; delete it when the new one works.\n")
	}
	if s.New() {
		fmt.Fprintln(&b, "The user that callreel runs as must be able to read both; nobody else needs to.")
	}
	return b.String()
}

// clear reports whether a password stands in the draft as it is.
func (d *Draft) clear() bool {
	for at, v := range d.values {
		if text, ok := v.(string); ok && secret.IsSecret(at.Key) && !secret.IsSealed(text) {
			return true
		}
	}
	return false
}

// adopt takes the hash of an archive over whose password was given, into a setup that
// has none: a deleted setup comes back as it was protected.
func (s *Session) adopt() {
	if s.draft.Text("setup", -1, hashKey) != "" || s.decided {
		return
	}
	if hash, err := HashOf(s.archive()); err == nil && hash != "" {
		s.draft.Set("setup", -1, hashKey, hash)
		s.draft.Set("setup", -1, "forgotten", nil)
	}
}

func (s *Session) saveHash(archive string) error {
	hash := s.draft.Text("setup", -1, hashKey)
	if there, err := HashOf(archive); err == nil && there == hash {
		return nil
	}
	return SaveHash(archive, hash)
}

// told is the line of the trace: which keys are others now, never their values.
func (s *Session) told() string {
	changed := s.draft.changed(s.before)
	what := "writes the setup"
	if len(changed) > 0 {
		what += ": " + strings.Join(changed, " ")
	}
	return strings.Join(append(s.note, what), "; ")
}

// changed lists the keys that differ from those of another draft.
func (d *Draft) changed(from *Draft) []string {
	seen := map[string]bool{}
	differs := func(a, b map[tomlfile.At]any) {
		for at, v := range a {
			if fmt.Sprint(b[at]) != fmt.Sprint(v) {
				seen[strings.TrimPrefix(at.Section+"."+at.Key, ".")] = true
			}
		}
	}
	differs(d.values, from.values)
	differs(from.values, d.values)
	out := make([]string, 0, len(seen))
	for name := range seen {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}
