package convert

import (
	"context"
	"fmt"
	"io"

	"callreel/internal/recording"
)

// Keep writes the capture itself to dst, as it came, and tells what Convert would make
// of it: its Status may be any, and only of a capture that is damaged, or holds no
// voice at all, nothing is written.
func Keep(ctx context.Context, src Capture, dst io.Writer, o Options) (recording.Audio, error) {
	if err := o.Validate(); err != nil {
		return recording.Audio{}, err
	}
	a, _, err := analyse(ctx, src, o)
	if err != nil {
		return a, err
	}
	a.Format, a.Codec, a.Kbps, a.SampleRate, a.Channels, a.Samples = string(PCAP), "", 0, 0, 0, 0
	if !Kept(a.Status) {
		return a, nil
	}
	n, err := io.Copy(dst, io.NewSectionReader(src, 0, src.Size()))
	if err == nil && n != src.Size() {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return a, fmt.Errorf("copy the capture: %w", err)
	}
	return a, ctx.Err()
}

// Kept reports whether Keep writes a capture of this status: what cannot be decoded
// today may be another day.
func Kept(s recording.AudioStatus) bool {
	return s == recording.AudioOK || s == recording.AudioEncrypted || s == recording.AudioUnsupported
}
