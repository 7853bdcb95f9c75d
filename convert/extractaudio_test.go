package convert

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"testing"

	"callreel/internal/corpus"
	"callreel/internal/media/g722"
	"callreel/internal/recording"
)

// TestExtractaudioSums makes the files of rtpproxy's extractaudio out of our audio of
// the same packets and compares their SHA-256 with those that rtpproxy publishes. Of
// each sum that is not compared it says why.
func TestExtractaudioSums(t *testing.T) {
	calls, outcome := publishedCalls(), map[string]int{}
	compared, others := map[string][]publishedSum{}, map[string]int{}
	for _, s := range publishedSums(t) {
		c, ok := calls[s.call]
		if !ok {
			t.Errorf("%s: not in the table", s.name)
		}
		why := cmp.Or(c.not, notCoded(s.file.coding))
		if outcome[why]++; why == "" {
			compared[s.call] = append(compared[s.call], s)
		} else {
			others[s.call+": "+why]++
		}
	}
	for _, why := range slices.Sorted(maps.Keys(others)) {
		t.Logf("%d of %s", others[why], why)
	}
	want := map[string]int{
		"": 141, notStored: 270, notExact: 2, notWhole: 1, notClear: 1, notBuilt: 1,
		notCoded("g721_32"): 3, notCoded("gsm610"): 9, notCoded("dwvw_12"): 9,
	}
	if !maps.Equal(outcome, want) {
		t.Errorf("sums by outcome: %v, want %v", outcome, want)
	}
	for name, sums := range compared {
		t.Run(name, func(t *testing.T) { compareSums(t, calls[name], sums) })
	}
}

func compareSums(t *testing.T, call published, sums []publishedSum) {
	t.Helper()
	stereo := extracted(t, call)
	for _, s := range sums {
		x := stereo
		if s.file.channels == 1 {
			x = mean(stereo)
		}
		sum := sha256.Sum256(s.file.bytes(x))
		if got := hex.EncodeToString(sum[:]); got != s.sum {
			t.Errorf("%s: SHA-256 %s, want %s", s.name, got, s.sum)
		}
	}
}

// TestExtractaudioPlaces holds the calls in G.729 against the files behind the sums:
// the samples are another decoder's, but each lies where ours does, gaps and all.
func TestExtractaudioPlaces(t *testing.T) {
	for name, call := range map[string]published{
		"c1":   {captures: []string{"rtpproxy/c1.a.pcap"}},
		"lost": {captures: []string{"rtpproxy/lost.pcap"}, legA: 0x0a7328f3, later: -14},
	} {
		t.Run(name, func(t *testing.T) {
			root := filepath.Dir(corpus.File(t, "INDEX.md"))
			got := extracted(t, call)
			for i, want := range legs(t, filepath.Join(root, "reference/rtpproxy", name+".stereo.pcm_16.wav")) {
				if len(got) != 2*len(want) {
					t.Fatalf("%d samples, want %d", len(got)/2, len(want))
				}
				signal, noise := 0.0, 0.0
				for k, w := range want {
					d := float64(got[2*k+i]) - w
					signal, noise = signal+w*w, noise+d*d
				}
				if snr := 10 * math.Log10((signal+1)/(noise+1)); signal > 0 && snr < 25 || signal == 0 && noise > 0 {
					t.Errorf("channel %d: %.1f dB", i, snr)
				}
			}
		})
	}
}

// mean is what extractaudio makes of two legs in one channel; Convert adds them.
func mean(stereo []int16) (x []int16) {
	for i := 0; i < len(stereo); i += 2 {
		x = append(x, int16((int(stereo[i])+int(stereo[i+1]))/2))
	}
	return x
}

// extracted is our audio of a call, made by both passes of Convert, but for three
// things that extractaudio does otherwise: leg A is left whoever comes first, a leg
// lies where its first packet came, and of G.722 only the low band is heard.
func extracted(t *testing.T, call published) []int16 {
	t.Helper()
	a, p, err := analyse(t.Context(), call.capture(t), Options{
		PCM: true, Wideband: WideG711, Conceal: Silent, Together: true, Keys: keysOf(t, call.keys...),
	})
	if err != nil || a.Status != recording.AudioOK {
		t.Fatal(a.Status, a.Reason, err)
	}
	if p.sides[left][0].stream.key.ssrc != call.legA {
		p.sides[left], p.sides[right] = p.sides[right], p.sides[left]
	}
	if late := p.placeByFirstPackets(); len(p.sides[right]) > 0 && late[right]-late[left] != call.later {
		t.Errorf("leg O moved by %d ticks, want %d", late[right]-late[left], call.later)
	}
	p.hearLowBands()
	var file bytes.Buffer
	a.Samples = p.ticks
	if err := p.write(t.Context(), &file, &a); err != nil {
		t.Fatal(err)
	}
	return samples16(parseWAV(t, file.Bytes()).data)
}

// placeByFirstPackets puts each side where its first packet came, and tells how much
// later in ticks that is than by the packet that was least delayed.
func (p *plan) placeByFirstPackets() (late [2]int64) {
	p.zero = math.MaxInt64
	for i, segments := range p.sides {
		if len(segments) == 0 {
			continue
		}
		c := segments[0].c.hold()
		c.next()
		late[i] = c.entry.arrival - segments[0].begin
		for _, g := range segments {
			g.begin += late[i]
		}
		p.zero = min(p.zero, segments[0].begin)
	}
	p.ticks = max(chainUp(p.sides[left], p.zero), chainUp(p.sides[right], p.zero))
	return late
}

// hearLowBands makes G.722 a codec of 8 kHz.
func (p *plan) hearLowBands() {
	for _, s := range p.streams {
		for i := range s.codecs {
			if c := &s.codecs[i]; c.name == "G722" {
				low := *c.kit
				low.wide = false
				low.start = func(*codec, int) decoder { return &decoderLow{g722.NewDecoder(g722.Mode64k)} }
				c.kit = &low
			}
		}
	}
}

type decoderLow struct{ d *g722.Decoder }

func (d *decoderLow) decode(dst []int16, payload []byte) []int16 {
	n := len(dst)
	dst = grown(dst, len(payload))
	d.d.DecodeLow(dst[n:], payload)
	return dst
}

func (d *decoderLow) factor() int { return 1 }
