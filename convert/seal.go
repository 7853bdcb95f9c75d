package convert

import (
	"encoding/binary"

	"callreel/internal/media/srtp"
)

// seal is what packets of a stream were encrypted with. Their entries tell the
// length of the payload in clear.
type seal struct {
	context *srtp.Context
	roll    uint32 // rollover counter
}

// raw reads bytes at an offset that an entry has. They are valid until the next
// call.
type raw func(offset int64, n int) ([]byte, error)

// payload is a packet's payload in clear, valid until the next call.
func (s *stream) payload(e *entry, at raw) ([]byte, error) {
	if e.seal == 0 {
		return at(e.offset, int(e.length()))
	}
	c := &s.seals[e.seal-1]
	packet, header, err := s.sent(e, e.behind()+c.context.Overhead(), at)
	if err != nil {
		return nil, err
	}
	if s.clear, err = c.context.Open(s.clear[:0], packet, header, c.roll); err != nil {
		return nil, err
	}
	return s.clear[:max(0, len(s.clear)-e.behind())], nil
}

const (
	headerLeast = 12
	headerMost  = headerLeast + 4*15 + 4 + 4*64 // with all sources and an extension of a sane length
)

// sent is a packet from its RTP header on, and the length of that: 0 where it does
// not lie before the payload. more is what is behind the payload.
func (s *stream) sent(e *entry, more int, at raw) (packet []byte, header int, err error) {
	for n := int64(headerLeast); n <= min(headerMost, e.offset&^inArena); n += 4 {
		b, err := at(e.offset-n, int(n+e.length())+more)
		if err != nil {
			return nil, 0, err
		}
		if s.heads(b, e) == int(n) {
			return b, int(n), nil
		}
	}
	return nil, 0, nil
}

// heads is the length of the header of e that b begins with, 0 if it does not.
func (s *stream) heads(b []byte, e *entry) int {
	be := binary.BigEndian
	if b[0]>>6 != 2 || be.Uint16(b[2:]) != e.seq || be.Uint32(b[4:]) != e.ts || be.Uint32(b[8:]) != s.key.ssrc {
		return 0
	}
	n := headerLeast + 4*int(b[0]&0xf)
	if b[0]&0x10 == 0 {
		return n
	}
	if len(b) < n+4 {
		return 0
	}
	return n + 4 + 4*int(be.Uint16(b[n+2:]))
}
