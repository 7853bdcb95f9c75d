package convert

import (
	"math"
	"os"
	"slices"
	"testing"
	"time"

	"callreel/internal/corpus"
	"callreel/internal/media/g726"
	"callreel/internal/media/gsm"
	"callreel/internal/recording"
)

// describe adds an INVITE of 192.0.2.3:4000 to 192.0.2.4 and its answer from port
// 5000, both with the same section of media but for the port.
func describe(b *builder, at time.Duration, protocol, types, attributes string) {
	section := func(ip, port string) string {
		return "v=0\r\nc=IN IP4 " + ip + "\r\nm=audio " + port + " " + protocol + " " + types + "\r\n" + attributes
	}
	const head = "CSeq: 1 INVITE\r\nFrom: <sip:101@pbx>;tag=1\r\nTo: <sip:102@pbx>"
	b.udp(at, "192.0.2.3:5060", "192.0.2.4:5060", []byte("INVITE sip:x SIP/2.0\r\nCall-ID: d1\r\n"+head+"\r\n\r\n"+section("192.0.2.3", "4000")))
	b.udp(at, "192.0.2.4:5060", "192.0.2.3:5060", []byte("SIP/2.0 200 OK\r\nCall-ID: d1\r\n"+head+";tag=2\r\n\r\n"+section("192.0.2.4", "5000")))
}

// octets are n that tell nothing of what they were made from.
func octets(n int) []byte {
	out, x := make([]byte, n), uint32(7)
	for i := range out {
		x = x*1664525 + 1013904223
		out[i] = byte(x>>24) & byte(x>>16) // not even: no cipher's
	}
	return out
}

// pack sends payloads of so many ticks each.
func (k *talker) pack(payloads [][]byte, ticks int) {
	for _, b := range payloads {
		k.packet(k.pt, b)
		k.seq, k.ts, k.at = k.seq+1, k.ts+uint32(ticks), k.at+time.Duration(ticks)*time.Second/rate
	}
}

func TestG726(t *testing.T) {
	for _, row := range []struct {
		name    string
		pt      uint8
		bits    int
		packing g726.Packing
	}{
		{"G726-16", 97, 2, g726.RTP},
		{"g726-24", 97, 3, g726.RTP},
		{"G726-32", 97, 4, g726.RTP},
		{"G726-40", 97, 5, g726.RTP},
		{"AAL2-G726-32", 97, 4, g726.AAL2},
		{"AAL2-G726-40", 97, 5, g726.AAL2},
		{"", 2, 4, g726.RTP},
		{"AAL2-G726-32", 2, 4, g726.AAL2},
	} {
		t.Run(row.name, func(t *testing.T) {
			b := newBuilder()
			if row.name != "" {
				pt := map[uint8]string{2: "2", 97: "97"}[row.pt]
				describe(b, 0, "RTP/AVP", pt, "a=rtpmap:"+pt+" "+row.name+"/8000\r\n")
			}
			k := newTalker(b, hostC, hostD)
			k.pt = row.pt
			coded := octets(50 * 20 * row.bits)
			k.pack(slices.Collect(slices.Chunk(coded, 20*row.bits)), 160)
			a, w := converted(t, b.capture(), Options{PCM: true, Channels: External})
			d, err := g726.New(row.bits, row.packing)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := samples16(w.data), d.Decode(nil, coded); !slices.Equal(got, want) || len(a.Truth[0].Spans) != 1 {
				t.Errorf("%d samples that differ, want %d; %+v", len(got), len(want), a.Truth)
			}
		})
	}
}

func TestNoSuchG726(t *testing.T) {
	for _, name := range []string{"G726-8", "G726-48", "G726-20", "G726-", "AAL2-GSM", "AAL2-G726"} {
		if narrowKit(name) != nil {
			t.Errorf("%s is taken for something", name)
		}
	}
}

// TestGSMFrames: several frames in a packet, one of them damaged, and one too
// short at the end.
func TestGSMFrames(t *testing.T) {
	b := newBuilder()
	k := newTalker(b, hostC, hostD)
	k.pt = 3
	var coded []byte
	for i := range 30 {
		coded = append(append(coded, 0xd4), octets(2 * gsm.FrameBytes)[i:][:gsm.FrameBytes-1]...)
	}
	coded[4*gsm.FrameBytes] = 0
	payloads := slices.Collect(slices.Chunk(coded, 3*gsm.FrameBytes))
	payloads[9] = append(payloads[9], 0xd4, 1, 2)
	k.pack(payloads, 480)
	_, w := converted(t, b.capture(), Options{PCM: true, Channels: External})
	var d gsm.Decoder
	var want []int16
	for frame := range slices.Chunk(coded, gsm.FrameBytes) {
		var out [gsm.FrameSamples]int16
		if err := d.Decode(&out, frame); err != nil {
			clear(out[:])
		}
		want = append(want, out[:]...)
	}
	if got := samples16(w.data); !slices.Equal(got, want) {
		t.Errorf("%d samples that differ, want %d", len(got), len(want))
	}
}

// TestGSMAgainstOthers compares with what another program made of the capture,
// which has every packet twice, over IPv4 and over IPv6.
func TestGSMAgainstOthers(t *testing.T) {
	a, w := converted(t, open(t, corpus.File(t, "rtpproxy/DLT_NULL.a.pcap")), Options{PCM: true})
	b, err := os.ReadFile(corpus.File(t, "reference/rtpproxy/DLT_NULL.stereo.pcm_16.wav"))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(w.data, parseWAV(t, b).data) || a.Passed["copy"] != 300 {
		t.Errorf("%d bytes differ; passed over %v", len(w.data), a.Passed)
	}
}

// TestGSMBesideG711 compares with the same voice in G.711.
func TestGSMBesideG711(t *testing.T) {
	_, coded := converted(t, open(t, corpus.File(t, "pcap2wav/sip-rtp-gsm.pcap")), Options{PCM: true, Channels: Mono})
	if r := besideG711(t, samples(coded.data), 800); r < 0.99 {
		t.Errorf("envelopes: %.4f", r)
	}
}

// besideG711 is how well the envelope of voice with so many samples in 100 ms goes
// with that of the capture in G.711 of the same voice.
func besideG711(t *testing.T, voice []float64, n int) (best float64) {
	t.Helper()
	_, w := converted(t, open(t, corpus.File(t, "pcap2wav/sip-rtp-g711.pcap")), Options{PCM: true, Channels: Mono})
	x, y := envelope(samples(w.data), 800), envelope(voice, n)
	for lag := -100; lag <= 100; lag++ {
		best = max(best, correlate(x, y, lag))
	}
	return best
}

// TestCodecChange: the callee goes on with its numbers through two changes of the
// codec, the caller begins anew each time.
func TestCodecChange(t *testing.T) {
	src := open(t, corpus.File(t, "generated/sipp_codec_change_pcma_gsm_pcmu.pcap"))
	a, w := converted(t, src, Options{PCM: true})
	if len(a.Streams) != 4 || math.Abs(a.DurationS-17.04) > 0.04 {
		t.Fatalf("%v s, %+v", a.DurationS, a.Streams)
	}
	for i, truth := range a.Truth {
		heard := 0.0
		for _, s := range truth.Spans {
			if s.Kind == "received" {
				heard += s.ToS - s.FromS
			}
		}
		if a.DurationS-heard > 0.04 {
			t.Errorf("channel %d: only %v s received", i, heard)
		}
	}
	for _, s := range a.Streams {
		if s.Codec != "GSM" {
			continue
		}
		var d decoderGSM
		want := d.decode(nil, payloads(t, src, s.SSRC))
		channel := map[recording.Side]int{recording.SideRight: 1}[s.Side]
		start := int(math.Round(s.StartS * rate))
		got := samples16(w.channel(channel))[start:]
		if n := min(len(got), len(want)) - 4*gsm.FrameSamples; n < 40000 || !slices.Equal(got[:n], want[:n]) {
			t.Errorf("SSRC %#x differs", s.SSRC)
		}
	}
}
