package convert

import (
	"slices"

	"callreel/internal/media/g722"
	"callreel/internal/media/opus"
)

// kitOf finds how a codec of an encoding name in upper case is decoded; nil if it
// is not built in.
func kitOf(name string, clock, channels int, _ string) *kit {
	switch {
	case name == "L16":
		return linearKit(clock, channels)
	case name == "OPUS" && clock == opus.Clock:
		return kitOpus()
	case clock != rate || channels > 1:
		return nil
	case name == "G722":
		return kitG722()
	}
	if isG729(name) {
		return kitG729()
	}
	return narrowKit(name)
}

// kitG722: two samples an octet, of which each lasts one tick of a clock that is
// half the sampling rate (RFC 3551 §4.5.2).
func kitG722() *kit {
	return &kit{
		wide:  true,
		lasts: func(e *entry, _ *codec) int64 { return e.length() },
		start: func(*codec, int) decoder { return &decoderG722{d: g722.NewDecoder(g722.Mode64k)} },
	}
}

type decoderG722 struct{ d *g722.Decoder }

func (d *decoderG722) decode(dst []int16, payload []byte) []int16 {
	n := len(dst)
	dst = grown(dst, 2*len(payload))
	d.d.Decode(dst[n:], payload)
	return dst
}

func (d *decoderG722) factor() int { return 2 }

// grown is dst with room for n more samples.
func grown(dst []int16, n int) []int16 {
	return slices.Grow(dst, n)[:len(dst)+n]
}
