package crypto

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"
)

// The ring file is JSON. It holds the secrets in the clear: whoever reads it
// opens every recording. It belongs in a file of mode 0600, apart from the archive
// and from its backup.
type ringFile struct {
	Format  string        `json:"format"` // always ringFormat
	Current string        `json:"current"`
	Keys    []ringFileKey `json:"keys"`
}

const ringFormat = "callreel key ring 1"

type ringFileKey struct {
	Name     string `json:"name"`
	ID       string `json:"id"`     // hex, for the human eye and as a checksum
	Secret   string `json:"secret"` // 64 hex digits
	Retired  bool   `json:"retired,omitempty"`
	Argon2id *argon `json:"argon2id,omitempty"` // for a passphrase key
}

type argon struct {
	Salt   string `json:"salt"` // 32 hex digits
	Passes uint32 `json:"passes"`
	Memory uint32 `json:"memory_kib"`
	Lanes  uint8  `json:"lanes"`
}

// Encode gives the content of a ring file. It is secret.
func (r *Ring) Encode() ([]byte, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	f := ringFile{Format: ringFormat, Current: r.current}
	for _, k := range r.keys {
		f.Keys = append(f.Keys, fileKey(k))
	}
	b, err := json.MarshalIndent(f, "", "  ")
	return append(b, '\n'), err
}

func fileKey(k ringKey) ringFileKey {
	id := k.id()
	fk := ringFileKey{Name: k.name, ID: hex.EncodeToString(id[:]), Secret: hex.EncodeToString(k.secret[:]), Retired: k.retired}
	if d := k.derive; d.kind == kindPassphrase {
		fk.Argon2id = &argon{Salt: hex.EncodeToString(d.salt[:]), Passes: d.passes, Memory: d.memory, Lanes: d.lanes}
	}
	return fk
}

// DecodeRing reads what Encode wrote. An error tells which key is wrong and never
// contains a secret.
func DecodeRing(b []byte) (*Ring, error) {
	var f ringFile
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return nil, fmt.Errorf("%w: at byte %d: %w", ErrKey, d.InputOffset(), err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("%w: text after the end, at byte %d", ErrKey, d.InputOffset())
	}
	if f.Format != ringFormat {
		return nil, fmt.Errorf("%w: format is %.40q, want %q", ErrKey, f.Format, ringFormat)
	}
	return f.ring()
}

func (f *ringFile) ring() (*Ring, error) {
	r := NewRing()
	for i, fk := range f.Keys {
		k, err := fk.key()
		if err != nil {
			return nil, fmt.Errorf("%w: key %d (%.70q): %w", ErrKey, i+1, fk.Name, err)
		}
		if j := r.index(k.name); j >= 0 && (!k.retired && !r.keys[j].retired || r.lookup(k.name, k.id()) >= 0) {
			return nil, fmt.Errorf("%w: key %d (%q) stands there twice", ErrKey, i+1, k.name)
		}
		r.keys = append(r.keys, k)
	}
	if f.Current == "" && !slices.ContainsFunc(r.keys, func(k ringKey) bool { return !k.retired }) {
		return r, nil // it only opens
	}
	if err := r.SetCurrent(f.Current); err != nil {
		return nil, fmt.Errorf("%w: current: %w", ErrKey, err)
	}
	return r, nil
}

func (fk *ringFileKey) key() (ringKey, error) {
	k := ringKey{name: fk.Name, retired: fk.Retired}
	if !validName(k.name) {
		return k, fmt.Errorf("name: want 1 to %d bytes of text without control characters", maxName)
	}
	if err := unhex(k.secret[:], "secret", fk.Secret); err != nil {
		return k, err
	}
	if a := fk.Argon2id; a != nil {
		k.derive = derivation{kind: kindPassphrase, passes: a.Passes, memory: a.Memory, lanes: a.Lanes}
		if err := unhex(k.derive.salt[:], "argon2id.salt", a.Salt); err != nil {
			return k, err
		}
	}
	if !k.derive.valid() {
		return k, fmt.Errorf("argon2id: want passes 1 to %d, memory_kib 8 to %d, lanes 1 to %d", maxPasses, maxMemory, maxLanes)
	}
	if id := k.id(); hex.EncodeToString(id[:]) != fk.ID {
		return k, fmt.Errorf("id does not fit the secret: the file was changed")
	}
	return k, nil
}

func unhex(dst []byte, field, s string) error {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(dst) {
		return fmt.Errorf("%s: want %d hex digits", field, 2*len(dst))
	}
	copy(dst, b)
	return nil
}
