package convert

import (
	"cmp"
	"fmt"
	"slices"

	"callreel/internal/media/mp3"
)

// Format is the kind of file that is made.
type Format string

// The choices. The zero value means WAV.
const (
	WAV Format = "wav"
	MP3 Format = "mp3" // constant bit rate, no reservoir
)

// PCAP is the format of the setup that files the capture itself: Keep, not Convert.
const PCAP Format = "pcap"

func allFormats() []Format { return []Format{WAV, MP3} }

// Extension is what names of such files end with, with its dot.
func (f Format) Extension() string {
	if f == "" {
		f = WAV
	}
	return "." + string(f)
}

func validFormat(f Format, pcm bool) error {
	if f != "" && !slices.Contains(allFormats(), f) {
		return fmt.Errorf("format %q: must be one of wav, mp3", f)
	}
	if f == MP3 && pcm {
		return fmt.Errorf("pcm: is for wav, an mp3 has no choice of samples")
	}
	return nil
}

// validBitrate checks the bit rate of an MP3 at 8 kHz. 0 is the default's.
func validBitrate(f Format, kbps int, c Channels) error {
	switch {
	case kbps == 0:
		return nil
	case f != MP3:
		return fmt.Errorf("bitrate %d: is for mp3, the size of a wav is what it is", kbps)
	}
	if may := mp3.BitRates(rate, c.count()); !slices.Contains(may, kbps) {
		return fmt.Errorf("bitrate %d: must be one of %d for %s", kbps, may, cmp.Or(c, Stereo))
	}
	return nil
}

// count is how many channels the file has.
func (c Channels) count() int {
	if c == Stereo || c == "" {
		return 2
	}
	return 1
}

// mp3Format is the stream of a file at a rate of samples. A file at 16 kHz has
// half as much again of the bit rate that is set for 8 kHz, or what of the format
// comes next.
func (o Options) mp3Format(samples, channels int) mp3.Format {
	f := mp3.Format{Rate: samples, Channels: channels, Kbps: o.Bitrate}
	switch {
	case f.Kbps == 0:
		f.Kbps = mp3.DefaultKbps(samples, channels)
	case samples != rate:
		may := mp3.BitRates(samples, channels)
		i, _ := slices.BinarySearch(may, f.Kbps*3/2)
		f.Kbps = may[min(i, len(may)-1)]
	}
	return f
}
