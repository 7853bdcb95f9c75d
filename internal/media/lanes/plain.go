package lanes

import "encoding/binary"

// extentOctets is extent in plain Go.
func extentOctets(codes []byte, mask byte) (lo, hi byte) {
	lo = 255
	for _, c := range codes {
		r := rank(c ^ mask)
		lo, hi = min(lo, r), max(hi, r)
	}
	return lo, hi
}

// weaveWords is weave in plain Go, eight octets of each at a time.
func weaveWords(dst, l, r []byte) {
	le := binary.LittleEndian
	for ; len(l) >= 8 && len(r) >= 8 && len(dst) >= 16; l, r, dst = l[8:], r[8:], dst[16:] {
		x, y := le.Uint64(l), le.Uint64(r)
		le.PutUint64(dst, spread(x&0xffffffff)|spread(y&0xffffffff)<<8)
		le.PutUint64(dst[8:], spread(x>>32)|spread(y>>32)<<8)
	}
}

// spread puts the lower four bytes of x into the even bytes of a word.
func spread(x uint64) uint64 {
	x = (x | x<<16) & 0x0000ffff0000ffff
	return (x | x<<8) & 0x00ff00ff00ff00ff
}
