// Package recording holds the one value that moves along callreel's line: a
// Recording, made of the parts that the steps fill in, and the errors and
// identifiers they share. It does no I/O and knows no database; it imports the
// standard library only.
package recording

import "time"

// ID is the catalog's number of a recording. IDs rise with time and are never
// used twice.
type ID int64

// Place is where a file lies: an opaque string with a scheme, for instance
// "file:2026_11/2026_11_21_1200_24_i_0012345_3_c03a….wav". Only the store that
// made it reads it.
type Place string

// Recording is one capture on its way from the inbox to the archive. Each part
// is owned by one step; the service assigns it, saves the whole and goes on.
type Recording struct {
	ID    ID    `json:"id"`
	State State `json:"state"` // the last step completed

	Capture Capture `json:"capture"` // ingest
	Call    Call    `json:"call"`    // cdr
	Verdict Verdict `json:"verdict"` // rules
	Audio   Audio   `json:"audio"`   // convert
	Name    string  `json:"name"`    // naming: path below the archive, without extension, with "/" between folder and file
	// Aliases are names it had before, the oldest first; they stay valid.
	Aliases []string `json:"aliases,omitempty"`
	Seal    Seal     `json:"seal"`   // crypto: how the filed audio and sidecar are sealed
	Place   Place    `json:"place"`  // archive: the audio file
	Backup  Place    `json:"backup"` // archive: its copy, empty if none

	Retry Retry `json:"retry"` // service: what is being waited for, and since when
}

// Retry is what the service remembers between two tries of the same step.
type Retry struct {
	Tries  int       `json:"tries,omitempty"`
	Since  time.Time `json:"since,omitzero"`   // first try of those that failed one after the other
	Until  time.Time `json:"until,omitzero"`   // when a countdown ends
	Reason string    `json:"reason,omitempty"` // why it waits or why it ended, in words
	// Accepted is of what is put aside: somebody has looked at it and leaves it there.
	Accepted bool `json:"accepted,omitempty"`
}

// Seal tells how the filed pair is sealed.
type Seal struct {
	Key         string `json:"key,omitempty"`          // name of the key in the ring
	AudioSealed bool   `json:"audio_sealed,omitempty"` // the audio file is sealed too
	FileSHA256  string `json:"file_sha256,omitempty"`  // lower-case hex, of the audio file as filed
	ClearSHA256 string `json:"clear_sha256,omitempty"` // lower-case hex, of its clear content; equal to FileSHA256 when not sealed
	Size        int64  `json:"size,omitempty"`         // bytes of the audio file as filed
	// Before are the files that stood here before, oldest first: of a capture that was filed
	// as it came and converted later.
	Before []Recast `json:"before,omitempty"`
}

// Recast is a filed file that a converter has put another in the place of.
type Recast struct {
	Format      string    `json:"format"`       // of the file that was
	FileSHA256  string    `json:"file_sha256"`  // lower-case hex, of it as it was filed
	ClearSHA256 string    `json:"clear_sha256"` // lower-case hex, of its clear content
	At          time.Time `json:"at"`
	Host        string    `json:"host"`    // the converter's machine
	Version     string    `json:"version"` // and program
}

// Started is when the call began: the capture's first voice packet, without
// one the time the call was answered by the CDR, without that when the capture
// was first seen (SPEC §4.3).
func (r Recording) Started() time.Time {
	for _, t := range []time.Time{r.Audio.Start, r.Verdict.Started} {
		if !t.IsZero() {
			return t
		}
	}
	return r.Capture.SeenAt
}
