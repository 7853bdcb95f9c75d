package pcap_test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/gopacket/pcapgo"

	"callreel/internal/corpus"
	"callreel/internal/media/pcap"
)

// readAll reads to the end and returns copies of the records.
func readAll(b []byte) (records []pcap.Record, err error) {
	r, err := pcap.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil, err
	}
	for {
		var rec pcap.Record
		if err := r.Next(&rec); err != nil {
			return records, err
		}
		rec.Data = bytes.Clone(rec.Data)
		records = append(records, rec)
	}
}

// classic makes a file of three packets.
func classic(order binary.ByteOrder, magic uint32) []byte {
	b := make([]byte, 24)
	order.PutUint32(b, magic)
	order.PutUint32(b[20:], 101)
	for i := range uint32(3) {
		h := make([]byte, 16)
		order.PutUint32(h, 1000+i)
		order.PutUint32(h[4:], 5)
		order.PutUint32(h[8:], 4+i)
		order.PutUint32(h[12:], 100)
		b = slices.Concat(b, h, bytes.Repeat([]byte{byte(i)}, int(4+i)))
	}
	return b
}

func TestClassic(t *testing.T) {
	for _, row := range []struct {
		name  string
		order binary.ByteOrder
		magic uint32
		nanos int64
	}{
		{"little-endian", binary.LittleEndian, 0xa1b2c3d4, 5000},
		{"big-endian", binary.BigEndian, 0xa1b2c3d4, 5000},
		{"nanoseconds", binary.BigEndian, 0xa1b23c4d, 5},
	} {
		t.Run(row.name, func(t *testing.T) {
			file := classic(row.order, row.magic)
			got, err := readAll(file)
			if !errors.Is(err, io.EOF) || len(got) != 3 {
				t.Fatalf("%d packets, %v", len(got), err)
			}
			p := got[1]
			if p.Time != 1001e9+row.nanos || !p.HasTime || p.Link != 101 || p.Original != 100 || len(p.Data) != 5 {
				t.Errorf("%+v", p)
			}
			if !bytes.Equal(file[p.Offset:p.Offset+5], p.Data) {
				t.Error("Offset does not point to the data")
			}
		})
	}
}

func TestCutIsToldFromEnd(t *testing.T) {
	file := classic(binary.LittleEndian, 0xa1b2c3d4)
	ends := map[int]int{24: 0, 44: 1, 65: 2, 87: 3}
	for n := 24; n <= len(file); n++ {
		got, err := readAll(file[:n])
		want, clean := ends[n]
		if clean && (!errors.Is(err, io.EOF) || len(got) != want) {
			t.Errorf("%d bytes: %d packets, %v", n, len(got), err)
		}
		if !clean && !errors.Is(err, pcap.ErrCut) {
			t.Errorf("%d bytes: %v, want a cut", n, err)
		}
	}
}

func TestNoCapture(t *testing.T) {
	for _, text := range []string{"", "abc", "RIFF....WAVE", "\n\r\r\n\x1c\x00\x00\x00????", "\xd4\xc3\xb2\xa1cut"} {
		if _, err := readAll([]byte(text)); !errors.Is(err, pcap.ErrFormat) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestImpossibleLengthNamesItsOffset(t *testing.T) {
	file := classic(binary.LittleEndian, 0xa1b2c3d4)
	binary.LittleEndian.PutUint32(file[44+8:], 1<<30)
	got, err := readAll(file)
	if !errors.Is(err, pcap.ErrDamaged) || len(got) != 1 || !strings.Contains(err.Error(), "offset 44") {
		t.Errorf("%d packets, %v", len(got), err)
	}
}

// TestVectors reads H. Kaplan's files, in which every kind of block occurs.
func TestVectors(t *testing.T) {
	root := corpus.Vectors(t, "pcapng/EXPECTED.json")
	text, err := os.ReadFile(root)
	if err != nil {
		t.Fatal(err)
	}
	var expected map[string]struct {
		Packets string  `json:"packets"`
		Err     *string `json:"err"`
	}
	if err := json.Unmarshal(text, &expected); err != nil {
		t.Fatal(err)
	}
	for name, want := range expected {
		b, err := os.ReadFile(filepath.Join(filepath.Dir(root), filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		got, err := readAll(b)
		n, numeric := strconv.Atoi(want.Packets)
		if numeric == nil && (len(got) != n || !errors.Is(err, io.EOF)) {
			t.Errorf("%s: %d packets, %v; want %d", name, len(got), err, n)
		}
		compareWithOracle(t, name, b, got)
	}
}

// compareWithOracle holds data and times against pcapgo's, where that reads the
// file at all.
func compareWithOracle(t *testing.T, name string, b []byte, got []pcap.Record) {
	t.Helper()
	r, err := pcapgo.NewNgReader(bytes.NewReader(b), pcapgo.NgReaderOptions{WantMixedLinkType: true})
	if err != nil {
		return
	}
	for _, rec := range got {
		data, info, err := r.ReadPacketData()
		if err != nil {
			return
		}
		if !bytes.Equal(data, rec.Data) || rec.HasTime && info.Timestamp.UnixNano() != rec.Time {
			t.Errorf("%s: packet at %d: %d bytes at %d, pcapgo %d bytes at %d", name, rec.Offset, len(rec.Data), rec.Time, len(data), info.Timestamp.UnixNano())
		}
	}
}

func TestInflate(t *testing.T) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	content := bytes.Repeat([]byte("0123456789"), 300_000)
	if _, err := z.Write(content); err != nil || z.Close() != nil {
		t.Fatal(err)
	}
	inflate := func(n int, limit int64) ([]byte, bool, error) {
		src := bytes.NewReader(b.Bytes()[:n])
		if !pcap.IsGzip(src) {
			t.Fatal("not seen as gzip")
		}
		r, cut, err := pcap.Inflate(t.Context(), src, int64(n), limit)
		if err != nil {
			return nil, cut, err
		}
		got, err := io.ReadAll(r)
		return got, cut, err
	}
	if got, cut, err := inflate(b.Len(), 4<<20); err != nil || cut || !bytes.Equal(got, content) {
		t.Errorf("whole: %d bytes, cut %v, %v", len(got), cut, err)
	}
	if got, cut, err := inflate(b.Len()/2, 4<<20); err != nil || !cut || !bytes.HasPrefix(content, got) {
		t.Errorf("cut: %d bytes, cut %v, %v", len(got), cut, err)
	}
	if _, _, err := inflate(b.Len(), 1<<20); !errors.Is(err, pcap.ErrTooLarge) {
		t.Errorf("beyond the limit: %v", err)
	}
}

func FuzzReader(f *testing.F) {
	f.Add(classic(binary.BigEndian, 0xa1b23c4d))
	f.Add([]byte("\n\r\r\n\x1c\x00\x00\x00\x4d\x3c\x2b\x1a\x01\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\x1c\x00\x00\x00" +
		"\x01\x00\x00\x00\x14\x00\x00\x00\x01\x00\x00\x00\xff\xff\x00\x00\x14\x00\x00\x00" +
		"\x03\x00\x00\x00\x14\x00\x00\x00\x04\x00\x00\x00abcd\x14\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		records, err := readAll(b)
		if err == nil {
			t.Fatal("no end")
		}
		for _, r := range records {
			if !bytes.Equal(b[r.Offset:r.Offset+int64(len(r.Data))], r.Data) {
				t.Fatalf("data is not at offset %d", r.Offset)
			}
		}
	})
}
