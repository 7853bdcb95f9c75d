// Package naming turns a recording into the path it is filed under, and such a
// path back into its parts. It is pure: the same recording and time zone always
// give the same path.
package naming

import (
	"fmt"
	"strings"
	"time"

	"callreel/internal/recording"
)

// maxNumber bounds an escaped number, so that a name stays within what file
// systems take (255 bytes). The sidecar has the number whole.
const maxNumber = 60

// Name returns the path below the archive without extension, with "/" between
// folder and file, for instance
// "2026_11/2026_11_21_1200_24_i_0012345_3_c03a55c2e909d311b6450090331b3e3b"
// (SPEC §6.1, §6.2). Date and time are those of loc.
func Name(rec recording.Recording, loc *time.Location) string {
	at := rec.Started().In(loc)
	v := rec.Verdict
	direction := v.Direction
	if direction == "" {
		direction = recording.In
	}
	return fmt.Sprintf("%s/%s_%s_%s_%s_%d_%s%s",
		at.Format("2006_01"), at.Format("2006_01_02_1504"),
		number(v.Internal), direction, number(v.External), max(v.Ring, 0), uid(rec.Capture), tanEnd(rec.Call.TAN))
}

// tanEnd is the end of the name of a call with a TAN.
func tanEnd(tan string) string {
	if tan == "" {
		return ""
	}
	return "_T" + Escape(tan)
}

// WithTAN is a name with another TAN than it had; both may be empty.
func WithTAN(name, had, tan string) string {
	return strings.TrimSuffix(name, tanEnd(had)) + tanEnd(tan)
}

// Other is the name of a recording whose own is another's: the beginning of the
// capture's SHA-256 tells the two apart.
func Other(rec recording.Recording, loc *time.Location) string {
	end := tanEnd(rec.Call.TAN)
	return strings.TrimSuffix(Name(rec, loc), end) + "-" + rec.Capture.SHA256[:min(8, len(rec.Capture.SHA256))] + end
}

// uid is the capture's UID with what tells captures of one call apart.
func uid(c recording.Capture) string {
	id := Escape(c.UID)
	switch {
	case c.MAC != "" || c.Serial != "":
		return id + "-" + Escape(c.MAC) + "-" + Escape(c.Serial)
	case c.Duplicate || c.Conf == "":
		return id + "-" + c.SHA256[:min(8, len(c.SHA256))]
	default:
		return id
	}
}

func number(s string) string {
	if s == "" {
		return "unknown"
	}
	e := Escape(s)
	if len(e) <= maxNumber {
		return e
	}
	e = e[:maxNumber]
	if i := strings.LastIndexByte(e, '~'); i > maxNumber-3 {
		e = e[:i] // do not cut an escape in two
	}
	return e
}

// Escape keeps 0-9, A-Z, a-z, + and - and writes every other byte as ~ and two
// lower-case hex digits.
func Escape(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; plain(c) {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "~%02x", c)
		}
	}
	return b.String()
}

func plain(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c == '+' || c == '-'
}
