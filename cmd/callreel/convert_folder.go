package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"

	"callreel/internal/clock"
)

// backlogItem is one capture of a folder and the file that is made of it.
type backlogItem struct {
	name string // relative to the folder
	out  string
	size int64
}

// backlog is a folder of captures on its way to a folder of audio.
type backlog struct {
	job     *convertJob
	workers int
	items   []backlogItem
	passed  int // files that are no captures
	tally   *tally
}

// runFolder converts all captures below job.in. What is there already is not
// made again, so that it can be stopped and started at any time.
func runFolder(ctx context.Context, job *convertJob, stdout, stderr io.Writer) error {
	if job.report != "" {
		return usagef("convert: --report names one file; it does not go with a folder")
	}
	if job.workers < 0 {
		return usagef("convert: --workers %d: must not be negative", job.workers)
	}
	b := &backlog{job: job, workers: cmp.Or(job.workers, runtime.GOMAXPROCS(0))}
	job.options.Outside = newOutside(ctx)
	limitMemory(b.workers)
	if err := os.MkdirAll(job.out, 0o750); err != nil { //nolint:gosec // the user names the folder
		return err
	}
	if err := b.list(); err != nil {
		return fmt.Errorf("list %s: %w", job.in, err)
	}
	if len(b.items) == 0 {
		return &exitError{exitNothing, fmt.Errorf("%s: no captures in it (%d other files)", job.in, b.passed)}
	}
	b.tally = newTally(b.items, clock.System(), stderr)
	b.convertAll(ctx)
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("stopped after %s: %w", b.tally.summary(), err)
	}
	if _, err := fmt.Fprintln(stdout, b.tally.summary()); err != nil {
		return err
	}
	if n := b.tally.failed; n > 0 {
		return &exitError{exitSomeLeft, fmt.Errorf("%d of %d captures were not converted", n, len(b.items))}
	}
	return nil
}

// list finds the captures, in the order of their names, and names their files.
func (b *backlog) list() error {
	taken := map[string]bool{}
	if err := b.find(taken); err != nil {
		return err
	}
	for i := range b.items {
		item := &b.items[i]
		if ext := filepath.Ext(item.out); isFurther(item.out, taken) {
			item.out = strings.TrimSuffix(item.out, ext) + ".pcap" + ext
		}
		item.out = filepath.Join(b.job.out, item.out)
	}
	return nil
}

// isFurther reports whether a file has the name that a further call of another
// capture gets: one of the two would be lost.
func isFurther(out string, taken map[string]bool) bool {
	stem := strings.TrimSuffix(out, filepath.Ext(out))
	dash := strings.LastIndexByte(stem, '-')
	if dash < 0 {
		return false
	}
	first := stem[:dash] + filepath.Ext(out)
	call, err := strconv.Atoi(stem[dash+1:])
	return err == nil && call > 1 && taken[first] && numbered(first, call) == out
}

// find lists the captures, in the order of their names.
func (b *backlog) find(taken map[string]bool) error {
	target, err := os.Stat(b.job.out)
	if err != nil {
		return err
	}
	return filepath.WalkDir(b.job.in, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if d.IsDir() {
			if path != b.job.in && os.SameFile(info, target) {
				return fs.SkipDir
			}
			return nil
		}
		if !info.Mode().IsRegular() || !isCaptureName(d.Name()) {
			b.passed++
			return nil
		}
		name, err := filepath.Rel(b.job.in, path)
		if err != nil {
			return err
		}
		ext := b.job.options.Format.Extension()
		out := strings.TrimSuffix(name, ".pcap") + ext
		if taken[out] {
			out = name + ext
		}
		taken[out] = true
		b.items = append(b.items, backlogItem{name, out, info.Size()})
		return nil
	})
}

// isCaptureName takes the usual endings, and a PBX's names, which may have none.
func isCaptureName(name string) bool {
	low := strings.TrimSuffix(strings.ToLower(name), ".gz")
	if slices.Contains([]string{".pcap", ".pcapng", ".cap"}, filepath.Ext(low)) {
		return true
	}
	ok, _ := regexp.MatchString(`^[0-9a-f]{31,32}(-[^.]*)?$`, low)
	return ok
}

// convertAll lets the workers take one item after the other.
func (b *backlog) convertAll(ctx context.Context) {
	items := make(chan backlogItem)
	var group sync.WaitGroup
	for range b.workers {
		group.Go(func() {
			for item := range items {
				b.tally.add(item, b.convert(ctx, item))
			}
		})
	}
	stop := make(chan struct{})
	var shown sync.WaitGroup
	shown.Go(func() { b.tally.show(stop) })
	for _, item := range b.items {
		if ctx.Err() != nil {
			break
		}
		items <- item
	}
	close(items)
	group.Wait()
	close(stop)
	shown.Wait()
}

// outcome is what became of one item.
type outcome struct {
	skipped bool
	seconds float64 // of audio
	err     error
}

func (b *backlog) convert(ctx context.Context, item backlogItem) outcome {
	if isWhole(item.out) {
		return outcome{skipped: true}
	}
	if err := os.MkdirAll(filepath.Dir(item.out), 0o750); err != nil {
		return outcome{err: err}
	}
	src, err := openCapture(filepath.Join(b.job.in, item.name))
	if err != nil {
		return outcome{err: err}
	}
	defer src.Close()
	one := *b.job
	one.out = item.out
	calls, err := one.run(ctx, src)
	if err == nil {
		_, err = outcomes(calls)
	}
	o := outcome{err: err}
	for _, a := range calls {
		o.seconds += a.DurationS
	}
	return o
}
