package packet

import (
	"cmp"
	"slices"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// Limits of reassembly: the oldest datagram gives way.
const (
	maxPending  = 64
	maxDatagram = 65535
	maxPieces   = 1024 // of one datagram
)

// fragKey names a datagram (RFC 791, RFC 8200).
type fragKey struct {
	src, dst [16]byte
	id       uint32
	protocol layers.IPProtocol
}

type piece struct {
	key    fragKey
	offset int
	more   bool
	data   []byte
}

type span struct{ from, to int }

// pending is a datagram of which some fragments have come.
type pending struct {
	key    fragKey
	buf    []byte
	spans  []span
	length int // -1 until the last fragment has come
}

// assembler puts fragments together, in whatever order they come.
type assembler struct {
	list []*pending // oldest first
	lost int
}

// FragmentsLost is the number of datagrams that were given up because parts of
// them did not come, and of those still waiting.
func (d *Decoder) FragmentsLost() int { return d.parts.lost + len(d.parts.list) }

func (d *Decoder) piece4(f Flow) piece {
	return piece{
		key:    fragKey{f.Src.IP, f.Dst.IP, uint32(d.ip4.Id), d.ip4.Protocol},
		offset: int(d.ip4.FragOffset) * 8, more: d.ip4.Flags&layers.IPv4MoreFragments != 0, data: d.ip4.Payload,
	}
}

func (d *Decoder) piece6(f Flow) piece {
	return piece{
		key:    fragKey{f.Src.IP, f.Dst.IP, d.frag6.id, d.frag6.next},
		offset: d.frag6.offset, more: d.frag6.more, data: d.frag6.payload,
	}
}

// assemble adds a piece and gives the datagram if it is whole now.
func (d *Decoder) assemble(p piece, truncated bool, out *Datagram) Result {
	if truncated || len(p.data) == 0 || p.offset+len(p.data) > maxDatagram {
		d.parts.lost++
		return Nothing
	}
	whole := d.parts.add(p)
	if whole == nil {
		return Fragment
	}
	parser := d.parsers[p.key.protocol.LayerType()]
	if parser == nil || parser.DecodeLayers(whole, &d.decoded) != nil || len(d.decoded) == 0 {
		return Nothing
	}
	last := d.decoded[len(d.decoded)-1]
	if last != layers.LayerTypeUDP && last != layers.LayerTypeTCP {
		return Nothing
	}
	result := d.transport(nil, last, out)
	out.At = -1
	return result
}

func (a *assembler) add(p piece) []byte {
	i := slices.IndexFunc(a.list, func(d *pending) bool { return d.key == p.key })
	if i < 0 {
		a.makeRoom()
		a.list = append(a.list, &pending{key: p.key, length: -1})
		i = len(a.list) - 1
	}
	d := a.list[i]
	d.put(p)
	if !d.whole() {
		return nil
	}
	a.list = slices.Delete(a.list, i, i+1)
	return d.buf[:d.length]
}

func (a *assembler) makeRoom() {
	if len(a.list) >= maxPending {
		a.list = slices.Delete(a.list, 0, 1)
		a.lost++
	}
}

func (d *pending) put(p piece) {
	end := p.offset + len(p.data)
	if !p.more {
		d.length = end
	}
	if len(d.spans) >= maxPieces {
		return
	}
	if end > len(d.buf) {
		d.buf = append(d.buf, make([]byte, end-len(d.buf))...)
	}
	copy(d.buf[p.offset:], p.data)
	d.spans = append(d.spans, span{p.offset, end})
}

// whole reports whether the spans cover the datagram from its beginning to its
// known end.
func (d *pending) whole() bool {
	if d.length < 0 || len(d.buf) < d.length {
		return false
	}
	slices.SortFunc(d.spans, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	reached := 0
	for _, s := range d.spans {
		if s.from > reached {
			return false
		}
		reached = max(reached, s.to)
	}
	return reached >= d.length
}

var _ gopacket.DecodingLayer = (*fragment6)(nil)
