//go:build !amd64

package lanes

func extent(codes []byte, mask byte) (lo, hi byte) { return extentOctets(codes, mask) }

func weave(dst, l, r []byte) { weaveWords(dst, l, r) }
