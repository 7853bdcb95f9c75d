package convert

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"callreel/internal/media/g711"
	"callreel/internal/recording"
)

// twoSides is a call of n packets a side, local first, remote 30 ms later.
func twoSides(n int) (b *builder, local, remote *talker) {
	b = newBuilder()
	local, remote = newTalker(b, hostA, hostC), newTalker(b, hostB, hostD)
	remote.at = 30 * time.Millisecond
	for range n {
		local.send(1)
		remote.send(1)
	}
	return b, local, remote
}

func TestSidesByPorts(t *testing.T) {
	idle := bytes.Repeat([]byte{g711.IdleA}, 240)
	for _, row := range []struct {
		name      string
		o         Options
		localLeft bool
	}{
		{"phone is the default", Options{}, false},
		{"phone", Options{RecordedOn: recording.OnPhone}, false},
		{"phone swapped", Options{RecordedOn: recording.OnPhone, Swap: true}, true},
		{"gateway", Options{RecordedOn: recording.OnGateway}, true},
		{"gateway swapped", Options{RecordedOn: recording.OnGateway, Swap: true}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			b, local, remote := twoSides(10)
			a, w := converted(t, b.capture(), row.o)
			if a.SidesBy != recording.ByPorts || a.Codec != "pcma" || w.format != 6 || a.DurationS != 0.23 || !a.Start.Equal(epoch) {
				t.Fatalf("by %s, %s, format %d, %v s, start %v", a.SidesBy, a.Codec, w.format, a.DurationS, a.Start)
			}
			wantLocal, wantRemote := slices.Concat(local.sent, idle), slices.Concat(idle, remote.sent)
			wantSide := recording.SideInternal
			gotLocal, gotRemote := w.channel(1), w.channel(0)
			if row.localLeft {
				wantSide = recording.SideExternal
				gotLocal, gotRemote = gotRemote, gotLocal
			}
			if !bytes.Equal(gotLocal, wantLocal) || !bytes.Equal(gotRemote, wantRemote) {
				t.Error("the sides are not byte for byte what was sent")
			}
			if a.Streams[0].Side != wantSide || a.Streams[0].Packets != 10 {
				t.Errorf("local stream: %+v, want side %s", a.Streams[0], wantSide)
			}
		})
	}
}

func invite(b *builder, at time.Duration, from, to string) {
	const sdp = "v=0\r\nc=IN IP4 192.0.2.3\r\nm=audio 4000 RTP/AVP 8\r\n"
	const answer = "v=0\r\nc=IN IP4 192.0.2.4\r\nm=audio 5000 RTP/AVP 8\r\n"
	head := "From: <sip:" + from + "@a>;tag=1\r\nTo: <sip:" + to + "@b>"
	b.udp(at, "192.0.2.3:5060", "192.0.2.4:5060", []byte("INVITE sip:x SIP/2.0\r\nCall-ID: c1\r\nCSeq: 1 INVITE\r\n"+head+"\r\n\r\n"+sdp))
	b.udp(at+time.Second, "192.0.2.4:5060", "192.0.2.3:5060", []byte("SIP/2.0 180 Ringing\r\nCall-ID: c1\r\nCSeq: 1 INVITE\r\n"+head+";tag=2\r\n\r\n"))
	b.udp(at+3*time.Second, "192.0.2.4:5060", "192.0.2.3:5060", []byte("SIP/2.0 200 OK\r\nCall-ID: c1\r\nCSeq: 1 INVITE\r\n"+head+";tag=2\r\n\r\n"+answer))
}

func TestSidesBySIP(t *testing.T) {
	for _, row := range []struct {
		name       string
		numbers    []string
		by         recording.SidesBy
		callerLeft bool
	}{
		{"nobody known: caller left", nil, recording.ByCaller, true},
		{"caller is internal", []string{"24"}, recording.ByNumbers, false},
		{"callee is internal", []string{"0012345"}, recording.ByNumbers, true},
		{"both are", []string{"24", "0012345"}, recording.ByCaller, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			b := newBuilder()
			invite(b, 0, "24", "0012345")
			caller, callee := newTalker(b, hostC, hostD), newTalker(b, hostD, hostC)
			caller.at, callee.at = 3*time.Second, 3*time.Second
			callee.send(10)
			caller.send(10)
			a, w := converted(t, b.capture(), Options{Numbers: row.numbers})
			got := w.channel(0)
			if !row.callerLeft {
				got = w.channel(1)
			}
			if a.SidesBy != row.by || !bytes.Equal(got, caller.sent) {
				t.Errorf("by %s, want %s; caller on the right channel: %v", a.SidesBy, row.by, bytes.Equal(got, caller.sent))
			}
			s := a.SIP
			if s == nil || s.From != "24" || s.To != "0012345" || !s.Invite.Equal(epoch) ||
				!s.Ring.Equal(epoch.Add(time.Second)) || !s.Answer.Equal(epoch.Add(3*time.Second)) || !s.Bye.IsZero() {
				t.Errorf("SIP %+v", s)
			}
		})
	}
}

func TestFirstPacketIsLeftAndOneSideIsSilent(t *testing.T) {
	b := newBuilder()
	k := newTalker(b, hostC, hostD)
	k.pt = 0
	k.send(5)
	a, w := converted(t, b.capture(), Options{})
	if a.SidesBy != recording.ByFirstPacket || a.Codec != "pcmu" || w.format != 7 {
		t.Fatalf("by %s, %s, format %d", a.SidesBy, a.Codec, w.format)
	}
	if !bytes.Equal(w.channel(0), k.sent) || !bytes.Equal(w.channel(1), bytes.Repeat([]byte{g711.IdleMu}, len(k.sent))) {
		t.Error("want the voice left and silence right")
	}
}

// TestTimeline has one talker do what networks and telephones do; want tells the
// spans and in which order the sent packets sound.
func TestTimeline(t *testing.T) {
	type spans = []recording.Span
	for _, row := range []struct {
		name             string
		play             func(k *talker)
		want             spans
		packets, lost    int
		duplicates, late int
		gapAfter, gap    int // packets, samples of silence after them
	}{
		{
			name: "loss", packets: 8, lost: 2, gapAfter: 4, gap: 320,
			play: func(k *talker) { k.send(4); k.step(); k.step(); k.send(4) },
			want: spans{{FromS: 0, ToS: 0.08, Kind: "received"}, {FromS: 0.08, ToS: 0.12, Kind: "lost"}, {FromS: 0.12, ToS: 0.2, Kind: "received"}},
		},
		{
			name: "hold with running RTP time", packets: 8, gapAfter: 4, gap: 24000,
			play: func(k *talker) { k.send(4); k.ts += 24000; k.at += 3 * time.Second; k.send(4) },
			want: spans{{FromS: 0, ToS: 0.08, Kind: "received"}, {FromS: 0.08, ToS: 3.08, Kind: "silence"}, {FromS: 3.08, ToS: 3.16, Kind: "received"}},
		},
		{
			name: "hold with standing RTP time", packets: 24, gapAfter: 4, gap: 24000,
			play: func(k *talker) { k.send(4); k.at += 3 * time.Second; k.send(20) },
			want: spans{{FromS: 0, ToS: 0.08, Kind: "received"}, {FromS: 0.08, ToS: 3.08, Kind: "silence"}, {FromS: 3.08, ToS: 3.48, Kind: "received"}},
		},
		{
			name: "jump of RTP time", packets: 8,
			play: func(k *talker) { k.send(4); k.ts += 5_000_000; k.send(4) },
			want: spans{{FromS: 0, ToS: 0.16, Kind: "received"}},
		},
		{
			name: "restart with the same SSRC", packets: 120,
			play: func(k *talker) { k.send(60); k.seq, k.ts = 100, 1000; k.send(60) },
			want: spans{{FromS: 0, ToS: 2.4, Kind: "received"}},
		},
		{
			name: "wrap of both counters", packets: 8,
			play: func(k *talker) { k.seq, k.ts = 65533, 1<<32-480; k.send(8) },
			want: spans{{FromS: 0, ToS: 0.16, Kind: "received"}},
		},
		{
			name: "SSRC change", packets: 4, // of the first stream
			play: func(k *talker) {
				k.send(4)
				k.ssrc, k.seq, k.ts, k.at = 9, 9000, 77, k.at+7*time.Millisecond
				k.send(4)
			},
			want: spans{{FromS: 0, ToS: 0.16, Kind: "received"}},
		},
		{
			name: "burst after a stall", packets: 120,
			play: func(k *talker) {
				k.send(10)
				k.at += 2 * time.Second
				for range 100 {
					k.send(1)
					k.at -= 19 * time.Millisecond
				}
				k.send(10)
			},
			want: spans{{FromS: 0, ToS: 2.4, Kind: "received"}},
		},
		{
			name: "clock set back", packets: 20,
			play: func(k *talker) { k.at = time.Hour; k.send(10); k.at -= 30 * time.Minute; k.send(10) },
			want: spans{{FromS: 0, ToS: 0.4, Kind: "received"}},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			b := newBuilder()
			k := newTalker(b, hostC, hostD)
			row.play(k)
			a, w := converted(t, b.capture(), Options{Channels: External, Conceal: Silent})
			if a.Status != recording.AudioOK {
				t.Fatal(a.Reason)
			}
			if got := a.Truth[0].Spans; !slices.Equal(got, row.want) {
				t.Errorf("spans %v, want %v", got, row.want)
			}
			at := row.gapAfter * 160
			want := slices.Concat(k.sent[:at], bytes.Repeat([]byte{g711.IdleA}, row.gap), k.sent[at:])
			if !bytes.Equal(w.data, want) {
				t.Errorf("%d samples differ from the %d sent", len(w.data), len(want))
			}
			if s := a.Streams[0]; s.Packets != row.packets || s.Lost != row.lost {
				t.Errorf("packets %d, lost %d; want %d, %d", s.Packets, s.Lost, row.packets, row.lost)
			}
		})
	}
}

func TestDuplicatesAndReorderingCostNothing(t *testing.T) {
	b := newBuilder()
	k := newTalker(b, hostC, hostD)
	k.send(40)
	records := func(i int) []byte {
		from := 24
		if i > 0 {
			from = b.ends[i-1]
		}
		return b.buf.Bytes()[from:b.ends[i]]
	}
	mixed := bytes.NewBuffer(slices.Clone(b.buf.Bytes()[:24]))
	for i := 0; i < 40; i += 2 {
		mixed.Write(records(i + 1))
		mixed.Write(records(i))
		if i%10 == 0 {
			mixed.Write(records(i))
		}
	}
	a, w := converted(t, bytes.NewReader(mixed.Bytes()), Options{Channels: External, Conceal: Silent})
	s := a.Streams[0]
	if !bytes.Equal(w.data, k.sent) || s.Duplicates != 4 || s.Late != 20 || s.Lost != 0 || s.Packets != 40 {
		t.Errorf("same audio: %v; %+v", bytes.Equal(w.data, k.sent), s)
	}
}

func TestMonoAndPCM(t *testing.T) {
	b, local, remote := twoSides(10)
	_, stereo := converted(t, b.capture(), Options{PCM: true})
	if stereo.format != 1 || stereo.bits != 16 {
		t.Fatalf("format %d, %d bits", stereo.format, stereo.bits)
	}
	a, mono := converted(t, b.capture(), Options{Channels: Mono})
	if a.Channels != 1 || a.Truth[0].Side != recording.SideUnknown {
		t.Fatalf("%d channels, side %s", a.Channels, a.Truth[0].Side)
	}
	for i := range 1840 {
		sum := int32(0)
		if i < len(local.sent) {
			sum += int32(g711.DecodeA[local.sent[i]])
		}
		if i >= 240 {
			sum += int32(g711.DecodeA[remote.sent[i-240]])
		}
		if want := g711.EncodeA(int16(max(-32768, min(32767, sum)))); mono.data[i] != want {
			t.Fatalf("sample %d: %#x, want %#x", i, mono.data[i], want)
		}
		if i < len(local.sent) {
			want := uint16(g711.DecodeA[local.sent[i]])
			if got := uint16(stereo.data[4*i+2]) | uint16(stereo.data[4*i+3])<<8; got != want {
				t.Fatalf("PCM sample %d: %d, want %d", i, int16(got), int16(want))
			}
		}
	}
}

func TestMuLawBesideALawIsRecoded(t *testing.T) {
	b := newBuilder()
	local, remote := newTalker(b, hostA, hostC), newTalker(b, hostB, hostD)
	local.pt = 0
	local.send(5)
	remote.send(5)
	a, w := converted(t, b.capture(), Options{})
	if a.Codec != "pcma" {
		t.Fatal(a.Codec)
	}
	for i, got := range w.channel(1) {
		if want := g711.MuToA[local.sent[i]]; got != want {
			t.Fatalf("sample %d: %#x, want %#x", i, got, want)
		}
	}
}

func TestDigits(t *testing.T) {
	b := newBuilder()
	k := newTalker(b, hostC, hostD)
	k.send(50)
	for range 3 { // one key, repeated end packets
		k.packet(101, []byte{5, 10, 1, 0x40})
		k.seq++
	}
	for range 3 {
		k.packet(101, []byte{5, 0x8a, 1, 0x90})
		k.seq++
	}
	k.ts += 1600
	k.at += 200 * time.Millisecond
	k.send(10)
	k.packet(101, []byte{11, 0x8a, 1, 0x90})
	a, _ := converted(t, b.capture(), Options{})
	want := []recording.Digit{{Digit: "5", AtS: 1, Side: recording.SideLeft}, {Digit: "#", AtS: 1.4, Side: recording.SideLeft}}
	if !slices.Equal(a.Digits, want) {
		t.Errorf("digits %v, want %v", a.Digits, want)
	}
	if a.Streams[0].Lost != 0 || a.Streams[0].Packets != 60 {
		t.Errorf("%+v", a.Streams[0])
	}
}

func TestRefusals(t *testing.T) {
	noise := rand.New(rand.NewPCG(1, 2))
	for _, row := range []struct {
		name   string
		make   func(b *builder)
		status recording.AudioStatus
		reason string
	}{
		{"empty", func(*builder) {}, recording.AudioNone, "no voice"},
		{"one side in another codec", func(b *builder) {
			newTalker(b, hostA, hostC).send(50)
			k := newTalker(b, hostB, hostD)
			k.pt = 15
			k.send(50)
		}, recording.AudioUnsupported, "G728 (payload type 15)"},
		{"SRTP without any hint", func(b *builder) {
			k := newTalker(b, hostC, hostD)
			for range 100 {
				payload := make([]byte, 170)
				for i := range payload {
					payload[i] = byte(noise.Uint32())
				}
				k.packet(8, payload)
				k.step()
			}
		}, recording.AudioEncrypted, "SRTP"},
		{"comfort noise only", func(b *builder) {
			k := newTalker(b, hostC, hostD)
			for range 10 {
				k.packet(13, []byte{70})
				k.step()
			}
		}, recording.AudioNone, "no voice"},
		{"days apart", func(b *builder) {
			newTalker(b, hostC, hostD).send(10)
			k := newTalker(b, hostD, hostC)
			k.at = 72 * time.Hour
			k.send(10)
		}, recording.AudioDamaged, "72 hours"},
		{"nothing but damage", func(b *builder) {
			b.buf.Write(bytes.Repeat([]byte{0xff}, 64))
		}, recording.AudioDamaged, "offset 24"},
		{"damage behind signalling", func(b *builder) {
			invite(b, 0, "1", "2")
			b.buf.Write(bytes.Repeat([]byte{0xff}, 64))
		}, recording.AudioNone, "no voice packets in the capture; the capture is damaged at offset"},
	} {
		t.Run(row.name, func(t *testing.T) {
			b := newBuilder()
			row.make(b)
			a, _ := converted(t, b.capture(), Options{})
			if a.Status != row.status || !strings.Contains(a.Reason, row.reason) {
				t.Errorf("%s: %s; want %s: %s", a.Status, a.Reason, row.status, row.reason)
			}
		})
	}
	t.Run("no capture", func(t *testing.T) {
		a, _ := converted(t, strings.NewReader("<html>not found</html>"), Options{})
		if a.Status != recording.AudioDamaged {
			t.Errorf("%s: %s", a.Status, a.Reason)
		}
	})
}

func TestEveryCutGivesWhatIsLeft(t *testing.T) {
	b, _, _ := twoSides(3)
	whole := b.buf.Bytes()
	for n := 24; n <= len(whole); n++ {
		a, _ := converted(t, bytes.NewReader(whole[:n]), Options{})
		clean := n == 24 || slices.Contains(b.ends, n)
		if cut := a.Passed["cut"] == 1; cut == clean {
			t.Fatalf("%d bytes: cut %v, clean end %v", n, cut, clean)
		}
	}
}

func TestCopiesBehindARelaySoundOnce(t *testing.T) {
	b := newBuilder()
	k := newTalker(b, hostC, hostD)
	for range 30 {
		k.send(1)
		relayed := *k
		relayed.seq, relayed.ts, relayed.at = k.seq-1, k.ts-160, k.at-19*time.Millisecond
		relayed.src, relayed.dst = "192.0.2.9:7000", "192.0.2.10:8000"
		relayed.packet(8, k.sent[len(k.sent)-160:])
	}
	a, w := converted(t, b.capture(), Options{Channels: Mono})
	if len(a.Streams) != 1 || a.Passed["copy"] != 30 || !bytes.Equal(w.data, k.sent) {
		t.Errorf("%d streams, passed %v", len(a.Streams), a.Passed)
	}
}

func TestNoiseDoesNotHideTheCall(t *testing.T) {
	b := newBuilder()
	k, noise := newTalker(b, hostC, hostD), newTalker(b, hostD, hostA)
	for i := range 6000 {
		noise.ssrc, noise.at = uint32(i)*7919, k.at
		noise.packet(96, []byte("looks like RTP"))
		if i >= 5900 {
			k.send(1)
		}
	}
	a, w := converted(t, b.capture(), Options{Channels: External, Conceal: Silent})
	if a.Status != recording.AudioOK || !bytes.Equal(w.data, k.sent) || a.Passed["udp"] < 5900 {
		t.Errorf("%s %s, %d of %d samples, passed %v", a.Status, a.Reason, len(w.data), len(k.sent), a.Passed)
	}
}

// failing is a capture or a target that breaks after some bytes.
type failing struct {
	*bytes.Reader
	left int
}

var errBroken = errors.New("broken")

func (f *failing) ReadAt(p []byte, off int64) (int, error) {
	if off > 0 || len(p) > 16 {
		return 0, errBroken
	}
	return f.Reader.ReadAt(p, off)
}

func (f *failing) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return 0, errBroken
	}
	return len(p), nil
}

func TestFaultsAreErrors(t *testing.T) {
	b, _, _ := twoSides(500)
	if _, err := Convert(t.Context(), &failing{Reader: b.capture()}, io.Discard, Options{}); !errors.Is(err, errBroken) {
		t.Errorf("reading: %v", err)
	}
	if _, err := Convert(t.Context(), b.capture(), &failing{left: 1000}, Options{}); !errors.Is(err, errBroken) {
		t.Errorf("writing: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Convert(ctx, b.capture(), io.Discard, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := Convert(t.Context(), b.capture(), io.Discard, Options{Channels: "quad"}); err == nil {
		t.Error("channels quad were accepted")
	}
}

func TestConfig(t *testing.T) {
	if err := DefaultConfig().Validate(); err != nil {
		t.Error(err)
	}
	for want, c := range map[string]Config{
		"audio.format":   {Format: "flac", Channels: Stereo, Wideband: WidePCM},
		"audio.channels": {Format: "wav", Channels: "left", Wideband: WidePCM},
		"audio.wideband": {Format: "wav", Channels: Stereo, Wideband: "48k"},
	} {
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// BenchmarkConvert makes an hour of a call; x is how many times faster than
// real time.
func BenchmarkConvert(b *testing.B) {
	c, local, remote := twoSides(1)
	local.at, remote.at = 20*time.Millisecond, 50*time.Millisecond
	const packets = 180_000
	for range packets {
		local.send(1)
		remote.send(1)
		local.sent, remote.sent = local.sent[:0], remote.sent[:0]
	}
	src := c.capture()
	b.SetBytes(src.Size())
	b.ReportAllocs()
	for b.Loop() {
		if a, err := Convert(b.Context(), src, io.Discard, Options{}); err != nil || a.Status != recording.AudioOK {
			b.Fatal(a.Reason, err)
		}
	}
	b.ReportMetric(3600*float64(b.N)/b.Elapsed().Seconds(), "x")
}

func FuzzConvert(f *testing.F) {
	b, _, _ := twoSides(4)
	invite(b, 0, "1", "2")
	f.Add(b.buf.Bytes(), false, "stereo")
	wide, _, _ := twoSides(4)
	newTalker(wide, hostD, hostC).sing(700, 5000, 4)
	f.Add(wide.buf.Bytes(), false, "stereo")
	for _, capture := range seeds(f) {
		f.Add(capture, false, "stereo")
	}
	tight := newBuilder()
	k := newTalker(tight, hostC, hostD)
	for _, n := range []int{20, 12, 2, 10, 20, 22} { // with pauses and a loss between them
		k.packet(18, make([]byte, n))
		k.ts, k.at = k.ts+uint32(16*n), k.at+40*time.Millisecond
		k.seq += uint16(1 + n/22)
	}
	f.Add(tight.buf.Bytes(), true, "stereo")
	f.Add([]byte{0x0a, 0x0d, 0x0d, 0x0a, 28, 0, 0, 0, 0x4d, 0x3c, 0x2b, 0x1a}, true, "mono")
	f.Fuzz(func(t *testing.T, data []byte, pcm bool, channels string) {
		o := Options{PCM: pcm, Channels: Channels(channels)}
		if len(data)%2 == 1 {
			o.Wideband = WideG711
		}
		if o.Validate() != nil {
			o.Channels = Stereo
		}
		var out limited
		a, err := Convert(t.Context(), bytes.NewReader(data), &out, o)
		if errors.Is(err, errBroken) {
			return // a long silence between two packets
		}
		if err != nil {
			t.Fatal(err)
		}
		checkAudio(t, a, out.Bytes())
	})
}

// limited keeps the fuzzer from writing hours of silence.
type limited struct{ bytes.Buffer }

func (l *limited) Write(p []byte) (int, error) {
	if l.Len() > 4<<20 {
		return 0, errBroken
	}
	return l.Buffer.Write(p)
}
