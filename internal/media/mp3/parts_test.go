package mp3

import (
	"math"
	"math/rand/v2"
	"testing"
)

// Each code table is a whole prefix code: its lengths fill the binary tree, and no
// code is the beginning of another.
func TestCodes(t *testing.T) {
	for number, table := range codes {
		if table == nil {
			continue
		}
		room := 0.
		for i, a := range table {
			room += math.Pow(2, -float64(a>>20))
			for k, b := range table {
				short, long := a>>20, b>>20
				if i != k && short <= long && b&0xfffff>>(long-short) == a&0xfffff {
					t.Fatalf("table %d: code %d begins code %d", number, i, k)
				}
			}
		}
		if room != 1 {
			t.Errorf("table %d fills %v of the tree", number, room)
		}
	}
}

// What was counted is what is written.
func TestCountAgreesWithWriting(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	layouts := []layout{longLayout(8000), shortLayout(8000), longLayout(16000), shortLayout(16000)}
	for i := range 800 {
		g := granule{layout: &layouts[i%4], kind: []blockType{long, short, start, stop}[i%4]}
		if i%4 > 1 {
			g.kind = []blockType{long, short}[i%2]
		}
		scale := math.Exp(r.Float64() * 9)
		decay := math.Exp(-r.Float64() * 6)
		for k := range g.ix {
			v := r.NormFloat64() * scale * math.Pow(decay, float64(k)/100)
			g.lines[k], g.ix[k] = float32(v), int32(min(largest, math.Abs(v)))
		}
		g.coding = g.layout.count(&g.ix, g.kind == long)
		var w bitWriter
		w.values(&g)
		if got := 8*len(w.out) + w.n; got != g.bits {
			t.Fatalf("%d bits counted, %d written: %+v", g.bits, got, g.coding)
		}
	}
}

func TestTransformsAreSums(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var b, got [32]float32
	for i := range b {
		b[i] = float32(r.NormFloat64())
	}
	cosines32(&got, &b)
	for i := range got {
		want := 0.
		for m := range b {
			want += float64(b[m]) * math.Cos(float64((2*i+1)*m)*math.Pi/64)
		}
		if math.Abs(want-float64(got[i])) > 1e-4 {
			t.Errorf("32: line %d is %v, want %v", i, got[i], want)
		}
	}
	var u, lines [18]float32
	copy(u[:], b[:])
	cosines18(&lines, &u)
	for i := range lines {
		want := 0.
		for n := range u {
			want += float64(u[n]) * math.Cos(float64((2*i+1)*(2*n+1))*math.Pi/72)
		}
		if math.Abs(want-float64(lines[i])) > 1e-4 {
			t.Errorf("18: line %d is %v, want %v", i, lines[i], want)
		}
	}
}

func TestChecksum(t *testing.T) {
	if got := checksum([]byte("123456789")); got != 0xbb3d {
		t.Errorf("%04x, want bb3d", got)
	}
}
