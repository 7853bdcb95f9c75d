package convert

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"callreel/internal/corpus"
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

// alike compares at the lag of at most 60 ms around start at which the samples go
// together best.
func alike(got, want []float64, start int) likeness {
	best, most := start, -1.0
	for lag := start - 480; lag <= start+480; lag++ {
		dot := 0.0
		for i := 0; i < len(want); i += 7 {
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
