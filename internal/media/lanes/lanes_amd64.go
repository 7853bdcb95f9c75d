package lanes

// extent finds the lowest and the highest rank. The length is a multiple of block
// and not zero.
func extent(codes []byte, mask byte) (lo, hi byte) {
	return extentSSE2(&codes[0], len(codes), uint64(mask)*0x0101010101010101)
}

// weave is Weave for a length that is a multiple of block and not zero.
func weave(dst, l, r []byte) { weaveSSE2(&dst[0], &l[0], &r[0], len(l)) }

//go:noescape
func extentSSE2(codes *byte, n int, masks uint64) (lo, hi byte)

//go:noescape
func weaveSSE2(dst, l, r *byte, n int)
