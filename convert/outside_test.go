package convert

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"callreel/internal/corpus"
	"callreel/internal/ffmpeg"
	"callreel/internal/media/foreign"
	"callreel/internal/recording"
)

// pretender is an Outside of which the sample i of frame n is n, of frames of one
// size.
type pretender struct {
	format      string
	head, frame int // octets
	fault       error
	short       int
	files       int
}

func (p *pretender) Decodes(format string) bool { return format == p.format }

func (p *pretender) Decode(_ context.Context, _ string, file []byte, rate, limit int) ([]int16, error) {
	p.files++
	frames := (len(file) - p.head) / p.frame
	each := limit / frames
	if rate != rateOf(p.format) || (len(file)-p.head)%p.frame != 0 {
		return nil, fmt.Errorf("%d octets at %d Hz", len(file), rate)
	}
	var out []int16
	for n := range frames {
		number := int16(file[p.head+n*p.frame+1])<<7 | int16(file[p.head+n*p.frame+2])
		out = append(out, slices.Repeat([]int16{number}, each)...)
	}
	return out[:len(out)-p.short], p.fault
}

func rateOf(format string) int {
	if format == "amrwb" {
		return 16000
	}
	return 8000
}

// count sends n packets of G.723.1, of which each says its number, every 50th a
// silence description.
func (k *talker) count(n int) (want []int16) {
	k.pt = 4
	for i := range n {
		payload, number := make([]byte, 24), int16(i)
		payload[1], payload[2] = byte(i>>7), byte(i&0x7f)
		if i%50 == 49 {
			payload, number = []byte{2, 0, 0, 0}, 0
		}
		k.pack([][]byte{payload}, 240)
		want = append(want, slices.Repeat([]int16{number}, 240)...)
	}
	return want
}

// TestOutside: a call of more packets than go through the other program at a time,
// with packets that are lost, keeps every sample's place.
func TestOutside(t *testing.T) {
	b := newBuilder()
	k := newTalker(b, hostC, hostD)
	want := k.count(100)
	k.seq, k.ts, k.at = k.seq+2, k.ts+480, k.at+60e6
	want = append(want, make([]int16, 480)...)
	want = append(want, k.count(outsidePackets+3000)...)
	p := &pretender{format: "g723_1", frame: 24}
	a, w := converted(t, b.capture(), Options{PCM: true, Channels: External, Conceal: Silent, Outside: p})
	if a.Status != recording.AudioOK || !slices.Equal(samples16(w.data), want) || p.files != 3 {
		t.Errorf("%s: %s; %d samples that differ, want %d; %d files", a.Status, a.Reason, len(w.data)/2, len(want), p.files)
	}
}

// TestQuietFrames: descriptions of silence, and frames that were not sent, are heard as
// silence, and nobody is told that they were received.
func TestQuietFrames(t *testing.T) {
	b := newBuilder()
	k := newTalker(b, hostC, hostD)
	k.count(49) // without a description
	speech := make([]byte, 24)
	k.pack([][]byte{{2, 0, 0, 0}, {3}, append(slices.Clone(speech), 2, 0, 0, 0)}, 240)
	k.ts, k.at = k.ts+240, k.at+30e6
	k.pack([][]byte{speech}, 240)
	a, _ := converted(t, b.capture(), Options{Channels: External, Outside: &pretender{format: "g723_1", frame: 24}})
	want := []recording.Span{
		{FromS: 0, ToS: 1.47, Kind: "received"}, {FromS: 1.47, ToS: 1.53, Kind: "silence"}, {FromS: 1.53, ToS: 1.56, Kind: "received"},
		{FromS: 1.56, ToS: 1.59, Kind: "silence"}, {FromS: 1.59, ToS: 1.62, Kind: "received"},
	}
	if a.Status != recording.AudioOK || !slices.Equal(a.Truth[0].Spans, want) {
		t.Errorf("%s: %s; %+v", a.Status, a.Reason, a.Truth)
	}
}

// TestOutsideFails: what the other program cannot decode, or decodes to another
// length, is refused, and so is everything where there is none.
func TestOutsideFails(t *testing.T) {
	for want, p := range map[string]*pretender{
		"not decoded: g723_1: broken": {format: "g723_1", frame: 24, fault: fmt.Errorf("broken: %w", foreign.ErrUndecodable)},
		"23519 samples of 98 frames":  {format: "g723_1", frame: 24, short: 1},
		"codec not built in: G723":    {format: "ilbc", frame: 24},
	} {
		b := newBuilder()
		newTalker(b, hostC, hostD).count(100)
		a, _ := converted(t, b.capture(), Options{Outside: p})
		if a.Status != recording.AudioUnsupported || !strings.Contains(a.Reason, want) {
			t.Errorf("%s: %s, want %s", a.Status, a.Reason, want)
		}
	}
}

// TestOutsideFailsForNow: a decoder that could not do its work says nothing of the
// call, which is converted when it can.
func TestOutsideFailsForNow(t *testing.T) {
	b := newBuilder()
	newTalker(b, hostC, hostD).count(100)
	p := &pretender{format: "g723_1", frame: 24, fault: context.DeadlineExceeded}
	var out bytes.Buffer
	if a, err := Convert(t.Context(), b.capture(), &out, Options{Outside: p}); !errors.Is(err, context.DeadlineExceeded) || out.Len() > 0 {
		t.Errorf("%s: %s; %v, %d bytes", a.Status, a.Reason, err, out.Len())
	}
	p.fault = nil
	if a, _ := converted(t, b.capture(), Options{Outside: p}); a.Status != recording.AudioOK {
		t.Errorf("%s: %s", a.Status, a.Reason)
	}
}

// breaker is an Outside that ends in a panic where it is asked for the second time.
type breaker struct{ pretender }

func (b *breaker) Decode(ctx context.Context, format string, file []byte, rate, limit int) ([]int16, error) {
	if b.files > 0 {
		panic("broken")
	}
	return b.pretender.Decode(ctx, format, file, rate, limit)
}

// TestPanicReachesTheCaller: one bad capture must not end the program, whichever
// goroutine it is that fails on it.
func TestPanicReachesTheCaller(t *testing.T) {
	for _, format := range []Format{WAV, MP3} {
		b := newBuilder()
		newTalker(b, hostC, hostD).count(1000)
		got := func() (p any) {
			defer func() { p = recover() }()
			_, err := Convert(t.Context(), b.capture(), &bytes.Buffer{}, Options{Format: format, Outside: &breaker{pretender{format: "g723_1", frame: 24}}})
			return err
		}()
		if got != "broken" {
			t.Errorf("%s: %v", format, got)
		}
	}
}

// counter is an Outside that notes the most frames it got at once.
type counter struct {
	pretender
	most int
}

func (c *counter) Decode(ctx context.Context, format string, file []byte, rate, limit int) ([]int16, error) {
	c.most = max(c.most, len(file)/c.frame)
	return c.pretender.Decode(ctx, format, file, rate, limit)
}

// TestOutsideOfLongPackets: packets that say they last for minutes are not gathered
// by the thousand.
func TestOutsideOfLongPackets(t *testing.T) {
	b := newBuilder()
	k := newTalker(b, hostC, hostD)
	k.pt = 4
	unsent, speech := bytes.Repeat([]byte{3}, 1400), make([]byte, 24)
	for range 200 {
		k.pack([][]byte{unsent, speech, speech}, 240)
	}
	c := &counter{pretender: pretender{format: "g723_1", frame: 24}}
	a, _ := converted(t, b.capture(), Options{Outside: c})
	if most := 3*(outsideSamples/(1400*240)+1) + outsideWarm; a.Status != recording.AudioOK || c.most > most {
		t.Errorf("%s: %s; %d frames at once, want at most %d", a.Status, a.Reason, c.most, most)
	}
}

func program(t *testing.T, format string) *ffmpeg.Program {
	t.Helper()
	p, err := ffmpeg.Find(t.Context())
	if err != nil || !p.Decodes(format) {
		t.Skipf("no ffmpeg here that decodes %s: %v", format, err)
	}
	return p
}

// TestG723AgainstOthers compares with what was decoded of the packets before.
func TestG723AgainstOthers(t *testing.T) {
	a, w := converted(t, open(t, corpus.File(t, "rtpproxy/G723_1.pcap")), Options{PCM: true, Outside: program(t, "g723_1")})
	for _, s := range a.Streams {
		b, err := os.ReadFile(corpus.File(t, fmt.Sprintf("reference/decoded/G723_1__0x%08x.wav", s.SSRC)))
		if err != nil {
			t.Fatal(err)
		}
		want, channel := parseWAV(t, b).data, map[recording.Side]int{recording.SideRight: 1}[s.Side]
		if got := w.channel(channel)[2*int(s.StartS*rate+0.5):]; !bytes.Equal(got[:len(want)], want) {
			t.Errorf("SSRC %#x differs", s.SSRC)
		}
	}
	if len(a.Streams) != 2 {
		t.Errorf("%s: %s", a.Status, a.Reason)
	}
}

// TestAMR sends a file's frames in both packings, described and not.
func TestAMR(t *testing.T) {
	p := program(t, "amr")
	file, err := os.ReadFile(corpus.Vectors(t, "fate/amrnb-12.2k.amr"))
	if err != nil {
		t.Fatal(err)
	}
	frames := slices.Collect(slices.Chunk(file[6:], 32))
	want, err := p.Decode(t.Context(), "amr", file, rate, len(frames)*160)
	if err != nil {
		t.Fatal(err)
	}
	for name, attributes := range map[string]string{
		"bandwidth-efficient": "a=rtpmap:97 AMR/8000\r\n",
		"octet-aligned":       "a=rtpmap:97 AMR/8000/1\r\na=fmtp:97 mode-set=7;octet-align=1\r\n",
		"not described":       "",
	} {
		t.Run(name, func(t *testing.T) {
			b := newBuilder()
			if attributes != "" {
				describe(b, 0, "RTP/AVP", "97", attributes)
			}
			k := newTalker(b, hostC, hostD)
			k.pt = 97
			for _, f := range frames {
				payload := append([]byte{0xf0}, f...)
				if name == "bandwidth-efficient" {
					payload = dense(f)
				}
				k.pack([][]byte{payload}, 160)
			}
			a, w := converted(t, b.capture(), Options{PCM: true, Channels: External, Outside: p})
			if got := samples16(w.data); a.Status != recording.AudioOK || !slices.Equal(got, want) {
				t.Errorf("%s: %s; %d samples that differ, want %d", a.Status, a.Reason, len(got), len(want))
			}
		})
	}
}

// TestILBC sends frames of both lengths, two in a packet, and compares with the
// program's own decoding of a file of them. The frames are made by chance: every bit of
// one is a parameter's.
func TestILBC(t *testing.T) {
	p := program(t, "ilbc")
	for _, row := range []struct {
		mode, magic   string
		size, samples int
	}{{"20", "#!iLBC20\n", 38, 160}, {"30", "#!iLBC30\n", 50, 240}} {
		t.Run(row.mode, func(t *testing.T) {
			random := rand.New(rand.NewPCG(3, 952))
			file := []byte(row.magic)
			b := newBuilder()
			describe(b, 0, "RTP/AVP", "97", "a=rtpmap:97 iLBC/8000\r\na=fmtp:97 mode="+row.mode+"\r\n")
			k := newTalker(b, hostC, hostD)
			k.pt = 97
			for range 60 {
				packet := make([]byte, 2*row.size)
				for i := range packet {
					packet[i] = byte(random.Uint32())
				}
				packet[row.size-1], packet[2*row.size-1] = packet[row.size-1]&^1, packet[2*row.size-1]&^1 // not marked as empty
				file = append(file, packet...)
				k.pack([][]byte{packet}, 2*row.samples)
			}
			want, err := p.Decode(t.Context(), "ilbc", file, rate, 120*row.samples)
			if err != nil {
				t.Fatal(err)
			}
			a, w := converted(t, b.capture(), Options{PCM: true, Channels: External, Outside: p})
			got := samples16(w.data)
			if a.Status != recording.AudioOK || len(want) != 120*row.samples || !slices.Equal(got, want) || rms(samples(w.data)) < 10 {
				t.Errorf("%s: %s; %d samples that differ, want %d", a.Status, a.Reason, len(got), len(want))
			}
		})
	}
}

// dense is a frame of 244 bits of AMR as a payload without gaps: four bits of mode
// request, six of the table, and the frame.
func dense(frame []byte) []byte {
	bits := append([]byte{1, 1, 1, 1, 0}, make([]byte, 5+244)...)
	for i := range 5 {
		bits[5+i] = frame[0] >> (6 - i) & 1
	}
	for i := range 244 {
		bits[10+i] = frame[1+i/8] >> (7 - i%8) & 1
	}
	out := make([]byte, (len(bits)+7)/8)
	for i, v := range bits {
		out[i/8] |= v << (7 - i%8)
	}
	return out
}

// TestAMRCapture: two phones behind a relay, and nobody describes the type.
func TestAMRCapture(t *testing.T) {
	src := open(t, corpus.File(t, "osmocom/rtp-nanobts-2-phones-amr.pcap"))
	if a, _ := converted(t, src, Options{}); a.Status != recording.AudioUnsupported || !strings.Contains(a.Reason, "AMR (payload type 98)") {
		t.Errorf("%s: %s", a.Status, a.Reason)
	}
	a, w := converted(t, src, Options{PCM: true, Outside: program(t, "amr")})
	if a.Status != recording.AudioOK || len(a.Streams) != 2 || a.Streams[0].Codec != "AMR" || a.Passed["copy"] != 1042 {
		t.Fatalf("%s: %s; %+v, %v", a.Status, a.Reason, a.Streams, a.Passed)
	}
	if l, r := rms(samples(w.channel(0))), rms(samples(w.channel(1))); l < 10 || r < 10 {
		t.Errorf("the sides are as loud as %.1f and %.1f", l, r)
	}
}
