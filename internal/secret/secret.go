// Package secret owns how a setup holds its passwords: sealed in the file itself, in a
// file of their own, or in the environment. The key that seals them lies beside the
// setup, and is not one of those that open recordings. What a password is for is left
// to those who own the key.
package secret

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"callreel/internal/atomicfile"
)

const (
	// Mark begins a sealed text; what follows is "1:", the name of the key, ":", and
	// in base64 a nonce of 12 bytes and the text sealed by AES-256-GCM.
	Mark = "sealed:"

	version = "1"
	keyHead = "callreel setup key 1"
	maxText = 4096 // bytes of a sealed text, and of a file with a password
)

var (
	// ErrNoKey says that the key which a setup's texts are sealed with is not there.
	ErrNoKey = errors.New("the key of the setup is not there")
	// ErrOtherKey says that a text is sealed with another key than the one at hand.
	ErrOtherKey = errors.New("it is sealed with another key")
	// ErrDamaged says that a sealed text is not as it was sealed.
	ErrDamaged = errors.New("the sealed text is damaged")
)

// KeyFile is where the key of a setup lies.
func KeyFile(setup string) string { return setup + ".key" }

// Key seals and opens the texts of one setup.
type Key struct {
	name string // first eight hex digits of its SHA-256
	aead cipher.AEAD
}

// Name tells one key from another; it says nothing of the key itself.
func (k *Key) Name() string { return k.name }

func newKey(raw []byte) (*Key, error) {
	block, err := aes.NewCipher(raw)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(append([]byte(keyHead), raw...))
	return &Key{hex.EncodeToString(sum[:4]), aead}, nil
}

// ReadKey reads the key at path; an error wraps ErrNoKey where there is none.
func ReadKey(path string) (*Key, error) {
	data, err := readSmall(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s", ErrNoKey, path)
	}
	if err != nil {
		return nil, fmt.Errorf("read the key of the setup: %w", err)
	}
	head, text, _ := strings.Cut(string(data), "\n")
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if strings.TrimSpace(head) != keyHead || err != nil || len(raw) != 32 {
		return nil, fmt.Errorf("the key of the setup %s is damaged, or is something else; put it back from its copy", path)
	}
	return newKey(raw)
}

// EnsureKey reads the key at path, or makes one that only its owner can read.
func EnsureKey(path string) (*Key, error) {
	k, err := ReadKey(path)
	if !errors.Is(err, ErrNoKey) {
		return k, err
	}
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // never fails; it ends the program instead
	var text bytes.Buffer
	fmt.Fprintln(&text, keyHead)
	fmt.Fprintln(&text, base64.StdEncoding.EncodeToString(raw))
	if err := atomicfile.WriteFile(path, text.Bytes(), 0o600); err != nil {
		return nil, fmt.Errorf("write the key of the setup: %w", err)
	}
	return newKey(raw)
}

// Seal makes a text that only this key opens.
func (k *Key) Seal(text string) string {
	nonce := make([]byte, k.aead.NonceSize())
	_, _ = rand.Read(nonce)
	return Mark + version + ":" + k.name + ":" + base64.RawURLEncoding.EncodeToString(k.aead.Seal(nonce, nonce, []byte(text), nil))
}

// IsSealed reports whether a text says of itself that it is sealed.
func IsSealed(text string) bool { return strings.HasPrefix(text, Mark) }

// Open gives the text back that Seal was given. Errors wrap ErrOtherKey or ErrDamaged.
func (k *Key) Open(sealed string) (string, error) {
	parts := strings.Split(strings.TrimPrefix(sealed, Mark), ":")
	if !IsSealed(sealed) || len(parts) != 3 || len(sealed) > 2*maxText {
		return "", ErrDamaged
	}
	if parts[0] != version {
		return "", fmt.Errorf("%w: it is of version %.20q, which this program does not know", ErrDamaged, parts[0])
	}
	if parts[1] != k.name {
		return "", fmt.Errorf("%w (%.20s) than the one that is here (%s)", ErrOtherKey, parts[1], k.name)
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || len(raw) < k.aead.NonceSize() {
		return "", ErrDamaged
	}
	n := k.aead.NonceSize()
	text, err := k.aead.Open(nil, raw[:n], raw[n:], nil)
	if err != nil {
		return "", ErrDamaged
	}
	return string(text), nil
}

// readSmall reads a file that holds one line, and refuses what is larger.
func readSmall(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() && info.Mode()&fs.ModeNamedPipe == 0 || info.Size() > maxText {
		return nil, fmt.Errorf("%s is no file of one line", path)
	}
	return os.ReadFile(path)
}

// FromFile is the first line of a file.
func FromFile(path string) (string, error) {
	data, err := readSmall(path)
	if err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(string(data), "\n")
	return strings.TrimSuffix(line, "\r"), nil
}

// FromEnv is the value of an environment variable that must be there.
func FromEnv(name string) (string, error) {
	v, ok := os.LookupEnv(name)
	if !ok {
		return "", fmt.Errorf("the environment has no %s", name)
	}
	return v, nil
}
