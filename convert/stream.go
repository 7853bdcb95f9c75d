package convert

import (
	"slices"

	"callreel/internal/media/packet"
)

// rate is the timeline's clock in ticks a second: the RTP clock of most codecs
// of telephony. All positions on the timeline are in ticks.
const rate = 8000

// streamKey names an RTP stream: a source may send to two receivers, and two
// sources may use one number.
type streamKey struct {
	flow packet.Flow
	ssrc uint32
}

// stream is what one source sent over one flow, in the order of the file.
type stream struct {
	key     streamKey
	packets index
	inOrder int    // packets that follow their predecessor's sequence number closely
	again   int    // packets that repeat their predecessor or come a little late
	uneven  int    // packets of which the next one's timestamp is not as many units later as they have octets
	step    uint32 // by which the timestamp rose at the last packet that followed another at once
	born    int    // number of the packet that began it
	heard   int    // number of the last packet

	counts  [128]int    // packets by payload type
	codecs  *[128]codec // by payload type; nil until it is known to be a stream
	match   match       // what the signalling says of it
	events  []pressed
	side    side
	conceal bool    // what was lost
	holes   []hole  // of the capture
	seals   []seal  // of its packets, where they were encrypted
	clear   []byte  // the payload opened last
	shared  bool    // DTLS was seen on one of its ports
	copyOf  *stream // whose voice this is, too; nil: nobody's
	summary summary
}

// summary is what the report says of a stream.
type summary struct {
	packets, lost, duplicates, late int
	bursts                          int     // losses in a row count as one
	jitter                          float64 // ticks
}

// first and last are arrivals, in ticks.
func (s *stream) first() int64 { return s.packets.first.arrival }
func (s *stream) last() int64  { return s.packets.last.arrival }

// unread reports whether some of the capture could not be read between two
// arrivals.
func (s *stream) unread(from, to int64) bool {
	return slices.ContainsFunc(s.holes, func(h hole) bool { return inTicks(h.from) <= to && inTicks(h.to) >= from })
}

// codec is of the packet's payload type.
func (s *stream) codec(e *entry) *codec { return &s.codecs[e.kind&0x7f] }
