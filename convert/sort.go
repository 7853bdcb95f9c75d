package convert

import (
	"cmp"
	"container/heap"
	"slices"
)

// piece is how many packets are sorted at a time, in memory.
const piece = 4096

// run is a part of a stream whose packets lie on one RTP clock.
type run struct {
	c      cursor // before the first packet
	n      int
	extra  []entry // besides
	sorted bool    // by RTP time and sequence number
}

// resume lets the run go on behind packets that are not its own: what was read of it
// becomes extra.
func (r *run) resume(c *cursor) {
	for old, left := r.c, r.n; left > 0 && old.next(); left-- {
		r.extra = append(r.extra, old.entry)
	}
	r.c, r.n, r.sorted = c.hold(), 0, false
}

// order compares two packets of a run by RTP time and sequence number; zero is
// any of its packets.
func order(a, b, zero *entry) int {
	return cmp.Or(
		cmp.Compare(int32(a.ts-zero.ts), int32(b.ts-zero.ts)),
		cmp.Compare(int16(a.seq-zero.seq), int16(b.seq-zero.seq)),
	)
}

// inOrder is the run with its packets in order: itself, or a sorted copy. Pieces
// of it are sorted in memory and then merged, so that it does not matter how long
// the run is and how great the disorder.
func (r run) inOrder() run {
	if r.sorted {
		return r
	}
	m := merger{pieces: r.pieces()}
	m.zero = m.pieces[0].first
	slices.SortStableFunc(m.pieces, func(a, b *index) int { return order(&a.first, &b.first, &m.zero) })
	out := &index{}
	for m.next() {
		out.add(&m.entry)
	}
	return run{c: out.begins(), n: out.n, sorted: true}
}

// pieces sorts the run piece by piece.
func (r run) pieces() []*index {
	var out []*index
	c := r.c
	entries := make([]entry, 0, min(r.n, piece))
	for left := r.n; left > 0; left -= len(entries) {
		entries = entries[:0]
		for len(entries) < min(left, piece) && c.next() {
			entries = append(entries, c.entry)
		}
		out = append(out, sorted(entries))
	}
	if len(r.extra) > 0 {
		out = append(out, sorted(r.extra))
	}
	return out
}

func sorted(entries []entry) *index {
	zero := entries[0]
	slices.SortStableFunc(entries, func(a, b entry) int { return order(&a, &b, &zero) })
	x := &index{}
	for i := range entries {
		x.add(&entries[i])
	}
	return x
}

// merger gives the packets of sorted pieces in order. A piece is opened when its
// first packet's turn has come: mostly there are two open.
type merger struct {
	pieces []*index // not opened yet
	open   opened
	zero   entry
	entry  entry // what next has found
}

// opened is a heap of cursors, each on a packet that is not given out yet.
type opened struct {
	cursors []*cursor
	zero    *entry
}

func (o opened) Len() int      { return len(o.cursors) }
func (o opened) Swap(i, j int) { o.cursors[i], o.cursors[j] = o.cursors[j], o.cursors[i] }
func (o opened) Less(i, j int) bool {
	return order(&o.cursors[i].entry, &o.cursors[j].entry, o.zero) < 0
}
func (o *opened) Push(c any) { o.cursors = append(o.cursors, c.(*cursor)) } //nolint:forcetypeassert // container/heap
func (o *opened) Pop() any {
	last := o.cursors[len(o.cursors)-1]
	o.cursors = o.cursors[:len(o.cursors)-1]
	return last
}

func (m *merger) next() bool {
	m.open.zero = &m.zero
	for len(m.pieces) > 0 && m.due(&m.pieces[0].first) {
		c := m.pieces[0].begins()
		c.next()
		heap.Push(&m.open, &c)
		m.pieces = m.pieces[1:]
	}
	if len(m.open.cursors) == 0 {
		return false
	}
	c := m.open.cursors[0]
	m.entry = c.entry
	if c.next() {
		heap.Fix(&m.open, 0)
	} else {
		heap.Pop(&m.open)
	}
	return true
}

// due reports whether a piece that begins with e must be open now.
func (m *merger) due(e *entry) bool {
	return len(m.open.cursors) == 0 || order(e, &m.open.cursors[0].entry, &m.zero) <= 0
}
