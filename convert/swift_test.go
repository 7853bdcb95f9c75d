package convert

import (
	"bytes"
	"maps"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"callreel/internal/corpus"
	"callreel/internal/media/pcap"
)

// indexed reads the first pass's records up to the first that cannot be read; without
// swift each packet is looked for among all streams.
func indexed(t *testing.T, src Capture, swift bool) *scan {
	t.Helper()
	s := newScan(src)
	r, err := s.file.Reader()
	if err != nil {
		return s
	}
	var rec pcap.Record
	for ; r.Next(&rec) == nil; s.frames++ {
		if rec.HasTime {
			s.leap(r, &rec)
		}
		if !swift {
			s.recent = [2]*stream{}
		}
		if err := s.frame(&rec); err != nil {
			break
		}
	}
	return s
}

// checkSwift compares the two ways of reading a capture.
func checkSwift(t *testing.T, src Capture) {
	t.Helper()
	got, want := indexed(t, src, true), indexed(t, src, false)
	if got.packets != want.packets || got.shift != want.shift || got.frames != want.frames || !maps.Equal(got.passed, want.passed) {
		t.Errorf("%d packets, shift %d, %d frames, %v; the slow way has %d, %d, %d, %v",
			got.packets, got.shift, got.frames, got.passed, want.packets, want.shift, want.frames, want.passed)
	}
	if len(got.streams) != len(want.streams) {
		t.Errorf("%d streams, the slow way has %d", len(got.streams), len(want.streams))
	}
	for key, w := range want.streams {
		g := got.streams[key]
		switch {
		case g == nil:
			t.Errorf("no stream %+v", key)
		case !slices.Equal(listed(&g.packets), listed(&w.packets)):
			t.Errorf("stream %+v has other packets", key)
		case g.counts != w.counts || g.inOrder != w.inOrder || g.again != w.again || g.step != w.step || g.born != w.born || g.heard != w.heard:
			t.Errorf("stream %+v is counted otherwise: %v, the slow way %v", key, g.counts, w.counts)
		}
	}
}

func TestSwiftIsAsTheSlowWay(t *testing.T) {
	b, _, _ := twoSides(10)
	k := newTalker(b, hostA, hostC)
	k.sing(700, 5000, 4)
	k.at -= 20 * time.Second // the capture's clock is set back
	k.sing(700, 5000, 4)
	checkSwift(t, b.capture())
}

func TestSwiftOfCaptures(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join(filepath.Dir(corpus.File(t, "INDEX.md")), "*", "*cap*"))
	if err != nil || len(paths) == 0 {
		t.Fatal(len(paths), err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) { checkSwift(t, open(t, path)) })
	}
}

// FuzzSwift compares the two ways for any bytes.
func FuzzSwift(f *testing.F) {
	b, _, _ := twoSides(4)
	invite(b, 0, "1", "2")
	f.Add(b.buf.Bytes())
	for _, capture := range seeds(f) {
		f.Add(capture)
	}
	f.Fuzz(func(t *testing.T, data []byte) { checkSwift(t, bytes.NewReader(data)) })
}
