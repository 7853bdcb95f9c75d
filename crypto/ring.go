package crypto

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"
)

// keyKind says where a ring key comes from.
type keyKind uint16

const (
	kindRandom     keyKind = 0
	kindPassphrase keyKind = 1
)

// The cost of a passphrase key (Argon2id, RFC 9106 §4 second choice: 64 MiB).
const (
	argonPasses = 3
	argonMemory = 64 << 10 // KiB
	argonLanes  = 4
)

// The most a header may ask of this machine; a header is foreign input.
const (
	maxPasses = 16
	maxMemory = 256 << 10 // KiB
	maxLanes  = 16
)

// derivation is how a key follows from a passphrase. All but kind is zero for a
// random key. It stands in every header, so that the passphrase alone opens the
// file on another machine.
type derivation struct {
	kind   keyKind
	salt   [16]byte
	passes uint32
	memory uint32 // KiB
	lanes  uint8
}

func (d derivation) valid() bool {
	switch d.kind {
	case kindRandom:
		return d == derivation{}
	case kindPassphrase:
		return d.passes >= 1 && d.passes <= maxPasses &&
			d.memory >= 8 && d.memory <= maxMemory && d.lanes >= 1 && d.lanes <= maxLanes
	}
	return false
}

func (d derivation) key(pass string) [32]byte {
	clean := norm.NFC.String(pass) // an é is one é, however it was typed
	return [32]byte(argon2.IDKey([]byte(clean), d.salt[:], d.passes, d.memory, d.lanes, 32))
}

type ringKey struct {
	name    string
	secret  [32]byte
	derive  derivation
	retired bool
}

// id tells keys of one name apart. It gives nothing of the secret away.
func (k *ringKey) id() [8]byte {
	m := hmac.New(sha256.New, k.secret[:])
	m.Write([]byte("callreel ring key id"))
	return [8]byte(m.Sum(nil))
}

// Ring is a set of named keys with one current key, which seals what is new. All
// others open what they have sealed. A Ring is safe for concurrent use.
type Ring struct {
	mu      sync.RWMutex
	keys    []ringKey
	current string
}

// NewRing gives an empty ring. Its first key becomes the current one.
func NewRing() *Ring { return &Ring{} }

// ErrKey says that a change of the ring is not possible; its text says why.
var ErrKey = errors.New("key ring")

// Generate adds a random key. A name has 1 to 64 bytes without control
// characters and must be new.
func (r *Ring) Generate(name string) error {
	k := ringKey{name: name}
	_, _ = rand.Read(k.secret[:])
	return r.add(k)
}

// AddPassphrase adds a key that follows from a passphrase by Argon2id with a
// salt of its own. It takes about a tenth of a second and 64 MiB.
func (r *Ring) AddPassphrase(name, pass string) error {
	if pass == "" {
		return fmt.Errorf("%w: the passphrase of key %q is empty", ErrKey, name)
	}
	k := ringKey{name: name, derive: derivation{
		kind: kindPassphrase, passes: argonPasses, memory: argonMemory, lanes: argonLanes,
	}}
	_, _ = rand.Read(k.derive.salt[:])
	k.secret = k.derive.key(pass)
	return r.add(k)
}

func (r *Ring) add(k ringKey) error {
	if !validName(k.name) {
		return fmt.Errorf("%w: %q is no name for a key: 1 to %d bytes of text without control characters", ErrKey, k.name, maxName)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.index(k.name) >= 0 {
		return fmt.Errorf("%w: there is a key %q already", ErrKey, k.name)
	}
	r.keys = append(r.keys, k)
	if r.current == "" {
		r.current = k.name
	}
	return nil
}

// Unlock adds the passphrase key that a sealed file's header names, so that the
// file opens on a machine that has never seen the key. A wrong passphrase is
// ErrUnknownKey. The key opens files but does not become the current one; it may
// have the name of a key that is there.
func (r *Ring) Unlock(b [HeaderSize]byte, pass string) error {
	h, err := decodeHeader(&b)
	if err != nil {
		return err
	}
	if h.derive.kind != kindPassphrase || !h.derive.valid() {
		return fmt.Errorf("%w: key %q does not come from a passphrase", ErrKey, h.name)
	}
	k := ringKey{name: h.name, derive: h.derive, secret: h.derive.key(pass), retired: true}
	if k.id() != h.keyID {
		return fmt.Errorf("%w: the passphrase is not that of key %q", ErrUnknownKey, h.name)
	}
	if _, err := h.unwrap(&k); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.lookup(k.name, k.id()) < 0 {
		r.keys = append(r.keys, k)
	}
	return nil
}

// Retire takes a key out of use for sealing; it goes on opening files. The
// current key cannot be retired.
func (r *Ring) Retire(name string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := r.index(name)
	switch {
	case i < 0:
		return fmt.Errorf("%w: %q", ErrUnknownKey, name)
	case name == r.current:
		return fmt.Errorf("%w: %q is the current key; make another one current first", ErrKey, name)
	}
	r.keys[i].retired = true
	return nil
}

// SetCurrent chooses the key that seals from now on.
func (r *Ring) SetCurrent(name string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := r.index(name)
	switch {
	case i < 0:
		return fmt.Errorf("%w: %q", ErrUnknownKey, name)
	case r.keys[i].retired:
		return fmt.Errorf("%w: key %q is retired", ErrKey, name)
	}
	r.current = name
	return nil
}

// Current is the name of the key that seals, empty in an empty ring.
func (r *Ring) Current() string {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.current
}

// KeyInfo is what may be shown of a key.
type KeyInfo struct {
	Name       string
	Current    bool
	Retired    bool
	Passphrase bool
}

// Names lists the keys, sorted by name.
func (r *Ring) Names() []KeyInfo {
	r.mu.RLock()
	defer r.mu.RUnlock()
	var list []KeyInfo
	for _, k := range r.keys {
		list = append(list, KeyInfo{
			Name: k.name, Retired: k.retired, Passphrase: k.derive.kind == kindPassphrase,
			Current: k.name == r.current && !k.retired,
		})
	}
	slices.SortStableFunc(list, func(a, b KeyInfo) int {
		switch {
		case a.Name < b.Name:
			return -1
		case a.Name > b.Name:
			return 1
		}
		return 0
	})
	return list
}

// index finds the first key of a name, one in use before a retired one.
func (r *Ring) index(name string) int {
	retired := -1
	for i, k := range r.keys {
		switch {
		case k.name != name:
		case !k.retired:
			return i
		case retired < 0:
			retired = i
		}
	}
	return retired
}

func (r *Ring) lookup(name string, id [8]byte) int {
	return slices.IndexFunc(r.keys, func(k ringKey) bool { return k.name == name && k.id() == id })
}

// find gives the key that a header names.
func (r *Ring) find(name string, id [8]byte) (ringKey, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if i := r.lookup(name, id); i >= 0 {
		return r.keys[i], nil
	}
	if r.index(name) >= 0 {
		return ringKey{}, fmt.Errorf("%w: %q (the ring holds another key of that name)", ErrUnknownKey, name)
	}
	return ringKey{}, fmt.Errorf("%w: %q", ErrUnknownKey, name)
}

// sealing gives the key to seal with: the named one, or the current one.
func (r *Ring) sealing(name string) (ringKey, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if name == "" {
		name = r.current
	}
	i := r.index(name)
	switch {
	case i < 0:
		return ringKey{}, fmt.Errorf("%w: %q", ErrUnknownKey, name)
	case r.keys[i].retired:
		return ringKey{}, fmt.Errorf("%w: key %q is retired and seals nothing new", ErrKey, name)
	}
	return r.keys[i], nil
}
