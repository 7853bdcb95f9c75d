package mp3

import (
	"encoding/binary"
	"slices"
)

// headerBytes is the size of a frame header.
const headerBytes = 4

// The fields of a frame header, from its highest bit.
const (
	syncMPEG2  = 0x7ff<<21 | 2<<19
	syncMPEG25 = 0x7ff << 21
	layerIII   = 1 << 17
	noCRC      = 1 << 16
	rate16     = 2 << 10 // the third rate: 16 kHz, and 8 kHz in MPEG-2.5
	modeMono   = 3 << 6
	original   = 1 << 2
)

// header is the one that every frame of the stream begins with.
func (f Format) header() uint32 {
	h := uint32(syncMPEG2)
	if f.Rate == 8000 {
		h = syncMPEG25
	}
	h |= layerIII | noCRC | rate16 | original
	h |= uint32(slices.Index(bitRates[:], f.Kbps)) << 12
	if f.Channels == 1 {
		h |= modeMono
	}
	return h
}

func (f Format) appendHeader(b []byte) []byte { return binary.BigEndian.AppendUint32(b, f.header()) }
