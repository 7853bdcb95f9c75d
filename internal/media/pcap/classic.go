package pcap

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// The magic numbers of classic pcap, as read in the file's own byte order.
const (
	magicMicro    = 0xa1b2c3d4
	magicNano     = 0xa1b23c4d
	magicModified = 0xa1b2cd34 // A. Kuznetsov's: eight more bytes before each packet
)

const (
	fileHeaderLen     = 24
	recordHeaderLen   = 16
	modifiedHeaderLen = 24
)

// openClassic reads the file header. The snap length in it is not used: devices
// write 0 or less than they capture.
func (r *Reader) openClassic(magic [4]byte) error {
	if !r.readMagic(magic) {
		return fmt.Errorf("%w: begins with % x", ErrFormat, magic)
	}
	h, err := r.win.At(0, fileHeaderLen)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: the file header is cut", ErrFormat)
	}
	if err != nil {
		return err
	}
	r.link = int(r.order.Uint32(h[20:]) & 0xffff) // above: length of the frame check sequence
	r.off, r.last = fileHeaderLen, fileHeaderLen-1
	return nil
}

func (r *Reader) readMagic(magic [4]byte) bool {
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		r.order, r.header, r.nano = order, recordHeaderLen, false
		r.big = order == binary.BigEndian
		switch order.Uint32(magic[:]) {
		case magicMicro:
			return true
		case magicNano:
			r.nano = true
			return true
		case magicModified:
			r.header = modifiedHeaderLen
			return true
		}
	}
	return false
}

func (r *Reader) nextClassic(rec *Record) error {
	if r.off == r.win.f.size {
		return io.EOF
	}
	h, err := r.at(r.off, r.header)
	if err != nil {
		return err
	}
	captured, original := r.uint32(h[8:]), r.uint32(h[12:])
	if captured > MaxRecord {
		return r.damaged("a packet's length is said to be", captured)
	}
	if captured == 0 && original == 0 {
		return r.damaged("a packet's length is said to be", 0)
	}
	rec.Time, rec.HasTime = r.classicTime(h), true
	rec.Link, rec.Original = r.link, int(original)
	rec.Offset = r.off + int64(r.header)
	if rec.Data, err = r.at(rec.Offset, int(captured)); err != nil {
		return err
	}
	r.last, r.off = r.off, rec.Offset+int64(captured)
	if r.lastTime = rec.Time; !r.timed {
		r.firstTime, r.timed = rec.Time, true
	}
	return nil
}

func (r *Reader) classicTime(h []byte) int64 {
	fraction := int64(r.uint32(h[4:]))
	if !r.nano {
		fraction *= 1000
	}
	return int64(r.uint32(h))*1e9 + fraction
}

// uint32 is r.order's: the first pass is here four times a packet, and a call
// through an interface took a fortieth of its time.
func (r *Reader) uint32(b []byte) uint32 {
	if r.big {
		return binary.BigEndian.Uint32(b)
	}
	return binary.LittleEndian.Uint32(b)
}
