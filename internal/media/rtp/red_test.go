package rtp_test

import (
	"slices"
	"testing"

	"callreel/internal/media/rtp"
)

func TestBlocks(t *testing.T) {
	for name, row := range map[string]struct {
		b    string
		want []rtp.Block
	}{
		"nothing is repeated": {"\x08abc", []rtp.Block{{Type: 8, At: 1, Length: 3}}},
		"two are, of two types": {
			"\x88\x05\x00\x02\x80\x02\x80\x01\x12xxyzz", // 320 and 160 back
			[]rtp.Block{{Type: 8, Back: 320, At: 9, Length: 2}, {Type: 0, Back: 160, At: 11, Length: 1}, {Type: 18, At: 12, Length: 2}},
		},
		"the longest":           {"\x88\xff\xff\xff\x08" + string(make([]byte, 1023)), []rtp.Block{{Type: 8, Back: 16383, At: 5, Length: 1023}, {Type: 8, At: 1028}}},
		"empty":                 {"", nil},
		"no last header":        {"\x88\x05\x00\x02", nil},
		"a header is cut":       {"\x88\x05", nil},
		"a repeated one is cut": {"\x88\x05\x00\x09\x08xx", nil},
		"too many":              {string(slices.Repeat([]byte{0x88, 0, 0, 0}, 40)) + "\x08", nil},
	} {
		got, ok := rtp.Blocks([]byte(row.b))
		if !slices.Equal(got, row.want) || ok != (row.want != nil) {
			t.Errorf("%s: %+v, %v", name, got, ok)
		}
	}
}

func FuzzBlocks(f *testing.F) {
	f.Add([]byte("\x88\x05\x00\x02\x80\x02\x80\x01\x12xxyzz"))
	f.Fuzz(func(t *testing.T, b []byte) {
		blocks, ok := rtp.Blocks(b)
		end := 0
		for _, k := range blocks {
			if k.At < end || k.Length < 0 || k.At+k.Length > len(b) {
				t.Fatalf("%+v of %d bytes", blocks, len(b))
			}
			end = k.At + k.Length
		}
		if ok && end != len(b) {
			t.Fatalf("%d of %d bytes", end, len(b))
		}
	})
}
