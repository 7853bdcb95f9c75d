package service

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"

	"callreel/convert"
	"callreel/internal/recording"
)

// mostHeard bounds the sound that is made of a capture for one who listens: four hours
// in G.711.
const mostHeard = 256 << 20

// heard keeps the sound of the capture that was listened to last: a browser asks for it
// piece by piece. It lies in memory only. It is safe for concurrent use; the zero value
// is empty.
type heard struct {
	mu  sync.Mutex
	id  recording.ID
	wav []byte
}

// of returns the sound of a recording, which render makes where it is not the last one.
func (h *heard) of(rec recording.Recording, render func() ([]byte, error)) ([]byte, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.id == rec.ID && h.wav != nil {
		return h.wav, nil
	}
	h.wav = nil
	wav, err := render()
	if err == nil {
		h.id, h.wav = rec.ID, wav
	}
	return wav, err
}

// bounded is a buffer that takes no more than mostHeard.
type bounded struct{ bytes.Buffer }

func (b *bounded) Write(p []byte) (int, error) {
	if b.Len()+len(p) > mostHeard {
		return 0, fmt.Errorf("its sound is longer than %d MiB; convert the file to hear it", mostHeard>>20)
	}
	return b.Buffer.Write(p)
}

// sound converts a capture that was filed as it came, for one who listens.
func (s *Service) sound(ctx context.Context, rec recording.Recording, src convert.Capture) ([]byte, error) {
	return s.heard.of(rec, func() ([]byte, error) {
		var out bounded
		o := s.conversion(rec, convert.WAV)
		o.Bitrate, o.NoPeaks = 0, true
		a, err := convert.Convert(ctx, src, &out, o)
		if err == nil && a.Status != recording.AudioOK {
			err = errors.New(string(a.Status) + ": " + a.Reason)
		}
		if err != nil {
			return nil, fmt.Errorf("recording %d is a capture that cannot be heard: %w", rec.ID, err)
		}
		return out.Bytes(), nil
	})
}
