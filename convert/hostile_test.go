package convert

import (
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"callreel/internal/recording"
)

// soak reports whether the long forms of the tests are wanted; `make soak` sets it.
func soak() bool {
	n, err := strconv.Atoi(os.Getenv("CALLREEL_SOAK"))
	return err == nil && n > 0
}

// sparse is a capture of which all behind the head is filled with one pattern, and
// that counts what is read of it.
type sparse struct {
	head []byte
	fill []byte
	size int64
	read atomic.Int64
}

func (s *sparse) Size() int64 { return s.size }

func (s *sparse) ReadAt(p []byte, off int64) (int, error) {
	if off >= s.size {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), s.size-off))
	done := 0
	if off < int64(len(s.head)) {
		done = copy(p[:n], s.head[off:])
	}
	if len(s.fill) == 0 {
		clear(p[done:n])
	} else {
		for i := range p[done:n] {
			p[done+i] = s.fill[(off+int64(done+i))%int64(len(s.fill))]
		}
	}
	s.read.Add(int64(n))
	return n, nil
}

// memory is the most memory that was in use while do ran, above what there was before.
func memory(do func()) uint64 {
	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	stop, done := make(chan struct{}), make(chan uint64)
	go func() {
		most := uint64(0)
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			runtime.ReadMemStats(&now)
			most = max(most, now.HeapAlloc)
			select {
			case <-stop:
				done <- most
				return
			case <-tick.C:
			}
		}
	}()
	do()
	close(stop)
	return max(<-done, before.HeapAlloc) - before.HeapAlloc
}

// TestTenGigabytesOfNothing: a file that is huge and holds nothing behind its
// beginning is given up soon, and what it begins with is kept.
func TestTenGigabytesOfNothing(t *testing.T) {
	const size, most = 10 << 30, 200 << 20
	call, _, _ := twoSides(50)
	section := []byte("\n\r\r\n\x1c\x00\x00\x00\x4d\x3c\x2b\x1a\x01\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\x1c\x00\x00\x00")
	for _, row := range []struct {
		name       string
		head, fill []byte
		status     recording.AudioStatus
		long       bool
	}{
		{"a call, then zeros", call.buf.Bytes(), nil, recording.AudioOK, false},
		{"a file header, then zeros", newBuilder().buf.Bytes(), nil, recording.AudioDamaged, false},
		{"a section of pcapng, then zeros", section, nil, recording.AudioDamaged, false},
		{"a call, then ones", call.buf.Bytes(), []byte{0xff}, recording.AudioOK, true},
		{"a file header, then what could be headers", newBuilder().buf.Bytes(), []byte{1, 0, 0}, recording.AudioNone, true},
		{"a section, then ones", section, []byte{0xff}, recording.AudioNone, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			if row.long && !soak() {
				t.Skip("a long one: CALLREEL_SOAK is not set")
			}
			src := &sparse{head: row.head, fill: row.fill, size: size}
			var a recording.Audio
			used := memory(func() { a, _ = converted(t, src, Options{}) })
			if a.Status != row.status || !strings.Contains(a.Reason, "given up at offset 1") || !strings.Contains(a.Reason, "of 10737418240") {
				t.Errorf("%s: %q", a.Status, a.Reason)
			}
			if read := src.read.Load(); read > most || used > 64<<20 {
				t.Errorf("%d bytes read, %d of memory used", read, used)
			}
			if row.status == recording.AudioOK && a.DurationS != 1.03 {
				t.Errorf("%v s, want those of the call", a.DurationS)
			}
		})
	}
}
