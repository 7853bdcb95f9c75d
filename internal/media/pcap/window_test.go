package pcap

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
)

func random(n int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func TestWindow(t *testing.T) {
	data := random(3*blockLength + 100)
	w := NewFile(bytes.NewReader(data), int64(len(data))).Window()
	for _, row := range []struct {
		name string
		off  int64
		n    int
	}{
		{"begin", 0, 24},
		{"over the edge of a block", blockLength - 10, 20},
		{"back again", 5, 20},
		{"more than two blocks", 100, 2*blockLength + 50},
		{"the last bytes", 3*blockLength + 90, 10},
		{"nothing at the end", int64(len(data)), 0},
	} {
		got, err := w.At(row.off, row.n)
		if err != nil || !bytes.Equal(got, data[row.off:][:row.n]) {
			t.Errorf("%s: %d bytes, %v", row.name, len(got), err)
		}
	}
	for _, off := range []int64{-1, 3*blockLength + 91, 1 << 62} {
		if _, err := w.At(off, 10); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("at %d: %v", off, err)
		}
	}
}

// counting counts what is read.
type counting struct {
	io.ReaderAt
	mu sync.Mutex
	n  int
}

func (c *counting) ReadAt(b []byte, off int64) (int, error) {
	c.mu.Lock()
	c.n += len(b)
	c.mu.Unlock()
	return c.ReaderAt.ReadAt(b, off)
}

// TestWindowsShareBlocks lets two readers go side by side while a third loads
// ahead: the file is read once.
func TestWindowsShareBlocks(t *testing.T) {
	data := random(20*blockLength + 5)
	src := &counting{ReaderAt: bytes.NewReader(data)}
	f := NewFile(src, int64(len(data)))
	stop := make(chan struct{})
	var ahead, readers sync.WaitGroup
	ahead.Go(func() { f.Ahead(stop) })
	turn := []chan struct{}{make(chan struct{}, 1), make(chan struct{}, 1)}
	turn[0] <- struct{}{}
	for me := range 2 {
		readers.Go(func() {
			w := f.Window()
			defer w.Leave()
			for off := int64(0); off+1000 <= int64(len(data)); off += 1000 {
				<-turn[me]
				got, err := w.At(off, 1000)
				if err != nil || !bytes.Equal(got, data[off:off+1000]) {
					t.Errorf("reader %d at %d: %v", me, off, err)
				}
				turn[1-me] <- struct{}{}
			}
		})
	}
	readers.Wait()
	close(stop)
	ahead.Wait()
	if src.n > len(data) {
		t.Errorf("%d bytes read of %d", src.n, len(data))
	}
}

func TestWindowOfAFileThatShrank(t *testing.T) {
	data := random(1000)
	w := NewFile(bytes.NewReader(data), 5000).Window()
	if _, err := w.At(10, 10); err == nil {
		t.Error("the file is shorter than it says, and nobody is told")
	}
}
