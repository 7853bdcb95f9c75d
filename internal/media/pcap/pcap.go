// Package pcap reads packet captures: classic pcap and pcapng in both byte
// orders, with time stamps of any resolution. It tells a file that ends
// properly from one that was cut, also when the cut is right behind a record's
// header, and it never trusts a length it read. What the packets hold is the
// business of package packet.
//
// Sources: draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng.
package pcap

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
)

// MaxRecord is the largest packet that is believed, in bytes; it is tcpdump's
// own limit.
const MaxRecord = 262144

var (
	// ErrFormat says that the file is no capture.
	ErrFormat = errors.New("no packet capture")
	// ErrCut says that the file ends in the middle of a record.
	ErrCut = errors.New("cut in the middle of a packet")
	// ErrDamaged says that a record cannot be what it says it is.
	ErrDamaged = errors.New("damaged")
)

// Record is one captured packet.
type Record struct {
	Offset   int64  // where Data begins in the file
	Time     int64  // nanoseconds since 1970, UTC; meaningless if not HasTime
	HasTime  bool   // simple packet blocks of pcapng have none
	Link     int    // link type, as in the LINKTYPE registry
	Data     []byte // valid until the next call of Next
	Original int    // length on the wire; Data is shorter if the capture was limited
}

// Reader gives a capture's packets one after the other. It is not safe for
// concurrent use.
type Reader struct {
	win  *Window
	off  int64
	next func(*Record) error

	order  binary.ByteOrder
	big    bool // order is big-endian, in classic files
	link   int
	nano   bool
	header int // length of a classic record's header

	faces  []face // pcapng: the section's interfaces
	blocks bool   // it is pcapng

	last                int64 // where the last record began
	firstTime, lastTime int64
	timed               bool // there was a record with a time
	resyncs             int
	looked              int64 // bytes that were looked at by Resync
	gaveUp              bool
}

// NewReader looks at the file's first bytes and returns a reader, or an error
// that wraps ErrFormat or is the source's.
func NewReader(src io.ReaderAt, size int64) (*Reader, error) {
	return NewFile(src, size).Reader()
}

// Reader is NewReader for a file that others read too.
func (f *File) Reader() (*Reader, error) {
	r := &Reader{win: f.Window()}
	magic, err := r.win.At(0, 4)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, fmt.Errorf("%w: %d bytes long", ErrFormat, f.size)
	}
	if err != nil {
		return nil, err
	}
	if binary.BigEndian.Uint32(magic) == blockSection {
		r.next, r.blocks = r.nextBlock, true
		return r, r.checkFirstSection()
	}
	r.next = r.nextClassic
	return r, r.openClassic([4]byte(magic))
}

// Next reads the next packet into rec. It returns io.EOF at a proper end, an
// error wrapping ErrCut where the file was cut, one wrapping ErrDamaged where
// it makes no sense, and the source's error otherwise. After an error there is
// nothing more to read, unless Resync finds where to go on.
func (r *Reader) Next(rec *Record) error { return r.next(rec) }

// Peek is a reader of the same place, by which what follows can be looked at
// before it is read.
func (r *Reader) Peek() *Reader {
	ahead := *r
	ahead.win = r.win.f.Window()
	ahead.faces = slices.Clone(r.faces)
	if ahead.blocks {
		ahead.next = ahead.nextBlock
	} else {
		ahead.next = ahead.nextClassic
	}
	return &ahead
}

// Offset is where the next record is looked for.
func (r *Reader) Offset() int64 { return r.off }

// at is Window.At with the end of the file told as a cut.
func (r *Reader) at(off int64, n int) ([]byte, error) {
	b, err := r.win.At(off, n)
	if err == nil || !errors.Is(err, io.ErrUnexpectedEOF) {
		return b, err
	}
	return nil, fmt.Errorf("%w at offset %d", ErrCut, r.off)
}

func (r *Reader) damaged(what string, value any) error {
	return fmt.Errorf("%w at offset %d: %s %v", ErrDamaged, r.off, what, value)
}
