// Package logfile writes log files that are bounded in size and number. A file is never
// renamed, because on Windows that fails while somebody reads it: files are numbered,
// the highest number is the newest, and the oldest is deleted as soon as nobody holds it
// open. What is written is the caller's affair.
package logfile

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Config says where files lie and how much they may take.
type Config struct {
	Folder string
	Name   string // files are <name>-000001.log and so on
	Size   int64  // most bytes of a file; a longer line has one of its own
	Number int    // most files
}

// Writer appends whole lines. It is safe for concurrent use. Files are opened when
// something is written, so that a folder that is away now may come back.
type Writer struct {
	cfg Config

	mu    sync.Mutex
	file  *os.File
	size  int64
	num   int
	fault error
}

// New makes a writer; nothing is opened yet.
func New(cfg Config) *Writer { return &Writer{cfg: cfg} }

// Write appends p, which is one or more whole lines.
func (w *Writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n, err := w.write(p)
	w.fault = err
	return n, err
}

func (w *Writer) write(p []byte) (int, error) {
	if w.file == nil {
		if err := w.open(); err != nil {
			return 0, err
		}
	}
	if w.size > 0 && w.size+int64(len(p)) > w.cfg.Size {
		if err := w.next(); err != nil {
			return 0, err
		}
	}
	n, err := w.file.Write(p)
	w.size += int64(n)
	if err != nil {
		_ = w.shut() // it is opened anew with the next line
		return n, fmt.Errorf("write the log: %w", err)
	}
	return n, nil
}

// Fault is why the last line could not be written, nil if it could.
func (w *Writer) Fault() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.fault
}

// Close closes the file.
func (w *Writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.shut()
}

func (w *Writer) shut() error {
	if w.file == nil {
		return nil
	}
	err := w.file.Close()
	w.file = nil
	return err
}

// open goes on with the newest file.
func (w *Writer) open() error {
	if err := os.MkdirAll(w.cfg.Folder, 0o750); err != nil {
		return fmt.Errorf("open the log: %w", err)
	}
	nums, err := w.numbers()
	if err != nil {
		return fmt.Errorf("open the log: %w", err)
	}
	w.num = 1
	if len(nums) > 0 {
		w.num = nums[len(nums)-1]
	}
	return w.take()
}

// next begins another file and deletes what is too many.
func (w *Writer) next() error {
	if err := w.shut(); err != nil {
		return fmt.Errorf("close the log: %w", err)
	}
	w.num++
	if err := w.take(); err != nil {
		return err
	}
	w.prune()
	return nil
}

func (w *Writer) take() error {
	f, err := os.OpenFile(w.path(w.num), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		return fmt.Errorf("open the log: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		_ = f.Close()
		return fmt.Errorf("open the log: %w", err)
	}
	w.file, w.size = f, info.Size()
	return nil
}

// prune deletes the oldest files. One that somebody holds open is deleted later.
func (w *Writer) prune() {
	nums, err := w.numbers()
	if err != nil {
		return
	}
	for _, n := range nums[:max(0, len(nums)-w.cfg.Number)] {
		_ = os.Remove(w.path(n))
	}
}

func (w *Writer) path(n int) string {
	return filepath.Join(w.cfg.Folder, fmt.Sprintf("%s-%06d.log", w.cfg.Name, n))
}

// numbers are those of the files that are there, oldest first.
func (w *Writer) numbers() ([]int, error) {
	entries, err := os.ReadDir(w.cfg.Folder)
	if err != nil {
		return nil, err
	}
	var nums []int
	for _, e := range entries {
		middle := strings.TrimSuffix(strings.TrimPrefix(e.Name(), w.cfg.Name+"-"), ".log")
		if n, err := strconv.Atoi(middle); err == nil && n > 0 && e.Name() == filepath.Base(w.path(n)) {
			nums = append(nums, n)
		}
	}
	slices.Sort(nums)
	return nums, nil
}
