package g711_test

import (
	"encoding/binary"
	"os"
	"testing"

	"callreel/internal/corpus"
	"callreel/internal/media/g711"
)

func TestEveryCodeSurvives(t *testing.T) {
	for i := range 256 {
		code := byte(i)
		if got := g711.EncodeA(g711.DecodeA[code]); got != code {
			t.Errorf("A-law %#x becomes %#x", code, got)
		}
		want := code
		if code == 0x7f { // negative zero
			want = 0xff
		}
		if got := g711.EncodeMu(g711.DecodeMu[code]); got != want {
			t.Errorf("µ-law %#x becomes %#x", code, got)
		}
	}
}

func TestKnownValues(t *testing.T) {
	if g711.DecodeA[g711.IdleA] != 8 || g711.DecodeMu[g711.IdleMu] != 0 || g711.DecodeA[0x2a] != -32256 || g711.DecodeMu[0] != -32124 {
		t.Error(g711.DecodeA[g711.IdleA], g711.DecodeMu[g711.IdleMu], g711.DecodeA[0x2a], g711.DecodeMu[0])
	}
	if g711.MuToA[g711.IdleMu] != g711.IdleA {
		t.Errorf("silence becomes %#x", g711.MuToA[g711.IdleMu])
	}
}

func words(t *testing.T, name string) []int16 {
	t.Helper()
	b, err := os.ReadFile(corpus.Vectors(t, "stl/g711/"+name))
	if err != nil {
		t.Fatal(err)
	}
	out := make([]int16, len(b)/2)
	for i := range out {
		out[i] = int16(binary.LittleEndian.Uint16(b[2*i:]))
	}
	return out
}

// TestSweep compares with the ITU's own program for every linear value.
func TestSweep(t *testing.T) {
	src := words(t, "sweep.src")
	for _, row := range []struct {
		codes, back string
		encode      func(int16) byte
		decode      *[256]int16
	}{
		{"sweep-r.a", "sweep-r.a-a", g711.EncodeA, &g711.DecodeA},
		{"sweep-r.u", "sweep-r.u-u", g711.EncodeMu, &g711.DecodeMu},
	} {
		codes, back := words(t, row.codes), words(t, row.back)
		wrong := 0
		for i, x := range src {
			if code := row.encode(x); code != byte(codes[i]) || row.decode[code] != back[i] {
				wrong++
			}
		}
		if wrong > 0 || len(src) != 65536 {
			t.Errorf("%s: %d of %d values differ", row.codes, wrong, len(src))
		}
	}
}
