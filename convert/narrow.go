package convert

import (
	"strconv"
	"strings"

	"callreel/internal/media/g726"
	"callreel/internal/media/gsm"
)

// narrowKit finds the codecs of 8 kHz that have their own packages; nil for any
// other name.
func narrowKit(name string) *kit {
	switch name {
	case "GSM":
		return kitGSM()
	case "G721": // RFC 1890's name of payload type 2: what is G726-32 now
		return kitG726(4, g726.RTP)
	}
	packing := g726.RTP
	short, aal2 := strings.CutPrefix(name, "AAL2-")
	if aal2 {
		packing = g726.AAL2
	}
	kilobits, ok := strings.CutPrefix(short, "G726-")
	if bits, err := strconv.Atoi(kilobits); ok && err == nil && bits%8 == 0 && bits >= 16 && bits <= 40 {
		return kitG726(bits/8, packing)
	}
	return nil
}

// kitGSM: whole frames of 20 ms, one after the other (RFC 3551 §4.5.8).
func kitGSM() *kit {
	return &kit{
		lasts: func(e *entry, _ *codec) int64 { return e.length() / gsm.FrameBytes * gsm.FrameSamples },
		whole: func(e *entry) bool { return e.length()%gsm.FrameBytes == 0 },
		start: func(*codec, int) decoder { return &decoderGSM{} },
	}
}

type decoderGSM struct{ d gsm.Decoder }

// decode gives silence for a frame that is none, so that what follows it keeps
// its place.
func (d *decoderGSM) decode(dst []int16, payload []byte) []int16 {
	var frame [gsm.FrameSamples]int16
	for ; len(payload) >= gsm.FrameBytes; payload = payload[gsm.FrameBytes:] {
		if d.d.Decode(&frame, payload[:gsm.FrameBytes]) != nil {
			clear(frame[:])
		}
		dst = append(dst, frame[:]...)
	}
	return dst
}

func (d *decoderGSM) factor() int { return 1 }

// kitG726: codes of so many bits, as many as fit into the octets (RFC 3551
// §4.5.4).
func kitG726(bits int, packing g726.Packing) *kit {
	return &kit{
		lasts: func(e *entry, _ *codec) int64 { return e.length() * 8 / int64(bits) },
		start: func(*codec, int) decoder {
			d, _ := g726.New(bits, packing) // narrowKit asks for no other number of bits
			return &decoderG726{d}
		},
	}
}

type decoderG726 struct{ d *g726.Decoder }

func (d *decoderG726) decode(dst []int16, payload []byte) []int16 { return d.d.Decode(dst, payload) }
func (d *decoderG726) factor() int                                { return 1 }
