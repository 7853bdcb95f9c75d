package mp3

// table is what a Huffman table can say and the linbits behind its 15.
type table struct {
	codes   int // the index of its codes
	width   int
	linbits int
}

// The tables by their number (table B.7).
var tables = [32]table{
	1: {1, 2, 0}, 2: {2, 3, 0}, 3: {3, 3, 0}, 5: {5, 4, 0}, 6: {6, 4, 0}, 7: {7, 6, 0}, 8: {8, 6, 0}, 9: {9, 6, 0},
	10: {10, 8, 0}, 11: {11, 8, 0}, 12: {12, 8, 0}, 13: {13, 16, 0}, 15: {15, 16, 0},
	16: {16, 16, 1}, 17: {16, 16, 2}, 18: {16, 16, 3}, 19: {16, 16, 4}, 20: {16, 16, 6}, 21: {16, 16, 8}, 22: {16, 16, 10}, 23: {16, 16, 13},
	24: {24, 16, 4}, 25: {24, 16, 5}, 26: {24, 16, 6}, 27: {24, 16, 7}, 28: {24, 16, 8}, 29: {24, 16, 9}, 30: {24, 16, 11}, 31: {24, 16, 13},
}

// largest is the largest value that can be coded: 15 and 13 linbits.
const largest = 15 + 1<<13 - 1

// counters are how the lengths of four tables are summed in one word; the last
// counts values of 15 and more, which have linbits.
var counters = [4][4]int{{1, 2, 3, 5}, {6, 7, 8, 9}, {10, 11, 12, 13}, {15, 16, 24, escapes}}

const escapes = -1

// lengths are the lengths of a pair's codes with their signs, by x·16+y, in the
// tables of each counter. Where a table has no code for the pair, it is 0.
var lengths = makeLengths()

func makeLengths() (l [256][4]uint64) {
	for pair := range l {
		x, y := pair>>4, pair&15
		signs := uint64(min(x, 1) + min(y, 1))
		for g, four := range counters {
			for i, t := range four {
				n := uint64(x/15 + y/15)
				if t != escapes {
					w := tables[t].width
					if x >= w || y >= w {
						continue
					}
					n = uint64(codes[t][x*w+y]>>20) + signs
				}
				l[pair][g] |= n << (16 * i)
			}
		}
	}
	return l
}

// quads are the lengths of four values of 0 and 1 with their signs, by v, w, x, y
// as bits: in the first table below, in the second above 16 bits.
var quads = makeQuads()

func makeQuads() (q [16]uint32) {
	for v := range q {
		signs := uint32(v&1 + v>>1&1 + v>>2&1 + v>>3)
		q[v] = codes[quadA][v]>>20 + signs + (codes[quadB][v]>>20+signs)<<16
	}
	return q
}

// coding says how the values of a frame and channel are coded.
type coding struct {
	bits   int    // all of it
	big    int    // lines that are coded as pairs
	ones   int    // where the lines end that are coded as quadruples
	table  [3]int // of each region of the pairs
	region [2]int // bands of the first two regions
	split  [2]int // where they end
	second bool   // the quadruples' second table
}

// sums are the counters up to a line, and the largest value since the last one.
type sums struct {
	to      int
	n       [4]uint64
	biggest int32
}

// count finds the shortest coding of values that it knows.
func (l *layout) count(ix *[FrameSamples]int32, isLong bool) coding {
	c := ends(ix)
	c.countOnes(ix)
	if c.big == 0 {
		return c
	}
	var all [24]sums
	if isLong {
		c.divide(l.sum(all[:0], ix, c.big, l.edges[1:]))
	} else {
		c.divideFixed(l.sum(all[:0], ix, c.big, []int{l.first, FrameSamples}))
	}
	return c
}

// ends finds where values are large, where they are 1 at most, and where nothing
// follows.
func ends(ix *[FrameSamples]int32) coding {
	end := FrameSamples
	for end > 0 && ix[end-1]|ix[end-2] == 0 {
		end -= 2
	}
	c := coding{ones: end}
	for end >= 4 && ix[end-1]|ix[end-2]|ix[end-3]|ix[end-4] <= 1 {
		end -= 4
	}
	c.big = end
	return c
}

func (c *coding) countOnes(ix *[FrameSamples]int32) {
	var n uint32
	for i := c.big; i < c.ones; i += 4 {
		n += quads[ix[i]<<3|ix[i+1]<<2|ix[i+2]<<1|ix[i+3]]
	}
	first, second := int(n&0xffff), int(n>>16)
	c.second = second < first
	c.bits += min(first, second)
}

// sum counts up to each of the edges, and to big.
func (l *layout) sum(all []sums, ix *[FrameSamples]int32, big int, edges []int) []sums {
	var s sums
	for _, edge := range edges {
		s.biggest = 0
		to := min(edge, big)
		for i := s.to; i < to; i += 2 {
			x, y := ix[i], ix[i+1]
			s.biggest = max(s.biggest, x, y)
			n := &lengths[min(x, 15)<<4|min(y, 15)]
			s.n[0] += n[0]
			s.n[1] += n[1]
			s.n[2] += n[2]
			s.n[3] += n[3]
		}
		s.to = to
		all = append(all, s)
		if edge >= big {
			break
		}
	}
	return all
}

// cost is the shortest coding of what is between two sums whose largest value is
// biggest.
func cost(from, to *sums, biggest int32) (bits, table int) {
	at := func(g, i int) int { return int((to.n[g] - from.n[g]) >> (16 * i) & 0xffff) }
	pick := func(a, b, i, j int) (int, int) {
		if a <= b {
			return a, i
		}
		return b, j
	}
	switch {
	case biggest == 0:
		return 0, 0
	case biggest == 1:
		return at(0, 0), 1
	case biggest == 2:
		return pick(at(0, 1), at(0, 2), 2, 3)
	case biggest == 3:
		return pick(at(0, 3), at(1, 0), 5, 6)
	case biggest <= 5:
		n, t := pick(at(1, 1), at(1, 2), 7, 8)
		return pick(n, at(1, 3), t, 9)
	case biggest <= 7:
		n, t := pick(at(2, 0), at(2, 1), 10, 11)
		return pick(n, at(2, 2), t, 12)
	case biggest <= 15:
		return pick(at(2, 3), at(3, 0), 13, 15)
	}
	a, b := 16, 24
	for biggest-15 >= 1<<tables[a].linbits {
		a++
	}
	for biggest-15 >= 1<<tables[b].linbits {
		b++
	}
	n := at(3, 3)
	return pick(at(3, 1)+n*tables[a].linbits, at(3, 2)+n*tables[b].linbits, a, b)
}

// The regions of long windows.
const (
	maxFirst  = 16
	maxSecond = 8
)

// divide finds the best division of the pairs into three regions.
func (c *coding) divide(all []sums) {
	n := len(all)
	var zero sums
	var rest [25]int // bits from behind band i on
	biggest := int32(0)
	for i := n - 1; i >= 0; i-- {
		biggest = max(biggest, all[i].biggest)
		from := &zero
		if i > 0 {
			from = &all[i-1]
		}
		rest[i], _ = cost(from, &all[n-1], biggest)
	}
	best := 1 << 30
	biggest = 0
	for i := 1; i <= min(n, maxFirst); i++ {
		biggest = max(biggest, all[i-1].biggest)
		first, _ := cost(&zero, &all[i-1], biggest)
		if first >= best {
			break
		}
		if i == n { // the other two are empty
			best, c.region = first, [2]int{n, 1}
		}
		middle := int32(0)
		for k := i + 1; k <= min(n, i+maxSecond); k++ {
			middle = max(middle, all[k-1].biggest)
			second, _ := cost(&all[i-1], &all[k-1], middle)
			if bits := first + second + rest[k]; bits < best {
				best, c.region = bits, [2]int{i, k - i}
			}
		}
	}
	c.bits += best
	c.tell(all)
}

// tell fills in the tables of the regions.
func (c *coding) tell(all []sums) {
	var from sums
	i := 0
	for r := range 3 {
		end := len(all)
		if r < 2 {
			end = min(end, i+c.region[r])
		}
		biggest := int32(0)
		for k := i; k < end; k++ {
			biggest = max(biggest, all[k].biggest)
		}
		if end > i {
			_, c.table[r] = cost(&from, &all[end-1], biggest)
			from, i = all[end-1], end
		}
		if r < 2 {
			c.split[r] = from.to
		}
	}
}

// divideFixed is for windows that are not long: two regions where the standard
// puts them.
func (c *coding) divideFixed(all []sums) {
	var from sums
	for r := range all {
		var n int
		n, c.table[r] = cost(&from, &all[r], all[r].biggest)
		c.bits += n
		from = all[r]
	}
	c.split = [2]int{all[0].to, c.big}
}
