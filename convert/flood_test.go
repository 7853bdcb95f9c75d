package convert

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"callreel/internal/recording"
)

// flood is a capture of records of one length that are made when they are read, so
// that it needs no memory; it counts how often it is read.
type flood struct {
	n     int // records
	model []byte
	shape func(i int) packetShape
	reads atomic.Int64
}

// packetShape is what differs from record to record.
type packetShape struct {
	at      time.Duration
	port    uint16 // of the source
	ssrc    uint32
	seq     uint16
	ts      uint32
	payload uint32 // its bytes are repeated
	kind    uint8
}

const floodPayload = 160

func newFlood(n int, shape func(i int) packetShape) *flood {
	b := newBuilder()
	newTalker(b, hostC, hostD).send(1)
	return &flood{n: n, model: b.buf.Bytes()[24:], shape: shape}
}

func (f *flood) Size() int64 { return 24 + int64(f.n)*int64(len(f.model)) }

func (f *flood) ReadAt(p []byte, off int64) (n int, err error) {
	f.reads.Add(1)
	for n < len(p) && off < f.Size() {
		part := f.part(off)
		k := copy(p[n:], part)
		n, off = n+k, off+int64(k)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// part is the rest of the record, or of the file's header, at off.
func (f *flood) part(off int64) []byte {
	if off < 24 {
		return newBuilder().buf.Bytes()[off:]
	}
	size := int64(len(f.model))
	record := bytes.Clone(f.model)
	f.fill(record, f.shape(int((off-24)/size)))
	return record[(off-24)%size:]
}

func (f *flood) fill(b []byte, s packetShape) {
	t := epoch.Add(s.at)
	binary.LittleEndian.PutUint32(b, uint32(t.Unix()))
	binary.LittleEndian.PutUint32(b[4:], uint32(t.Nanosecond()/1000))
	udp := b[16+34:]
	binary.BigEndian.PutUint16(udp, s.port)
	h := udp[8:]
	h[1] = s.kind
	binary.BigEndian.PutUint16(h[2:], s.seq)
	binary.BigEndian.PutUint32(h[4:], s.ts)
	binary.BigEndian.PutUint32(h[8:], s.ssrc)
	for i := range h[12 : 12+floodPayload] {
		h[12+i] = byte(s.payload>>(8*(i%4))) ^ byte(i*7)&0x3f
	}
}

// source is packet i of a flood of sources with each packets.
func source(i, each int, kind byte) packetShape {
	k, n := i/each, i%each
	return packetShape{port: 20_000 + uint16(k%30_000), ssrc: uint32(k) * 7919, seq: uint16(n), ts: uint32(160 * n), payload: uint32(k) * 2654435761, kind: kind}
}

// TestFloodOfSources: a million sources of one to three packets each need no more
// memory than a few, and do not hide a call among them.
func TestFloodOfSources(t *testing.T) {
	const every = 20 * time.Millisecond
	sources := 6_000
	if soak() {
		sources = 1_000_000
	}
	for _, row := range []struct {
		each  int  // packets of a source
		call  int  // every so many packets there is one of the call; 0: there is none
		kind  byte // payload type of the flood
		crowd bool // it must be told
		long  bool
	}{
		{1, 0, 8, false, false},
		{2, 0, 8, false, true},
		{3, 0, 8, true, false},
		{1, 3, 8, false, false},
		{3, 4, 8, true, false},
		{3, 4, 96, true, true},
		{3, 40, 8, true, true},
	} {
		t.Run(fmt.Sprintf("%d each of type %d, call every %d", row.each, row.kind, row.call), func(t *testing.T) {
			if row.long && !soak() {
				t.Skip("a long one: CALLREEL_SOAK is not set")
			}
			n := sources * row.each
			src := newFlood(n, func(i int) packetShape {
				s := source(i, row.each, row.kind)
				if row.call > 0 && i%row.call == 0 {
					k := i / row.call
					s = packetShape{port: 4000, ssrc: 7, seq: uint16(k), ts: uint32(160 * k), payload: uint32(k)*2654435761&0x0f0f0f0f | 0x80808080, kind: 8}
				}
				s.at = time.Duration(i) * every / time.Duration(max(row.call, 10))
				return s
			})
			var a recording.Audio
			used := memory(func() {
				var err error
				if a, err = Convert(t.Context(), src, io.Discard, Options{}); err != nil {
					t.Error(err)
				}
			})
			t.Logf("%s, %d MiB of memory, %d reads of %d MiB, passed %v", a.Status, used>>20, src.reads.Load(), src.Size()>>20, a.Passed)
			if used > 128<<20 || src.reads.Load() > 2*copyReads+src.Size()>>16 {
				t.Errorf("%d MiB of memory, %d reads", used>>20, src.reads.Load())
			}
			if told := strings.Contains(a.Reason, "too many sources"); told != row.crowd {
				t.Errorf("reason %q, told %v, want %v", a.Reason, told, row.crowd)
			}
			checkCall(t, a, n, row.call)
		})
	}
}

// checkCall wants all packets of the call in a, if there is one.
func checkCall(t *testing.T, a recording.Audio, packets, every int) {
	t.Helper()
	if every == 0 {
		return
	}
	i := slices.IndexFunc(a.Streams, func(s recording.Stream) bool { return s.SSRC == 7 })
	if a.Status != recording.AudioOK || i < 0 {
		t.Fatalf("%s (%s), the call is not in it", a.Status, a.Reason)
	}
	if s, want := a.Streams[i], (packets+every-1)/every; s.Packets != want || s.Lost != 0 || s.Duplicates != 0 {
		t.Errorf("%d packets, %d lost, %d twice; want %d", s.Packets, s.Lost, s.Duplicates, want)
	}
}
