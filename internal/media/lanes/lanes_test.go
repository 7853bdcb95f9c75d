package lanes

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"callreel/internal/media/g711"
)

func random(n int, seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// checkExtent compares with what the samples say.
func checkExtent(t *testing.T, codes []byte, mask byte) {
	t.Helper()
	table := &g711.DecodeA
	if mask == MaskMu {
		table = &g711.DecodeMu
	}
	low, high := table[codes[0]], table[codes[0]]
	for _, c := range codes {
		low, high = min(low, table[c]), max(high, table[c])
	}
	l, h := Extent(codes, mask)
	if table[l] != low || table[h] != high || !bytes.Contains(codes, []byte{l}) || !bytes.Contains(codes, []byte{h}) {
		t.Fatalf("mask %#x, % x: codes %#x and %#x, samples %d and %d; want %d and %d", mask, codes, l, h, table[l], table[h], low, high)
	}
}

func TestExtent(t *testing.T) {
	for n := 1; n < 100; n++ {
		for seed := range uint64(20) {
			codes := random(n, seed)
			switch seed % 4 {
			case 1: // one sign
				for i := range codes {
					codes[i] |= 0x80
				}
			case 2:
				for i := range codes {
					codes[i] &^= 0x80
				}
			case 3: // all the same
				codes = bytes.Repeat(codes[:1], n)
			}
			checkExtent(t, codes, MaskA)
			checkExtent(t, codes, MaskMu)
		}
	}
	for c := range 256 {
		if code(rank(byte(c))) != byte(c) {
			t.Fatalf("code %#x", c)
		}
	}
}

func TestWeave(t *testing.T) {
	for n := range 100 {
		l, r := random(n, 1), random(n, 2)
		got := bytes.Repeat([]byte{7}, 2*n+1)
		Weave(got[:2*n], l, r)
		for i := range l {
			if got[2*i] != l[i] || got[2*i+1] != r[i] {
				t.Fatalf("%d octets: octet %d is wrong", n, i)
			}
		}
		if got[2*n] != 7 {
			t.Fatalf("%d octets: written behind the end", n)
		}
	}
}

// FuzzLanes holds the fast ways against the plain ones.
func FuzzLanes(f *testing.F) {
	f.Add(random(160, 3), false)
	f.Fuzz(func(t *testing.T, b []byte, mu bool) {
		mask := byte(MaskA)
		if mu {
			mask = MaskMu
		}
		b = b[:len(b)&^(2*block-1)]
		if len(b) == 0 {
			return
		}
		lo, hi := extent(b, mask)
		if wantLo, wantHi := extentOctets(b, mask); lo != wantLo || hi != wantHi {
			t.Fatalf("%d, %d; want %d, %d", lo, hi, wantLo, wantHi)
		}
		half := len(b) / 2
		got, want := make([]byte, len(b)), make([]byte, len(b))
		weave(got, b[:half], b[half:])
		weaveWords(want, b[:half], b[half:])
		if !bytes.Equal(got, want) {
			t.Fatal("woven otherwise")
		}
	})
}

func BenchmarkExtent(b *testing.B) {
	codes := random(160, 4)
	b.SetBytes(160)
	for b.Loop() {
		Extent(codes, MaskA)
	}
}

func BenchmarkWeave(b *testing.B) {
	l, r, dst := random(64000, 5), random(64000, 6), make([]byte, 128000)
	b.SetBytes(int64(len(dst)))
	for b.Loop() {
		Weave(dst, l, r)
	}
}
