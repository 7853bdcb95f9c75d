// Package convert makes audio of a capture. It owns the way from packets to a
// timeline with two sides: which streams are voice and whose, when each packet
// sounded, what was lost. A first pass over the capture builds an index of its
// RTP packets, the second writes the file strictly from front to back, so that
// it can go into a sealed stream. It opens no path; names, rules and keys are
// the business of others.
package convert

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"

	"callreel/internal/media/pcap"
	"callreel/internal/recording"
)

// maxInflated bounds the memory for a compressed capture: about three hours of
// a call in G.711.
const maxInflated = 256 << 20

// Capture is a capture file, from the first byte of pcap, pcapng or gzip on.
type Capture interface {
	io.ReaderAt
	Size() int64
}

// Convert writes the audio of src to dst as a WAV or MP3 file. What cannot be
// converted is told by the Status and Reason of the Audio it returns; then
// nothing has been written to dst. The error is only for src and dst that fail
// and for ctx, and for an MP3 that did not become whole; the Audio is not
// complete then.
//
// The memory it needs is two to three bytes a packet, two a 20 ms of audio and
// channel, and the inflated size of a compressed capture.
func Convert(ctx context.Context, src Capture, dst io.Writer, o Options) (recording.Audio, error) {
	if err := o.Validate(); err != nil {
		return recording.Audio{}, err
	}
	a, p, err := analyse(ctx, src, o)
	if err != nil || a.Status != recording.AudioOK {
		return a, err
	}
	if err := p.write(ctx, dst, &a); err != nil {
		return a, fmt.Errorf("convert: %w", err)
	}
	return a, nil
}

// analyse is the first pass: everything about the audio but its samples.
func analyse(ctx context.Context, src Capture, o Options) (recording.Audio, *plan, error) {
	a := recording.Audio{Converter: "callreel " + o.Version}
	src, cut, err := inflated(ctx, src)
	if status, ok := statusOf(err); ok {
		a.Status, a.Reason = status, err.Error()
		return a, nil, nil
	}
	if err != nil {
		return a, nil, fmt.Errorf("convert: %w", err)
	}
	s := newScan(src)
	err = s.runAhead(ctx)
	if cut {
		s.passed["cut"]++
	}
	a.Passed, a.SIP = s.passed, s.sip.parties(nil)
	if status, ok := statusOf(err); ok {
		a.Status, a.Reason = status, err.Error()
		return a, nil, nil
	}
	if err != nil {
		return a, nil, fmt.Errorf("convert: %w", err)
	}
	p, err := newPlan(src, s, o.bind(ctx), &a)
	if status, ok := statusOf(err); ok {
		a.Status, a.Reason = status, err.Error()
		return a, nil, nil
	}
	if err = cmp.Or(ctx.Err(), err); err != nil {
		return a, nil, fmt.Errorf("convert: %w", err)
	}
	a.SIP = s.sip.parties(p.call)
	a.Reason = s.damage.beside(p.crowd.beside(p.besideGuesses(a.Reason)))
	return a, p, nil
}

func inflated(ctx context.Context, src Capture) (c Capture, cut bool, err error) {
	if !pcap.IsGzip(src) {
		return src, false, nil
	}
	content, cut, err := pcap.Inflate(ctx, src, src.Size(), maxInflated)
	if err != nil {
		return nil, false, err
	}
	return content, cut, nil
}

// errUnsupported is for limits of this package that a capture passes.
var errUnsupported = errors.New("not supported")

// statusOf tells the errors that are the capture's fault from those of reading
// it.
func statusOf(err error) (recording.AudioStatus, bool) {
	switch {
	case err == nil:
		return "", false
	case errors.Is(err, pcap.ErrFormat), errors.Is(err, pcap.ErrDamaged):
		return recording.AudioDamaged, true
	case errors.Is(err, pcap.ErrTooLarge), errors.Is(err, errUnsupported):
		return recording.AudioUnsupported, true
	}
	return "", false
}
