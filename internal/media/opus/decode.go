package opus

import (
	"errors"
	"fmt"

	"github.com/thesyncim/gopus"
)

// Rate is that of the samples, in Hz.
const Rate = 16000

const (
	perSample = Clock / Rate
	mostRoom  = mostTicks / perSample
	lostMost  = Rate / 50 // samples concealed at a time
)

// ErrPacket says that octets are no packet, or one that is damaged.
var ErrPacket = errors.New("no Opus packet")

// Decoder keeps the state between packets. It is not safe for concurrent use.
type Decoder struct {
	d      *gopus.Decoder
	whole  [mostRoom]int16
	pieces [mostRoom]float32
}

// NewDecoder makes a decoder that has heard nothing.
func NewDecoder() *Decoder {
	d := &Decoder{}
	d.renew()
	return d
}

func (d *Decoder) renew() {
	d.d, _ = gopus.NewDecoder(gopus.DefaultDecoderConfig(Rate, 1)) // it takes these figures
}

// Decode appends the samples of a packet to dst: as many as Ticks says. Of what is
// no packet it returns ErrPacket, and dst as it was.
func (d *Decoder) Decode(dst []int16, packet []byte) (_ []int16, err error) {
	if len(packet) == 0 {
		return dst, ErrPacket
	}
	defer d.guard(&err)
	n, err := d.d.DecodeInt16(packet, d.whole[:])
	if err != nil {
		return dst, fmt.Errorf("%w: %w", ErrPacket, err)
	}
	return append(dst, d.whole[:n]...), nil
}

// Conceal appends n samples of what most likely went on.
func (d *Decoder) Conceal(dst []int16, n int) []int16 {
	for n > 0 {
		part := min(n, lostMost)
		dst = append(dst, d.lost(d.whole[:part])...)
		n -= part
	}
	return dst
}

// lost fills out with what goes on; with silence where nothing can.
func (d *Decoder) lost(out []int16) []int16 {
	n, err := d.carryOn(out)
	if err != nil || n != len(out) {
		clear(out)
	}
	return out
}

func (d *Decoder) carryOn(out []int16) (n int, err error) {
	defer d.guard(&err)
	return d.d.DecodeInt16(nil, out)
}

// Recover appends the n samples before next, the packet that came behind a loss:
// the last frame from what next says of it, what is before that concealed.
func (d *Decoder) Recover(dst []int16, next []byte, n int) []int16 {
	frame := 0
	if len(next) > 0 {
		frame = FrameTicks(next[0]) / perSample
	}
	if frame == 0 || frame > n {
		return d.Conceal(dst, n)
	}
	dst = d.Conceal(dst, n-frame)
	got, err := d.corrected(next, d.pieces[:frame])
	if err != nil || got != frame {
		return d.Conceal(dst, frame)
	}
	for _, x := range d.pieces[:frame] {
		dst = append(dst, int16(max(-32768, min(32767, x*32768))))
	}
	return dst
}

func (d *Decoder) corrected(next []byte, out []float32) (n int, err error) {
	defer d.guard(&err)
	return d.d.DecodeWithFEC(next, out, true)
}

// guard turns a panic of the codec, which is not ours and reads foreign bytes, into
// an error, and begins anew.
func (d *Decoder) guard(err *error) {
	if r := recover(); r != nil {
		d.renew()
		*err = fmt.Errorf("%w: %v", ErrPacket, r)
	}
}
