// Package srtp opens packets of SRTP whose keys are known (RFC 3711, RFC 6188, RFC
// 7714). It owns the transforms and the estimate of the rollover counter; which key
// is a stream's, and in which order its packets are opened, is the caller's affair,
// for a recording is not read as a call is heard. It makes no packets.
package srtp

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ErrKey says that a text is no key, or one for a suite or of a kind that is not
// built in.
var ErrKey = errors.New("no SRTP key")

// suite is a row of RFC 4568 §6.2, RFC 6188 §4 and RFC 7714 §14.2; lengths in octets.
type suite struct {
	key, salt, tag int
	aead           bool
}

func suiteOf(name string) (s suite, ok bool) {
	switch name {
	case "AES_CM_128_HMAC_SHA1_80":
		return suite{key: 16, salt: 14, tag: 10}, true
	case "AES_CM_128_HMAC_SHA1_32":
		return suite{key: 16, salt: 14, tag: 4}, true
	case "AES_192_CM_HMAC_SHA1_80":
		return suite{key: 24, salt: 14, tag: 10}, true
	case "AES_192_CM_HMAC_SHA1_32":
		return suite{key: 24, salt: 14, tag: 4}, true
	case "AES_256_CM_HMAC_SHA1_80":
		return suite{key: 32, salt: 14, tag: 10}, true
	case "AES_256_CM_HMAC_SHA1_32":
		return suite{key: 32, salt: 14, tag: 4}, true
	case "AEAD_AES_128_GCM":
		return suite{key: 16, salt: 12, tag: 16, aead: true}, true
	case "AEAD_AES_256_GCM":
		return suite{key: 32, salt: 12, tag: 16, aead: true}, true
	}
	return suite{}, false
}

// Key is a master key with its salt. However it is printed, it does not show.
type Key struct {
	suite  suite
	master string // key, then salt
	mki    int    // octets of the master key identifier in each packet
	plain  bool   // packets are authenticated, not encrypted
	rate   int    // session keys are derived anew each 2^rate packets; 0 = once
}

// rateMost is the greatest key derivation rate of RFC 4568 §6.3.1.
const rateMost = 24

// NotBuiltInError is the ErrKey for what a description may ask for and this package
// has not: a suite, or a session parameter. What has letters, digits and underscores
// only.
type NotBuiltInError struct{ What string }

func (e *NotBuiltInError) Error() string {
	return fmt.Sprintf("%v: %s is not built in", ErrKey, e.What)
}

// Unwrap is ErrKey.
func (e *NotBuiltInError) Unwrap() error { return ErrKey }

// notBuiltIn names what is missing, unless it can be no name: keys are in base64 and
// have no underscore.
func notBuiltIn(name string) error {
	const longest = 64
	odd := func(r rune) bool { return r != '_' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') }
	if len(name) > longest || !strings.Contains(name, "_") || strings.ContainsFunc(name, odd) {
		return fmt.Errorf("%w: the suite is not built in", ErrKey)
	}
	return &NotBuiltInError{name}
}

// String hides the key.
func (Key) String() string { return "SRTP key" }

// GoString hides the key.
func (Key) GoString() string { return "SRTP key" }

// ParseKey reads a key of a suite, inline as RFC 4568 §6.1 has it: base64 of key
// and salt, and then perhaps, behind |, a lifetime and the length of an identifier.
// session are the parameters of §6.3. The error is ErrKey, of the type
// *NotBuiltInError where a suite or parameter is missing here, and tells nothing of
// the key.
func ParseKey(suiteName, inline string, session ...string) (Key, error) {
	suiteName = strings.ToUpper(suiteName)
	s, ok := suiteOf(suiteName)
	if !ok {
		return Key{}, notBuiltIn(suiteName)
	}
	k := Key{suite: s}
	text, rest, _ := strings.Cut(strings.TrimPrefix(inline, "inline:"), "|")
	master, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "="))
	if err != nil || len(master) != s.key+s.salt {
		return Key{}, fmt.Errorf("%w: the suite wants %d octets in base64", ErrKey, s.key+s.salt)
	}
	k.master = string(master)
	for part := range strings.SplitSeq(rest, "|") {
		if _, length, ok := strings.Cut(part, ":"); ok {
			if k.mki, err = strconv.Atoi(length); err != nil || k.mki < 0 || k.mki > 128 {
				return Key{}, fmt.Errorf("%w: identifier of %q octets", ErrKey, length)
			}
		}
	}
	return k, k.apply(session)
}

// apply takes in the session parameters.
func (k *Key) apply(session []string) error {
	for _, p := range session {
		name, value, _ := strings.Cut(strings.ToUpper(p), "=")
		switch name {
		case "UNENCRYPTED_SRTP":
			k.plain = true
		case "KDR":
			var err error
			if k.rate, err = strconv.Atoi(value); err != nil || k.rate < 0 || k.rate > rateMost {
				return fmt.Errorf("%w: key derivation rate of 2^%q packets", ErrKey, value)
			}
		case "UNAUTHENTICATED_SRTP":
			return notBuiltIn(name)
		}
	}
	return nil
}
