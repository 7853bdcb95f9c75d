package crypto_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"

	"callreel/crypto"
)

const (
	head    = crypto.HeaderSize
	segment = crypto.SegmentSize
	sealed  = segment + crypto.Overhead
)

func newRing(t testing.TB, names ...string) *crypto.Ring {
	t.Helper()
	ring := crypto.NewRing()
	for _, n := range append([]string{"default"}, names...) {
		if err := ring.Generate(n); err != nil {
			t.Fatal(err)
		}
	}
	return ring
}

// noise gives n bytes that are the same in every run.
func noise(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b)
	return b
}

func seal(t testing.TB, ring *crypto.Ring, clear []byte, announced int64) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := crypto.NewWriter(&b, ring, announced)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(clear); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// open reads a sealed file in both ways, which must agree.
func open(t testing.TB, ring *crypto.Ring, b []byte) ([]byte, error) {
	t.Helper()
	whole, errAt := openAt(ring, b)
	stream, errStream := openStream(ring, b)
	if (errAt == nil) != (errStream == nil) {
		t.Fatalf("OpenAt says %v, NewReader says %v", errAt, errStream)
	}
	if errAt == nil && !bytes.Equal(whole, stream) {
		t.Fatal("OpenAt and NewReader give different content")
	}
	return whole, errAt
}

func openAt(ring *crypto.Ring, b []byte) ([]byte, error) {
	r, err := crypto.OpenAt(bytes.NewReader(b), int64(len(b)), ring)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.NewSectionReader(r, 0, r.Size()))
}

func openStream(ring *crypto.Ring, b []byte) ([]byte, error) {
	r, err := crypto.NewReader(bytes.NewReader(b), ring)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

func sizes() []int {
	return []int{0, 1, 100, segment - 1, segment, segment + 1, 2*segment - 1, 2 * segment, 2*segment + 1, 3*segment + 7777}
}

func TestRoundTrip(t *testing.T) {
	ring := newRing(t)
	for _, n := range sizes() {
		for _, announced := range []int64{int64(n), -1} {
			clear := noise(n)
			b := seal(t, ring, clear, announced)
			if int64(len(b)) != crypto.SealedSize(int64(n)) {
				t.Errorf("%d bytes: sealed is %d, SealedSize says %d", n, len(b), crypto.SealedSize(int64(n)))
			}
			if !crypto.IsSealed(b[:8]) {
				t.Errorf("%d bytes: the first 8 bytes do not tell", n)
			}
			got, err := open(t, ring, b)
			if err != nil || !bytes.Equal(got, clear) {
				t.Errorf("%d bytes, announced %d: %v, equal=%v", n, announced, err, bytes.Equal(got, clear))
			}
		}
	}
}

func TestSmallReadsAndWrites(t *testing.T) {
	ring := newRing(t)
	clear := noise(segment + 300)
	var b bytes.Buffer
	w, err := crypto.NewWriter(&b, ring, -1)
	if err != nil {
		t.Fatal(err)
	}
	for i := range clear {
		if _, err := w.Write(clear[i : i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := crypto.NewReader(iotest.OneByteReader(bytes.NewReader(b.Bytes())), ring)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(iotest.OneByteReader(r))
	if err != nil || !bytes.Equal(got, clear) {
		t.Fatalf("%v, equal=%v", err, bytes.Equal(got, clear))
	}
}

func TestReadAtAnyPlace(t *testing.T) {
	ring := newRing(t)
	clear := noise(3*segment + 500)
	b := seal(t, ring, clear, int64(len(clear)))
	r, err := crypto.OpenAt(bytes.NewReader(b), int64(len(b)), ring)
	if err != nil {
		t.Fatal(err)
	}
	if err := iotest.TestReader(io.NewSectionReader(r, 0, r.Size()), clear); err != nil {
		t.Error(err)
	}
	for _, off := range []int{0, 1, segment - 1, segment, 2*segment - 3, 3 * segment, len(clear) - 1} {
		got := make([]byte, 4)
		n, err := r.ReadAt(got, int64(off))
		want := clear[off:min(off+4, len(clear))]
		if !bytes.Equal(got[:n], want) || errors.Is(err, io.EOF) != (len(want) < 4) {
			t.Errorf("at %d: %x %v, want %x", off, got[:n], err, want)
		}
	}
	if n, err := r.ReadAt(make([]byte, 1), r.Size()); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %d, %v", n, err)
	}
	if _, err := r.ReadAt(make([]byte, 1), -1); err == nil {
		t.Error("a negative offset was read")
	}
}

func TestReadAtTouchesOnlyWhatItNeeds(t *testing.T) {
	ring := newRing(t)
	clear := noise(3 * segment)
	b := seal(t, ring, clear, -1)
	b[head+20] ^= 1 // in the first segment
	r, err := crypto.OpenAt(bytes.NewReader(b), int64(len(b)), ring)
	if err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 100)
	if _, err := r.ReadAt(got, segment+50); err != nil || !bytes.Equal(got, clear[segment+50:segment+150]) {
		t.Errorf("second segment: %v", err)
	}
	if _, err := r.ReadAt(got, 0); !errors.Is(err, crypto.ErrTampered) {
		t.Errorf("first segment: %v, want tampered", err)
	}
}

// Every single flipped bit of the header, and one in every byte of the rest,
// must be found.
func TestEveryFlippedBitIsFound(t *testing.T) {
	ring := newRing(t)
	for _, announced := range []int64{70, -1} {
		b := seal(t, ring, noise(70), announced)
		for i := range len(b) * 8 {
			b[i/8] ^= 1 << (i % 8)
			_, err := open(t, ring, b)
			wantRefusal(t, fmt.Sprintf("bit %d of byte %d", i%8, i/8), err)
			b[i/8] ^= 1 << (i % 8)
		}
		if _, err := open(t, ring, b); err != nil {
			t.Fatalf("turned back: %v", err)
		}
	}
}

func wantRefusal(t *testing.T, what string, err error) {
	t.Helper()
	if !errors.Is(err, crypto.ErrTampered) && !errors.Is(err, crypto.ErrUnknownKey) && !errors.Is(err, crypto.ErrNotSealed) {
		t.Errorf("%s: got %v, want a refusal", what, err)
	}
}

func TestTruncation(t *testing.T) {
	ring := newRing(t)
	for _, announced := range []int64{3*segment + 9, -1} {
		b := seal(t, ring, noise(3*segment+9), announced)
		for _, n := range []int{
			len(b) - 1, head + 3*sealed, head + 3*sealed + 1, head + 3*sealed + 27, head + 3*sealed + 28,
			head + 2*sealed, head + sealed, head + 5, head, head - 1, 9, 8,
		} {
			_, err := open(t, ring, b[:n])
			if !errors.Is(err, crypto.ErrTampered) {
				t.Errorf("announced %d, cut to %d of %d: got %v, want tampered", announced, n, len(b), err)
			}
			atBorder := n <= head || (n-head)%sealed == 0
			if atBorder && !errors.Is(err, crypto.ErrTruncated) {
				t.Errorf("announced %d, cut to %d of %d: got %v, want cut short", announced, n, len(b), err)
			}
		}
		if _, err := open(t, ring, b[:7]); !errors.Is(err, crypto.ErrNotSealed) {
			t.Errorf("7 bytes: %v, want not sealed", err)
		}
		if _, err := open(t, ring, nil); !errors.Is(err, crypto.ErrNotSealed) {
			t.Errorf("empty: %v, want not sealed", err)
		}
	}
}

func TestGrownFileIsRefused(t *testing.T) {
	ring := newRing(t)
	for _, n := range sizes() {
		for _, announced := range []int64{int64(n), -1} {
			b := seal(t, ring, noise(n), announced)
			for _, extra := range [][]byte{{0}, b[head:min(len(b), head+sealed)], make([]byte, sealed)} {
				_, err := open(t, ring, append(bytes.Clone(b), extra...))
				if !errors.Is(err, crypto.ErrTampered) {
					t.Errorf("%d bytes and %d more: %v", n, len(extra), err)
				}
			}
		}
	}
}

func TestSwappedAndForeignSegments(t *testing.T) {
	ring := newRing(t)
	data := crypto.NewDataKey()
	with := func(seed byte) []byte {
		var b bytes.Buffer
		w, err := crypto.NewWriterWith(&b, ring, crypto.Options{Data: data, ClearLen: -1})
		if err != nil {
			t.Fatal(err)
		}
		_, _ = w.Write(bytes.Repeat([]byte{seed}, 3*segment))
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	one, two := with(1), with(2)
	swapped := bytes.Clone(one)
	copy(swapped[head:], one[head+sealed:head+2*sealed])
	copy(swapped[head+sealed:], one[head:head+sealed])
	repeated := bytes.Clone(one)
	copy(repeated[head+sealed:], one[head:head+sealed])
	mixed := bytes.Clone(one)
	copy(mixed[head+sealed:], two[head+sealed:head+2*sealed])
	otherHead := append(bytes.Clone(two[:head]), one[head:]...)
	for name, b := range map[string][]byte{"swapped": swapped, "repeated": repeated, "of another file with the same data key": mixed, "under another header": otherHead} {
		if _, err := open(t, ring, b); !errors.Is(err, crypto.ErrTampered) {
			t.Errorf("segments %s: %v", name, err)
		}
	}
}

func TestNothingUnprovedIsGiven(t *testing.T) {
	ring := newRing(t)
	clear := noise(2*segment + 10)
	b := seal(t, ring, clear, -1)
	b[head+sealed+5] ^= 1
	r, err := crypto.NewReader(bytes.NewReader(b), ring)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(r)
	if !errors.Is(err, crypto.ErrTampered) || !bytes.Equal(got, clear[:segment]) {
		t.Errorf("got %d bytes and %v, want the first segment and a refusal", len(got), err)
	}
	if n, err := r.Read(make([]byte, 1)); n != 0 || !errors.Is(err, crypto.ErrTampered) {
		t.Errorf("after the error: %d, %v", n, err)
	}
}

func TestReadErrorIsNotAnEnd(t *testing.T) {
	ring := newRing(t)
	b := seal(t, ring, noise(segment), -1)
	boom := errors.New("boom")
	src := io.MultiReader(bytes.NewReader(b), iotest.ErrReader(boom))
	r, err := crypto.NewReader(src, ring)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(r); !errors.Is(err, boom) {
		t.Errorf("got %v, want boom", err)
	}
}

func TestLengthMustBeTheOneAnnounced(t *testing.T) {
	ring := newRing(t)
	w, err := crypto.NewWriter(io.Discard, ring, 5)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = w.Write(make([]byte, 4))
	if err := w.Close(); !errors.Is(err, crypto.ErrLength) {
		t.Errorf("too short: %v", err)
	}
	w, _ = crypto.NewWriter(io.Discard, ring, 5)
	if _, err := w.Write(make([]byte, 6)); !errors.Is(err, crypto.ErrLength) {
		t.Errorf("too long: %v", err)
	}
	if err := w.Close(); !errors.Is(err, crypto.ErrLength) {
		t.Errorf("Close after too long: %v", err)
	}
	if _, err := crypto.NewWriter(io.Discard, ring, -2); !errors.Is(err, crypto.ErrLength) {
		t.Errorf("-2: %v", err)
	}
}

func TestWriteErrorStays(t *testing.T) {
	ring := newRing(t)
	w, err := crypto.NewWriter(&limited{left: head}, ring, -1)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = w.Write(make([]byte, 2*segment))
	if err := w.Close(); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("Close: %v, want the write error", err)
	}
}

type limited struct{ left int }

func (l *limited) Write(p []byte) (int, error) {
	if len(p) > l.left {
		return 0, io.ErrShortWrite
	}
	l.left -= len(p)
	return len(p), nil
}

func TestSealBytes(t *testing.T) {
	ring := newRing(t)
	b, err := crypto.SealBytes(ring, []byte("<sidecar/>"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := crypto.OpenBytes(ring, b); err != nil || string(got) != "<sidecar/>" {
		t.Errorf("%q, %v", got, err)
	}
	if bytes.Contains(b, []byte("sidecar")) {
		t.Error("the clear text shows")
	}
}

func FuzzOpen(f *testing.F) {
	ring := newRing(f)
	whole := seal(f, ring, noise(300), -1)
	f.Add(whole)
	f.Add(whole[:head])
	f.Add(seal(f, ring, nil, 0))
	f.Add([]byte("RIFF....WAVE"))
	clear := noise(300)
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := open(t, ring, b)
		if err == nil && len(got) != 0 && !bytes.Equal(got, clear) {
			t.Fatal("opened something that was not sealed")
		}
		if len(b) >= head {
			_, _ = crypto.Rewrap([head]byte(b[:head]), ring, "default")
		}
	})
}

func BenchmarkSeal(b *testing.B) {
	ring, clear := newRing(b), noise(8<<20)
	b.SetBytes(int64(len(clear)))
	for b.Loop() {
		w, _ := crypto.NewWriter(io.Discard, ring, int64(len(clear)))
		_, _ = w.Write(clear)
		_ = w.Close()
	}
}

func BenchmarkOpen(b *testing.B) {
	ring := newRing(b)
	file := seal(b, ring, noise(8<<20), -1)
	b.SetBytes(8 << 20)
	for b.Loop() {
		r, err := crypto.NewReader(bytes.NewReader(file), ring)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, r); err != nil {
			b.Fatal(err)
		}
	}
}

// Two seconds of stereo G.711 from the middle of an hour.
func BenchmarkSlice(b *testing.B) {
	ring := newRing(b)
	file := seal(b, ring, noise(57_600_000), -1)
	slice := make([]byte, 32_000)
	for b.Loop() {
		r, err := crypto.OpenAt(bytes.NewReader(file), int64(len(file)), ring)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := r.ReadAt(slice, 28_800_123); err != nil {
			b.Fatal(err)
		}
	}
}
