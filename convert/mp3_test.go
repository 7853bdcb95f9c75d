package convert

import (
	"bytes"
	"errors"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"

	gomp3 "github.com/hajimehoshi/go-mp3"

	"callreel/internal/media/mp3"
	"callreel/internal/recording"
)

// inMP3 runs Convert into an MP3 and walks it.
func inMP3(tb testing.TB, src Capture, o Options) (recording.Audio, []byte) {
	tb.Helper()
	o.Format = MP3
	var out bytes.Buffer
	a, err := Convert(tb.Context(), src, &out, o)
	if err != nil {
		tb.Fatal(err)
	}
	s, err := mp3.Walk(bytes.NewReader(out.Bytes()))
	if err != nil || s.Samples != a.Samples || s.Channels != a.Channels || s.Rate != a.SampleRate || s.Kbps != a.Kbps {
		tb.Fatalf("%+v, %v; told %d samples, %d channels, %d Hz, %d kbit/s", s, err, a.Samples, a.Channels, a.SampleRate, a.Kbps)
	}
	return a, out.Bytes()
}

// decodedMP3 is what mpg123 makes of a file, by channel.
func decodedMP3(t *testing.T, file []byte, channels int) [][]int16 {
	if _, err := exec.LookPath("mpg123"); err != nil {
		t.Skip("mpg123 not here")
	}
	in, out := filepath.Join(t.TempDir(), "in.mp3"), filepath.Join(t.TempDir(), "out")
	if err := os.WriteFile(in, file, 0o600); err != nil {
		t.Fatal(err)
	}
	if b, err := exec.CommandContext(t.Context(), "mpg123", "-q", "-s", "-O", out, in).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return byChannel(b, channels)
}

func byChannel(b []byte, channels int) [][]int16 {
	pcm := make([][]int16, channels)
	for i, x := range samples16(b) {
		pcm[i%channels] = append(pcm[i%channels], x)
	}
	return pcm
}

// noise is the signal to noise ratio of got against want in dB, and the level of
// got above want.
func noise(want, got []int16) (snr, level float64) {
	var signal, other, difference float64
	for i, w := range want {
		x, y := float64(w), float64(got[i])
		signal, other, difference = signal+x*x, other+y*y, difference+(x-y)*(x-y)
	}
	return 10 * math.Log10(signal/difference), 10 * math.Log10(other/signal)
}

// An MP3 tells of the call what the WAV tells, and sounds at the same time.
func TestMP3IsTheWAV(t *testing.T) {
	const phones = "testdata/call1_alaw.pcap.gz"
	for _, channels := range allChannels() {
		t.Run(string(channels), func(t *testing.T) {
			o := Options{Channels: channels, PCM: true}
			a, w := converted(t, open(t, phones), o)
			o.PCM = false
			b, file := inMP3(t, open(t, phones), o)
			if b.Format != "mp3" || b.Codec != "mp3" || b.Kbps != 16*b.Channels {
				t.Errorf("format %q, codec %q, %d kbit/s", b.Format, b.Codec, b.Kbps)
			}
			for c, got := range decodedMP3(t, file, b.Channels) {
				want := samples16(w.channel(c))
				if len(got) != len(want) {
					t.Fatalf("%d samples, want %d", len(got), len(want))
				}
				// The two phones stand in noise: 22 dB cannot be had in so few bits.
				if snr, level := noise(want, got); snr < 12 || level < -0.1 || level > 0.1 {
					t.Errorf("channel %d: SNR %.1f dB, level %+.2f dB", c, snr, level)
				}
			}
			b.Format, b.Codec, b.Kbps = a.Format, a.Codec, a.Kbps
			if !reflect.DeepEqual(a, b) {
				t.Errorf("the MP3 tells\n%+v\nthe WAV\n%+v", b, a)
			}
		})
	}
}

func TestWideMP3(t *testing.T) {
	b := newBuilder()
	local, remote := newTalker(b, hostA, hostC), newTalker(b, hostB, hostD)
	local.sing(3000, 9000, 60)
	remote.sing(700, 5000, 60)
	for _, row := range []struct{ bitrate, want int }{{0, 48}, {24, 40}, {64, 96}} {
		a, w := converted(t, b.capture(), Options{})
		m, file := inMP3(t, b.capture(), Options{Bitrate: row.bitrate})
		if m.SampleRate != 16000 || m.Kbps != row.want || m.Samples != a.Samples {
			t.Fatalf("%+v, want %d kbit/s", m, row.want)
		}
		d, err := gomp3.NewDecoder(bytes.NewReader(file))
		if err != nil {
			t.Fatal(err)
		}
		pcm, err := io.ReadAll(d)
		if err != nil {
			t.Fatal(err)
		}
		for c, got := range byChannel(pcm, 2) {
			if snr, _ := noise(samples16(w.channel(c)), got[mp3.FrameSamples+mp3.Delay+529:]); snr < 22 {
				t.Errorf("%d kbit/s, channel %d: SNR %.1f dB", row.want, c, snr)
			}
		}
	}
	if m, _ := inMP3(t, b.capture(), Options{Wideband: WideG711}); m.SampleRate != 8000 || m.Kbps != 32 {
		t.Errorf("narrow: %d Hz, %d kbit/s", m.SampleRate, m.Kbps)
	}
}

// Many workers make what one encoder makes in one go.
func TestMP3InManyHands(t *testing.T) {
	b, _, _ := twoSides(600)
	a, w := converted(t, b.capture(), Options{PCM: true})
	pcm := make([][]int16, 2)
	f := mp3.Format{Rate: 8000, Channels: 2, Kbps: 32}
	frames := int(f.Frames(a.Samples))
	for c := range pcm {
		pcm[c] = make([]int16, mp3.Before+frames*mp3.FrameSamples+mp3.After)
		copy(pcm[c][mp3.Before:], samples16(w.channel(c)))
	}
	e, err := mp3.NewEncoder(f)
	if err != nil {
		t.Fatal(err)
	}
	want := e.Encode(f.Info(a.Samples), pcm, frames)
	for _, cores := range []int{1, 3} {
		before := runtime.GOMAXPROCS(cores)
		_, got := inMP3(t, b.capture(), Options{})
		runtime.GOMAXPROCS(before)
		if !bytes.Equal(got, want) {
			t.Errorf("with %d cores it is another file", cores)
		}
	}
}

// A target that fails at any point ends everything, with its error.
func TestMP3IntoABrokenTarget(t *testing.T) {
	b := newBuilder()
	k := newTalker(b, hostA, hostC)
	k.sing(1000, 5000, 300)
	for _, left := range []int{0, 1, 500, 20_000} {
		if _, err := Convert(t.Context(), b.capture(), &failing{left: left}, Options{Format: MP3}); !errors.Is(err, errBroken) {
			t.Errorf("after %d bytes: %v", left, err)
		}
	}
}

// The proof sees what is missing and what is damaged.
func TestProof(t *testing.T) {
	for _, f := range []mp3.Format{{Rate: 8000, Channels: 2, Kbps: 32}, {Rate: 16000, Channels: 1, Kbps: 24}} {
		const samples = 5000
		e, err := mp3.NewEncoder(f)
		if err != nil {
			t.Fatal(err)
		}
		frames := int(f.Frames(samples))
		pcm := [][]int16{make([]int16, mp3.Before+frames*mp3.FrameSamples+mp3.After), make([]int16, mp3.Before+frames*mp3.FrameSamples+mp3.After)}
		whole := e.Encode(f.Info(samples), pcm[:f.Channels], frames)
		damaged := bytes.Clone(whole)
		damaged[3*f.FrameBytes()] = 0
		for name, row := range map[string]struct {
			file    []byte
			samples int64
			whole   bool
		}{
			"whole":          {whole, samples, true},
			"cut":            {whole[:len(whole)-1], samples, false},
			"damaged":        {damaged, samples, false},
			"nothing":        {nil, samples, false},
			"another length": {whole, samples + 1, false},
		} {
			p := newProof(f)
			for part := row.file; len(part) > 0; part = part[min(100, len(part)):] {
				_, _ = p.Write(part[:min(100, len(part))])
			}
			err := p.end(row.samples)
			p.stop()
			if (err == nil) != row.whole || err != nil && !errors.Is(err, mp3.ErrNotWhole) {
				t.Errorf("%d Hz, %s: %v", f.Rate, name, err)
			}
		}
		p := newProof(f)
		p.stop() // before anything came
	}
}

// What the decoder says counts even if every frame was walked.
func TestProofByDecoding(t *testing.T) {
	f := mp3.Format{Rate: 16000, Channels: 1, Kbps: 24}
	file := f.Info(0)
	n, err := decodeAll(bytes.NewReader(file), mp3.Format{Rate: 8000})
	if err == nil || n != 0 {
		t.Errorf("another rate: %d samples, %v", n, err)
	}
	if _, err := decodeAll(strings.NewReader("RIFF"), f); err == nil {
		t.Error("a WAV was decoded")
	}
	p := newProof(f)
	e, err := mp3.NewEncoder(f)
	if err != nil {
		t.Fatal(err)
	}
	frames := int(f.Frames(600))
	pcm := [][]int16{make([]int16, mp3.Before+frames*mp3.FrameSamples+mp3.After)}
	_, _ = p.walker.Write(e.Encode(f.Info(600), pcm, frames)) // the decoder gets nothing
	if err := p.end(600); !errors.Is(err, mp3.ErrNotWhole) || !strings.Contains(err.Error(), "decode") {
		t.Errorf("walked but not decoded: %v", err)
	}
	p.stop()
}

func TestMP3Options(t *testing.T) {
	for _, row := range []struct {
		o    Options
		text string
	}{
		{Options{Format: "ogg"}, `format "ogg": must be one of wav, mp3`},
		{Options{Format: MP3, PCM: true}, "pcm: is for wav"},
		{Options{Bitrate: 32}, "bitrate 32: is for mp3"},
		{Options{Format: MP3, Bitrate: 8}, "must be one of [16 24 32 40 48 56 64] for stereo"},
		{Options{Format: MP3, Bitrate: 96, Channels: Mono}, "must be one of [8 16 24 32 40 48 56 64] for mono"},
	} {
		if err := row.o.Validate(); err == nil || !strings.Contains(err.Error(), row.text) {
			t.Errorf("%+v: %v, want %s", row.o, err, row.text)
		}
	}
	for _, o := range []Options{{Format: MP3}, {Format: MP3, Bitrate: 64}, {Format: MP3, Bitrate: 8, Channels: Internal}, {Format: WAV}} {
		if err := o.Validate(); err != nil {
			t.Errorf("%+v: %v", o, err)
		}
	}
	c := DefaultConfig()
	for change, text := range map[*Config]string{
		{Format: ""}:                          "audio.format is empty",
		{Format: "ogg"}:                       `audio.format "ogg": must be one of wav, mp3`,
		{Format: MP3, PCM: true}:              "audio.pcm: is for wav",
		{Format: MP3, Bitrate: 33}:            "audio.bitrate 33: must be one of [16",
		{Format: WAV, Bitrate: 32, PCM: true}: "audio.bitrate 32: is for mp3",
	} {
		c.Format, c.Bitrate, c.PCM = change.Format, change.Bitrate, change.PCM
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%+v: %v, want %s", c, err, text)
		}
	}
}
