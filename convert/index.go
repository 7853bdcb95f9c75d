package convert

import (
	"encoding/binary"
	"slices"
)

// entry is one RTP packet of the index.
type entry struct {
	offset  int64 // of the payload in the file, or in the arena
	arrival int64 // ticks since the capture's first packet
	ts      uint32
	seq     uint16
	size    uint16 // bytes of payload; the top bit says that its end was not captured
	head    uint16 // the payload's first two bytes, where its type does not tell how long it lasts
	kind    uint8  // payload type
	pad     uint16 // bytes of padding behind the payload, or padOdd
	seal    uint16 // how it was encrypted: its stream's seals from 1 on; 0 is not at all
}

const (
	cutBit = 1 << 15
	// inArena marks an offset that is not in the file but in the memory for
	// datagrams that came in fragments.
	inArena = 1 << 47
	// padOdd is for a packet that says it has padding, and its last byte cannot be
	// the count: no RTP, unless it is encrypted.
	padOdd = 1 << 8
)

func (e entry) length() int64 { return int64(e.size &^ cutBit) }
func (e entry) cut() bool     { return e.size&cutBit != 0 }
func (e entry) odd() bool     { return e.pad == padOdd }

// behind is how many bytes of padding follow the payload.
func (e entry) behind() int { return int(e.pad &^ padOdd) }

// index holds the packets of a stream in little memory: two to three bytes a
// packet of a steady stream, so that a whole day of a call fits into what an
// hour of it would need as plain values. A packet is written as its difference
// from the one before it. The blocks can be read by themselves.
type index struct {
	blocks []block
	n      int
	first  entry
	ends   [2]entry // the two last packets, by turns
	steps  steps    // of the block that is being written
}

// last is the packet that was added last.
func (x *index) last() *entry { return &x.ends[x.n&1] }

// slot is where the next packet may be written before it is added: a copy takes a
// processor longer than all else that is done with it.
func (x *index) slot() *entry { return &x.ends[(x.n+1)&1] }

// block is a part of an index. Its first packet is written in full.
type block struct {
	data   []byte
	n      int
	first  entry
	last   entry // of a block that is full
	uneven bool  // from the third packet on, not all are as expected
}

const (
	blockLength = 4096 // bytes
	entryMost   = 40   // bytes of the longest entry
)

// steps is by how much the last two packets differed; the next two will often
// differ by the same.
type steps struct {
	ts      uint32
	offset  int64
	arrival int64
}

// What a packet has in common with the one before it.
const (
	sameSeqStep = 1 << iota // its sequence number is the next
	sameTSStep              // its timestamp goes on as before
	sameSize
	sameKind
	sameOffsetStep
	sameHead
	sameSeal
	samePad
	// asExpected is all of them: what nearly every packet of a steady stream has.
	asExpected = 1<<iota - 1
)

// add appends a packet.
func (x *index) add(e *entry) {
	last, now := x.last(), x.slot()
	if e != now {
		*now = *e
	}
	x.n++
	k := len(x.blocks) - 1
	if k < 0 || len(x.blocks[k].data) > blockLength-entryMost {
		x.begin(last, now)
		return
	}
	b := &x.blocks[k]
	at := len(b.data)
	b.data = x.steps.append(b.data, last, now)
	if b.n++; b.data[at] != asExpected && b.n > 2 {
		b.uneven = true
	}
}

// begin makes a packet the first of a new block. The first block of a stream grows
// with it: most streams of a strange capture are short.
func (x *index) begin(last, e *entry) {
	b := block{n: 1, first: *e}
	if k := len(x.blocks) - 1; k < 0 {
		x.first = *e
	} else {
		x.blocks[k].last = *last
		b.data = make([]byte, 0, blockLength)
	}
	x.blocks = append(x.blocks, b)
	x.steps = steps{}
}

// append writes e, which follows p, to b.
func (s *steps) append(b []byte, p, e *entry) []byte {
	now := steps{ts: e.ts - p.ts, offset: e.offset - p.offset, arrival: e.arrival - p.arrival}
	if d := now.arrival - s.arrival; d >= -64 && d < 64 && now.ts == s.ts && now.offset == s.offset && e.resembles(p) {
		*s = now
		return append(b, asExpected, byte(d<<1^d>>63))
	}
	at := len(b)
	b = append(b, 0)
	b = binary.AppendVarint(b, now.arrival-s.arrival)
	tag := byte(0)
	if e.seq == p.seq+1 {
		tag |= sameSeqStep
	} else {
		b = binary.LittleEndian.AppendUint16(b, e.seq)
	}
	if now.ts == s.ts {
		tag |= sameTSStep
	} else {
		b = binary.AppendVarint(b, int64(int32(now.ts)))
	}
	if e.size == p.size {
		tag |= sameSize
	} else {
		b = binary.LittleEndian.AppendUint16(b, e.size)
	}
	if e.kind == p.kind {
		tag |= sameKind
	} else {
		b = append(b, e.kind)
	}
	if now.offset == s.offset {
		tag |= sameOffsetStep
	} else {
		b = binary.AppendVarint(b, now.offset)
	}
	if e.head == p.head {
		tag |= sameHead
	} else {
		b = binary.LittleEndian.AppendUint16(b, e.head)
	}
	if e.seal == p.seal {
		tag |= sameSeal
	} else {
		b = binary.LittleEndian.AppendUint16(b, e.seal)
	}
	if e.pad == p.pad {
		tag |= samePad
	} else {
		b = binary.LittleEndian.AppendUint16(b, e.pad)
	}
	b[at] = tag
	*s = now
	return b
}

// resembles reports whether e differs from p, the packet before it, in nothing but
// what goes on by steps.
func (e *entry) resembles(p *entry) bool {
	return e.seq == p.seq+1 && e.size == p.size && e.kind == p.kind && e.head == p.head && e.seal == p.seal && e.pad == p.pad
}

// cursor reads an index from some packet on. It is a value: a copy goes on by
// itself.
type cursor struct {
	x     *index
	block int // being read
	i     int // packets of it read
	at    int // bytes of it read
	steps steps
	held  bool  // next gives the entry once more
	entry entry // read last
}

// begins is a cursor before the first packet.
func (x *index) begins() cursor { return cursor{x: x} }

// hold is a cursor before the packet that was read last.
func (c *cursor) hold() cursor {
	h := *c
	h.held = true
	return h
}

// next reads the next packet into c.entry; false at the end.
func (c *cursor) next() bool {
	if c.held {
		c.held = false
		return true
	}
	for c.block < len(c.x.blocks) {
		b := &c.x.blocks[c.block]
		switch {
		case c.i == 0:
			c.entry, c.steps, c.at = b.first, steps{}, 0
		case c.i < b.n:
			c.read(b.data)
		default:
			c.block, c.i = c.block+1, 0
			continue
		}
		c.i++
		return true
	}
	return false
}

// pass goes to the last packet of a full block, where all that follow the one that was
// read last differ from the packet before as that one does, but for their arrival. It
// tells how many those are.
func (c *cursor) pass() (n int) {
	if c.held || c.block >= len(c.x.blocks)-1 {
		return 0
	}
	b := &c.x.blocks[c.block]
	if n = b.n - c.i; n == 0 || c.i < 3 || b.uneven {
		return 0
	}
	c.i, c.entry = b.n, b.last
	return n
}

// read decodes one packet behind another.
func (c *cursor) read(data []byte) {
	tag := data[c.at]
	c.at++
	e, s := &c.entry, &c.steps
	s.arrival += c.varint(data)
	if tag == asExpected {
		e.arrival += s.arrival
		e.seq++
		e.ts += s.ts
		e.offset += s.offset
		return
	}
	e.arrival += s.arrival
	if e.seq++; tag&sameSeqStep == 0 {
		e.seq = c.word(data)
	}
	if tag&sameTSStep == 0 {
		s.ts = uint32(c.varint(data))
	}
	e.ts += s.ts
	if tag&sameSize == 0 {
		e.size = c.word(data)
	}
	if tag&sameKind == 0 {
		e.kind = data[c.at]
		c.at++
	}
	if tag&sameOffsetStep == 0 {
		s.offset = c.varint(data)
	}
	e.offset += s.offset
	if tag&sameHead == 0 {
		e.head = c.word(data)
	}
	if tag&sameSeal == 0 {
		e.seal = c.word(data)
	}
	if tag&samePad == 0 {
		e.pad = c.word(data)
	}
}

func (c *cursor) word(data []byte) uint16 {
	w := binary.LittleEndian.Uint16(data[c.at:])
	c.at += 2
	return w
}

// varint is binary.Varint with a short way for one byte.
func (c *cursor) varint(data []byte) int64 {
	if b := data[c.at]; b < 0x80 {
		c.at++
		return int64(b>>1) ^ -int64(b&1)
	}
	v, n := binary.Varint(data[c.at:])
	c.at += n
	return v
}

// pick reads the packet of number i, as if by next.
func (x *index) pick(i int) entry {
	c := x.begins()
	for c.block < len(x.blocks)-1 && i >= x.blocks[c.block].n {
		i -= x.blocks[c.block].n
		c.block++
	}
	for ; i >= 0; i-- {
		c.next()
	}
	return c.entry
}

// since is a cursor before the first packet that may have come at an arrival or
// later, if packets come in about that order.
func (x *index) since(arrival int64) cursor {
	k, _ := slices.BinarySearchFunc(x.blocks, arrival, func(b block, t int64) int {
		if b.first.arrival < t {
			return -1
		}
		return 1
	})
	return cursor{x: x, block: max(0, k-1)}
}

// between are the packets that came between two arrivals, if they come in about that
// order: n of them from number first on.
func (x *index) between(from, to int64) (first, n int) {
	c := x.since(from)
	for _, b := range x.blocks[:c.block] {
		first += b.n
	}
	for c.next() && c.entry.arrival <= to {
		if c.entry.arrival < from && n == 0 {
			first++
			continue
		}
		n++
		if k := c.block + 1; c.i == 1 && k < len(x.blocks) && x.blocks[k].first.arrival <= to {
			n += x.blocks[c.block].n - 1
			c.block, c.i = k, 0
		}
	}
	return first, n
}
