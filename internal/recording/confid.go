package recording

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ConfID is a PBX's conference id in the form used for matching: 32 lower-case
// hex digits. The PBX's own file names sometimes drop a leading zero; parsing
// puts it back.
type ConfID string

// ParseConfID reads a conference id of 31 or 32 hex digits in either case.
func ParseConfID(s string) (ConfID, error) {
	if len(s) != 31 && len(s) != 32 {
		return "", fmt.Errorf("conference id %q: %d characters, want 31 or 32 hex digits", clip(s), len(s))
	}
	low := strings.ToLower(s)
	for i := range len(low) {
		if c := low[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return "", fmt.Errorf("conference id %q: character %d is no hex digit", clip(s), i+1)
		}
	}
	return ConfID(strings.Repeat("0", 32-len(low)) + low), nil
}

// ParseCallID reads what people and scripts name a call by: a conference id, or the unique
// id of an Asterisk channel, "1335310195.17". The error is ParseConfID's.
func ParseCallID(s string) (ConfID, error) {
	if _, _, _, ok := splitUnique(s); ok {
		return ConfIDOfUnique(s), nil
	}
	return ParseConfID(s)
}

func clip(s string) string {
	const most = 40
	if len(s) <= most {
		return s
	}
	return s[:most] + "…"
}

// An Asterisk PBX names a channel by its system, the second it was made in, and a
// running number: "office-1335310195.17".
const (
	uniqueMark     = "a57e"
	uniqueSeconds  = 12 // digits
	uniqueSequence = 10
)

// ConfIDOfUnique is the conference id that stands for an Asterisk channel's unique
// id or linked id: a mark, the seconds and the running number in decimal digits, then
// six digits for the name of the system. What is no such id gives 32 digits of its
// SHA-256.
func ConfIDOfUnique(id string) ConfID {
	system, seconds, sequence, ok := splitUnique(id)
	if !ok {
		sum := sha256.Sum256([]byte(id))
		return ConfID(hex.EncodeToString(sum[:16]))
	}
	sum := sha256.Sum256([]byte(system))
	pad := func(s string, n int) string { return strings.Repeat("0", n-len(s)) + s }
	return ConfID(uniqueMark + pad(seconds, uniqueSeconds) + pad(sequence, uniqueSequence) + hex.EncodeToString(sum[:3]))
}

// UniqueTime is when the channel of an Asterisk unique id was made; zero if it does
// not tell.
func UniqueTime(id string) time.Time {
	_, seconds, _, ok := splitUnique(id)
	if n, err := strconv.ParseInt(seconds, 10, 64); ok && err == nil {
		return time.Unix(n, 0).UTC()
	}
	return time.Time{}
}

func splitUnique(id string) (system, seconds, sequence string, ok bool) {
	digits := func(s string, most int) bool { return s != "" && len(s) <= most && strings.Trim(s, "0123456789") == "" }
	dot := strings.LastIndexByte(id, '.')
	if dot < 0 {
		return "", "", "", false
	}
	seconds, sequence = id[:dot], id[dot+1:]
	if i := strings.LastIndexByte(seconds, '-'); i >= 0 {
		system, seconds = seconds[:i], seconds[i+1:]
	}
	return system, seconds, sequence, digits(seconds, uniqueSeconds) && digits(sequence, uniqueSequence)
}
