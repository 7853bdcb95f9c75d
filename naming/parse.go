package naming

import (
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"

	"callreel/internal/recording"
)

// Parts is what a file name says.
type Parts struct {
	Start     time.Time // minute, in the zone given to Parse
	Internal  string    // empty = unknown
	Direction recording.Direction
	External  string // empty = unknown
	Ring      int    // seconds
	UID       string
	MAC       string
	Serial    string
	Digest    string // first 8 hex of the capture's SHA-256, for V10 duplicates and foreign files
	TAN       string // six digits, or empty
}

// pattern reads names of callreel and of the recorder before it, whose
// direction may stand between dots.
var pattern = regexp.MustCompile(`^(\d{4}_\d{2}_\d{2}_\d{4})_([^_.]+)[_.]([io])[_.]([^_.]+)_(\d+)_([^_.]+?)(?:_T(\d{6}))?$`)

// Parse reads a name made by Name, with or without folder and extension, and
// names of the old recorder ("…_39.o.024_1_<uid>.wav"). Times are taken to be
// of loc.
func Parse(name string, loc *time.Location) (Parts, error) {
	base := path.Base(strings.ReplaceAll(name, `\`, "/"))
	for _, ext := range []string{".wav", ".mp3", ".pcap", ".xml", ".txt"} {
		base = strings.TrimSuffix(base, ext)
	}
	m := pattern.FindStringSubmatch(base)
	if m == nil {
		return Parts{}, fmt.Errorf("name %q is not of the form date_time_internal_direction_external_ring_uid", base)
	}
	start, err := time.ParseInLocation("2006_01_02_1504", m[1], loc)
	if err != nil {
		return Parts{}, fmt.Errorf("name %q: %w", base, err)
	}
	ring, err := strconv.Atoi(m[5])
	if err != nil {
		return Parts{}, fmt.Errorf("name %q: ring time: %w", base, err)
	}
	p := Parts{Start: start, Direction: recording.Direction(m[3]), Ring: ring, TAN: m[7]}
	p.Internal, p.External = known(m[2]), known(m[4])
	p.splitUID(m[6])
	return p, nil
}

// splitUID takes "<uid>", "<uid>-<digest>" and "<uid>-<mac>-<serial>" apart; a
// MAC may have dashes of its own.
func (p *Parts) splitUID(s string) {
	id, rest, _ := strings.Cut(s, "-")
	p.UID = unescape(id)
	cut := strings.LastIndexByte(rest, '-')
	switch {
	case cut >= 0:
		p.MAC, p.Serial = unescape(rest[:cut]), unescape(rest[cut+1:])
	case rest != "":
		p.Digest = rest
	}
}

func known(s string) string {
	if s == "unknown" {
		return ""
	}
	return unescape(s)
}

func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '~' && i+2 < len(s) {
			if c, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				b.WriteByte(byte(c))
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
