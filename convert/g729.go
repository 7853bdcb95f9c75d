package convert

import (
	"strings"

	"callreel/internal/media/g729"
)

// isG729 reports whether an encoding name in upper case is that of G.729. Some
// name the annexes that they mean, which are all heard by one decoder.
func isG729(name string) bool {
	rest, ok := strings.CutPrefix(name, "G729")
	return ok && strings.Trim(rest, "AB") == ""
}

// kitG729: frames of 10 octets and 10 ms, behind which a description of the noise
// may stand; after that nothing is sent until there is something to say (RFC 3551
// §4.5.6).
func kitG729() *kit {
	return &kit{
		lasts: func(e *entry, _ *codec) int64 { return int64(g729.Samples(int(e.length()))) },
		pauses: func(e *entry, gap int64) bool {
			return e.length()%g729.FrameBytes == g729.NoiseBytes || gap <= untold
		},
		clear: func(e *entry) bool { n := e.length() % g729.FrameBytes; return n == 0 || n == g729.NoiseBytes },
		hides: true,
		start: func(*codec, int) decoder { return &decoderG729{d: g729.NewDecoder()} },
	}
}

// untold is the longest gap behind speech that no description of noise announces:
// a packet may have room for frames of which nothing was sent. In ticks: 20 ms.
const untold = 2 * g729.FrameSamples

type decoderG729 struct {
	d       *g729.Decoder
	silence bool // the last frame described noise
}

func (d *decoderG729) factor() int { return 1 }

func (d *decoderG729) decode(dst []int16, payload []byte) []int16 {
	for frame, rest := g729.Next(payload); frame != nil; frame, rest = g729.Next(rest) {
		var out [g729.FrameSamples]int16
		if d.d.Decode(&out, frame) == nil { // Next gives nothing else
			dst = append(dst, out[:]...)
			d.silence = len(frame) == g729.NoiseBytes
		}
	}
	return dst
}

// conceal is the codec's own way to hide what is missing.
func (d *decoderG729) conceal(dst []int16, ticks int64) []int16 {
	return framed(dst, ticks, func(out *[g729.FrameSamples]int16) { d.d.Conceal(out) })
}

// pause is the noise that the sender described last. Speech goes on through what
// nobody announced: the decoder's guess at the noise is too loud there.
func (d *decoderG729) pause(dst []int16, ticks int64) []int16 {
	if !d.silence {
		return d.conceal(dst, ticks)
	}
	return framed(dst, ticks, func(out *[g729.FrameSamples]int16) { _ = d.d.Decode(out, nil) })
}

// framed appends so many ticks of whole frames; what is left of the last is not
// heard.
func framed(dst []int16, ticks int64, next func(out *[g729.FrameSamples]int16)) []int16 {
	for ; ticks > 0; ticks -= g729.FrameSamples {
		var out [g729.FrameSamples]int16
		next(&out)
		dst = append(dst, out[:min(ticks, g729.FrameSamples)]...)
	}
	return dst
}
