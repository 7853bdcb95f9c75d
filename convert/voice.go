package convert

import (
	"callreel/internal/media/g711"
	"callreel/internal/media/pcap"
)

// voice is one side of the call with its own view of the capture.
type voice struct {
	segments []*segment
	win      *pcap.Window
	arena    []byte
	begun    int   // segments before it are over
	wide     *wide // nil where all is G.711 at 8 kHz
}

// sounding lists the segments that touch the n ticks from position from on, and
// forgets those that are over.
func (v *voice) sounding(from, n int64) []*segment {
	for v.begun < len(v.segments) {
		if g := v.segments[v.begun]; g.start+g.length > from {
			break
		}
		v.begun++
	}
	end := v.begun
	for end < len(v.segments) && v.segments[end].start < from+n {
		end++
	}
	return v.segments[v.begun:end]
}

// each calls do for every stretch of packet that lies in the n ticks from
// position from on: its payload bytes, their law, and where they go.
func (v *voice) each(g *segment, from int64, n int, do func(at int64, b []byte, l law)) error {
	to := from + int64(n)
	for ; g.next < len(g.entries); g.next++ {
		e := g.entries[g.next]
		start := g.start + e.arrival
		if start >= to {
			return nil
		}
		begin, end := max(start, from, g.done), min(start+e.length(), to)
		if begin < end {
			b, err := payload(v.win, v.arena, e, begin-start, end-start)
			if err != nil {
				return err
			}
			do(begin-from, b, g.stream.codecs[e.payloadType()].law)
			g.done = end
		}
		if start+e.length() > to {
			return nil
		}
	}
	return nil
}

// copy copies a segment's bytes, recoding only µ-law into an A-law file.
func (v *voice) copy(g *segment, dst []byte, from int64, out law) error {
	return v.each(g, from, len(dst), func(at int64, b []byte, l law) {
		if l == out {
			copy(dst[at:], b)
			return
		}
		for i, code := range b {
			dst[at+int64(i)] = g711.MuToA[code]
		}
	})
}

// mix adds the side's samples of n ticks to dst.
func (v *voice) mix(dst []int16, from int64, n int, out law) error {
	if v.wide != nil {
		return v.mixWide(dst, from, n)
	}
	for _, g := range v.sounding(from, int64(n)) {
		if err := v.add(g, dst, from, out); err != nil {
			return err
		}
	}
	return nil
}

// add adds a segment's samples, held within 16 bits. A-law has no zero: in an
// A-law file its silence adds nothing, so that it is still silence after mixing.
func (v *voice) add(g *segment, dst []int16, from int64, out law) error {
	return v.each(g, from, len(dst), func(at int64, b []byte, l law) {
		if out == lawA && l == lawA {
			addCodes(dst[at:], b, &g711.DecodeA, g711.IdleA)
			return
		}
		addCodes(dst[at:], b, l.decode(), -1)
	})
}

// addCodes adds the samples of G.711 codes, but for those that are quiet.
func addCodes(dst []int16, codes []byte, table *[256]int16, quiet int) {
	dst = dst[:len(codes)]
	for i, code := range codes {
		if int(code) != quiet {
			dst[i] = plus(dst[i], table[code])
		}
	}
}

func plus(a, b int16) int16 { return int16(max(-32768, min(32767, int32(a)+int32(b)))) }
