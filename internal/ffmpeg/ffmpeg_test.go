package ffmpeg

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"callreel/internal/corpus"
)

func TestFormats(t *testing.T) {
	got := formats(" A....D amrnb   AMR-NB (codec amr_nb)\n A....D g723_1  G.723.1\n A....D opus  Opus\n\n")
	if len(got) != 2 || got["amr"] != "amr" || got["g723_1"] != "g723_1" {
		t.Error(got)
	}
}

func find(t *testing.T) *Program {
	t.Helper()
	p, err := Find(t.Context())
	if errors.Is(err, exec.ErrNotFound) {
		t.Skip("no ffmpeg here")
	}
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestDecode(t *testing.T) {
	file, err := os.ReadFile(corpus.Vectors(t, "fate/amrnb-12.2k.amr"))
	if err != nil {
		t.Fatal(err)
	}
	p, frames := find(t), (len(file)-6)/32
	samples, err := p.Decode(t.Context(), "amr", file, 8000, frames*160)
	if err != nil || len(samples) != frames*160 {
		t.Fatalf("%d samples of %d frames, %v", len(samples), frames, err)
	}
	if _, err := p.Decode(t.Context(), "amr", file, 8000, frames*160-1); !errors.Is(err, ErrTooMuch) {
		t.Errorf("more than the limit: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Decode(ctx, "amr", file, 8000, frames*160); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %v", err)
	}
}

func TestDecodeFails(t *testing.T) {
	if _, err := find(t).Decode(t.Context(), "ilbc", []byte("no file at all"), 8000, 100); err == nil || !strings.Contains(err.Error(), "ffmpeg") {
		t.Error(err)
	}
}

func TestNone(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if _, err := Find(t.Context()); !errors.Is(err, exec.ErrNotFound) {
		t.Error(err)
	}
}
