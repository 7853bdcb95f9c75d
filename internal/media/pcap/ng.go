package pcap

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
)

// Block types of pcapng; the section's reads the same in both byte orders.
const (
	blockSection   = 0x0a0d0d0a
	blockInterface = 1
	blockPacket    = 2 // obsolete
	blockSimple    = 3
	blockEnhanced  = 6
)

const (
	orderMagic    = 0x1a2b3c4d
	optResolution = 9
	optOffset     = 14
	maxFaces      = 65536
	minBlockLen   = 12
	blockHeadLen  = 8
	maxIDBLen     = 1 << 20
)

// face is one interface of the current section.
type face struct {
	link   int
	snap   uint32
	units  uint64 // time stamp units in a second; 0 = finer than can be told
	offset int64  // seconds to add
}

func (r *Reader) checkFirstSection() error {
	h, err := r.win.At(0, minBlockLen)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	if err != nil || !r.setOrder(h[8:]) {
		return fmt.Errorf("%w: begins like pcapng, but has no byte order", ErrFormat)
	}
	return nil
}

func (r *Reader) setOrder(magic []byte) bool {
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		if order.Uint32(magic) == orderMagic {
			r.order = order
			return true
		}
	}
	return false
}

// nextBlock walks over blocks until one holds a packet.
func (r *Reader) nextBlock(rec *Record) error {
	for r.off < r.win.f.size {
		kind, length, err := r.blockHead()
		if err != nil {
			return err
		}
		found, err := r.block(rec, kind, length)
		if err != nil {
			return err
		}
		r.off += length
		if found {
			r.last = r.off - length
			return nil
		}
	}
	return io.EOF
}

// blockHead reads type and length of the block at r.off, and takes over the
// byte order of a new section.
func (r *Reader) blockHead() (kind uint32, length int64, err error) {
	h, err := r.at(r.off, minBlockLen)
	if err != nil {
		return 0, 0, err
	}
	if binary.BigEndian.Uint32(h) == blockSection {
		if !r.setOrder(h[8:]) {
			return 0, 0, r.damaged("a section without byte order:", fmt.Sprintf("% x", h[8:]))
		}
		r.faces = r.faces[:0]
	}
	kind, length = r.order.Uint32(h), int64(r.order.Uint32(h[4:]))
	if length < minBlockLen {
		return 0, 0, r.damaged("a block's length is said to be", length)
	}
	length = (length + 3) &^ 3
	if length > r.win.f.size-r.off {
		return 0, 0, fmt.Errorf("%w at offset %d", ErrCut, r.off)
	}
	return kind, length, nil
}

func (r *Reader) block(rec *Record, kind uint32, length int64) (found bool, err error) {
	switch kind {
	case blockInterface:
		return false, r.interfaceBlock(length)
	case blockEnhanced, blockPacket:
		return true, r.packetBlock(rec, kind, length)
	case blockSimple:
		return true, r.simpleBlock(rec, length)
	}
	return false, nil
}

func (r *Reader) interfaceBlock(length int64) error {
	if length < 20 || length > maxIDBLen || len(r.faces) == maxFaces {
		return r.damaged("an interface block's length is said to be", length)
	}
	b, err := r.at(r.off, int(length))
	if err != nil {
		return err
	}
	f := face{link: int(r.order.Uint16(b[8:])), snap: r.order.Uint32(b[12:]), units: 1e6}
	r.options(&f, b[16:length-4])
	r.faces = append(r.faces, f)
	return nil
}

// options reads the two options that matter for time.
func (r *Reader) options(f *face, b []byte) {
	for len(b) >= 4 {
		code, n := r.order.Uint16(b), int(r.order.Uint16(b[2:]))
		if code == 0 || n > len(b)-4 {
			return
		}
		value := b[4 : 4+n]
		switch {
		case code == optResolution && n == 1:
			f.units = unitsPerSecond(value[0])
		case code == optOffset && n == 8:
			f.offset = int64(r.order.Uint64(value))
		}
		b = b[min(len(b), 4+(n+3)&^3):]
	}
}

func unitsPerSecond(resolution byte) uint64 {
	exponent := int(resolution & 0x7f)
	if resolution&0x80 != 0 {
		if exponent > 63 {
			return 0
		}
		return 1 << exponent
	}
	if exponent > 19 {
		return 0
	}
	units := uint64(1)
	for range exponent {
		units *= 10
	}
	return units
}

func (r *Reader) packetBlock(rec *Record, kind uint32, length int64) error {
	const head = 28
	if length < head+4 {
		return r.damaged("a packet block's length is said to be", length)
	}
	h, err := r.at(r.off, head)
	if err != nil {
		return err
	}
	id := r.order.Uint32(h[8:])
	if kind == blockPacket {
		id = uint32(r.order.Uint16(h[8:]))
	}
	if int64(id) >= int64(len(r.faces)) {
		return r.damaged("a packet names an interface that is not there:", id)
	}
	f := r.faces[id]
	stamp := uint64(r.order.Uint32(h[12:]))<<32 | uint64(r.order.Uint32(h[16:]))
	rec.Time, rec.HasTime, rec.Link = f.time(stamp), true, f.link
	rec.Original = int(r.order.Uint32(h[24:]))
	return r.packetData(rec, head, int64(r.order.Uint32(h[20:])), length)
}

func (r *Reader) simpleBlock(rec *Record, length int64) error {
	const head = 12
	if length < head+4 || len(r.faces) == 0 {
		return r.damaged("a simple packet block without interface, length", length)
	}
	h, err := r.at(r.off, head)
	if err != nil {
		return err
	}
	original := int64(r.order.Uint32(h[8:]))
	captured := min(original, length-head-4)
	if snap := int64(r.faces[0].snap); snap > 0 {
		captured = min(captured, snap)
	}
	rec.Time, rec.HasTime, rec.Link, rec.Original = 0, false, r.faces[0].link, int(original)
	return r.packetData(rec, head, captured, length)
}

func (r *Reader) packetData(rec *Record, head int, captured, length int64) error {
	if captured > length-int64(head)-4 || captured > MaxRecord {
		return r.damaged("a packet's length is said to be", captured)
	}
	rec.Offset = r.off + int64(head)
	data, err := r.at(rec.Offset, int(captured))
	rec.Data = data
	return err
}

// time turns a stamp into nanoseconds since 1970, held within what fits.
func (f face) time(stamp uint64) int64 {
	if f.units == 0 {
		return 0
	}
	seconds, fraction := stamp/f.units, stamp%f.units
	high, low := bits.Mul64(fraction, 1e9)
	nanos, _ := bits.Div64(high, low, f.units) // fraction < units, so the quotient is < 1e9
	const most = math.MaxInt64/1000000000 - 1
	if seconds > most || f.offset > most || f.offset < -most {
		return math.MaxInt64
	}
	whole := min(int64(seconds)+f.offset, most)
	return whole*1e9 + int64(nanos)
}
