package convert

import (
	"encoding/binary"
	"slices"

	"callreel/internal/media/resample"
)

// wideRate is the rate of what is wider than 8 kHz, in Hz.
const wideRate = 2 * rate

// linearKit is that of L16: 16-bit samples in network byte order, one channel
// beside the other (RFC 3551 §4.5.11). Of two channels the side is the mean. It is
// nil for rates that nobody sends.
func linearKit(clock, channels int) *kit {
	rates := []int{8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000}
	if !slices.Contains(rates, clock) || channels > 2 {
		return nil
	}
	frame := 2 * max(1, channels) // octets of a moment
	return &kit{
		wide:  clock > rate,
		lasts: func(e *entry, _ *codec) int64 { return e.length() / int64(frame) },
		start: func(*codec, int) decoder { return newDecoderL16(clock, frame) },
	}
}

type decoderL16 struct {
	frame int
	f     int             // samples a tick
	ratio *resample.Ratio // nil where the rate is right
	mono  []int16
	rest  []int16 // less than a tick, until the next packet
}

func newDecoderL16(clock, frame int) *decoderL16 {
	d := &decoderL16{frame: frame, f: 1}
	if clock > rate {
		d.f = wideRate / rate
	}
	if clock > rate && clock != wideRate {
		d.ratio = resample.NewRatio(clock, wideRate)
	}
	return d
}

func (d *decoderL16) decode(dst []int16, payload []byte) []int16 {
	d.mono = d.mono[:0]
	for ; len(payload) >= d.frame; payload = payload[d.frame:] {
		x := int16(binary.BigEndian.Uint16(payload))
		if d.frame == 4 {
			x = int16((int32(x) + int32(int16(binary.BigEndian.Uint16(payload[2:])))) / 2)
		}
		d.mono = append(d.mono, x)
	}
	begin := len(dst)
	dst = append(dst, d.rest...)
	if d.ratio != nil {
		dst = d.ratio.Append(dst, d.mono)
	} else {
		dst = append(dst, d.mono...)
	}
	whole := len(dst) - (len(dst)-begin)%d.f
	d.rest = append(d.rest[:0], dst[whole:]...)
	return dst[:whole]
}

func (d *decoderL16) factor() int { return d.f }
