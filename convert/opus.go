package convert

import (
	"slices"

	"callreel/internal/media/opus"
)

// kitOpus: a packet says by its first two bytes how long it lasts, and holds one
// channel or two whatever the description says (RFC 7587 §7).
func kitOpus() *kit {
	return &kit{
		wide:  true,
		dense: true,
		ahead: true,
		lasts: func(e *entry, _ *codec) int64 { return opusTicks(e) },
		start: func(*codec, int) decoder { return &decoderOpus{opus.NewDecoder()} },
	}
}

// opusTicks is how long a packet lasts if it is one of Opus, in units of its RTP
// clock. What was captured without its end cannot be decoded.
func opusTicks(e *entry) int64 {
	if e.cut() {
		return 0
	}
	return int64(opus.Ticks(byte(e.head>>8), byte(e.head), int(e.length())))
}

type decoderOpus struct{ d *opus.Decoder }

// decode gives silence for a damaged packet, as long as it says it is.
func (d *decoderOpus) decode(dst []int16, payload []byte) []int16 {
	n := len(dst)
	dst, err := d.d.Decode(dst, payload)
	if err != nil {
		second := append(slices.Clip(payload), 0)[1]
		dst = grown(dst, opus.Ticks(payload[0], second, len(payload))*opus.Rate/opus.Clock)
		clear(dst[n:])
	}
	return dst
}

func (d *decoderOpus) factor() int { return opus.Rate / rate }

func (d *decoderOpus) conceal(dst []int16, ticks int64) []int16 {
	return d.d.Conceal(dst, int(ticks)*d.factor())
}

func (d *decoderOpus) recover(dst []int16, ticks int64, next []byte) []int16 {
	return d.d.Recover(dst, next, int(ticks)*d.factor())
}

const (
	// pacedLeast is how many packets that follow one another must be there to tell
	// Opus by its pace where nobody says so: a second. Twenty tell it where a
	// description does.
	pacedLeast = 50
	pacedKnown = 20
)

// paced counts the packets of a payload type that are followed by the next of
// their stream, and those of them that sound just until that one begins.
func (s *stream) paced(t uint8, lasts func(*entry) int64) (fit, all int) {
	var last entry
	began := false
	for c := s.packets.begins(); c.next(); last, began = c.entry, true {
		if e := &c.entry; !began || e.kind != t || last.kind != t || e.seq != last.seq+1 {
			continue
		}
		if all++; lasts(&last) == int64(c.entry.ts-last.ts) {
			fit++
		}
	}
	return fit, all
}

// looksLikeOpus reports whether a dynamic payload type that nobody describes can
// be nothing but Opus: its packets last, by their first bytes, what their
// timestamps say, on a clock of 48 kHz. Of other bytes one in five does.
func looksLikeOpus(s *stream, t uint8) bool {
	fit, all := s.paced(t, opusTicks)
	elapsed := seconds(s.last() - s.first())
	clock := float64(s.packets.last().ts-s.packets.first.ts) / elapsed
	return all >= pacedLeast && 20*fit >= 19*all && clock > 0.9*opus.Clock && clock < 1.1*opus.Clock
}

// garbled reports whether the stream's main codec is one of which octets are as
// even as a cipher's, and whether its packets do not last what their timestamps
// say, so that they are a cipher's.
func (s *stream) garbled() (is, dense, enough bool) {
	t := s.main()
	c := &s.codecs[t]
	if c.kit == nil || !c.kit.dense {
		return false, false, false
	}
	fit, all := s.paced(t, c.lasts)
	return 2*fit < all, true, all >= pacedKnown
}
