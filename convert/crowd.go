package convert

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Limits of how many streams are told apart. Packets that only look like RTP make
// one each, and so does who sends to a port to fill the memory.
const (
	maxStreams    = 4096 // in the first pass
	purgeInterval = 1024 // packets between two clearings of them
	// longStream is how many packets a stream has that is never cleared: those of a
	// second.
	longStream = 50
	// maxVoices is how many streams may be of one recording.
	maxVoices = 1024
)

// crowd counts what was passed over only because there was too much of it.
type crowd struct {
	streams int  // that look like voice
	refused int  // packets for which there was no room
	unlike  bool // not all streams were compared for copies
}

// purge makes room: of the streams that are short it drops those that were not
// heard for the longest time.
func (s *scan) purge() {
	if len(s.streams) < maxStreams || s.packets-s.purged < purgeInterval {
		return
	}
	s.purged = s.packets
	var short []*stream
	for t := range maps.Values(s.streams) {
		if t.packets.n < longStream {
			short = append(short, t)
		}
	}
	slices.SortFunc(short, func(a, b *stream) int { return cmp.Compare(a.heard, b.heard) })
	for _, t := range short[:min(len(short), maxStreams/2)] {
		delete(s.streams, t.key)
		kind := "udp"
		if t.inRow() {
			kind = "other_rtp"
			s.crowd.streams++
		}
		s.count(kind, t.packets.n)
	}
	s.recent = [2]*stream{}
}

// dropCrowd leaves of the streams those that are known best and are the longest.
func (p *plan) dropCrowd() {
	if len(p.streams) <= maxVoices {
		return
	}
	slices.SortStableFunc(p.streams, func(a, b *stream) int {
		return cmp.Or(cmp.Compare(b.rank(), a.rank()), cmp.Compare(b.packets.n, a.packets.n))
	})
	for _, s := range p.streams[maxVoices:] {
		p.count("other_rtp", s.packets.n)
	}
	p.crowd.streams += len(p.streams) - maxVoices
	p.streams = slices.Delete(p.streams, maxVoices, len(p.streams))
	slices.SortFunc(p.streams, func(a, b *stream) int { return cmp.Compare(a.born, b.born) })
}

// rank is how surely a stream is of a call.
func (s *stream) rank() int {
	if s.fixedPort() {
		return 4
	}
	return s.match.exact
}

// beside adds what was passed over to what else is to be said.
func (c crowd) beside(reason string) string {
	said := []string{reason}
	if c.streams > 0 || c.refused > 0 {
		said = append(said, fmt.Sprintf("too many sources of RTP: %d short ones and %d packets of others were passed over", c.streams, c.refused))
	}
	if c.unlike {
		said = append(said, "too many sources of RTP to look for copies among all")
	}
	return strings.TrimPrefix(strings.Join(said, "; "), "; ")
}
