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

	"callreel/internal/media/foreign"
)

const (
	askTime    = 10 * time.Second
	decodeTime = 2 * time.Minute
	killTime   = 5 * time.Second // between the end of that and of waiting for its output
	complaint  = 400             // bytes of what it says
)

// ErrTooMuch says that more came out than can have been in it. It comes with
// foreign.ErrUndecodable.
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
// where they are more than limit, and what ffmpeg says where that fails: as
// foreign.ErrUndecodable if the file is at fault and not the machine.
func (p *Program) Decode(ctx context.Context, format string, file []byte, rate, limit int) ([]int16, error) {
	ctx, cancel := context.WithTimeout(ctx, decodeTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, p.path, "-hide_banner", "-loglevel", "error", "-threads", "1", //nolint:gosec // found in the PATH
		"-protocol_whitelist", "pipe", "-f", p.formats[format], "-i", "pipe:0",
		"-ac", "1", "-ar", strconv.Itoa(rate), "-f", "s16le", "pipe:1")
	out, said := &bounded{most: 2 * limit}, &bounded{most: complaint, drop: true}
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.WaitDelay = bytes.NewReader(file), out, said, killTime
	if err := cmd.Run(); err != nil {
		complaint := strings.TrimSpace(said.buf.String())
		if out.err != nil || ctx.Err() == nil && refused(err, complaint) {
			err = fmt.Errorf("%w: %w", foreign.ErrUndecodable, err)
		}
		return nil, fmt.Errorf("ffmpeg: %w: %s", errors.Join(err, out.err), complaint)
	}
	samples := make([]int16, out.buf.Len()/2)
	for i := range samples {
		samples[i] = int16(binary.LittleEndian.Uint16(out.buf.Bytes()[2*i:]))
	}
	return samples, nil
}

// refused reports whether ffmpeg has come to its end by itself and did not complain of
// the machine: one that was killed, or never ran, has not looked at the file.
func refused(err error, complaint string) bool {
	const mostCode = 255 // above are crashes on Windows
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() <= 0 || exit.ExitCode() > mostCode {
		return false
	}
	for _, passing := range []string{
		"cannot allocate memory", "not enough memory", "not enough space", "out of memory", "no space left", "resource temporarily unavailable",
		"too many open files", "input/output error", "error while loading shared libraries",
	} {
		if strings.Contains(strings.ToLower(complaint), passing) {
			return false
		}
	}
	return true
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
