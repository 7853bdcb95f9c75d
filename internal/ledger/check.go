package ledger

import (
	"fmt"
	"slices"
	"strings"

	"callreel/internal/recording"
)

// Books is what the ledger of a time is held against.
type Books struct {
	Entries []recording.Entry
	Audio   []recording.Place // the audio files of that time in the archive
	// Near are the lines and files of shortly before and after: one call may have files on
	// both sides of a midnight.
	Near    Near
	Writing []string              // UIDs of recordings that are being filed just now
	NoLine  []recording.Recording // ended without a line, though it is somebody's or put aside
	Gone    []recording.ID        // numbers that were given and are not in the catalog any more
	Unread  []string              // what of the catalog cannot be read
}

// Near is what lies beside the time of Books.
type Near struct {
	Entries []recording.Entry
	Audio   []recording.Place
}

// Differences names all in which the ledger, the archive and the inbox do not agree:
// each filed call has its audio, each audio its call, each capture its end.
func Differences(b Books) (out []string) {
	out = append(out, b.Unread...)
	there, told := map[recording.Place]bool{}, map[recording.Place]bool{}
	for _, p := range slices.Concat(b.Audio, b.Near.Audio) {
		there[p] = true
	}
	for _, e := range b.Near.Entries {
		for _, p := range e.Places {
			told[p] = true
		}
	}
	for _, e := range b.Entries {
		if e.Outcome == recording.OutcomeFiled && len(e.Places) == 0 {
			out = append(out, fmt.Sprintf("the call of %s, recording %d, is said to be filed and names no file", Name(e.Agent), e.Recording))
		}
		for _, p := range e.Places {
			if told[p] {
				out = append(out, fmt.Sprintf("%s stands in two lines", p))
			}
			told[p] = true
			if !there[p] {
				out = append(out, fmt.Sprintf("recording %d is filed as %s, which is not in the archive", e.Recording, p))
			}
		}
	}
	for _, p := range b.Audio {
		written := slices.ContainsFunc(b.Writing, func(uid string) bool { return uid != "" && strings.Contains(string(p), uid) })
		if !told[p] && !written {
			out = append(out, fmt.Sprintf("%s is in the archive, and no call of the ledger has it", p))
		}
	}
	for _, r := range b.NoLine {
		out = append(out, fmt.Sprintf("recording %d (%s) has no line", r.ID, r.State))
	}
	for _, id := range b.Gone {
		out = append(out, fmt.Sprintf("recording %d is not in the catalog any more", id))
	}
	return out
}
