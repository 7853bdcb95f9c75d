// Package mp3 makes MPEG audio of layer III for voice: at 8 kHz (MPEG-2.5) and
// 16 kHz (MPEG-2), constant bit rate, one or two channels. It owns the encoder,
// the header frame that tells players where the call begins and ends, and the
// proof that a stream is whole.
//
// There is no bit reservoir: every frame stands for itself, so that any part of a
// call can be encoded by itself, a damaged file loses nothing but its damaged
// frames, and all frames have the same size.
//
// Sources: ISO/IEC 11172-3 and 13818-3 (the filter bank, Huffman codes, syntax);
// the extension of their sampling rates to 8 kHz known as MPEG-2.5; "Mp3 Info Tag"
// revision 1 by Gabriel Bouvigne and others (the header frame).
package mp3

import (
	"fmt"
	"slices"
)

const (
	// FrameSamples is how many samples of a channel one frame holds.
	FrameSamples = 576

	// Delay is how many samples the encoder puts in front of the first one: what
	// the header frame calls the encoder delay. It is LAME's, which is also what
	// players take that do not look.
	Delay = 576

	// decoderDelay is what every decoder adds.
	decoderDelay = 529

	bands = 32 // of the filter bank
	slots = 18 // samples of each band in a frame
)

// Format describes a stream.
type Format struct {
	Rate     int // samples a second: 8000 or 16000
	Channels int // 1 or 2
	Kbps     int // kbit/s of the whole stream
}

// bitRates are those of MPEG-2 layer III, by the field of the frame header.
var bitRates = [15]int{0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160}

// BitRates are those that a stream can have, in kbit/s.
func BitRates(rate, channels int) []int {
	from, to := 1, 9
	if rate == 16000 {
		from, to = 2, len(bitRates)
	}
	return slices.Clone(bitRates[from+channels-1 : to])
}

// DefaultKbps is a bit rate at which speech sounds well: at 8 kHz 16 kbit/s a
// channel, at 16 kHz 24.
func DefaultKbps(rate, channels int) int {
	if rate == 16000 {
		return 24 * channels
	}
	return 16 * channels
}

// Validate reports what the encoder does not make.
func (f Format) Validate() error {
	if f.Rate != 8000 && f.Rate != 16000 {
		return fmt.Errorf("mp3: %d samples a second: must be 8000 or 16000", f.Rate)
	}
	if f.Channels != 1 && f.Channels != 2 {
		return fmt.Errorf("mp3: %d channels: must be 1 or 2", f.Channels)
	}
	if may := BitRates(f.Rate, f.Channels); !slices.Contains(may, f.Kbps) {
		return fmt.Errorf("mp3: %d kbit/s at %d Hz with %d channels: must be one of %d", f.Kbps, f.Rate, f.Channels, may)
	}
	return nil
}

// FrameBytes is the size of every frame.
func (f Format) FrameBytes() int { return FrameSamples / 8 * 1000 * f.Kbps / f.Rate }

// Frames is how many frames hold a call, without the header frame. The last one
// ends late enough for a decoder to give all of the samples.
func (f Format) Frames(samples int64) int64 {
	return (samples + Delay + decoderDelay + FrameSamples - 1) / FrameSamples
}

// Padding is what the header frame says is behind the last sample.
func (f Format) Padding(samples int64) int64 {
	return f.Frames(samples)*FrameSamples - samples - Delay
}

// Size is the length of the file, with the header frame, in bytes.
func (f Format) Size(samples int64) int64 {
	return (f.Frames(samples) + 1) * int64(f.FrameBytes())
}

// sideBytes is the size of the frame header and the side information.
func (f Format) sideBytes() int {
	if f.Channels == 1 {
		return headerBytes + 9
	}
	return headerBytes + 17
}
