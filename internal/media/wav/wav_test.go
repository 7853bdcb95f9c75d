package wav_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	"callreel/internal/media/wav"
)

func TestHeader(t *testing.T) {
	for _, row := range []struct {
		name       string
		f          wav.Format
		samples    int64
		length     int
		riff, data uint32
		pad        int64
	}{
		{"A-law stereo", wav.Format{Coding: wav.ALaw, Rate: 8000, Channels: 2}, 100, 58, 250, 200, 0},
		{"µ-law mono, odd", wav.Format{Coding: wav.MuLaw, Rate: 8000, Channels: 1}, 101, 58, 152, 101, 1},
		{"PCM stereo", wav.Format{Coding: wav.PCM16, Rate: 16000, Channels: 2}, 100, 44, 436, 400, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			h, err := row.f.Header(row.samples)
			if err != nil || len(h) != row.length {
				t.Fatalf("%d bytes, %v", len(h), err)
			}
			le := binary.LittleEndian
			if got := le.Uint32(h[4:]); got != row.riff {
				t.Errorf("RIFF size %d, want %d", got, row.riff)
			}
			if got := le.Uint32(h[len(h)-4:]); got != row.data || row.f.Pad(row.samples) != row.pad {
				t.Errorf("data size %d, want %d; pad %d", got, row.data, row.f.Pad(row.samples))
			}
			if fact := bytes.Contains(h, []byte("fact")); fact == (row.f.Coding == wav.PCM16) {
				t.Errorf("fact chunk: %v", fact)
			}
		})
	}
	if _, err := (wav.Format{Coding: wav.PCM16, Rate: 8000, Channels: 2}).Header(1 << 31); err == nil {
		t.Error("a file beyond 4 GiB was accepted")
	}
}
