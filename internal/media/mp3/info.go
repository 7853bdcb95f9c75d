package mp3

import (
	"bytes"
	"encoding/binary"
)

// The fields of the header frame that are there.
const (
	hasFrames  = 1
	hasBytes   = 2
	hasTOC     = 4
	hasQuality = 8
)

const (
	tocBytes  = 100
	lameBytes = 36
	// encoderName must begin with LAME: players look for the delay only then.
	encoderName = "LAMEcallr"
	stereoField = 1 << 2 // of the byte of miscellaneous facts: plain stereo
)

// Info is the frame that comes before the first: it holds no sound, but how many
// frames and bytes follow and how much a player must drop at both ends. It has a
// table for seeking where there is room; all frames being of one size, nobody
// needs it. The checksum of the music is left out, for the frame is written
// before there is any.
func (f Format) Info(samples int64) []byte {
	be := binary.BigEndian
	b := append(f.appendHeader(nil), make([]byte, f.sideBytes()-headerBytes)...)
	toc := f.FrameBytes() >= len(b)+20+tocBytes+lameBytes
	flags := uint32(hasFrames | hasBytes | hasQuality)
	if toc {
		flags |= hasTOC
	}
	b = be.AppendUint32(append(b, "Info"...), flags)
	b = be.AppendUint32(b, uint32(f.Frames(samples)))
	b = be.AppendUint32(b, uint32(f.Size(samples)))
	for i := 0; toc && i < tocBytes; i++ {
		b = append(b, byte(i*256/tocBytes))
	}
	b = be.AppendUint32(b, 50) // quality: not stated
	b = f.appendLAME(b, samples)
	return append(b, make([]byte, f.FrameBytes()-len(b))...)
}

// appendLAME appends LAME's part, which ends with a checksum of all before it.
func (f Format) appendLAME(b []byte, samples int64) []byte {
	be := binary.BigEndian
	b = append(b, encoderName...)
	b = append(b, 1, 0)               // constant bit rate; no low-pass is told
	b = append(b, make([]byte, 9)...) // peak, replay gain, flags
	b = append(b, byte(f.Kbps))
	delays := Delay<<12 | uint32(f.Padding(samples))
	b = append(b, byte(delays>>16), byte(delays>>8), byte(delays))
	misc := byte(0) // a rate below 44.1 kHz, mono
	if f.Channels == 2 {
		misc |= stereoField
	}
	b = append(b, misc, 0, 0, 0) // no gain, no preset
	b = be.AppendUint32(b, uint32(f.Size(samples)))
	b = append(b, 0, 0)
	return be.AppendUint16(b, checksum(b))
}

// checksum is CRC-16 with the polynomial 0x8005, the lowest bit first.
func checksum(b []byte) (crc uint16) {
	for _, x := range b {
		crc ^= uint16(x)
		for range 8 {
			crc = crc>>1 ^ crc&1*0xa001
		}
	}
	return crc
}

// told reads from a header frame how many samples a channel the call has. ok is
// false where it is not such a frame as Info makes.
func (f Format) told(frame []byte) (samples int64, ok bool) {
	be := binary.BigEndian
	at := f.sideBytes()
	if len(frame) < at+16 || !bytes.Equal(frame[at:at+4], []byte("Info")) {
		return 0, false
	}
	lame := at + 20
	if be.Uint32(frame[at+4:])&hasTOC != 0 {
		lame += tocBytes
	}
	if len(frame) < lame+lameBytes {
		return 0, false
	}
	frames := int64(be.Uint32(frame[at+8:]))
	padding := int64(be.Uint16(frame[lame+22:]) & 0xfff)
	samples = frames*FrameSamples - Delay - padding
	if samples < 0 {
		return 0, false
	}
	return samples, bytes.Equal(frame, f.Info(samples))
}
