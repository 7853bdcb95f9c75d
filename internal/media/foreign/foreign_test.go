package foreign_test

import (
	"bytes"
	"slices"
	"testing"

	"callreel/internal/media/foreign"
)

func format(t testing.TB, name string, clock int, parameters string) foreign.Format {
	t.Helper()
	f, ok := foreign.Of(name, clock, 1, parameters)
	if !ok {
		t.Fatalf("no format for %s at %d", name, clock)
	}
	return f
}

func TestQuiet(t *testing.T) {
	for _, row := range []struct {
		name, parameters string
		clock            int
		head             uint16
		length, want     int
	}{
		{"G723", "", 8000, 0x0000, 24, 0},
		{"G723", "", 8000, 0x0100, 20, 0},
		{"G723", "", 8000, 0x0200, 4, 1},
		{"G723", "", 8000, 0x0300, 1, 1},
		{"G723", "", 8000, 0x0000, 28, 1},
		{"G723", "", 8000, 0x0100, 24, 1},
		{"G723", "", 8000, 0x0100, 44, 0}, // it may be one of 20 and one of 24
		{"G723", "", 8000, 0x0000, 52, 1},
		{"G723", "", 8000, 0x0000, 124, 0},
		{"G723", "", 8000, 0x0300, 25, 0},
		{"AMR", "octet-align=1", 8000, 0xf03c, 33, 0}, // 12.2
		{"AMR", "octet-align=1", 8000, 0xf044, 7, 1},  // silence
		{"AMR", "octet-align=1", 8000, 0xf07c, 2, 1},  // nothing sent
		{"AMR", "octet-align=1", 8000, 0xf0c4, 14, 0}, // more follow
		{"AMR", "octet-align=1", 8000, 0xf054, 7, 0},  // no such type
		{"AMR", "", 8000, 0xf3c0, 32, 0},
		{"AMR", "", 8000, 0xf440, 7, 1},
		{"AMR-WB", "octet-align=1", 16000, 0xf044, 62, 0}, // 23.85
		{"AMR-WB", "octet-align=1", 16000, 0xf04c, 7, 1},
		{"iLBC", "", 8000, 0x0200, 50, 0},
		{"G723", "", 8000, 0x0200, 0, 0},
	} {
		f, ok := foreign.Of(row.name, row.clock, 1, row.parameters)
		if got := f.Quiet(row.head, row.length); !ok || got != row.want {
			t.Errorf("%s %q: %#x of %d bytes: %d frames, want %d", row.name, row.parameters, row.head, row.length, got, row.want)
		}
	}
}

func TestOf(t *testing.T) {
	for _, row := range []struct {
		name            string
		clock, channels int
		parameters      string
		want            string
		samples         int
	}{
		{"AMR", 8000, 1, "", "#!AMR\n", 160},
		{"amr-wb", 16000, 1, "octet-align=1", "#!AMR-WB\n", 320},
		{"AMR", 8000, 0, "octet-align=1; crc=0", "#!AMR\n", 160},
		{"AMR", 8000, 1, "octet-align=1; crc=1", "", 0},
		{"AMR", 8000, 1, "interleaving=30", "", 0},
		{"AMR", 8000, 1, "robust-sorting=1", "", 0},
		{"AMR", 16000, 1, "", "", 0},
		{"AMR", 8000, 2, "", "", 0},
		{"iLBC", 8000, 1, "mode=20", "#!iLBC20\n", 160},
		{"iLBC", 8000, 1, "", "#!iLBC30\n", 240},
		{"speex", 8000, 1, "", "", 0},
		{"BV32", 16000, 1, "", "", 0},
	} {
		f, ok := foreign.Of(row.name, row.clock, row.channels, row.parameters)
		if ok != (row.want != "") || ok && (f.Magic != row.want || f.Samples != row.samples) {
			t.Errorf("%+v: %q, %v", row, f.Magic, ok)
		}
	}
}

// shape lists the lengths of frames.
func shape(frames []foreign.Frame) (out []int) {
	for _, f := range frames {
		out = append(out, len(f.Data))
	}
	return out
}

func payload(n int, first ...byte) []byte { return append(first, make([]byte, n-len(first))...) }

func TestSplit(t *testing.T) {
	for _, row := range []struct {
		title   string
		format  foreign.Format
		payload []byte
		want    []int
		count   int
	}{
		{"6.3 kbit/s", format(t, "G723", 8000, ""), payload(24, 0), []int{24}, 1},
		{"two and a silence", format(t, "G723", 8000, ""), append(payload(48, 0), 2, 0, 0, 0), []int{24, 24, 0}, 3},
		{"5.3 kbit/s", format(t, "G723", 8000, ""), append(payload(20, 1), payload(20, 1)...), []int{20, 20}, 2},
		{"silence alone", format(t, "G723", 8000, ""), payload(4, 2), []int{0}, 1},
		{"end missing", format(t, "G723", 8000, ""), payload(30, 0), []int{24}, 2},
		{"iLBC 20", format(t, "iLBC", 8000, "mode=20"), payload(76), []int{38, 38}, 2},
		{"iLBC 30", format(t, "iLBC", 8000, "mode=30"), payload(100), []int{50, 50}, 2},
		{"iLBC of another mode", format(t, "iLBC", 8000, "mode=20"), payload(50), []int{38}, 0},
		{"AMR 12.2, aligned", format(t, "AMR", 8000, "octet-align=1"), payload(33, 0xf0, 0x3c), []int{32}, 1},
		{"AMR, two", format(t, "AMR", 8000, "octet-align=1"), payload(65, 0xf0, 0xbc, 0x3c), []int{32, 32}, 2},
		{"AMR, damaged", format(t, "AMR", 8000, "octet-align=1"), payload(33, 0xf0, 0x38), []int{0}, 1},
		{"AMR, silence", format(t, "AMR", 8000, "octet-align=1"), payload(7, 0xf0, 0x44), []int{0}, 1},
		{"AMR, nothing sent", format(t, "AMR", 8000, "octet-align=1"), payload(2, 0xf0, 0x7c), []int{0}, 1},
		{"AMR, reserved", format(t, "AMR", 8000, "octet-align=1"), payload(33, 0xf0, 0x4c), nil, 0},
		{"AMR 4.75, dense", format(t, "AMR", 8000, ""), payload(14, 0xf0, 0x40), []int{13}, 1},
		{"AMR-WB 23.85, dense", format(t, "AMR-WB", 16000, ""), payload(61, 0xf4, 0x40), []int{61}, 1},
	} {
		frames := row.format.Split(row.payload)
		head := uint16(row.payload[0])<<8 | uint16(append(row.payload, 0)[1])
		if got := shape(frames); !slices.Equal(got, row.want) || row.format.Count(head, len(row.payload)) != row.count {
			t.Errorf("%s: %v, want %v; count %d, want %d", row.title, got, row.want, row.format.Count(head, len(row.payload)), row.count)
		}
	}
}

// TestBits: without gaps, a frame's bits begin behind the table, in the middle of an
// octet.
func TestBits(t *testing.T) {
	b := bytes.Repeat([]byte{0xff}, 14)
	b[0], b[1] = 0xf0, 0x7f // request 15; no more, type 0, good; then ones
	frames := format(t, "AMR", 8000, "").Split(b)
	want := append([]byte{0x04}, append(bytes.Repeat([]byte{0xff}, 11), 0xfe)...)
	if len(frames) != 1 || !bytes.Equal(frames[0].Data, want) {
		t.Errorf("%x, want %x", frames, want)
	}
}

func TestLooksLikeAMR(t *testing.T) {
	for _, row := range []struct {
		head         uint16
		length, step int
		want         string
	}{
		{0x2014, 17, 160, "AMR"},
		{0xf03c, 33, 160, "AMR"},
		{0xf024, 62, 320, ""},
		{0xf044, 62, 320, "AMR-WB"},
		{0x2014, 17, 320, ""},
		{0x2014, 18, 160, ""},
		{0x2114, 17, 160, ""},
		{0x2016, 17, 160, ""},
		{0x2094, 17, 160, ""},
	} {
		if got := foreign.LooksLikeAMR(row.head, row.length, row.step); got != row.want {
			t.Errorf("%+v: %q", row, got)
		}
	}
}

func FuzzSplit(f *testing.F) {
	f.Add(payload(33, 0xf0, 0x3c), "octet-align=1")
	f.Add(payload(65, 0xf0, 0xbc, 0x3c), "")
	f.Fuzz(func(t *testing.T, b []byte, parameters string) {
		for name, clock := range map[string]int{"AMR": 8000, "AMR-WB": 16000, "G723": 8000, "iLBC": 8000} {
			form, ok := foreign.Of(name, clock, 1, parameters)
			if !ok {
				continue
			}
			total := 0
			for _, frame := range form.Split(b) {
				total += len(frame.Data)
			}
			if total > 2*len(b)+64 {
				t.Fatalf("%s: %d octets of %d", name, total, len(b))
			}
			if n := form.Count(0xf0bc, len(b)); n < 0 || n > 8*len(b)+1 {
				t.Fatalf("%s: %d frames", name, n)
			}
		}
	})
}
