package convert

import (
	"bytes"
	"cmp"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"callreel/internal/corpus"
	"callreel/internal/media/g711"
	"callreel/internal/media/g722"
	"callreel/internal/media/resample"
	"callreel/internal/recording"
)

// sing lets the talker send n packets of a tone of f Hz in G.722 and returns
// what a decoder makes of all of them.
func (k *talker) sing(f, amplitude float64, n int) []int16 {
	in := make([]int16, 320*n)
	for i := range in {
		in[i] = int16(amplitude * math.Sin(2*math.Pi*f*float64(i)/16000))
	}
	octets := make([]byte, 160*n)
	g722.NewEncoder().Encode(octets, in)
	for b := range slices.Chunk(octets, 160) {
		k.packet(9, b)
		k.step()
	}
	return expand(octets)
}

func expand(octets []byte) []int16 {
	out := make([]int16, 2*len(octets))
	g722.NewDecoder(g722.Mode64k).Decode(out, octets)
	return out
}

func samples16(b []byte) []int16 {
	out := make([]int16, len(b)/2)
	for i, x := range samples(b) {
		out[i] = int16(x)
	}
	return out
}

func TestWideAndNarrowSide(t *testing.T) {
	b := newBuilder()
	local, remote := newTalker(b, hostA, hostC), newTalker(b, hostB, hostD)
	want := local.sing(5000, 9000, 50)
	remote.send(50)
	a, w := converted(t, b.capture(), Options{})
	if a.Codec != "pcm16" || a.SampleRate != 16000 || w.rate != 16000 || a.DurationS != 1 || a.Streams[0].Codec != "G722" {
		t.Fatalf("%s at %d, %v s, %+v", a.Codec, a.SampleRate, a.DurationS, a.Streams[0])
	}
	if !slices.Equal(samples16(w.channel(1)), want) {
		t.Error("the wide side is not what its octets say")
	}
	narrow := samples16(w.channel(0))
	for i := range len(remote.sent) - resample.UpDelay {
		if got := narrow[2*i+resample.UpDelay]; got != g711.DecodeA[remote.sent[i]] {
			t.Fatalf("narrow sample %d: %d, want %d", i, got, g711.DecodeA[remote.sent[i]])
		}
	}
	_, mono := converted(t, b.capture(), Options{Channels: Mono})
	for i, got := range samples16(mono.data) {
		if got != plus(want[i], narrow[i]) {
			t.Fatalf("mono sample %d: %d, want %d", i, got, plus(want[i], narrow[i]))
		}
	}
}

func TestWidebandInG711(t *testing.T) {
	b := newBuilder()
	local, remote := newTalker(b, hostA, hostC), newTalker(b, hostB, hostD)
	remote.pt = 0
	local.sing(1000, 9000, 50)
	local.sing(5000, 9000, 50)
	remote.send(100)
	a, w := converted(t, b.capture(), Options{Wideband: WideG711})
	if a.Codec != "pcma" || a.SampleRate != 8000 || w.format != 6 {
		t.Fatalf("%s at %d, format %d", a.Codec, a.SampleRate, w.format)
	}
	for i, code := range w.channel(0) {
		if code != g711.MuToA[remote.sent[i]] {
			t.Fatalf("narrow sample %d has changed", i)
		}
	}
	voice := make([]float64, len(w.channel(1)))
	for i, code := range w.channel(1) {
		voice[i] = float64(g711.DecodeA[code])
	}
	if level := math.Sqrt(2) * rms(voice[400:7600]); math.Abs(level-9000) > 200 {
		t.Errorf("1 kHz has amplitude %.0f, want 9000", level)
	}
	if level := rms(voice[8400:]); level > 130 {
		t.Errorf("5 kHz comes through with %.0f", level)
	}
}

func rms(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v * v
	}
	return math.Sqrt(sum / float64(len(x)))
}

func TestCodecChangeToWide(t *testing.T) {
	b := newBuilder()
	k := newTalker(b, hostC, hostD)
	k.send(50)
	want := k.sing(3000, 8000, 50)
	a, w := converted(t, b.capture(), Options{Channels: External})
	got := samples16(w.data)
	for i := range want[2*resample.UpDelay:] {
		if at := i + 2*resample.UpDelay; got[16000+at] != want[at] {
			t.Fatalf("sample %d behind the change: %d, want %d", at, got[16000+at], want[at])
		}
	}
	if len(a.Truth[0].Spans) != 1 || a.Streams[0].Packets != 100 {
		t.Errorf("%+v, %+v", a.Truth[0], a.Streams[0])
	}
}

// TestWideNoiseIsNoSecret: even white noise in G.722 is not taken for SRTP.
func TestWideNoiseIsNoSecret(t *testing.T) {
	for _, amplitude := range []int{300, 20000} {
		b, in := newBuilder(), make([]int16, 320*20)
		random := rand.New(rand.NewPCG(3, 4))
		for i := range in {
			in[i] = int16(random.IntN(2*amplitude) - amplitude)
		}
		octets := make([]byte, len(in)/2)
		g722.NewEncoder().Encode(octets, in)
		k := newTalker(b, hostC, hostD)
		for part := range slices.Chunk(octets, 160) {
			k.packet(9, part)
			k.step()
		}
		if a, _ := converted(t, b.capture(), Options{}); a.Status != recording.AudioOK {
			t.Errorf("amplitude %d: %s: %s", amplitude, a.Status, a.Reason)
		}
	}
}

// payloads are a stream's, in the order of their sequence numbers.
func payloads(t *testing.T, src Capture, ssrc uint32) (all []byte) {
	t.Helper()
	s := newScan(src)
	if err := s.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	for key, stream := range s.streams {
		if key.ssrc != ssrc {
			continue
		}
		var entries []entry
		for c := stream.packets.begins(); c.next(); {
			entries = append(entries, c.entry)
		}
		slices.SortFunc(entries, func(a, b entry) int { return cmp.Compare(int16(a.seq-b.seq), 0) })
		for _, e := range entries {
			b := make([]byte, e.length())
			if _, err := src.ReadAt(b, e.offset); err != nil {
				t.Fatal(err)
			}
			all = append(all, b...)
		}
	}
	return all
}

func TestKnownGoodWide(t *testing.T) {
	for name, streams := range map[string]int{"rtpproxy/corrupted_g722.pcap": 2, "rtp-pcap/sip-rtp-g722.pcap": 1} {
		t.Run(name, func(t *testing.T) {
			src := open(t, corpus.File(t, name))
			a, w := converted(t, src, Options{})
			if a.SampleRate != 16000 || len(a.Streams) != streams {
				t.Fatalf("%d Hz, streams %+v", a.SampleRate, a.Streams)
			}
			for _, s := range a.Streams {
				channel := 0
				if s.Side == recording.SideRight {
					channel = 1
				}
				want := expand(payloads(t, src, s.SSRC))
				start := int(math.Round(s.StartS * 16000))
				if got := samples16(w.channel(channel))[start:][:len(want)]; !slices.Equal(got, want) {
					t.Errorf("SSRC %#x differs", s.SSRC)
				}
			}
		})
	}
}

// TestWideAgainstOthers compares with what another program made of the lower
// band, and with the same voice in G.711.
func TestWideAgainstOthers(t *testing.T) {
	a, w := converted(t, open(t, corpus.File(t, "rtpproxy/corrupted_g722.pcap")), Options{Wideband: WideG711, PCM: true})
	b, err := os.ReadFile(filepath.Join(filepath.Dir(corpus.File(t, "INDEX.md")), "reference/rtpproxy/corrupted_g722.stereo.pcm_16.wav"))
	if err != nil {
		t.Fatal(err)
	}
	reference := parseWAV(t, b)
	var found [2][2]float64
	for i := range 2 {
		got := samples(w.channel(i))
		for j := range 2 {
			for lag := -80; lag <= 80; lag++ {
				found[i][j] = max(found[i][j], correlate(got, samples(reference.channel(j)), lag))
			}
		}
	}
	straight := min(found[0][0], found[1][1]) > 0.95
	crossed := min(found[0][1], found[1][0]) > 0.95
	if a.SampleRate != 8000 || straight == crossed {
		t.Errorf("correlations %.3f", found)
	}

	_, narrow := converted(t, open(t, corpus.File(t, "pcap2wav/sip-rtp-g711.pcap")), Options{Channels: Mono, PCM: true})
	_, broad := converted(t, open(t, corpus.File(t, "rtp-pcap/sip-rtp-g722.pcap")), Options{Channels: Mono})
	best := 0.0
	x, y := envelope(samples(narrow.data), 800), envelope(samples(broad.data), 1600)
	for lag := -100; lag <= 100; lag++ {
		best = max(best, correlate(x, y, lag))
	}
	if best < 0.97 {
		t.Errorf("envelopes against G.711: %.3f", best)
	}
}

// envelope is the level of each 100 ms.
func envelope(x []float64, n int) (out []float64) {
	for part := range slices.Chunk(x, n) {
		out = append(out, rms(part))
	}
	return out
}

func TestWideSilenceIsZero(t *testing.T) {
	b := newBuilder()
	newTalker(b, hostC, hostD).sing(440, 5000, 20)
	_, w := converted(t, b.capture(), Options{})
	if len(bytes.Trim(w.channel(1), "\x00")) != 0 {
		t.Error("the side without a stream is not silent")
	}
}
