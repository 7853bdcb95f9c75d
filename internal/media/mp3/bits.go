package mp3

import "encoding/binary"

// bitWriter appends bits, the highest first.
type bitWriter struct {
	out []byte
	acc uint64 // n bits, the last at the bottom
	n   int
}

// put appends the lowest n ≤ 32 bits of v.
func (w *bitWriter) put(v uint32, n int) {
	w.acc = w.acc<<n | uint64(v)
	w.n += n
	if w.n >= 32 {
		w.n -= 32
		w.out = binary.BigEndian.AppendUint32(w.out, uint32(w.acc>>w.n))
	}
}

// fill appends zeros until out has n bytes.
func (w *bitWriter) fill(n int) {
	for w.n&7 != 0 {
		w.put(0, 1)
	}
	for ; w.n > 0; w.n -= 8 {
		w.out = append(w.out, byte(w.acc>>(w.n-8)))
	}
	for len(w.out) < n {
		w.out = append(w.out, 0)
	}
}
