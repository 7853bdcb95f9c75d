package convert

import (
	"callreel/internal/media/g711"
	"callreel/internal/media/packet"
)

// rate is the RTP clock of G.711 and G.722 in ticks a second. All positions on
// the timeline are in ticks.
const rate = 8000

// entry is one RTP packet of the index, 24 bytes.
type entry struct {
	where   uint64 // offset of the payload in the file << 8 | payload type
	arrival int64  // nanoseconds since the capture's first packet; once placed: ticks since the segment's start
	ts      uint32
	seq     uint16
	size    uint16 // bytes of payload; the top bit says that its end was not captured
}

const (
	cutBit = 1 << 15
	// inArena marks an offset that is not in the file but in the memory for
	// datagrams that came in fragments.
	inArena = 1 << 47
)

func (e entry) payloadType() uint8 { return uint8(e.where) }
func (e entry) offset() int64      { return int64(e.where >> 8) }
func (e entry) length() int64      { return int64(e.size &^ cutBit) }
func (e entry) cut() bool          { return e.size&cutBit != 0 }

// at is the arrival in ticks.
func (e entry) at() int64 { return e.arrival / (1e9 / rate) }

// streamKey names an RTP stream: a source may send to two receivers, and two
// sources may use one number.
type streamKey struct {
	flow packet.Flow
	ssrc uint32
}

// stream is what one source sent over one flow, in the order of the file.
type stream struct {
	key     streamKey
	entries []entry
	inOrder int   // packets that follow their predecessor's sequence number closely
	again   int   // packets that repeat their predecessor or come a little late
	born    int   // number of the packet that began it
	since   int64 // offset of the record that began it

	counts  [128]int   // packets by payload type
	codecs  [128]codec // by payload type
	match   match      // what the signalling says of it
	events  []pressed
	side    side
	shared  bool // DTLS was seen on one of its ports
	summary summary
}

// summary is what the report says of a stream.
type summary struct {
	packets, lost, duplicates, late int
	jitter                          float64 // samples
}

// run is a part of a stream whose RTP timestamps belong together, from sorted
// entries.
type run struct {
	entries []entry
}

// law is the coding of a payload: one of the two laws of G.711, or G.722. Of all
// of them an octet lasts one tick of the RTP clock.
type law uint8

// The laws.
const (
	noLaw law = iota // not built in; of an output: 16-bit samples
	lawA
	lawMu
	lawWide // G.722: two samples an octet
)

func (l law) decode() *[256]int16 {
	if l == lawMu {
		return &g711.DecodeMu
	}
	return &g711.DecodeA
}

func (l law) idle() byte {
	if l == lawMu {
		return g711.IdleMu
	}
	return g711.IdleA
}

// role is what a payload type is used for.
type role uint8

// The roles.
const (
	roleUnknown role = iota // a dynamic type without a name
	roleVoice
	roleEvent // RFC 4733
	roleNoise // comfort noise
	roleVideo
	roleOther // forward error correction and the like
)

// codec is what a payload type of a stream means.
type codec struct {
	name string
	role role
	law  law // noLaw for a voice codec that is not built in
}
