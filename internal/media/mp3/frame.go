package mp3

// side writes the side information of a frame.
func (w *bitWriter) side(channels []*granule) {
	w.put(0, 8) // no main data before the frame
	w.put(0, len(channels))
	for _, g := range channels {
		w.put(uint32(g.bits), 12)
		w.put(uint32(g.big/2), 9)
		w.put(uint32(g.gain), 8)
		w.put(0, 9) // no scale factors
		if g.kind == long {
			w.put(0, 1)
			for _, t := range g.table {
				w.put(uint32(t), 5)
			}
			w.put(uint32(max(0, g.region[0]-1)), 4)
			w.put(uint32(max(0, g.region[1]-1)), 3)
		} else {
			w.put(1, 1)
			w.put(uint32(g.kind), 2)
			w.put(0, 1)
			w.put(uint32(g.table[0]), 5)
			w.put(uint32(g.table[1]), 5)
			w.put(0, 9)
		}
		w.put(0, 1) // scale factors in steps of 3 dB
		w.put(flag(g.second), 1)
	}
}

func flag(b bool) uint32 {
	if b {
		return 1
	}
	return 0
}

// values writes the Huffman codes of a channel.
func (w *bitWriter) values(g *granule) {
	from := 0
	for r, to := range [3]int{g.split[0], g.split[1], g.big} {
		if t := g.table[r]; t != 0 {
			w.pairs(g, from, to, &tables[t])
		}
		from = max(from, to)
	}
	quad := codes[quadA]
	if g.second {
		quad = codes[quadB]
	}
	for i := g.big; i < g.ones; i += 4 {
		c := quad[g.ix[i]<<3|g.ix[i+1]<<2|g.ix[i+2]<<1|g.ix[i+3]]
		w.put(c&0xfffff, int(c>>20))
		for k := i; k < i+4; k++ {
			w.sign(g, k)
		}
	}
}

func (w *bitWriter) pairs(g *granule, from, to int, t *table) {
	code := codes[t.codes]
	for i := from; i < to; i += 2 {
		x, y := g.ix[i], g.ix[i+1]
		c := code[int(min(x, 15))*t.width+int(min(y, 15))]
		w.put(c&0xfffff, int(c>>20))
		if x >= 15 {
			w.put(uint32(x-15), t.linbits)
		}
		w.sign(g, i)
		if y >= 15 {
			w.put(uint32(y-15), t.linbits)
		}
		w.sign(g, i+1)
	}
}

// sign is written where there is a value.
func (w *bitWriter) sign(g *granule, i int) {
	if g.ix[i] != 0 {
		w.put(flag(g.lines[i] < 0), 1)
	}
}
