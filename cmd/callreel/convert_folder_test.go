package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"callreel/internal/clock"
)

// put writes a file below dir.
func put(t *testing.T, dir, name string, content []byte) {
	t.Helper()
	path := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestConvertAFolder(t *testing.T) {
	call, err := os.ReadFile(realCall)
	if err != nil {
		t.Fatal(err)
	}
	in, out := t.TempDir(), filepath.Join(t.TempDir(), "audio")
	const guid = "c03a55c2d309e311a0b500903306225f"
	put(t, in, "a.pcap", call)
	put(t, in, "a.pcap.gz", call)
	put(t, in, "sub/"+guid+"-009033062250-17", call)
	put(t, in, "bad.pcap", []byte("<html>404</html>"))
	put(t, in, "notes.txt", []byte("no capture"))
	put(t, out, "sub/"+guid+"-009033062250-17.wav", []byte("RIFF\xff\x00\x00\x00WAVEhalf a file"))

	code, text := convertRun(t, "--workers", "2", "-o", out, in)
	if code != exitSomeLeft || !strings.Contains(text, "bad.pcap: damaged: no packet capture") ||
		!strings.Contains(text, "3 converted, 0 there already, 1 not converted; 0.4 minutes of audio") || strings.Contains(text, "notes") {
		t.Fatalf("exit code %d, %s", code, text)
	}
	for _, name := range []string{"a.wav", "a.pcap.gz.wav", "sub/" + guid + "-009033062250-17.wav"} {
		if !isWhole(filepath.Join(out, filepath.FromSlash(name))) {
			t.Errorf("%s is not whole", name)
		}
	}
	if err := os.Remove(filepath.Join(in, "bad.pcap")); err != nil {
		t.Fatal(err)
	}
	before, err := os.Stat(filepath.Join(out, "a.wav"))
	if err != nil {
		t.Fatal(err)
	}
	code, text = convertRun(t, "-o", out, in)
	after, err := os.Stat(filepath.Join(out, "a.wav"))
	if code != exitDone || !strings.Contains(text, "0 converted, 3 there already, 0 not converted") || err != nil || !os.SameFile(before, after) {
		t.Errorf("again: exit code %d, %s, %v", code, text, err)
	}
}

// TestConvertAFolderOfLikeNames: the second call of one capture is not filed over, or
// taken for, another capture.
func TestConvertAFolderOfLikeNames(t *testing.T) {
	b := &backlog{job: &convertJob{in: t.TempDir(), out: t.TempDir()}}
	for _, name := range []string{"a-2.pcap", "a.pcap", "a-02.pcap", "a-x.pcap", "a-1.pcap", "b-2.pcap", "b-1.pcap", "c", "c-3", "c-3.pcap"} {
		put(t, b.job.in, name, nil)
	}
	put(t, b.job.in, "c03a55c2d309e311a0b500903306225f", nil)
	put(t, b.job.in, "c03a55c2d309e311a0b500903306225f-17", nil)
	if err := b.list(); err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for _, item := range b.items {
		got[filepath.Base(item.out)] = true
	}
	want := []string{
		"a.wav", "a-2.pcap.wav", "a-02.wav", "a-x.wav", "a-1.wav", "b-1.wav", "b-2.wav", "c-3.wav",
		"c03a55c2d309e311a0b500903306225f.wav", "c03a55c2d309e311a0b500903306225f-17.pcap.wav",
	}
	for _, name := range want {
		if !got[name] {
			t.Errorf("%s is not among %v", name, got)
		}
	}
	if len(b.items) != len(want) || len(got) != len(want) {
		t.Errorf("%d files of %d captures, want %d", len(got), len(b.items), len(want))
	}
}

func TestConvertAFolderToMP3(t *testing.T) {
	call, err := os.ReadFile(realCall)
	if err != nil {
		t.Fatal(err)
	}
	in, out := t.TempDir(), filepath.Join(t.TempDir(), "audio.mp3") // a folder may have such a name
	put(t, in, "a.pcap", call)
	put(t, in, "b.pcap", call)
	put(t, out, "b.mp3", []byte("half a file"))
	if code, text := convertRun(t, "--format", "mp3", "--channels", "mono", "-o", out, in); code != exitDone || !strings.Contains(text, "2 converted, 0 there") {
		t.Fatalf("exit code %d, %s", code, text)
	}
	a, err := os.ReadFile(filepath.Join(out, "a.mp3"))
	b, other := os.ReadFile(filepath.Join(out, "b.mp3"))
	if errors.Join(err, other) != nil || !bytes.Equal(a, b) || !isWhole(filepath.Join(out, "a.mp3")) {
		t.Errorf("%d and %d bytes, %v, %v", len(a), len(b), err, other)
	}
	if code, text := convertRun(t, "--format", "mp3", "-o", out, in); code != exitDone || !strings.Contains(text, "0 converted, 2 there already") {
		t.Errorf("again: exit code %d, %s", code, text)
	}
}

func TestConvertAFolderOntoItself(t *testing.T) {
	call, err := os.ReadFile(realCall)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	put(t, dir, "a.pcap", call)
	for _, want := range []string{"1 converted, 0 there", "0 converted, 1 there"} {
		if code, text := convertRun(t, "-o", dir, dir); code != exitDone || !strings.Contains(text, want) {
			t.Errorf("exit code %d, %s; want %s", code, text, want)
		}
	}
	if code, text := convertRun(t, "-o", dir, t.TempDir()); code != exitNothing || !strings.Contains(text, "no captures in it") {
		t.Errorf("empty: exit code %d, %s", code, text)
	}
}

func TestCaptureNames(t *testing.T) {
	for name, want := range map[string]bool{
		"a.pcap": true, "A.PCAPNG": true, "x.cap.gz": true, "a.wav": false, "a.gz": false, ".pcap": true, "pcap": false,
		"c03a55c2d309e311a0b500903306225f": true, "03a55c2d309e311a0b500903306225f-009033-17-rossi": true,
		"c03a55c2d309e311a0b500903306225f.xml": false, "c03a55c2d309e311a0b500903306225": true, "c03a55c2": false,
	} {
		if got := isCaptureName(name); got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
}

func TestTally(t *testing.T) {
	now, ticks := time.Unix(0, 0), make(chan time.Time)
	c := clock.Clock{Now: func() time.Time { return now }, After: func(time.Duration) <-chan time.Time { return ticks }}
	items := []backlogItem{{name: "a", size: 100}, {name: "b", size: 100}, {name: "c", size: 200}, {name: "d", size: 400}}
	var out bytes.Buffer
	tally := newTally(items, c, &out)
	if got := tally.line(); !strings.Contains(got, "0 of 4 files, 0 min of audio, 0 x real time, unknown time left") {
		t.Error(got)
	}
	now = time.Unix(10, 0)
	tally.add(items[0], outcome{skipped: true})
	tally.add(items[1], outcome{seconds: 600})
	tally.add(items[2], outcome{err: errors.New("encrypted")})
	if got, want := tally.line(), "[############............] 3 of 4 files, 10 min of audio, 60 x real time, 13s left"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	tally.terminal = true
	stop, done := make(chan struct{}), make(chan struct{})
	go func() { tally.show(stop); close(done) }()
	ticks <- now
	ticks <- now // the first has been dealt with
	close(stop)
	<-done
	text := out.String()
	if !strings.HasPrefix(text, "c: encrypted\n[####") || !strings.HasSuffix(text, " \r") || strings.Count(text, "[####") < 1 {
		t.Errorf("%q", text)
	}
}
