package convert

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"
	"time"
)

// walk is what FuzzTimeline does to one talker between two packets. It is read from
// eight octets.
type walk struct {
	who     uint8 // talker in the two lowest bits; 4: twice in the file; 8, 16: with another SSRC; 32: the clocks by their large unit
	kind    uint8 // index of the payload type
	seq     int8  // beyond the next
	ts      int16 // beyond the next, samples
	arrival int16 // beyond the next, milliseconds
}

func readWalk(b []byte) walk {
	return walk{b[0], b[1], int8(b[2]), int16(binary.LittleEndian.Uint16(b[3:])), int16(binary.LittleEndian.Uint16(b[5:]))}
}

// stagger sends a packet after w; it returns how many.
func (k *talker) stagger(w walk) int {
	ts, at := uint32(int32(w.ts)), time.Duration(w.arrival)*time.Millisecond
	if w.who&32 != 0 {
		ts, at = ts<<16, at*1000
	}
	k.seq, k.ts, k.at = k.seq+1+uint16(int16(w.seq)), k.ts+160+ts, k.at+20*time.Millisecond+at
	ssrc := k.ssrc
	k.ssrc += uint32(w.who >> 3 & 3)
	payload := bytes.Repeat([]byte{0x55 ^ w.kind}, 160)
	n := 1 + int(w.who>>2&1)
	for range n {
		k.packet([]uint8{8, 0, 9, 13}[w.kind%4], payload)
	}
	k.ssrc = ssrc
	return n
}

// FuzzTimeline lets four talkers send with sequence numbers, timestamps, SSRCs, codecs
// and arrivals that jump at will. Every packet must be accounted for.
func FuzzTimeline(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00"), false)
	f.Add(bytes.Repeat([]byte("\x00\x00\x01\xa0\x00\x14\x00\x00\x01\x00\x00\x00\x00\xff\xff\x00"), 20), true)
	f.Add(bytes.Repeat([]byte("\x20\x00\x00\x43\x00\x01\x00\x00\x04\x00\xff\x00\x00\x00\x00\x00\x08\x01\x00\x00\x00\x00\x00\x00"), 20), false)
	f.Fuzz(func(t *testing.T, steps []byte, pcm bool) {
		b := newBuilder()
		talkers := []*talker{newTalker(b, hostA, hostC), newTalker(b, hostB, hostD), newTalker(b, hostC, hostA), newTalker(b, hostD, hostB)}
		sent, noise := 0, 0
		for ; len(steps) >= 8 && sent < 4096; steps = steps[8:] {
			w := readWalk(steps)
			n := talkers[w.who&3].stagger(w)
			sent += n
			if w.kind%4 == 3 {
				noise += n
			}
		}
		var out limited
		a, err := Convert(t.Context(), b.capture(), &out, Options{PCM: pcm, Together: true})
		if errors.Is(err, errBroken) {
			return // a long silence between two packets
		}
		if err != nil {
			t.Fatal(err)
		}
		checkAudio(t, a, out.Bytes())
		if a.Samples == 0 {
			return
		}
		found := 0
		for _, s := range a.Streams {
			found += s.Packets + s.Duplicates
		}
		for _, n := range a.Passed {
			found += n
		}
		if found > sent || found < sent-noise { // comfort noise is not counted
			t.Errorf("%d packets, %d of them noise; %d accounted for: %+v, passed %v", sent, noise, found, a.Streams, a.Passed)
		}
	})
}
