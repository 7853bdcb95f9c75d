package convert

import (
	"bytes"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"callreel/internal/corpus"
	"callreel/internal/media/g711"
	"callreel/internal/recording"
)

// likeness compares voice that two decoders made of the same frames. Those that
// are not exact to the bit have the same loudness from one tenth of a second to
// the next.
type likeness struct {
	lag      int
	snr      float64 // dB
	envelope float64 // correlation of the loudness of 100 ms
}

// alike compares at the lag of at most 20 ms around start at which the samples go
// together best.
func alike(got, want []float64, start int) likeness {
	best, most := start, -1.0
	for lag := start - 160; lag <= start+160; lag++ {
		dot := 0.0
		for i := 0; i < len(want); i += 31 {
			dot += at(got, i+lag) * want[i]
		}
		if dot > most {
			best, most = lag, dot
		}
	}
	var signal, noise float64
	for i, w := range want {
		d := at(got, i+best) - w
		signal, noise = signal+w*w, noise+d*d
	}
	shifted := make([]float64, len(want))
	for i := range shifted {
		shifted[i] = at(got, i+best)
	}
	return likeness{best, 10 * math.Log10(signal/(noise+1)), pearson(loudness(shifted), loudness(want))}
}

// loudness is the level of each 100 ms.
func loudness(x []float64) (out []float64) {
	for ; len(x) >= rate/10; x = x[rate/10:] {
		out = append(out, rms(x[:rate/10]))
	}
	return out
}

func pearson(a, b []float64) float64 {
	var ma, mb, ab, aa, bb float64
	for i := range a {
		ma, mb = ma+a[i]/float64(len(a)), mb+b[i]/float64(len(a))
	}
	for i := range a {
		x, y := a[i]-ma, b[i]-mb
		ab, aa, bb = ab+x*y, aa+x*x, bb+y*y
	}
	return ab / math.Sqrt(aa*bb+1e-9)
}

// legs are the channels of a file of samples.
func legs(tb testing.TB, path string) (out [][]float64) {
	tb.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	w := parseWAV(tb, b)
	for i := range w.channels {
		out = append(out, samples(w.channel(i)))
	}
	return out
}

// TestG729KnownGood holds calls in G.729 against audio that another decoder made of
// the same packets; it is not exact to the bit. A loss is left silent, as there.
func TestG729KnownGood(t *testing.T) {
	for _, row := range []struct {
		capture, wave string
	}{
		{capture: "rtpproxy/c1.a.pcap", wave: "decoded/c1.a__*.wav"},
		{capture: "rtpproxy/c1.a.pcap", wave: "rtpproxy/c1.stereo.pcm_16.wav"},
		{capture: "rtpproxy/lost.pcap", wave: "decoded/lost__*.wav"},
		{capture: "rtpproxy/lost.pcap", wave: "rtpproxy/lost.stereo.pcm_16.wav"},
		{capture: "rtpproxy/sess6.pcap", wave: "decoded/sess6__0x70c93b97.wav"},
		{capture: "trex/delay_10_sip_video_call_full.pcap", wave: "decoded/trex_sip_video_call_full__*.wav"},
	} {
		t.Run(row.capture+" "+filepath.Base(row.wave), func(t *testing.T) {
			a, w := converted(t, open(t, corpus.File(t, row.capture)), Options{PCM: true, Conceal: Silent})
			if a.Status != recording.AudioOK {
				t.Fatal(a.Status, a.Reason)
			}
			pattern := filepath.Join(filepath.Dir(corpus.File(t, "INDEX.md")), "reference", row.wave)
			files, _ := filepath.Glob(pattern)
			if len(files) == 0 {
				t.Skip("corpus not here: " + row.wave)
			}
			for _, file := range files {
				for i, want := range legs(t, file) {
					if rms(want) < 1 {
						continue // a side without a stream
					}
					l := likest(a, w, want)
					if l.snr < 20 || l.envelope < 0.97 {
						t.Errorf("%s, channel %d: %+v", filepath.Base(file), i, l)
					}
				}
			}
		})
	}
}

// likest compares with each side from where its stream begins.
func likest(a recording.Audio, w wave, want []float64) (best likeness) {
	best.snr = math.Inf(-1)
	for channel := range w.channels {
		got := samples(w.channel(channel))
		for _, s := range a.Streams {
			if l := alike(got, want, int(s.StartS*rate)); l.snr > best.snr {
				best = l
			}
		}
	}
	return best
}

// TestG729BeginsAnew wants all packets of a sender to be heard that begins anew at
// 3.41 and at 9.42 s, with the same SSRC and numbers. The reference has the last
// 41 s whole; its clock is not quite that of the packets, so that it is compared
// second by second.
func TestG729BeginsAnew(t *testing.T) {
	a, w := converted(t, open(t, corpus.File(t, "rtpproxy/sess6.pcap")), Options{PCM: true, Conceal: Silent})
	heard := 0.0
	for _, s := range a.Truth[0].Spans {
		if s.Kind == "received" {
			heard += s.ToS - s.FromS
		}
	}
	if s := a.Streams[0]; s.Packets != 2546 || s.Duplicates != 0 || math.Abs(heard-50.92) > 1e-6 {
		t.Errorf("%+v, %v s are heard, want 50.92", s, heard)
	}
	file := filepath.Join(filepath.Dir(corpus.File(t, "INDEX.md")), "reference", "rtpproxy", "sess6.stereo.pcm_16.wav")
	want, got := legs(t, file)[0], samples(w.channel(0))
	var snr []float64
	for at := 8 * rate; at+rate <= len(want); at += rate {
		if second := want[at:][:rate]; rms(second) > 200 {
			snr = append(snr, alike(got, second, at+28240).snr)
		}
	}
	if len(snr) < 4 || slices.Min(snr) < 20 {
		t.Errorf("%.1f dB", snr)
	}
}

// TestG729LikeG711 compares the loudness of a call in G.729 with that of the same
// words in G.711.
func TestG729LikeG711(t *testing.T) {
	side := func(name string) (best []float64) {
		_, w := converted(t, open(t, corpus.File(t, name)), Options{PCM: true})
		for i := range w.channels {
			if x := samples(w.channel(i)); best == nil || rms(x) > rms(best) {
				best = x
			}
		}
		return best
	}
	got, want := side("pcap2wav/sip-rtp-g729a.pcap"), side("pcap2wav/sip-rtp-g711.pcap")
	want = want[:min(len(want), len(got))]
	if l := alike(got, want, 0); l.envelope < 0.97 {
		t.Errorf("%+v", l)
	}
}

// seams are where a channel's spans meet, in ticks.
func seams(spans []recording.Span) (out []int) {
	for _, s := range spans[:len(spans)-1] {
		out = append(out, int(math.Round(s.ToS*rate)))
	}
	return out
}

// steepest is the largest step from one sample to the next in x[from:to].
func steepest(x []float64, from, to int) (most float64) {
	for i := max(1, from); i < min(to, len(x)); i++ {
		most = max(most, math.Abs(x[i]-x[i-1]))
	}
	return most
}

// TestG729SeamsDoNotClick wants the step where speech, noise, pauses and what is
// concealed meet to be no larger than 1.5 times the largest of the 5 ms on either side,
// and 20.
func TestG729SeamsDoNotClick(t *testing.T) {
	for _, row := range []struct {
		capture string
		kinds   []string
		least   int // seams
	}{
		{"trex/delay_10_sip_video_call_full.pcap", []string{"received", "dtx"}, 400},
		{"rtpproxy/lost.pcap", []string{"received", "concealed"}, 100},
	} {
		t.Run(row.capture, func(t *testing.T) {
			a, w := converted(t, open(t, corpus.File(t, row.capture)), Options{PCM: true})
			n := 0
			for channel := range w.channels {
				x := samples(w.channel(channel))
				for _, at := range seams(a.Truth[channel].Spans) {
					near := max(steepest(x, at-40, at), steepest(x, at+1, at+41))
					if step := steepest(x, at, at+1); step > 1.5*near+20 {
						t.Errorf("a step of %.0f at %.3f s of channel %d, %.0f beside it", step, float64(at)/rate, channel, near)
					}
					n++
				}
				for _, s := range a.Truth[channel].Spans {
					if !slices.Contains(append(row.kinds, "lost", "silence"), s.Kind) {
						t.Errorf("%+v", s)
					}
				}
			}
			if n < row.least {
				t.Errorf("%d seams", n)
			}
		})
	}
}

// TestG729Noise compares the level of comfort noise with that of bcg729 1.1.1 on
// the same frames: 10.0 in the pauses of either side, of which ffmpeg decodes
// nothing.
func TestG729Noise(t *testing.T) {
	a, w := converted(t, open(t, corpus.File(t, "trex/delay_10_sip_video_call_full.pcap")), Options{PCM: true})
	for channel := range w.channels {
		var noise []float64
		x, from := samples(w.channel(channel)), 0
		for _, s := range a.Truth[channel].Spans {
			to := int(math.Round(s.ToS * rate))
			if s.Kind == "dtx" {
				noise = append(noise, x[from:min(to, len(x))]...)
			}
			from = to
		}
		if level := 20 * math.Log10(rms(noise)/10); len(noise) < 6*rate || math.Abs(level) > 3 {
			t.Errorf("channel %d: %d samples of noise, %.1f dB from what they should be", channel, len(noise), level)
		}
	}
}

// TestG729LongPause lets nothing be sent for two minutes after a description of
// noise, of which each second is heard.
func TestG729LongPause(t *testing.T) {
	b := newBuilder()
	k := newTalker(b, hostC, hostD)
	speech := []byte{0x78, 0x52, 0x80, 0xa0, 0x00, 0xfa, 0xc2, 0x07, 0xd6, 0x40}
	for range 50 {
		k.packet(18, append(slices.Clone(speech), speech...))
		k.step()
	}
	k.packet(18, []byte{0, 30})
	k.at += 120 * time.Second
	k.ts += 120 * rate
	k.seq++
	k.packet(18, append(slices.Clone(speech), speech...))
	a, w := converted(t, b.capture(), Options{PCM: true, Channels: External})
	x := samples(w.data)
	want := []recording.Span{
		{FromS: 0, ToS: 1.01, Kind: "received"},
		{FromS: 1.01, ToS: 121, Kind: "dtx"},
		{FromS: 121, ToS: 121.02, Kind: "received"},
	}
	if !slices.Equal(a.Truth[0].Spans, want) || len(x) != 121*rate+160 {
		t.Fatalf("%+v, %d samples", a.Truth, len(x))
	}
	first := rms(x[2*rate : 3*rate])
	for s := 3; s < 121; s++ {
		if level := rms(x[s*rate : (s+1)*rate]); level < first/2 || level > first*2 || level < 1 {
			t.Fatalf("second %d: %.1f, and %.1f at first", s, level, first)
		}
	}
}

// TestG729LongLoss wants the first 120 ms of a long loss concealed, and silence
// from there on.
func TestG729LongLoss(t *testing.T) {
	b := newBuilder()
	k := newTalker(b, hostC, hostD)
	speech := bytes.Repeat([]byte{0x78, 0x52, 0x80, 0xa0, 0x00, 0xfa, 0xc2, 0x07, 0xd6, 0x40}, 2)
	for n := range 100 {
		if n < 40 || n >= 70 {
			k.packet(18, speech)
		}
		k.step()
	}
	a, w := converted(t, b.capture(), Options{PCM: true, Channels: External})
	want := []recording.Span{
		{FromS: 0, ToS: 0.8, Kind: "received"},
		{FromS: 0.8, ToS: 0.92, Kind: "concealed"},
		{FromS: 0.92, ToS: 1.4, Kind: "lost"},
		{FromS: 1.4, ToS: 2, Kind: "received"},
	}
	x := samples(w.data)
	if !slices.Equal(a.Truth[0].Spans, want) || len(x) != 2*rate {
		t.Fatalf("%+v, %d samples", a.Truth, len(x))
	}
	if before, filled, lost := rms(x[6000:6400]), rms(x[6400:7200]), rms(x[7360:11200]); filled < before/10 || lost != 0 {
		t.Errorf("level %.1f before, %.1f concealed, %.1f lost", before, filled, lost)
	}
}

// TestG729Encrypted wants SRTP's tags to tell, whose bytes are no more even than
// those of speech.
func TestG729Encrypted(t *testing.T) {
	noise := rand.New(rand.NewPCG(7, 29))
	for octets, want := range map[int]recording.AudioStatus{
		20: recording.AudioOK, 10: recording.AudioOK, 24: recording.AudioEncrypted, 30: recording.AudioEncrypted, 36: recording.AudioEncrypted,
	} {
		b := newBuilder()
		k := newTalker(b, hostC, hostD)
		for range 100 {
			payload := make([]byte, octets)
			for i := range payload {
				payload[i] = byte(noise.Uint32())
			}
			k.packet(18, payload)
			k.step()
		}
		if a, _ := converted(t, b.capture(), Options{}); a.Status != want {
			t.Errorf("%d octets: %s, want %s (%s)", octets, a.Status, want, a.Reason)
		}
	}
}

// TestG729InALaw holds the file in G.711 against the one in samples.
func TestG729InALaw(t *testing.T) {
	path := corpus.File(t, "rtpproxy/c1.a.pcap")
	_, w := converted(t, open(t, path), Options{PCM: true})
	a, coded := converted(t, open(t, path), Options{})
	x, codes := samples16(w.channel(0)), coded.channel(0)
	if a.Codec != "pcma" || len(codes) != len(x) || len(x) == 0 {
		t.Fatalf("%s, %d and %d samples", a.Codec, len(codes), len(x))
	}
	for i, v := range x {
		if codes[i] != g711.EncodeA(v) {
			t.Fatalf("sample %d: %#x, want %#x of %d", i, codes[i], g711.EncodeA(v), v)
		}
	}
}
