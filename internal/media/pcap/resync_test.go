package pcap_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"testing"

	"callreel/internal/media/pcap"
)

// readOn reads to the end like readAll, over whatever is damaged.
func readOn(tb testing.TB, b []byte) (records []pcap.Record, places int) {
	tb.Helper()
	r, err := pcap.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		tb.Fatal(err)
	}
	for {
		var rec pcap.Record
		err := r.Next(&rec)
		switch {
		case err == nil:
			rec.Data = bytes.Clone(rec.Data)
			records = append(records, rec)
			continue
		case errors.Is(err, io.EOF):
			return records, places
		case !errors.Is(err, pcap.ErrDamaged) && !errors.Is(err, pcap.ErrCut):
			tb.Fatal(err)
		}
		places++
		if more, err := r.Resync(); err != nil || !more {
			return records, places
		}
	}
}

// blocks makes a pcapng file of n enhanced packet blocks of 32 + 40 bytes; the
// first begins at offset 48.
func blocks(order binary.AppendByteOrder, n int) []byte {
	put := func(b []byte, values ...uint32) []byte {
		for _, v := range values {
			b = order.AppendUint32(b, v)
		}
		return b
	}
	b := put(nil, 0x0a0d0d0a, 28, 0x1a2b3c4d, 1, 0xffffffff, 0xffffffff, 28)
	b = put(b, 1, 20, 1, 0, 20)
	for i := range n {
		b = put(b, 6, 72, 0, 0, uint32(i), 40, 40)
		b = put(append(b, bytes.Repeat([]byte{byte(i)}, 40)...), 72)
	}
	return b
}

func TestResync(t *testing.T) {
	records := func(order binary.ByteOrder) []byte {
		one := classic(order, 0xa1b2c3d4)
		return slices.Concat(one, one[24:], one[24:], one[24:])
	}
	zero := func(at, n int) func([]byte) []byte {
		return func(b []byte) []byte { clear(b[at : at+n]); return b }
	}
	for _, row := range []struct {
		name        string
		file        []byte
		spoil       func([]byte) []byte
		good, least int // records that must be found, of those of the whole file
	}{
		{"classic, zeros", records(binary.LittleEndian), zero(44, 21), 12, 11},
		{"classic, big-endian, zeros", records(binary.BigEndian), zero(44, 43), 12, 10},
		{"classic, bytes missing", records(binary.LittleEndian), func(b []byte) []byte { return slices.Delete(b, 50, 60) }, 12, 11},
		{"classic, first record", records(binary.LittleEndian), zero(24, 10), 12, 10},
		{"classic, last record", records(binary.LittleEndian), zero(24+3*63+41, 16), 12, 11},
		{"blocks, zeros", blocks(binary.LittleEndian, 10), zero(48+72, 8), 10, 9},
		{"blocks, big-endian, zeros", blocks(binary.BigEndian, 10), zero(48+72*3, 150), 10, 7},
		{"blocks, captured length", blocks(binary.LittleEndian, 10), func(b []byte) []byte { b[48+72*4+21] = 1; return b }, 10, 9},
		{"blocks, twice", blocks(binary.LittleEndian, 10), func(b []byte) []byte { return zero(48+72*6, 72)(zero(48+72, 72)(b)) }, 10, 8},
	} {
		t.Run(row.name, func(t *testing.T) {
			whole, places := readOn(t, row.file)
			if len(whole) != row.good || places != 0 {
				t.Fatalf("whole file: %d records, %d places", len(whole), places)
			}
			got, places := readOn(t, row.spoil(slices.Clone(row.file)))
			n := 0
			for _, rec := range got {
				same := func(o pcap.Record) bool { return o.Time == rec.Time && bytes.Equal(o.Data, rec.Data) }
				if slices.ContainsFunc(whole, same) {
					n++
				}
			}
			if n < row.least || places == 0 {
				t.Errorf("%d of %d records are good, want %d; %d places", n, len(got), row.least, places)
			}
		})
	}
}

func FuzzResync(f *testing.F) {
	f.Add(slices.Delete(classic(binary.LittleEndian, 0xa1b2c3d4), 50, 60))
	f.Add(slices.Delete(blocks(binary.BigEndian, 6), 130, 150))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := pcap.NewReader(bytes.NewReader(b), int64(len(b))); err != nil {
			return
		}
		records, places := readOn(t, b)
		if places > 70 {
			t.Fatalf("%d places", places)
		}
		for _, r := range records {
			if !bytes.Equal(b[r.Offset:r.Offset+int64(len(r.Data))], r.Data) {
				t.Fatalf("data is not at offset %d", r.Offset)
			}
		}
	})
}
