package ingest

import (
	"regexp"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// maxName is the length of a file name in bytes that common file systems allow.
const maxName = 255

// The name of a capture: conference id, then from V11 on the device's MAC (with
// or without dashes), its running number and perhaps the registration. The exact
// separators of V11 are not documented; this accepts what is known of them.
var (
	capturePattern = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?i)^([0-9a-f]{31,32})(?:-([0-9a-f]{12}|[0-9a-f]{2}(?:-[0-9a-f]{2}){5})-([0-9a-f]+)(?:-(.+?))?)?(?:\.pcap(?:ng)?)?(?:\.gz)?$`)
	})
	uniquePattern = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?i)^((?:[0-9a-z_.]+-)?[0-9]{9,11}\.[0-9]{1,10})(?:[-_ ].*)?\.pcap(?:ng)?(?:\.gz)?$`)
	})
	foreignPattern = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?i)^.+\.pcap(?:ng)?(?:\.gz)?$`) })
)

// ParseName reads the name that a device gives a capture. mac, serial and reg are
// empty in names of before V11. uid has 31 or 32 hex digits as written.
func ParseName(name string) (uid, mac, serial, reg string, ok bool) {
	if !harmless(name) {
		return "", "", "", "", false
	}
	m := capturePattern().FindStringSubmatch(name)
	if m == nil {
		return "", "", "", "", false
	}
	return m[1], m[2], m[3], m[4], true
}

// UniqueID reads the id of an Asterisk channel, or of its call, that a capture's name
// begins with: "1335310195.17.pcap", "office-1335310195.17_24.pcap".
func UniqueID(name string) (id string, ok bool) {
	m := uniquePattern().FindStringSubmatch(name)
	if m == nil || !harmless(name) {
		return "", false
	}
	return m[1], true
}

// IsForeign reports whether name is that of a capture which no PBX has named.
func IsForeign(name string) bool {
	_, _, _, _, ours := ParseName(name)
	return !ours && harmless(name) && foreignPattern().MatchString(name)
}

// IsCapture reports whether a file of this name is taken.
func IsCapture(name string) bool {
	_, _, _, _, ours := ParseName(name)
	return ours || IsForeign(name)
}

// harmless reports whether name is a plain file name on any system: no path, no
// stream, no device path, no control or direction character, not too long.
func harmless(name string) bool {
	if name == "" || len(name) > maxName || strings.HasPrefix(name, ".") || !utf8.ValidString(name) {
		return false
	}
	return strings.IndexFunc(name, func(r rune) bool {
		return strings.ContainsRune(`/\:`, r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r)
	}) < 0
}

// hidden reports whether name is a plain file name behind one dot, as systems and
// upload programs use for their own files.
func hidden(name string) bool {
	rest, ok := strings.CutPrefix(name, ".")
	return ok && harmless(rest)
}
