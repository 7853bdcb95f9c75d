// Package wav writes the header of a RIFF/WAVE file whose length is known
// beforehand. Source: Microsoft Multimedia Standards Update, "New Multimedia
// Data Types and Data Techniques" (WAVEFORMATEX and the fact chunk).
package wav

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Coding is the format tag of the fmt chunk.
type Coding uint16

// The codings written here.
const (
	PCM16 Coding = 1 // 16 bits, little-endian
	ALaw  Coding = 6
	MuLaw Coding = 7
)

// Bytes is the size of one sample of one channel.
func (c Coding) Bytes() int {
	if c == PCM16 {
		return 2
	}
	return 1
}

// Format describes the audio.
type Format struct {
	Coding   Coding
	Rate     int // samples a second
	Channels int
}

// Header returns everything in front of the first sample, for samples samples a
// channel. The data must be followed by Pad bytes of zero. It fails if the file
// would pass the 4 GiB of the format.
func (f Format) Header(samples int64) ([]byte, error) {
	block := f.Channels * f.Coding.Bytes()
	if block < 1 || samples < 0 || samples > (math.MaxUint32-64)/int64(block) {
		return nil, fmt.Errorf("wav: %d samples of %d bytes do not fit into a file", samples, block)
	}
	data := samples * int64(block)
	body := f.chunks(uint32(samples))
	le := binary.LittleEndian
	h := append([]byte("RIFF"), 0, 0, 0, 0)
	le.PutUint32(h[4:], uint32(4+int64(len(body))+8+data+f.Pad(samples)))
	h = append(append(h, "WAVE"...), body...)
	return le.AppendUint32(append(h, "data"...), uint32(data)), nil
}

// Pad is the number of zero bytes behind the data: chunks are of even length.
func (f Format) Pad(samples int64) int64 {
	return samples * int64(f.Channels*f.Coding.Bytes()) & 1
}

// chunks are fmt and, for all that is not PCM, fact.
func (f Format) chunks(samples uint32) []byte {
	le, size := binary.LittleEndian, f.Coding.Bytes()
	length := uint32(18)
	if f.Coding == PCM16 {
		length = 16
	}
	b := le.AppendUint32([]byte("fmt "), length)
	b = le.AppendUint16(b, uint16(f.Coding))
	b = le.AppendUint16(b, uint16(f.Channels))
	b = le.AppendUint32(b, uint32(f.Rate))
	b = le.AppendUint32(b, uint32(f.Rate*f.Channels*size))
	b = le.AppendUint16(b, uint16(f.Channels*size))
	b = le.AppendUint16(b, uint16(8*size))
	if f.Coding == PCM16 {
		return b
	}
	b = le.AppendUint16(b, 0) // no extension
	b = le.AppendUint32(append(b, "fact"...), 4)
	return le.AppendUint32(b, samples)
}
