package packet

import (
	"cmp"
	"slices"
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
	protocol byte
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

// assemble adds a fragment and gives the datagram if it is whole now.
func (d *Decoder) assemble(w *walk, out *Datagram) Result {
	if w.cut || len(w.b) == 0 || w.part.offset+len(w.b) > maxDatagram {
		d.parts.lost++
		return Nothing
	}
	whole := d.parts.add(piece{fragKey{w.src, w.dst, w.part.id, w.part.protocol}, w.part.offset, w.part.more, w.b})
	if whole == nil {
		return Fragment
	}
	k := w.protocol(w.part.protocol)
	if w.b = whole; k != udp && k != tcp {
		return Nothing
	}
	result := w.transport(k, out)
	out.Flow.Src.IP, out.Flow.Dst.IP = w.src, w.dst
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
