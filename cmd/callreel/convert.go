package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"

	"callreel/convert"
	"callreel/internal/recording"
)

const convertUsage = `Usage: callreel convert [flags] -o OUT IN

Makes a WAV file OUT of the capture IN (pcap, pcapng, or gzip of either).
OUT is written whole or not at all. Exit code 3 means that there is no audio to
make: none in the capture, encrypted, a codec that is not built in, or damage;
the reason is printed and stands in the report. G.723.1, AMR and iLBC need an
ffmpeg in the PATH.

If IN is a folder, all captures in it and below are converted into the folder
OUT. WAV files that are there already are kept, so that it can be stopped and
started again. A capture that is not converted is named with its reason; then
the exit code is 4.

Flags:`

// convertJob is what the command line asks for.
type convertJob struct {
	in, out, report string
	workers         int // for a folder; 0 = one a core
	options         convert.Options
}

func runConvert(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	job, err := parseConvert(args, stderr)
	if err != nil {
		return err
	}
	if info, err := os.Stat(job.in); err == nil && info.IsDir() {
		return runFolder(ctx, job, stdout, stderr)
	}
	job.findOutside(ctx)
	limitMemory(1)
	src, err := openCapture(job.in)
	if err != nil {
		return err
	}
	defer src.Close()
	audio, err := job.run(ctx, src)
	if err != nil {
		return fmt.Errorf("%s: %w", job.in, err)
	}
	if audio.Status != recording.AudioOK {
		return &exitError{exitNothing, fmt.Errorf("%s: %s: %s", job.in, audio.Status, audio.Reason)}
	}
	return nil
}

func parseConvert(args []string, stderr io.Writer) (*convertJob, error) {
	job := &convertJob{options: convert.Options{Version: version}}
	var keys []string
	fs := newFlags("convert", convertUsage, stderr)
	channels := fs.String("channels", "stereo", "stereo (external or caller left), mono, internal, external")
	wideband := fs.String("wideband", "pcm16", "a call wider than 8 kHz: pcm16 at 16 kHz, or g711 at 8 kHz")
	conceal := fs.String("conceal", "likely", "where packets were lost: likely (what was most likely said) or silence (for evidence)")
	recordedOn := fs.String("recorded-on", "phone", "phone or gateway: which kind of device wrote the capture")
	fs.BoolVar(&job.options.PCM, "pcm", false, "write 16-bit linear samples instead of G.711")
	fs.BoolVar(&job.options.Swap, "swap", false, "turn left and right round")
	fs.StringVar(&job.report, "report", "", "write a report as JSON to this `file`")
	fs.StringVar(&job.out, "o", "", "the WAV `file` to write, or the folder")
	fs.Func("srtp-key", "a `key` of SRTP that is not in the capture: [SUITE:]base64 of key and salt; may be given more than once; others on the machine can see it while this runs",
		func(text string) error { keys = append(keys, text); return nil })
	fs.IntVar(&job.workers, "workers", 0, "captures of a folder converted at the same time; 0 is one a core")
	if err := parseMixed(fs.Parse, fs.Args, args, &job.in); err != nil {
		return nil, err
	}
	if err := job.addKeys(keys); err != nil {
		return nil, usagef("convert: --srtp-key: %w", err)
	}
	if job.out == "" {
		return nil, usagef("convert: -o OUT is missing")
	}
	job.options.Channels = convert.Channels(*channels)
	job.options.Wideband = convert.Wideband(*wideband)
	job.options.Conceal = convert.Conceal(*conceal)
	job.options.RecordedOn = recording.RecordedOn(*recordedOn)
	if err := job.options.Validate(); err != nil {
		return nil, usagef("convert: %w", err)
	}
	return job, nil
}

// limitMemory has garbage collected early enough for a conversion of any length
// to stay below 64 MB, unless the environment says something else.
func limitMemory(workers int) {
	const base, each = 16 << 20, 36 << 20
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(base + int64(workers)*each)
	}
}

// parseMixed parses flags that may stand before and after the one file name.
func parseMixed(parse func([]string) error, rest func() []string, args []string, in *string) error {
	var names []string
	for {
		if err := parse(args); err != nil {
			return asUsage(err)
		}
		if args = rest(); len(args) == 0 {
			break
		}
		names, args = append(names, args[0]), args[1:]
	}
	if len(names) != 1 {
		return usagef("convert: one capture or folder must be named, got %d", len(names))
	}
	*in = names[0]
	return nil
}

// capture is an open file as package convert wants it.
type capture struct {
	*os.File
	size int64
}

func (c capture) Size() int64 { return c.size }

func openCapture(path string) (*capture, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	switch {
	case err != nil:
	case !info.Mode().IsRegular():
		err = usagef("convert: %s is no regular file", path)
	default:
		return &capture{f, info.Size()}, nil
	}
	return nil, errors.Join(err, f.Close())
}

// run converts into a file beside the output and renames it when it is whole.
func (j *convertJob) run(ctx context.Context, src *capture) (recording.Audio, error) {
	if same, err := os.Stat(j.out); err == nil {
		if in, err := src.Stat(); err == nil && os.SameFile(in, same) {
			return recording.Audio{}, usagef("convert: the output is the capture itself")
		}
	}
	var audio recording.Audio
	err := writeWhole(j.out, func(f *os.File) (keep bool, err error) {
		audio, err = convert.Convert(ctx, src, f, j.options)
		return audio.Status == recording.AudioOK, err
	})
	if err != nil || j.report == "" {
		return audio, err
	}
	return audio, writeWhole(j.report, func(f *os.File) (bool, error) {
		return true, convert.NewReport(audio).Write(f)
	})
}

// writeWhole lets write fill a temporary file beside path and gives it its name
// when all of it is on the disk. Without keep nothing is left.
func writeWhole(path string, write func(*os.File) (keep bool, err error)) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".callreel-*")
	if err != nil {
		return err
	}
	keep, err := write(f)
	if keep && err == nil {
		err = errors.Join(f.Chmod(0o644), f.Sync())
	}
	err = errors.Join(err, f.Close())
	if keep && err == nil {
		err = os.Rename(f.Name(), path)
	}
	if !keep || err != nil {
		err = errors.Join(err, os.Remove(f.Name()))
	}
	return err
}
