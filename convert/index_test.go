package convert

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"
)

func listed(x *index) []entry {
	var out []entry
	for c := x.begins(); c.next(); {
		out = append(out, c.entry)
	}
	return out
}

func indexOf(entries []entry) *index {
	x := &index{}
	for _, e := range entries {
		x.add(&e)
	}
	return x
}

// steady is a stream of n packets of 20 ms with some jitter.
func steady(n int) []entry {
	random := rand.New(rand.NewPCG(1, 2))
	out := make([]entry, n)
	for i := range out {
		out[i] = entry{
			offset: 58 + 460*int64(i), arrival: 160*int64(i) + random.Int64N(16), ts: 4294960000 + 160*uint32(i),
			seq: 65000 + uint16(i), size: 160, kind: 8,
		}
	}
	return out
}

func TestIndexGivesBackWhatItTook(t *testing.T) {
	want := steady(10000)
	x := indexOf(want)
	if got := listed(x); !slices.Equal(got, want) || x.n != len(want) || x.first != want[0] || *x.last() != want[9999] {
		t.Fatalf("%d packets, first %+v, last %+v", len(got), x.first, *x.last())
	}
	for _, i := range []int{0, 1, 1700, 2500, 9999} {
		if x.pick(i) != want[i] {
			t.Errorf("packet %d is %+v", i, x.pick(i))
		}
	}
	bytes := 0
	for _, b := range x.blocks {
		bytes += cap(b.data)
	}
	if bytes > 3*len(want) {
		t.Errorf("%d bytes for %d packets", bytes, len(want))
	}
}

// TestIndexOfAll has packets that differ in everything, at its most.
func TestIndexOfAll(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	want := make([]entry, 5000)
	for i := range want {
		want[i] = entry{
			offset: random.Int64N(inArena), arrival: random.Int64() >> random.IntN(60), ts: random.Uint32(), seq: uint16(random.Uint32()),
			size: uint16(random.Uint32()), head: uint16(random.Uint32()), kind: uint8(random.Uint32()),
			pad: uint16(random.IntN(2 * padOdd)), seal: uint16(random.Uint32()),
		}
	}
	x := indexOf(want)
	if got := listed(x); !slices.Equal(got, want) {
		t.Error("the entries are not those that were added")
	}
	for _, b := range x.blocks {
		if len(b.data) > blockLength {
			t.Errorf("a block of %d bytes", len(b.data))
		}
	}
}

// TestCursorPasses holds what is passed over against the packets one by one.
func TestCursorPasses(t *testing.T) {
	even := steady(20000)
	broken := slices.Clone(even)
	for i := 9000; i < len(broken); i++ {
		broken[i].ts += 160
	}
	broken[3].size = 80
	for name, entries := range map[string][]entry{"steady": even, "not everywhere": broken, "short": even[:5]} {
		x := indexOf(entries)
		at, passed := 0, 0
		for c := x.begins(); c.next(); at++ {
			if c.entry != entries[at] {
				t.Fatalf("%s: packet %d is %+v, want %+v", name, at, c.entry, entries[at])
			}
			n := c.pass()
			for range n {
				a, b, before := entries[at], entries[at+1], entries[at-1]
				if !b.resembles(&a) || b.ts-a.ts != a.ts-before.ts {
					t.Fatalf("%s: packet %d was passed over, it is unlike the one before it", name, at+1)
				}
				at++
			}
			passed += n
			if n > 0 && c.entry != entries[at] {
				t.Fatalf("%s: behind the passed ones stands %+v, want %+v", name, c.entry, entries[at])
			}
		}
		if at != len(entries) {
			t.Errorf("%s: %d packets, want %d", name, at, len(entries))
		}
		if name == "steady" && passed < len(entries)/2 || name == "short" && passed > 0 {
			t.Errorf("%s: %d of %d were passed over", name, passed, len(entries))
		}
	}
}

func TestCursorSince(t *testing.T) {
	x := indexOf(steady(10000))
	for _, arrival := range []int64{-5, 0, 160 * 5000, 160 * 9999} {
		c := x.since(arrival)
		if !c.next() || c.entry.arrival > max(arrival, 16) {
			t.Errorf("since %d begins at %d", arrival, c.entry.arrival)
		}
		steps := 0
		for c.entry.arrival < arrival && c.next() {
			steps++
		}
		if steps > 2*blockLength {
			t.Errorf("since %d: %d packets before", arrival, steps)
		}
	}
}

func TestCursorHold(t *testing.T) {
	x := indexOf(steady(3))
	c := x.begins()
	c.next()
	c.next()
	h := c.hold()
	if !h.next() || h.entry != c.entry || !h.next() || h.entry.seq != c.entry.seq+1 || h.next() {
		t.Errorf("%+v", h.entry)
	}
}

// shuffled moves packets, each by no more than depth places.
func shuffled(entries []entry, depth int) []entry {
	random := rand.New(rand.NewPCG(3, 4))
	type placed struct {
		entry
		at int
	}
	var all []placed
	for i, e := range entries {
		all = append(all, placed{e, i + random.IntN(depth)})
	}
	slices.SortStableFunc(all, func(a, b placed) int { return a.at - b.at })
	out := make([]entry, len(all))
	for i, p := range all {
		out[i] = p.entry
	}
	return out
}

func TestRunInOrder(t *testing.T) {
	want := steady(3*piece + 17)
	for name, depth := range map[string]int{"sorted": 1, "a little": 5, "across pieces": 3000, "all over": 4 * piece} {
		t.Run(name, func(t *testing.T) {
			x := indexOf(shuffled(want, depth))
			r := run{c: x.begins(), n: x.n}.inOrder()
			var got []entry
			for c := r.c; c.next(); {
				got = append(got, c.entry)
			}
			if !slices.Equal(got, want) {
				t.Errorf("%d packets, want %d", len(got), len(want))
			}
		})
	}
}

// FuzzIndex makes packets of any bytes: what comes out is what went in.
func FuzzIndex(f *testing.F) {
	f.Add([]byte("\x00\x01\xff\xfe\x80\x00\x00\x00\x00\x00\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var want []entry
		le := binary.LittleEndian
		for ; len(data) >= 27; data = data[27:] {
			want = append(want, entry{
				offset: int64(le.Uint64(data)) & (1<<48 - 1), arrival: int64(le.Uint64(data[8:])), ts: le.Uint32(data[16:]),
				seq: le.Uint16(data[20:]), size: le.Uint16(data[22:]), head: le.Uint16(data[24:]), kind: data[26] & 0x7f,
			})
		}
		if got := listed(indexOf(want)); !slices.Equal(got, want) {
			t.Fatalf("%+v, want %+v", got, want)
		}
	})
}

func TestIndexBetween(t *testing.T) {
	want := steady(10000)
	x := indexOf(want)
	for _, row := range [][2]int64{{-9, 1 << 40}, {160 * 10, 160 * 9000}, {160 * 4000, 160 * 4003}, {1 << 40, 1 << 41}, {-9, -5}} {
		first, n := 0, 0
		for _, e := range want {
			if e.arrival < row[0] {
				first++
			} else if e.arrival <= row[1] {
				n++
			}
		}
		if gotFirst, gotN := x.between(row[0], row[1]); gotN != n || n > 0 && gotFirst != first {
			t.Errorf("%v: %d from %d on, want %d from %d", row, gotN, gotFirst, n, first)
		}
	}
}
