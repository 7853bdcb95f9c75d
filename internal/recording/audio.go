package recording

import "time"

// AudioStatus says what became of a capture's audio.
type AudioStatus string

// The audio states of doc/format.md.
const (
	AudioOK          AudioStatus = "ok"
	AudioNone        AudioStatus = "no_audio"    // a sound file without any voice packet
	AudioEncrypted   AudioStatus = "encrypted"   // SRTP or DTLS without a key
	AudioUnsupported AudioStatus = "unsupported" // voice in a codec that is not built in, or a container we do not read
	AudioDamaged     AudioStatus = "damaged"     // not readable as a capture
)

// SidesBy says how the two sides were told apart.
type SidesBy string

// The ways, best first.
const (
	ByPorts       SidesBy = "ports"        // 16386 and 16388
	ByNumbers     SidesBy = "numbers"      // a known number in the INVITE
	ByCaller      SidesBy = "caller"       // caller left, callee right
	ByFirstPacket SidesBy = "first_packet" // the stream that starts earlier is left
)

// Side is the role of a stream.
type Side string

// External and internal where that is known, else left and right.
const (
	SideExternal Side = "external"
	SideInternal Side = "internal"
	SideLeft     Side = "left"
	SideRight    Side = "right"
	SideUnknown  Side = "unknown"
)

// Audio is what convert made of the capture, and what it found on the way.
// convert owns it.
type Audio struct {
	Status     AudioStatus `json:"status,omitempty"`
	Reason     string      `json:"reason,omitempty"` // for every status but ok: what and where, in words; for ok where the capture is damaged, or not all is certain
	Format     string      `json:"format,omitempty"` // "wav", "mp3"
	Codec      string      `json:"codec,omitempty"`  // coding inside the file: "pcma", "pcmu", "pcm16", "mp3"
	Kbps       int         `json:"kbps,omitempty"`   // of an MP3
	SampleRate int         `json:"sample_rate,omitempty"`
	Channels   int         `json:"channels,omitempty"`
	Samples    int64       `json:"samples,omitempty"`    // per channel
	DurationS  float64     `json:"duration_s,omitempty"` //
	Start      time.Time   `json:"start,omitzero"`       // capture time of the first sample, UTC
	SidesBy    SidesBy     `json:"sides_by,omitempty"`
	Streams    []Stream    `json:"streams,omitempty"`
	Digits     []Digit     `json:"digits,omitempty"`
	Truth      []Truth     `json:"truth,omitempty"` // one per channel, left first
	// Peaks holds, per channel, one byte pair (min, max; signed, 127 = full
	// scale) for each 20 ms.
	Peaks     [][]byte       `json:"peaks,omitempty"`
	Passed    map[string]int `json:"passed,omitempty"` // packets that are no voice, by kind: rtcp, video, stun, cut, …
	SIP       *SIPParties    `json:"sip,omitempty"`    // what the capture's own signalling says
	Call      int            `json:"call,omitempty"`   // which of the capture's calls this is, from 1 on; 0 where it holds only one
	Calls     int            `json:"calls,omitempty"`  // how many it holds, where several
	Converter string         `json:"converter,omitempty"`
}

// SIPParties is what a capture's own SIP says of its call.
type SIPParties struct {
	CallID string    `json:"call_id,omitempty"`
	From   string    `json:"from,omitempty"` // user part of the From URI
	To     string    `json:"to,omitempty"`
	Invite time.Time `json:"invite,omitzero"`
	Ring   time.Time `json:"ring,omitzero"`   // first 180 or 183
	Answer time.Time `json:"answer,omitzero"` // first 200 to the INVITE
	Bye    time.Time `json:"bye,omitzero"`
}

// Signalling is what a capture's own SIP says before the capture is converted.
type Signalling struct {
	Parties *SIPParties `json:"parties,omitempty"` // nil where no call was set up in it
	Calls   int         `json:"calls,omitempty"`   // how many calls with voice the capture holds
	First   time.Time   `json:"first,omitzero"`    // of the capture's packets
}

// Stream is one RTP stream of a capture.
type Stream struct {
	SSRC        uint32  `json:"ssrc"`
	Side        Side    `json:"side"`
	Codec       string  `json:"codec"` // the RFC's name: PCMA, PCMU, G729, …
	PayloadType int     `json:"payload_type"`
	Packets     int     `json:"packets"` // voice packets that were used
	Lost        int     `json:"lost"`
	Duplicates  int     `json:"duplicates"`
	Late        int     `json:"late"` // came after a packet with a higher sequence number; used all the same
	StartS      float64 `json:"start_s"`
	EndS        float64 `json:"end_s"` // seconds from the first sample of the file
	JitterMS    float64 `json:"jitter_ms"`
	MOS         float64 `json:"mos,omitempty"` // estimate of ITU-T G.107, 1 to 4.5
	From        string  `json:"from"`          // source address and port
	To          string  `json:"to"`
}

// Digit is one RFC 4733 telephone event.
type Digit struct {
	Digit string  `json:"digit"` // 0-9 * # A-D
	AtS   float64 `json:"at_s"`
	Side  Side    `json:"side"`
}

// Truth tells for one channel which spans of it were really heard.
type Truth struct {
	Side  Side   `json:"side"`
	Spans []Span `json:"spans"`
	// Of all its streams: counts are added up, jitter and MOS weighed by packets.
	Packets    int     `json:"packets,omitempty"`
	Lost       int     `json:"lost,omitempty"`
	Duplicates int     `json:"duplicates,omitempty"`
	Late       int     `json:"late,omitempty"`
	JitterMS   float64 `json:"jitter_ms,omitempty"`
	MOS        float64 `json:"mos,omitempty"`
}

// Span is a part of a channel. Spans follow each other without holes.
type Span struct {
	FromS float64 `json:"from_s"`
	ToS   float64 `json:"to_s"`
	Kind  string  `json:"kind"` // received, concealed, silence (nothing was sent), hold (nothing was sent, and the call was on hold), dtx (nothing was sent, the noise that the sender described is heard), lost, cut
}
