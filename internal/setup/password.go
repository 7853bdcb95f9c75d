package setup

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"

	"callreel/internal/atomicfile"
	"callreel/internal/secret"
)

// The cost of a setup password's hash: some 100 ms and 64 MiB.
const (
	argonPasses = 3
	argonMemory = 64 << 10 // KiB
	argonLanes  = 4
	argonKey    = 32
)

// The most that a hash may ask of this machine; one in the archive is foreign input.
const (
	maxPasses = 16
	maxMemory = 256 << 10
	maxLanes  = 16
)

// leastPassword is the length of the shortest setup password that is taken.
const leastPassword = 8

// ErrPassword says that the setup is protected, and that the password was not given or
// is wrong.
var ErrPassword = errors.New("the setup is protected by a password")

// HashPassword makes what is stored of a setup password, in the PHC form.
func HashPassword(password string) (string, error) {
	password = norm.NFC.String(password) // an é is one é, however it was typed
	if len([]rune(password)) < leastPassword {
		return "", fmt.Errorf("a setup password needs %d letters at least", leastPassword)
	}
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // never fails; it ends the program instead
	sum := argon2.IDKey([]byte(password), salt, argonPasses, argonMemory, argonLanes, argonKey)
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonPasses, argonLanes, b64.EncodeToString(salt), b64.EncodeToString(sum)), nil
}

// SamePassword reports whether a password is the one that was hashed. A hash that is
// none, or that asks for too much, is an error.
func SamePassword(hash, password string) (bool, error) {
	var version int
	var memory, passes uint32
	var lanes uint8
	parts := strings.Split(hash, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || len(hash) > 300 {
		return false, errors.New("the hash of the setup password is damaged")
	}
	if _, err := fmt.Sscanf(parts[2], "v=%d", &version); err != nil || version != argon2.Version {
		return false, errors.New("the hash of the setup password is of another version")
	}
	_, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &memory, &passes, &lanes)
	salt, saltErr := base64.RawStdEncoding.DecodeString(parts[4])
	want, sumErr := base64.RawStdEncoding.DecodeString(parts[5])
	if err != nil || saltErr != nil || sumErr != nil || len(salt) < 8 || len(want) < 16 ||
		memory < 8 || memory > maxMemory || passes < 1 || passes > maxPasses || lanes < 1 || lanes > maxLanes {
		return false, errors.New("the hash of the setup password is damaged")
	}
	got := argon2.IDKey([]byte(norm.NFC.String(password)), salt, passes, memory, lanes, uint32(len(want)))
	return subtle.ConstantTimeCompare(got, want) == 1, nil
}

// The files of the set-up in the folder TMP of an archive: the hash, so that deleting
// the local setup does not free it, and what was done to the setup, one line each.
const (
	tempFolder = "TMP"
	hashFile   = "callreel-setup.hash"
	traceFile  = "callreel-setup.log"
)

// HashOf is the hash that lies in an archive, empty if there is none.
func HashOf(archive string) (string, error) {
	if archive == "" {
		return "", nil
	}
	hash, err := secret.FromFile(filepath.Join(archive, tempFolder, hashFile))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read the hash of the setup password: %w", err)
	}
	return strings.TrimSpace(hash), nil
}

// SaveHash puts a hash into an archive; an empty one is taken away.
func SaveHash(archive, hash string) error {
	dir := filepath.Join(archive, tempFolder)
	path := filepath.Join(dir, hashFile)
	if hash == "" {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("take the setup password away: %w", err)
		}
		return nil
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return fmt.Errorf("store the setup password: %w", err)
	}
	err := atomicfile.WriteFile(path, []byte(hash+"\n"), 0o600)
	if err = errors.Join(err, inherit(archive, dir, path)); err != nil {
		return fmt.Errorf("store the setup password: %w", err)
	}
	return nil
}

// inherit gives what root has made in a folder to whom the folder belongs.
func inherit(folder string, paths ...string) error {
	owner, err := os.Stat(folder)
	for _, path := range paths {
		if err == nil {
			err = keepOwner(path, owner)
		}
	}
	return err
}

// Trace writes a line into the archive of what was done to the setup, when and by whom.
func Trace(archive string, at time.Time, user, what string) error {
	dir := filepath.Join(archive, tempFolder)
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return fmt.Errorf("note what was done to the setup: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, traceFile), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("note what was done to the setup: %w", err)
	}
	_, err = fmt.Fprintf(f, "%s %q %s\n", at.UTC().Format(time.RFC3339), user, what)
	if err = errors.Join(err, f.Sync(), f.Close(), inherit(archive, dir, f.Name())); err != nil {
		return fmt.Errorf("note what was done to the setup: %w", err)
	}
	return nil
}
