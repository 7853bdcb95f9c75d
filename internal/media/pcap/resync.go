package pcap

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
)

const (
	// maxResyncs bounds the work on a file that is damaged everywhere.
	maxResyncs = 64
	// maxLooked is the same for one that is no capture any more from some place
	// on: so many bytes are looked at in all. It is more than an hour of a call,
	// and takes seconds.
	maxLooked = 128 << 20
	// chainLength is how many records must follow one another before a place is
	// believed to be a record's beginning. pcapng repeats each block's length at
	// its end, so that two are enough there.
	chainLength = 3
	chainBlocks = 2
	// nearTime is how far a record's time may be from the last known one's.
	nearTime = 24 * 3600 * 1e9
)

// Resync looks for the next records that can be believed, after Next has failed
// with ErrDamaged or ErrCut, and reports whether there are any; then Next reads
// on there. It looks from the last record on, for that one's length may have
// been false already. The error is the source's.
func (r *Reader) Resync() (bool, error) {
	if r.resyncs++; r.resyncs > maxResyncs {
		return false, nil
	}
	step, begins := int64(1), r.beginsRecords
	if r.blocks {
		step, begins = 4, r.beginsBlocks
	}
	bad := r.off
	for off := r.last + step; off < r.win.f.size; off += step {
		zeros, err := r.zeros(off, step)
		if err != nil {
			return false, err
		}
		off += zeros
		if r.looked += zeros + step; r.looked > maxLooked {
			r.off, r.gaveUp = off, true
			return false, nil
		}
		if off == bad {
			continue
		}
		ok, err := begins(off)
		if err != nil {
			return false, err
		}
		if ok {
			r.off = off
			return true, nil
		}
	}
	return false, nil
}

// GaveUp reports whether Resync has stopped before the end of the file, at Offset:
// what is behind it was not looked at.
func (r *Reader) GaveUp() bool { return r.gaveUp }

// zeros is how far on from off no header can begin because there are only zeros: a
// whole number of steps, as far as the block in memory reaches.
func (r *Reader) zeros(off, step int64) (int64, error) {
	b, err := r.win.rest(off)
	if err != nil {
		return 0, err
	}
	n := int64(leadingZeros(b)) - (modifiedHeaderLen - 1) // there the next header may begin
	return max(0, n/step*step), nil
}

func leadingZeros(b []byte) (n int) {
	var none [512]byte
	for len(b)-n >= len(none) && bytes.Equal(b[n:n+len(none)], none[:]) {
		n += len(none)
	}
	for n < len(b) && b[n] == 0 {
		n++
	}
	return n
}

// peek is Window.At that gives nil behind the end of the file.
func (r *Reader) peek(off int64, n int) ([]byte, error) {
	b, err := r.win.At(off, n)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, nil
	}
	return b, err
}

// beginsRecords reports whether classic records follow one another from off on,
// up to the end of the file if that is near.
func (r *Reader) beginsRecords(off int64) (bool, error) {
	for n := range chainLength {
		if off == r.win.f.size {
			return n > 1 || n == 1 && r.timed, nil
		}
		h, err := r.peek(off, r.header)
		if h == nil || !r.plausible(h) {
			return false, err
		}
		off += int64(r.header) + int64(r.order.Uint32(h[8:]))
	}
	return off <= r.win.f.size, nil
}

// plausible reports whether h can be a record's header: lengths and fractions
// within their bounds, and a time near those seen before.
func (r *Reader) plausible(h []byte) bool {
	captured, original := r.order.Uint32(h[8:]), r.order.Uint32(h[12:])
	if captured == 0 || captured > original || original > MaxRecord {
		return false
	}
	limit := uint32(1e6)
	if r.nano {
		limit = 1e9
	}
	if r.order.Uint32(h[4:]) >= limit {
		return false
	}
	t := r.classicTime(h)
	return !r.timed || near(t, r.firstTime) || near(t, r.lastTime)
}

func near(a, b int64) bool { return a-b < nearTime && b-a < nearTime }

// beginsBlocks reports whether pcapng blocks follow one another from off on, the
// first of them with a packet or a new section.
func (r *Reader) beginsBlocks(off int64) (bool, error) {
	for n := range chainBlocks {
		if off == r.win.f.size {
			return n > 0, nil
		}
		length, err := r.blockAt(off, n == 0)
		if length == 0 || err != nil {
			return false, err
		}
		off += length
	}
	return true, nil
}

// blockAt is the length of the block at off, 0 if there is none that can be
// believed.
func (r *Reader) blockAt(off int64, first bool) (int64, error) {
	h, err := r.peek(off, minBlockLen)
	if h == nil {
		return 0, err
	}
	kind, length, face := r.order.Uint32(h), int64(r.order.Uint32(h[4:])), r.order.Uint32(h[8:])
	switch {
	case binary.BigEndian.Uint32(h) == blockSection:
		return r.sectionAt(off, h)
	case kind == blockEnhanced && int64(face) >= int64(len(r.faces)):
		return 0, nil
	case first && kind != blockEnhanced && kind != blockPacket && kind != blockSimple:
		return 0, nil
	}
	return r.closedBlock(off, length, r.order)
}

// sectionAt is blockAt for a section header, which has its own byte order.
func (r *Reader) sectionAt(off int64, h []byte) (int64, error) {
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		if order.Uint32(h[8:]) == orderMagic {
			return r.closedBlock(off, int64(order.Uint32(h[4:])), order)
		}
	}
	return 0, nil
}

// closedBlock gives length back if it stands at the block's end once more.
func (r *Reader) closedBlock(off, length int64, order binary.ByteOrder) (int64, error) {
	if length < minBlockLen || length%4 != 0 || length > 2*MaxRecord {
		return 0, nil
	}
	tail, err := r.peek(off+length-4, 4)
	if tail == nil || int64(order.Uint32(tail)) != length {
		return 0, err
	}
	return length, nil
}
