package convert

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"os"
	"strings"
	"testing"

	"callreel/internal/corpus"
	"callreel/internal/media/g722"
)

// published is a call of rtpproxy's tests.
type published struct {
	captures []string // files of one call
	legA     uint32   // SSRC of what extractaudio puts left
	keys     []string // of SRTP
	not      string   // why there is nothing of ours to compare with
}

// Why a call is not compared.
const (
	notStored = "its capture is not in the corpus"
	notExact  = "G.729: ours is exact to the bit of ITU-T's Annex A, bcg729 behind the sum is not"
	notClear  = "SRTP without a key: ours says so and makes no audio, the sum is of decoded ciphertext"
	notBuilt  = "G.723.1 is not built in"
)

func publishedCalls() map[string]published {
	const alice, bob = "9sOd+W72ilwfNgNt0FzlGYj6YZPMqN1sJJx43UuS", "NhqBK/JjtVJgmOgPyDKpvMTEjvFCQ4eiyVQelF6x"
	const relayed = "reference/rtpproxy/originals/"
	calls := map[string]published{
		"call1_alaw":       {legA: 0x1b5d8c64}, // our testdata
		"corrupted_g722":   {captures: []string{"rtpproxy/corrupted_g722.pcap"}, legA: 0x359cf916},
		"rtcp":             {captures: []string{"rtpproxy/rtcp.pcap"}, legA: 0xdee0ee8f},
		"DLT_NULL":         {captures: []string{"rtpproxy/DLT_NULL.a.pcap"}, legA: 0xcead2a2b},
		"alice_to_bob":     {captures: []string{"rtpproxy/alice_bob_srtp.pcap"}, legA: 0x2a1ad144, keys: []string{alice, bob}},
		"alice_to_bob_out": {captures: []string{relayed + "alice_srtp_out.pcap", relayed + "bob_srtp_out.pcap"}, legA: 0x2a1ad144, keys: []string{alice, bob}},
		"srtp1":            {not: notClear},
		"G723_1":           {not: notBuilt},
	}
	for _, name := range []string{"c1", "lost", "sess6"} {
		calls[name] = published{not: notExact}
	}
	for _, name := range []string{
		"call1_g722", "call1_g722_srtp", "call1_g729", "call1_gsm", "call1_ulaw", "p12", "p23", "weird", "dups", "dups1",
	} {
		calls[name] = published{not: notStored}
	}
	return calls
}

// notCoded says why files of a coding are not made. The same samples are compared in
// the other codings.
func notCoded(coding string) string {
	switch {
	case coding == "g721_32":
		return "G.721 is only decoded here"
	case coding == "gsm610":
		return "GSM is only decoded here"
	case strings.HasPrefix(coding, "dwvw_"):
		return "DWVW has no published description"
	}
	return ""
}

// publishedSum is of one file that extractaudio made.
type publishedSum struct {
	name, call, sum string
	file            soundFile
}

// publishedSums reads the lists of rtpproxy: the files of one are named for what is
// in them, those of the other are all what extractaudio makes when nothing is said.
func publishedSums(t *testing.T) (sums []publishedSum) {
	t.Helper()
	for _, list := range []string{"extractaudio", "rtp_analyze1"} {
		b, err := os.ReadFile("testdata/" + list + ".checksums")
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(b)) {
			s := publishedSum{file: soundFile{container: "wav", coding: "ms_adpcm", channels: 2}}
			name, sum, _ := strings.Cut(strings.TrimPrefix(line, "SHA256 ("), ") = ")
			s.name, s.sum = name, strings.TrimSpace(sum)
			part := strings.Split(name, ".")
			s.call = strings.TrimPrefix(part[0], "rtp_analyze_")
			if len(part) == 4 {
				s.file = soundFile{container: part[3], coding: part[2], channels: map[string]int{"mono": 1, "stereo": 2}[part[1]]}
			}
			sums = append(sums, s)
		}
	}
	return sums
}

// TestExtractaudioSums makes the files of rtpproxy's extractaudio out of our audio of
// the same packets and compares their SHA-256 with those that rtpproxy publishes. Of
// each sum that is not compared it says why.
func TestExtractaudioSums(t *testing.T) {
	calls, outcome := publishedCalls(), map[string]int{}
	compared := map[string][]publishedSum{}
	for _, s := range publishedSums(t) {
		c, ok := calls[s.call]
		if !ok {
			t.Errorf("%s: not in the table", s.name)
		}
		why := c.not
		if why == "" {
			why = notCoded(s.file.coding)
		}
		if outcome[why]++; why != "" {
			t.Logf("%s: %s", s.name, why)
			continue
		}
		compared[s.call] = append(compared[s.call], s)
	}
	want := map[string]int{
		"": 141, notStored: 270, notExact: 3, notClear: 1, notBuilt: 1,
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

// mean is what extractaudio makes of two legs in one channel; ours adds them.
func mean(stereo []int16) (x []int16) {
	for i := 0; i < len(stereo); i += 2 {
		x = append(x, int16((int(stereo[i])+int(stereo[i+1]))/2))
	}
	return x
}

// extracted is our audio of a call, from both passes of Convert, for
// three things that extractaudio does otherwise: leg A is left whoever comes first, a
// leg lies where its first packet came, and of G.722 only the low band is heard.
func extracted(t *testing.T, call published) []int16 {
	t.Helper()
	a, p, err := analyse(t.Context(), call.capture(t), Options{
		PCM: true, Wideband: WideG711, Conceal: Silent, Together: true, Keys: keysOf(t, call.keys...),
	})
	if err != nil || p == nil || p.ticks == 0 {
		t.Fatal(a.Status, a.Reason, err)
	}
	if p.sides[left][0].stream.key.ssrc != call.legA {
		p.sides[left], p.sides[right] = p.sides[right], p.sides[left]
	}
	p.placeByFirstPackets()
	p.hearLowBands()
	var file bytes.Buffer
	a.Samples = p.ticks
	if err := p.write(t.Context(), &file, &a); err != nil {
		t.Fatal(err)
	}
	return samples16(parseWAV(t, file.Bytes()).data)
}

// capture is the call's; files of one side each are put one behind the other.
func (c published) capture(t *testing.T) Capture {
	t.Helper()
	if c.captures == nil {
		return open(t, "testdata/call1_alaw.pcap.gz")
	}
	var all []byte
	for _, name := range c.captures {
		b, err := os.ReadFile(corpus.File(t, name))
		if err != nil {
			t.Fatal(err)
		}
		if len(all) > 0 {
			b = b[24:] // without its header
		}
		all = append(all, b...)
	}
	return bytes.NewReader(all)
}

// placeByFirstPackets puts each side where its first packet came. Convert goes by
// the packet that was least delayed.
func (p *plan) placeByFirstPackets() {
	first := true
	for _, segments := range p.sides {
		if len(segments) == 0 {
			continue
		}
		c := segments[0].c.hold()
		c.next()
		late := c.entry.arrival - segments[0].begin
		for _, g := range segments {
			g.begin += late
		}
		if first || segments[0].begin < p.zero {
			p.zero, first = segments[0].begin, false
		}
	}
	p.ticks = max(chainUp(p.sides[left], p.zero), chainUp(p.sides[right], p.zero))
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
