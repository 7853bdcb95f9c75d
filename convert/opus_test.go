package convert

import (
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"callreel/internal/corpus"
	"callreel/internal/media/packet"
	"callreel/internal/media/pcap"
	"callreel/internal/media/rtp"
	"callreel/internal/recording"
)

// TestOpusAgainstOthers compares with what another program made of the packets.
func TestOpusAgainstOthers(t *testing.T) {
	a, w := converted(t, open(t, corpus.File(t, "generated/bs_opus_ipv6.pcap")), Options{})
	if a.SampleRate != 16000 || len(a.Streams) != 2 || len(a.Digits) != 1 || a.Digits[0].Digit != "7" {
		t.Fatalf("%d Hz, digits %v, streams %+v", a.SampleRate, a.Digits, a.Streams)
	}
	for _, s := range a.Streams {
		name := map[uint32]string{0x5e10e4b8: "0x5e10e4b8", 0xe809ff76: "0xe809ff76"}[s.SSRC]
		b, err := os.ReadFile(corpus.File(t, "reference/decoded/gen_bs_opus_ipv6__"+name+".wav"))
		if err != nil {
			t.Fatal(err)
		}
		want := envelope(samples(parseWAV(t, b).data), 4800)
		channel := map[recording.Side]int{recording.SideRight: 1}[s.Side]
		got := envelope(samples(w.channel(channel))[int(s.StartS*16000):], 1600)
		if r := correlate(got, want, 0); r < 0.99 || math.Abs(s.EndS-s.StartS-float64(len(want))/10) > 0.1 {
			t.Errorf("SSRC %s: envelopes %.4f", name, r)
		}
	}
}

// TestOpusBesideG711 compares with the same voice in G.711.
func TestOpusBesideG711(t *testing.T) {
	a, w := converted(t, open(t, corpus.File(t, "rtp-pcap/sip-rtp-opus.pcap")), Options{Channels: Mono})
	if r := besideG711(t, samples(w.data), 1600); r < 0.93 || a.DurationS != 8.5 {
		t.Errorf("%v s, envelopes %.4f", a.DurationS, r)
	}
}

// TestOpusWithoutDescription: it is told by its pace, beside telephone events.
func TestOpusWithoutDescription(t *testing.T) {
	for name, digits := range map[string]string{"asterisk/opus-2013785496.pcap": "2013785496", "asterisk/16_bit_48khz_60_fec_rtp.pcapng": ""} {
		t.Run(name, func(t *testing.T) {
			a, _ := converted(t, open(t, corpus.File(t, name)), Options{})
			got := ""
			for _, d := range a.Digits {
				got += d.Digit
			}
			if a.Status != recording.AudioOK || len(a.Streams) != 1 || a.Streams[0].Codec != "opus" || got != digits {
				t.Errorf("%s, %s: %+v, digits %q", a.Status, a.Reason, a.Streams, got)
			}
		})
	}
}

// without is the capture of the RTP packets but for those that lose takes away.
func without(t *testing.T, src Capture, lose func(n int) bool) Capture {
	t.Helper()
	r, err := pcap.NewFile(src, src.Size()).Reader()
	if err != nil {
		t.Fatal(err)
	}
	b, dec, n := newBuilder(), packet.NewDecoder(), 0
	var rec pcap.Record
	for first := int64(0); r.Next(&rec) == nil; {
		var d packet.Datagram
		if dec.Decode(rec.Link, rec.Data, &d) != packet.UDP || rtp.Look(d.Payload) != rtp.RTP {
			continue
		}
		if n++; n == 1 {
			first = rec.Time
		}
		if !lose(n) {
			b.udp(time.Duration(rec.Time-first), hostC, hostD, d.Payload)
		}
	}
	return b.capture()
}

// TestOpusRecovers: a lost packet is heard as the next one tells of it.
func TestOpusRecovers(t *testing.T) {
	src := open(t, corpus.File(t, "asterisk/16_bit_48khz_60_fec_rtp.pcapng"))
	lost := func(n int) bool { return n%20 == 10 && n > 100 }
	_, whole := converted(t, without(t, src, func(int) bool { return false }), Options{Channels: External})
	a, w := converted(t, without(t, src, lost), Options{Channels: External})
	b, silent := converted(t, without(t, src, lost), Options{Channels: External, Conceal: Silent})
	var got, want []float64
	x, y, z := samples(whole.data), samples(w.data), samples(silent.data)
	for n := 110; n < 2990; n += 20 {
		at := 320 * (n - 1)
		got, want = append(got, y[at:at+320]...), append(want, x[at:at+320]...)
		if rms(z[at+1:at+319]) != 0 {
			t.Fatalf("packet %d is lost and is heard", n)
		}
	}
	if r := correlate(got, want, 0); r < 0.9 {
		t.Errorf("what was recovered is like what was lost by %.3f", r)
	}
	kinds := map[string]int{}
	for i, audio := range []recording.Audio{a, b} {
		clear(kinds)
		for _, s := range audio.Truth[0].Spans {
			kinds[s.Kind]++
		}
		if n := kinds[[]string{"concealed", "lost"}[i]]; n != 145 || len(kinds) != 2 {
			t.Errorf("spans %v", kinds)
		}
	}
}

// TestOpusGap: of a long loss both ends are concealed, and nothing else.
func TestOpusGap(t *testing.T) {
	src := open(t, corpus.File(t, "asterisk/16_bit_48khz_60_fec_rtp.pcapng"))
	a, w := converted(t, without(t, src, func(n int) bool { return n > 500 && n <= 520 }), Options{Channels: External})
	want := []recording.Span{
		{FromS: 0, ToS: 10, Kind: "received"},
		{FromS: 10, ToS: 10.06, Kind: "concealed"},
		{FromS: 10.06, ToS: 10.34, Kind: "lost"},
		{FromS: 10.34, ToS: 10.4, Kind: "concealed"},
		{FromS: 10.4, ToS: 60, Kind: "received"},
	}
	if !slices.Equal(a.Truth[0].Spans, want) {
		t.Errorf("%+v", a.Truth[0].Spans)
	}
	if x := samples(w.data); rms(x[160960:165440]) != 0 || rms(x[160000:160960]) == 0 {
		t.Error("the middle of a loss is heard, or its beginning is not")
	}
}

// TestOpusEncrypted: what is said to be Opus and does not last what its timestamps
// say is a cipher's, and what nobody says to be anything is nothing.
func TestOpusEncrypted(t *testing.T) {
	for attribute, want := range map[string]string{"a=rtpmap:97 opus/48000/2\r\n": "encrypted (SRTP) and no key: opus", "": "unknown (payload type 97)"} {
		b := newBuilder()
		describe(b, 0, "RTP/SAVP", "97", attribute)
		k := newTalker(b, hostC, hostD)
		k.pt = 97
		random := rand.New(rand.NewPCG(1, 2))
		for range 200 {
			payload := make([]byte, 60)
			for i := range payload {
				payload[i] = byte(random.Uint32())
			}
			k.packet(97, payload)
			k.step()
			k.ts += 960 - 160
		}
		a, _ := converted(t, b.capture(), Options{})
		if a.Status == recording.AudioOK || !strings.Contains(a.Reason, want) {
			t.Errorf("%s: %s, want %s", a.Status, a.Reason, want)
		}
	}
}
