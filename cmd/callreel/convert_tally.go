package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"callreel/internal/clock"
)

// tally counts a backlog's progress and shows it: as a bar on a terminal, as a
// line now and then elsewhere. It is safe for concurrent use.
type tally struct {
	clock    clock.Clock
	began    time.Time
	out      io.Writer
	terminal bool

	mu                      sync.Mutex
	files, done, there      int // all, ended, of these there already
	failed                  int
	bytes, doneBytes, fresh int64   // of captures: all, ended, really read
	seconds                 float64 // of audio made
	bar                     int     // characters of the bar on the screen
}

func newTally(items []backlogItem, c clock.Clock, out io.Writer) *tally {
	t := &tally{clock: c, began: c.Now(), out: out, terminal: isTerminal(out), files: len(items)}
	for _, item := range items {
		t.bytes += item.size
	}
	return t
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// add counts an item, and says why if it was not converted.
func (t *tally) add(item backlogItem, o outcome) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.done++
	t.doneBytes += item.size
	switch {
	case o.skipped:
		t.there++
		return
	case o.err != nil:
		t.failed++
		t.wipe()
		fmt.Fprintf(t.out, "%s: %v\n", item.name, o.err)
	default:
		t.seconds += o.seconds
	}
	t.fresh += item.size
}

// show keeps the progress on the screen until stop is closed.
func (t *tally) show(stop <-chan struct{}) {
	pause := 10 * time.Second
	if t.terminal {
		pause = 200 * time.Millisecond
	}
	for t.clock.Wait(stop, pause) {
		t.mu.Lock()
		line := t.line()
		if t.terminal {
			t.wipe()
			t.bar, _ = io.WriteString(t.out, line)
		} else {
			fmt.Fprintln(t.out, line)
		}
		t.mu.Unlock()
	}
	t.mu.Lock()
	t.wipe()
	t.mu.Unlock()
}

// wipe takes the bar off the screen.
func (t *tally) wipe() {
	if t.bar > 0 {
		fmt.Fprintf(t.out, "\r%s\r", strings.Repeat(" ", t.bar))
		t.bar = 0
	}
}

// line is the progress: files, minutes of audio, speed, time left.
func (t *tally) line() string {
	const width = 24
	share := float64(t.doneBytes) / float64(max(1, t.bytes))
	full := int(share * width)
	bar := strings.Repeat("#", full) + strings.Repeat(".", width-full)
	return fmt.Sprintf("[%s] %d of %d files, %.0f min of audio, %.0f x real time, %s left",
		bar, t.done, t.files, t.seconds/60, t.speed(), t.left())
}

func (t *tally) elapsed() time.Duration { return t.clock.Now().Sub(t.began) }

func (t *tally) speed() float64 { return t.seconds / max(1e-3, t.elapsed().Seconds()) }

// left estimates the time to go from what was really read so far.
func (t *tally) left() string {
	if t.fresh == 0 {
		return "unknown time"
	}
	rest := float64(t.bytes-t.doneBytes) / float64(t.fresh) * float64(t.elapsed())
	return time.Duration(rest).Round(time.Second).String()
}

// summary is the last line.
func (t *tally) summary() string {
	made := t.done - t.there - t.failed
	return fmt.Sprintf("%d converted, %d there already, %d not converted; %.1f minutes of audio in %s, %.0f x real time",
		made, t.there, t.failed, t.seconds/60, t.elapsed().Round(10*time.Millisecond), t.speed())
}
