package convert

import (
	"strings"

	"callreel/internal/media/rtp"
)

// redundant reports whether packets hold earlier ones, too (RFC 2198).
func (c *codec) redundant() bool { return c.role == roleVoice && strings.EqualFold(c.name, "red") }

// unwrap makes of the packets of a stream that hold earlier ones, too, those that
// they are for, and takes from them what was lost. What cannot be taken apart stays
// what it is.
func (p *plan) unwrap(s *stream) error {
	wrapped := false
	for t, n := range s.counts {
		wrapped = wrapped || n > 0 && s.codecs[t].redundant()
	}
	if !wrapped {
		return nil
	}
	var plain index
	for c := s.packets.begins(); c.next(); {
		e := c.entry
		if e.seal == 0 && s.codec(&e).redundant() {
			b, err := p.payload(s, &e)
			if err != nil {
				return err
			}
			s.take(&plain, e, b)
			continue
		}
		plain.add(&e)
	}
	s.replace(&plain)
	p.identify(s)
	return nil
}

// take adds what a packet holds: itself, and before it those of its blocks that were
// not there.
func (s *stream) take(plain *index, e entry, b []byte) {
	blocks, ok := rtp.Blocks(b)
	if !ok {
		plain.add(&e)
		return
	}
	lost := 0
	if plain.n > 0 {
		lost = int(int16(e.seq-plain.last().seq)) - 1
	}
	last := len(blocks) - 1
	for i, k := range blocks {
		back := last - i
		if back > 0 && (back > lost || k.Length == 0) {
			continue
		}
		one := e
		one.seq, one.ts, one.arrival = e.seq-uint16(back), e.ts-k.Back, e.arrival-s.codec(&e).scale(int64(k.Back))
		one.kind, one.offset, one.size = k.Type, e.offset+int64(k.At), uint16(k.Length)|e.size&cutBit
		if one.head = 0; headed(k.Type) {
			one.head = head(b[k.At:][:k.Length])
		}
		plain.add(&one)
	}
}
