package ffmpeg

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"callreel/internal/corpus"
	"callreel/internal/media/foreign"
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
	if _, err := find(t).Decode(t.Context(), "ilbc", []byte("no file at all"), 8000, 100); !errors.Is(err, foreign.ErrUndecodable) || !strings.Contains(err.Error(), "ffmpeg") {
		t.Error(err)
	}
}

// TestWhoseFault tells a decoder that refuses a file from one that cannot work.
func TestWhoseFault(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the programs are shell scripts")
	}
	for name, row := range map[string]struct {
		script  string
		refused bool
	}{
		"refuses":    {"echo 'pipe:0: Invalid data found when processing input' >&2; exit 1", true},
		"too much":   {"head -c 1000 /dev/zero; exit 0", true},
		"killed":     {"kill -9 $$", false},
		"no memory":  {"echo 'Error: Cannot allocate memory' >&2; exit 1", false},
		"no room":    {"echo 'av_interleaved_write_frame(): No space left on device' >&2; exit 1", false},
		"takes long": {"exec sleep 60", false},
		"is gone":    {"", false},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "ffmpeg")
			if row.script != "" {
				if err := os.WriteFile(path, []byte("#!/bin/sh\n"+row.script+"\n"), 0o700); err != nil { //nolint:gosec // a program
					t.Fatal(err)
				}
			}
			ctx := t.Context()
			if name == "takes long" {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, 50*time.Millisecond)
				defer cancel()
			}
			p := &Program{path: path, formats: map[string]string{"amr": "amr"}}
			_, err := p.Decode(ctx, "amr", []byte("#!AMR\n"), 8000, 100)
			if err == nil || errors.Is(err, foreign.ErrUndecodable) != row.refused {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestNone(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if _, err := Find(t.Context()); !errors.Is(err, exec.ErrNotFound) {
		t.Error(err)
	}
}
