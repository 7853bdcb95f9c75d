package convert

import (
	"encoding/binary"
	"math"

	"callreel/internal/media/g711"
	"callreel/internal/media/wav"
)

// soundFile is a file at 8 kHz as libsndfile writes it, the library behind
// extractaudio: Microsoft's RIFF/WAVE, Sony's Wave64, or samples alone.
type soundFile struct {
	container string // wav, w64 or raw
	coding    string // by extractaudio's name
	channels  int
}

// coding is how libsndfile stores samples: one by one, or in blocks.
type coding struct {
	tag, bits int
	put       func(b []byte, x int16) []byte
	encode    func(x []int16, channels int) []byte // instead of put
	block     int                                  // samples of a block, of each channel
	extension []uint16                             // of the fmt chunk
	fact      func(frames int, f soundFile) uint64 // nil where there is no fact chunk
}

func codings() map[string]coding {
	return map[string]coding{
		"pcm_s8":    {tag: 1, bits: 8, put: func(b []byte, x int16) []byte { return append(b, byte(x>>8)) }},
		"pcm_u8":    {tag: 1, bits: 8, put: func(b []byte, x int16) []byte { return append(b, byte(x>>8)^0x80) }},
		"pcm_16":    {tag: 1, bits: 16, put: func(b []byte, x int16) []byte { return append(b, byte(x), byte(x>>8)) }},
		"pcm_24":    {tag: 1, bits: 24, put: func(b []byte, x int16) []byte { return append(b, 0, byte(x), byte(x>>8)) }},
		"pcm_32":    {tag: 1, bits: 32, put: func(b []byte, x int16) []byte { return append(b, 0, 0, byte(x), byte(x>>8)) }},
		"float":     {tag: 3, bits: 32, put: putFloat, fact: factFrames},
		"double":    {tag: 3, bits: 64, put: putDouble, fact: factFrames},
		"alaw":      {tag: 6, bits: 8, put: putA, fact: factFrames},
		"ulaw":      {tag: 7, bits: 8, put: putMu, fact: factFrames},
		"ima_adpcm": {tag: 0x11, bits: 4, encode: encodeIMA, block: imaBlock, extension: []uint16{imaBlock}, fact: factIMA},
		"ms_adpcm":  {tag: 2, bits: 4, encode: encodeMS, block: msBlock, extension: extensionMS(), fact: factMS},
		"vox_adpcm": {encode: encodeVox},
	}
}

func putFloat(b []byte, x int16) []byte {
	return binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(x)))
}

func putDouble(b []byte, x int16) []byte {
	return binary.LittleEndian.AppendUint64(b, math.Float64bits(float64(x)))
}

func putA(b []byte, x int16) []byte  { return append(b, g711.EncodeA(byMagnitude(x))) }
func putMu(b []byte, x int16) []byte { return append(b, g711.EncodeMu(byMagnitude(x))) }

// byMagnitude makes of G.191's coder, which takes a negative sample in one's
// complement, libsndfile's, which takes its magnitude.
func byMagnitude(x int16) int16 {
	if x < 0 {
		return max(x, -32767) - 1
	}
	return x
}

func factFrames(frames int, _ soundFile) uint64 { return uint64(frames) }

// factIMA counts what whole blocks hold, and divides it by the channels.
func factIMA(frames int, f soundFile) uint64 {
	blocks := (frames + imaBlock - 1) / imaBlock
	return uint64(blocks * imaBlock / f.channels)
}

// factMS is not brought up to date in a Wave64 when the length is known: it is the
// largest there could be, less 10,000.
func factMS(frames int, f soundFile) uint64 {
	if f.container == "w64" {
		return math.MaxInt64 - 10_000
	}
	return uint64(frames)
}

// bytes is the file of samples, one channel's beside the other's.
func (f soundFile) bytes(x []int16) []byte {
	c := codings()[f.coding]
	data, frames := c.data(x, f.channels), len(x)/f.channels
	switch f.container {
	case "wav":
		if own, ok := f.ours(); ok {
			header, _ := own.Header(int64(frames)) // fails from 4 GiB on
			return append(header, data...)
		}
		return f.wave(c, data, frames)
	case "w64":
		return f.wave64(c, data, frames)
	}
	return data
}

func (c coding) data(x []int16, channels int) (b []byte) {
	if c.encode != nil {
		return c.encode(x, channels)
	}
	for _, sample := range x {
		b = c.put(b, sample)
	}
	return b
}

// ours is the shape of what the product writes itself, header and all.
func (f soundFile) ours() (wav.Format, bool) {
	c, ok := map[string]wav.Coding{"pcm_16": wav.PCM16, "alaw": wav.ALaw, "ulaw": wav.MuLaw}[f.coding]
	return wav.Format{Coding: c, Rate: rate, Channels: f.channels}, ok
}

func (f soundFile) wave(c coding, data []byte, frames int) []byte {
	b := riffChunk([]byte("WAVE"), "fmt ", f.format(c))
	if c.fact != nil {
		b = riffChunk(b, "fact", binary.LittleEndian.AppendUint32(nil, uint32(c.fact(frames, f))))
	}
	return riffChunk(nil, "RIFF", riffChunk(b, "data", data))
}

func riffChunk(b []byte, name string, body []byte) []byte {
	b = binary.LittleEndian.AppendUint32(append(b, name...), uint32(len(body)))
	return append(b, body...)
}

// The ends of the 16 bytes that name a chunk of Wave64.
const (
	tailOfRIFF  = "\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00"
	tailOfChunk = "\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a"
)

func (f soundFile) wave64(c coding, data []byte, frames int) []byte {
	b := sonyChunk([]byte("wave"+tailOfChunk), "fmt "+tailOfChunk, f.format(c))
	if c.fact != nil {
		b = sonyChunk(b, "fact"+tailOfChunk, binary.LittleEndian.AppendUint64(nil, c.fact(frames, f)))
	}
	return sonyChunk(nil, "riff"+tailOfRIFF, sonyChunk(b, "data"+tailOfChunk, data))
}

// sonyChunk appends a chunk: its size counts the whole of it, filled up to eight
// bytes.
func sonyChunk(b []byte, name string, body []byte) []byte {
	fill := -len(body) & 7
	b = binary.LittleEndian.AppendUint64(append(b, name...), uint64(24+len(body)+fill))
	return append(append(b, body...), make([]byte, fill)...)
}

// format is the body of the fmt chunk. Of the laws only a WAVE tells that there is
// no extension; those files are ours.
func (f soundFile) format(c coding) []byte {
	le := binary.LittleEndian
	align, frames := f.channels*c.bits/8, 1
	if c.block > 0 {
		align, frames = f.channels*blockBytes, c.block
	}
	b := le.AppendUint16(nil, uint16(c.tag))
	b = le.AppendUint16(b, uint16(f.channels))
	b = le.AppendUint32(b, rate)
	b = le.AppendUint32(b, uint32(rate*align/frames))
	b = le.AppendUint16(b, uint16(align))
	b = le.AppendUint16(b, uint16(c.bits))
	if c.extension == nil {
		return b
	}
	b = le.AppendUint16(b, uint16(2*len(c.extension)))
	for _, x := range c.extension {
		b = le.AppendUint16(b, x)
	}
	return b
}
