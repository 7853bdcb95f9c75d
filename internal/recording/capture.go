package recording

import "time"

// Source names one file in one inbox.
type Source struct {
	Inbox string `json:"inbox"` // name of the inbox in the setup
	Name  string `json:"name"`  // file name as the inbox lists it
}

// Stamp is what a listing says of a file, to tell whether it is still the same.
type Stamp struct {
	Size    int64     `json:"size"`
	ETag    string    `json:"etag,omitempty"` // empty where the server has none
	ModTime time.Time `json:"mod_time,omitzero"`
}

// Same reports whether two stamps are of the same content as far as a listing
// can tell: equal size and, where both know them, equal ETag and time.
func (s Stamp) Same(o Stamp) bool {
	if s.Size != o.Size {
		return false
	}
	if s.ETag != "" && o.ETag != "" && s.ETag != o.ETag {
		return false
	}
	return s.ModTime.IsZero() || o.ModTime.IsZero() || s.ModTime.Equal(o.ModTime)
}

// RecordedOn tells which kind of device wrote a capture; it decides which of
// the two fixed ports is the internal side.
type RecordedOn string

// The two kinds of recording device.
const (
	OnPhone   RecordedOn = "phone"   // its local side is the internal party
	OnGateway RecordedOn = "gateway" // a trunk's interface: its local side is the outside leg
)

// Capture is the pcap file: where it came from, what its name says, and its
// copy in the spool. ingest owns it.
type Capture struct {
	Source  Source    `json:"source"`
	Stamp   Stamp     `json:"stamp"`    // as last listed
	SeenAt  time.Time `json:"seen_at"`  // first listed, UTC
	StillAt time.Time `json:"still_at"` // since when the stamp has not changed, UTC
	// NotBefore is the last listing of the inbox that did not show the file yet;
	// zero if the inbox was not listed before it.
	NotBefore time.Time `json:"not_before,omitzero"`
	Polls     int       `json:"polls,omitempty"`    // how many listings in a row showed this stamp
	UID       string    `json:"uid"`                // the conference id as the name has it (31 or 32 hex), or the first 32 hex of the content's SHA-256
	Conf      ConfID    `json:"conf,omitempty"`     // UID padded for matching; empty for a foreign file
	MAC       string    `json:"mac,omitempty"`      // V11+: device, as written
	Serial    string    `json:"serial,omitempty"`   // V11+: the device's running number, as written
	RegName   string    `json:"reg_name,omitempty"` // V11+: registration, may be empty

	RecordedOn RecordedOn `json:"recorded_on,omitempty"` // from the inbox's setup
	BySIP      bool       `json:"by_sip,omitempty"`      // from the inbox's setup: without a conference id in the name its SIP tells the call
	Swap       bool       `json:"swap,omitempty"`        // from the inbox's setup: turn the sides round

	Spool     string `json:"spool,omitempty"`      // name in the spool; empty when no copy lies there
	SpoolSize int64  `json:"spool_size,omitempty"` // bytes of the clear content
	Call      int    `json:"call,omitempty"`       // which of the calls in it this recording is of, from 1 on; 0: it holds one
	SHA256    string `json:"sha256,omitempty"`     // lower-case hex, of the capture's clear content
	Duplicate bool   `json:"duplicate,omitempty"`  // another capture has the same UID and no MAC or serial tells them apart

	// Begins is the time of the first packet of voice, by the clock of the device that wrote
	// the capture; zero if it was not looked for: it tells whose phone wrote a capture
	// whose name does not.
	Begins time.Time `json:"begins,omitzero"`

	SourceGone bool      `json:"source_gone,omitempty"` // deleted at the inbox, or found gone after it was durable here
	FetchedAt  time.Time `json:"fetched_at,omitzero"`
}
