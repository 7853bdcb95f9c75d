package service

import (
	"context"
	"io"

	"callreel/convert"
	"callreel/internal/recording"
	"callreel/rules"
)

// This file is for recorders that file captures as they come, by the mode of the rules
// or the format of the setup. What changes the audio is done later, by the converter.

func (s *Service) asItCame() bool {
	return s.cfg.Audio.Format == convert.PCAP || s.rules.Mode() == rules.ModePCAP
}

// converter makes what is filed of a capture.
func (s *Service) converter() func(context.Context, convert.Capture, io.Writer, convert.Options) (recording.Audio, error) {
	if s.asItCame() {
		return convert.Keep
	}
	return convert.Convert
}

// madeFormat is the format of audio; that of the first pass over a capture that is
// filed itself does not matter.
func (s *Service) madeFormat() convert.Format {
	if s.asItCame() {
		return convert.WAV
	}
	return s.cfg.Audio.Format
}

// canBeFiled reports whether there is something to file of a capture of this status.
func (s *Service) canBeFiled(status recording.AudioStatus) bool {
	if s.asItCame() {
		return convert.Kept(status)
	}
	return status == recording.AudioOK
}
