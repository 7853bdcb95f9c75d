// Package ffmpeg runs an ffmpeg that is found on the machine, for codecs that are
// not built in. It owns the command line, the time and the memory that may take.
// Nothing of callreel needs it: where there is none, such calls are set aside.
package ffmpeg

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

const (
	askTime    = 10 * time.Second
	decodeTime = 2 * time.Minute
	killTime   = 5 * time.Second // between the end of that and of waiting for its output
	complaint  = 400             // bytes of what it says
)

// ErrTooMuch says that more came out than can have been in it.
var ErrTooMuch = errors.New("more samples than there can be")

// Program is an ffmpeg. It may be used by several goroutines.
type Program struct {
	path    string
	formats map[string]string // demuxers by format
}

// Find looks for ffmpeg in the PATH and asks which of the codecs it has. The error
// says why there is none; exec.ErrNotFound is among the reasons.
func Find(ctx context.Context) (*Program, error) {
	path, err := exec.LookPath("ffmpeg")
	if err != nil {
		return nil, fmt.Errorf("find ffmpeg: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	list, err := exec.CommandContext(ctx, path, "-hide_banner", "-decoders").Output() //nolint:gosec // found in the PATH
	if err != nil {
		return nil, fmt.Errorf("ask %s for its decoders: %w", path, err)
	}
	return &Program{path: path, formats: formats(string(list))}, nil
}

// formats reads a list of decoders.
func formats(list string) map[string]string {
	demuxers := map[string][2]string{
		"amrnb": {"amr", "amr"}, "amrwb": {"amrwb", "amr"}, "g723_1": {"g723_1", "g723_1"}, "ilbc": {"ilbc", "ilbc"},
	}
	out := map[string]string{}
	for line := range strings.Lines(list) {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		if known, ok := demuxers[f[1]]; ok {
			out[known[0]] = known[1]
		}
	}
	return out
}

// String is where it is.
func (p *Program) String() string { return p.path }

// Decodes reports whether it decodes files of a format: amr, amrwb, g723_1, ilbc.
func (p *Program) Decodes(format string) bool { return p.formats[format] != "" }

// Decode gives the samples of a file, one channel at rate Hz. It returns ErrTooMuch
// where they are more than limit, and what ffmpeg says where that fails.
func (p *Program) Decode(ctx context.Context, format string, file []byte, rate, limit int) ([]int16, error) {
	ctx, cancel := context.WithTimeout(ctx, decodeTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, p.path, "-hide_banner", "-loglevel", "error", "-threads", "1", //nolint:gosec // found in the PATH
		"-protocol_whitelist", "pipe", "-f", p.formats[format], "-i", "pipe:0",
		"-ac", "1", "-ar", strconv.Itoa(rate), "-f", "s16le", "pipe:1")
	out, said := &bounded{most: 2 * limit}, &bounded{most: complaint, drop: true}
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.WaitDelay = bytes.NewReader(file), out, said, killTime
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("ffmpeg: %w: %s", errors.Join(err, out.err), strings.TrimSpace(said.buf.String()))
	}
	samples := make([]int16, out.buf.Len()/2)
	for i := range samples {
		samples[i] = int16(binary.LittleEndian.Uint16(out.buf.Bytes()[2*i:]))
	}
	return samples, nil
}

// bounded takes so many bytes. What is more it drops, or refuses.
type bounded struct {
	buf  bytes.Buffer
	most int
	drop bool
	err  error
}

func (b *bounded) Write(p []byte) (int, error) {
	room := min(len(p), b.most-b.buf.Len())
	b.buf.Write(p[:room])
	if room < len(p) && !b.drop {
		b.err = ErrTooMuch
		return room, ErrTooMuch
	}
	return len(p), nil
}
