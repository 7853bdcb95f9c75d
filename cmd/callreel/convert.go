package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"callreel/convert"
	"callreel/internal/recording"
)

const convertUsage = `Usage: callreel convert [flags] -o OUT IN

Makes a WAV or MP3 file OUT of the capture IN (pcap, pcapng, or gzip of either).
The ending of OUT tells which. OUT is written whole or not at all. Exit code 3 means that there is no audio to
make: none in the capture, encrypted, a codec that is not built in, or damage;
the reason is printed and stands in the report. G.723.1, AMR and iLBC need an
ffmpeg in the PATH.

A capture that holds several calls gives a file of each: OUT, then OUT with -2,
-3 and so on before its ending, in the order in which the calls are first heard.
The reports are named alike. Exit code 4 means that some of them have no audio.

If IN is a folder, all captures in it and below are converted into the folder
OUT, as WAV or, with --format mp3, as MP3. Files that are there already and whole
are kept, so that it can be stopped and started again. A capture that is not converted is named with its reason; then
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
	job.options.Outside = newOutside(ctx)
	limitMemory(1)
	collectLate()
	src, err := openCapture(job.in)
	if err != nil {
		return err
	}
	defer src.Close()
	calls, err := job.run(ctx, src)
	if err != nil {
		return fmt.Errorf("%s: %w", job.in, err)
	}
	if len(calls) > 1 {
		fmt.Fprintf(stderr, "%s holds %d calls: %s to %s\n", job.in, len(calls), job.out, numbered(job.out, len(calls)))
	}
	made, failed := outcomes(calls)
	switch {
	case failed == nil:
		return nil
	case made == 0:
		return &exitError{exitNothing, fmt.Errorf("%s: %w", job.in, failed)}
	}
	return &exitError{exitSomeLeft, fmt.Errorf("%s: %w", job.in, failed)}
}

// outcomes counts the calls that have audio and joins the reasons of the others.
func outcomes(calls []recording.Audio) (made int, failed error) {
	for _, a := range calls {
		switch {
		case a.Status == recording.AudioOK:
			made++
		case a.Calls > 1:
			failed = errors.Join(failed, fmt.Errorf("call %d: %s: %s", a.Call, a.Status, a.Reason))
		default:
			failed = errors.Join(failed, fmt.Errorf("%s: %s", a.Status, a.Reason))
		}
	}
	return made, failed
}

func parseConvert(args []string, stderr io.Writer) (*convertJob, error) {
	job := &convertJob{options: convert.Options{Version: version}}
	var keys []string
	fs := newFlags("convert", convertUsage, stderr)
	format := fs.String("format", "", "wav or mp3; without it the ending of OUT tells, and a folder gets wav")
	fs.IntVar(&job.options.Bitrate, "bitrate", 0, "of an MP3 at 8 kHz, in kbit/s: 8 to 64; 0 is 16 a channel")
	channels := fs.String("channels", "stereo", "stereo (external or caller left), mono, internal, external")
	wideband := fs.String("wideband", "pcm16", "a call wider than 8 kHz: pcm16 at 16 kHz, or g711 at 8 kHz")
	conceal := fs.String("conceal", "likely", "where packets were lost: likely (what was most likely said) or silence (for evidence)")
	recordedOn := fs.String("recorded-on", "phone", "phone or gateway: which kind of device wrote the capture")
	fs.BoolVar(&job.options.PCM, "pcm", false, "write 16-bit linear samples instead of G.711")
	fs.BoolVar(&job.options.Swap, "swap", false, "turn left and right round")
	fs.IntVar(&job.options.Call, "call", 0, "convert only the call of this number; 0 is all")
	fs.BoolVar(&job.options.Together, "together", false, "put everything the capture holds on one timeline")
	fs.StringVar(&job.report, "report", "", "write a report as JSON to this `file`")
	fs.StringVar(&job.out, "o", "", "the `file` to write, or the folder")
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
	job.options.Format = convert.Format(*format)
	if err := job.chooseFormat(); err != nil {
		return nil, err
	}
	job.options.Channels = convert.Channels(*channels)
	job.options.Wideband = convert.Wideband(*wideband)
	job.options.Conceal = convert.Conceal(*conceal)
	job.options.NoPeaks = job.report == ""
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

// collectLate has the heap of a single conversion collected from 32 MB on instead of
// 4: an hour of a call needs less, and does not wait for a collection then.
func collectLate() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(800)
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

// run converts the capture, each of its calls into a file beside the output that
// is renamed when it is whole. The first call's comes last: where it is, all are.
func (j *convertJob) run(ctx context.Context, src *capture) ([]recording.Audio, error) {
	if same, err := os.Stat(j.out); err == nil {
		if in, err := src.Stat(); err == nil && os.SameFile(in, same) {
			return nil, usagef("convert: the output is the capture itself")
		}
	}
	var calls []recording.Audio
	err := writeWhole(j.out, func(f *os.File) (bool, error) {
		first, err := convert.Convert(ctx, src, f, j.options)
		calls = []recording.Audio{first}
		for n := 2; err == nil && j.options.Call == 0 && n <= first.Calls; n++ {
			var next []recording.Audio
			next, err = j.of(n).run(ctx, src)
			calls = append(calls, next...)
		}
		return first.Status == recording.AudioOK, err
	})
	if err != nil || j.report == "" {
		return calls, err
	}
	return calls, writeWhole(j.report, func(f *os.File) (bool, error) {
		return true, convert.NewReport(calls[0]).Write(f)
	})
}

// of is the job for one more call of the same capture.
func (j *convertJob) of(call int) *convertJob {
	one := *j
	one.options.Call, one.out = call, numbered(j.out, call)
	if j.report != "" {
		one.report = numbered(j.report, call)
	}
	return &one
}

// numbered is the name of a further call's file.
func numbered(path string, call int) string {
	ext := filepath.Ext(path)
	return fmt.Sprintf("%s-%d%s", strings.TrimSuffix(path, ext), call, ext)
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
