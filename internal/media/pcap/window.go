package pcap

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
)

// More or smaller blocks are slower: each page of them must be made once, and each
// block read is a call. What is kept behind the front is for windows that lag.
const (
	blockLength = 256 << 10
	blocksKept  = 6
	aheadBlocks = 2
)

// File is a file read block by block, for several windows that go through it
// side by side: what one has read the others need not read again. It is safe for
// concurrent use.
type File struct {
	src  io.ReaderAt
	size int64

	mu    sync.Mutex
	kept  []*block // used last comes first
	front int64    // number of the block that a window entered last

	ahead atomic.Int64  // number of the block up to which Ahead has come
	moved chan struct{} // a window comes near to it
}

// block is a part of a file in memory.
type block struct {
	number int64
	users  int
	once   sync.Once
	data   []byte
	err    error
}

// NewFile reads the first size bytes of src.
func NewFile(src io.ReaderAt, size int64) *File {
	return &File{src: src, size: size, moved: make(chan struct{}, 1)}
}

// Size is the file's length in bytes.
func (f *File) Size() int64 { return f.size }

// InMemory reports whether the file is so small that all that was read of it stays in memory.
func (f *File) InMemory() bool { return f.size <= blocksKept*blockLength }

// Window makes a window, for one goroutine.
func (f *File) Window() *Window { return &Window{f: f} }

// Ahead loads the blocks behind the one that was asked for last, until stop is
// closed. It waits until half of what it has loaded is used up, because to wake
// it takes longer than to go through a block.
func (f *File) Ahead(stop <-chan struct{}) {
	f.ahead.Store(-1)
	for {
		for b := f.nextAhead(); b != nil; b = f.nextAhead() {
			_ = f.load(b) // whoever needs it is told
			f.give(b)
			if closed(stop) {
				return
			}
		}
		select {
		case <-stop:
			return
		case <-f.moved:
		}
	}
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// nextAhead takes the next block that Ahead is to load; nil if there is none.
func (f *File) nextAhead() *block {
	f.mu.Lock()
	defer f.mu.Unlock()
	number := max(f.ahead.Load(), f.front) + 1
	if number > f.front+aheadBlocks || number*blockLength >= f.size {
		return nil
	}
	f.ahead.Store(number)
	return f.use(number)
}

// take gives a block to one more user.
func (f *File) take(number int64) *block {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.front = number
	return f.use(number)
}

func (f *File) use(number int64) *block {
	b := f.find(number)
	if b == nil {
		b = f.fresh()
		b.number = number
		f.kept = append(f.kept, nil)
		copy(f.kept[1:], f.kept)
		f.kept[0] = b
	}
	b.users++
	return b
}

// find moves a block that is there to the front.
func (f *File) find(number int64) *block {
	for i, b := range f.kept {
		if b.number == number {
			copy(f.kept[1:i+1], f.kept[:i])
			f.kept[0] = b
			return b
		}
	}
	return nil
}

// fresh is an empty block, with the memory of one that nobody uses any more if
// there are enough.
func (f *File) fresh() *block {
	for i := len(f.kept) - 1; i >= 0 && len(f.kept) >= blocksKept; i-- {
		if b := f.kept[i]; b.users == 0 {
			f.kept = append(f.kept[:i], f.kept[i+1:]...)
			return &block{data: b.data}
		}
	}
	return &block{}
}

func (f *File) give(b *block) {
	f.mu.Lock()
	defer f.mu.Unlock()
	b.users--
}

// wake tells Ahead that a window has come so far.
func (f *File) wake(number int64) {
	if f.ahead.Load()-number > aheadBlocks/2 {
		return
	}
	select {
	case f.moved <- struct{}{}:
	default:
	}
}

// load reads the block, unless that has been done.
func (f *File) load(b *block) error {
	b.once.Do(func() {
		off := b.number * blockLength
		want := int(min(blockLength, f.size-off))
		if cap(b.data) < want {
			b.data = make([]byte, want)
		}
		n, err := f.src.ReadAt(b.data[:want], off)
		b.data = b.data[:n]
		switch {
		case n == want:
		case err == nil || errors.Is(err, io.EOF):
			b.err = fmt.Errorf("read capture at %d: the file ends at %d, %d bytes were announced", off, off+int64(n), f.size)
		default:
			b.err = fmt.Errorf("read capture at %d: %w", off, err)
		}
	})
	return b.err
}

// Window is one reader's place in a file. It is not safe for concurrent use.
type Window struct {
	f     *File
	block *block
	data  []byte // of the block
	start int64  // of the block
	wide  []byte // what lies in more than one block
}

// At returns the n bytes at offset off. They are valid until the next call. It
// returns io.ErrUnexpectedEOF when they do not lie within the file; any other
// error is the source's.
func (w *Window) At(off int64, n int) ([]byte, error) {
	if b := w.near(off, n); b != nil {
		return b, nil
	}
	return w.move(off, n)
}

// near is At within the block that is in memory, and nil for what is not. It is short
// enough to be done in place.
func (w *Window) near(off int64, n int) []byte {
	if i := off - w.start; i >= 0 && i+int64(n) <= int64(len(w.data)) {
		return w.data[i : i+int64(n)]
	}
	return nil
}

// move goes to another block, or through more than one.
func (w *Window) move(off int64, n int) ([]byte, error) {
	if off < 0 || n < 0 || int64(n) > w.f.size-off {
		return nil, io.ErrUnexpectedEOF
	}
	w.wide = w.wide[:0]
	for {
		if err := w.enter(off / blockLength); err != nil {
			return nil, err
		}
		part := w.data[off-w.start:]
		part = part[:min(n-len(w.wide), len(part))]
		if len(part) == n {
			return part, nil
		}
		w.wide = append(w.wide, part...)
		off += int64(len(part))
		if len(w.wide) == n {
			return w.wide, nil
		}
	}
}

// rest is what the block in memory has from off on, at least one byte of the file.
func (w *Window) rest(off int64) ([]byte, error) {
	if i := off - w.start; i >= 0 && i < int64(len(w.data)) {
		return w.data[i:], nil
	}
	if err := w.enter(off / blockLength); err != nil {
		return nil, err
	}
	return w.data[off-w.start:], nil
}

// enter goes to a block. Any of it that could not be read is an error, also if
// what is wanted lies before: the file is shorter than it was.
func (w *Window) enter(number int64) error {
	if w.block != nil && w.block.number == number {
		return nil
	}
	w.Leave()
	b := w.f.take(number)
	if err := w.f.load(b); err != nil {
		w.f.give(b)
		return err
	}
	w.block, w.data, w.start = b, b.data, number*blockLength
	w.f.wake(number)
	return nil
}

// Leave gives the window's memory back, until At is called again.
func (w *Window) Leave() {
	if w.block != nil {
		w.f.give(w.block)
		w.block, w.data, w.start = nil, nil, 0
	}
}
