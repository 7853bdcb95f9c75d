package gsm_test

import (
	"encoding/binary"
	"errors"
	"os"
	"testing"

	"callreel/internal/corpus"
	"callreel/internal/media/gsm"
)

// TestVectors holds every sample of three prompts against libgsm's.
func TestVectors(t *testing.T) {
	for _, name := range []string{"conf-usermenu-162", "demo-congrats", "vm-intro"} {
		t.Run(name, func(t *testing.T) {
			coded, err := os.ReadFile(corpus.Vectors(t, "gsm/"+name+".gsm"))
			if err != nil {
				t.Fatal(err)
			}
			want, err := os.ReadFile(corpus.Vectors(t, "gsm/"+name+".libgsm.s16le"))
			if err != nil {
				t.Fatal(err)
			}
			var d gsm.Decoder
			var out [gsm.FrameSamples]int16
			for frame := 0; len(coded) >= gsm.FrameBytes && len(want) >= 2*len(out); frame++ {
				if err := d.Decode(&out, coded[:gsm.FrameBytes]); err != nil {
					t.Fatal(err)
				}
				for i, got := range out {
					if x := int16(binary.LittleEndian.Uint16(want[2*i:])); got != x {
						t.Fatalf("frame %d, sample %d: %d, want %d", frame, i, got, x)
					}
				}
				coded, want = coded[gsm.FrameBytes:], want[2*len(out):]
			}
			if len(want) != 0 {
				t.Errorf("%d octets of samples are left", len(want))
			}
		})
	}
}

func TestNoFrame(t *testing.T) {
	var d gsm.Decoder
	out := [gsm.FrameSamples]int16{5}
	for _, frame := range [][]byte{nil, make([]byte, 33), append([]byte{0xd0}, make([]byte, 31)...)} {
		if err := d.Decode(&out, frame); !errors.Is(err, gsm.ErrFrame) || out[0] != 5 {
			t.Errorf("%d octets: %v", len(frame), err)
		}
	}
}

// TestBytesAreStable holds the decoder without the vectors, by the sum over a
// frame of every kind of bits.
func TestBytesAreStable(t *testing.T) {
	var d gsm.Decoder
	var out [gsm.FrameSamples]int16
	frame, sum := make([]byte, gsm.FrameBytes), uint32(0)
	for n := range 50 {
		for i := range frame {
			frame[i] = byte(i*n*37 + n*11)
		}
		frame[0] = 0xd0 | frame[0]&0xf
		if err := d.Decode(&out, frame); err != nil {
			t.Fatal(err)
		}
		for _, x := range out {
			sum = sum*31 + uint32(uint16(x))
		}
	}
	if want := uint32(0x8008cd68); sum != want {
		t.Errorf("%#x, want %#x", sum, want)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(append([]byte{0xd5}, make([]byte, 65)...))
	f.Fuzz(func(_ *testing.T, b []byte) {
		var d gsm.Decoder
		var out [gsm.FrameSamples]int16
		for ; len(b) >= gsm.FrameBytes; b = b[gsm.FrameBytes:] {
			_ = d.Decode(&out, b[:gsm.FrameBytes])
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	var d gsm.Decoder
	var out [gsm.FrameSamples]int16
	frame := make([]byte, gsm.FrameBytes)
	for i := range frame {
		frame[i] = byte(i * 37)
	}
	frame[0] = 0xd0
	for b.Loop() {
		if err := d.Decode(&out, frame); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(0.02*float64(b.N)/b.Elapsed().Seconds(), "×realtime")
}
