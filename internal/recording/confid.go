package recording

import (
	"fmt"
	"strings"
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

func clip(s string) string {
	const most = 40
	if len(s) <= most {
		return s
	}
	return s[:most] + "…"
}
