package convert

import (
	"time"

	"callreel/internal/media/packet"
	"callreel/internal/media/pcap"
	"callreel/internal/media/rtp"
)

// beginsWithin is how many records are looked at for the first packet of voice.
const beginsWithin = 2000

// Begins is the time of a capture's first packet of voice, UTC, by the capture's own
// clock. It is zero where none is among the first records, or the file cannot be read:
// converting it will tell.
func Begins(src Capture) time.Time {
	r, err := pcap.NewReader(src, src.Size())
	if err != nil {
		return time.Time{}
	}
	var rec pcap.Record
	dec := packet.NewDecoder()
	for range beginsWithin {
		if r.Next(&rec) != nil {
			break
		}
		var d packet.Datagram
		if dec.Decode(rec.Link, rec.Data, &d) == packet.UDP && rec.HasTime && rtp.Look(d.Payload) == rtp.RTP {
			return time.Unix(0, rec.Time).UTC()
		}
	}
	return time.Time{}
}
