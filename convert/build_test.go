package convert

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"callreel/internal/recording"
)

// builder makes captures in memory: Ethernet, IPv4, UDP.
type builder struct {
	buf   bytes.Buffer
	ends  []int // offset behind each record
	known map[string]end
}

var epoch = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func newBuilder() *builder {
	b := &builder{known: map[string]end{}}
	h := make([]byte, 24)
	binary.LittleEndian.PutUint32(h, 0xa1b2c3d4)
	binary.LittleEndian.PutUint32(h[20:], 1)
	b.buf.Write(h)
	return b
}

func (b *builder) capture() *bytes.Reader { return bytes.NewReader(b.buf.Bytes()) }

// udp adds a datagram at the given time after the epoch.
func (b *builder) udp(at time.Duration, src, dst string, payload []byte) {
	from, to := b.endpoint(src), b.endpoint(dst)
	frame := make([]byte, 14+20+8, 14+20+8+len(payload))
	frame[12], frame[13] = 8, 0
	ip := frame[14:]
	ip[0], ip[8], ip[9] = 0x45, 64, 17
	binary.BigEndian.PutUint16(ip[2:], uint16(28+len(payload)))
	copy(ip[12:16], from.ip[:])
	copy(ip[16:20], to.ip[:])
	binary.BigEndian.PutUint16(ip[20:], from.port)
	binary.BigEndian.PutUint16(ip[22:], to.port)
	binary.BigEndian.PutUint16(ip[24:], uint16(8+len(payload)))
	frame = append(frame, payload...)
	t := epoch.Add(at)
	h := make([]byte, 16)
	binary.LittleEndian.PutUint32(h, uint32(t.Unix()))
	binary.LittleEndian.PutUint32(h[4:], uint32(t.Nanosecond()/1000))
	binary.LittleEndian.PutUint32(h[8:], uint32(len(frame)))
	binary.LittleEndian.PutUint32(h[12:], uint32(len(frame)))
	b.buf.Write(h)
	b.buf.Write(frame)
	b.ends = append(b.ends, b.buf.Len())
}

// tcp adds a segment, number seq of its flow's bytes.
func (b *builder) tcp(at time.Duration, src, dst string, seq int, payload []byte) {
	header := make([]byte, 12)
	header[4] = 5 << 4 // behind ports and numbers
	b.udp(at, src, dst, append(header, payload...))
	frame := b.buf.Bytes()[b.buf.Len()-54-len(payload):]
	frame[14+9] = 6
	binary.BigEndian.PutUint32(frame[14+20+4:], uint32(seq))
}

// endpoint is the function, asked once for each text.
func (b *builder) endpoint(s string) end {
	e, ok := b.known[s]
	if !ok {
		e = endpoint(s)
		b.known[s] = e
	}
	return e
}

type end struct {
	ip   [4]byte
	port uint16
}

func endpoint(s string) (e end) {
	if _, err := fmt.Sscanf(s, "%d.%d.%d.%d:%d", &e.ip[0], &e.ip[1], &e.ip[2], &e.ip[3], &e.port); err != nil {
		panic(err)
	}
	return e
}

// talker sends 20 ms of G.711 at a time.
type talker struct {
	b        *builder
	src, dst string
	ssrc     uint32
	pt       uint8
	seq      uint16
	ts       uint32
	at       time.Duration
	sent     []byte // payloads, one after the other
}

// send adds n packets of a payload that differs in every byte position.
func (k *talker) send(n int) {
	for range n {
		payload := make([]byte, 160)
		for i := range payload {
			payload[i] = 0x80 | byte((int(k.seq)*7+i*3)%48)
		}
		k.sent = append(k.sent, payload...)
		k.packet(k.pt, payload)
		k.step()
	}
}

// step lets 20 ms pass without a packet being recorded.
func (k *talker) step() { k.seq, k.ts, k.at = k.seq+1, k.ts+160, k.at+20*time.Millisecond }

func (k *talker) packet(pt uint8, payload []byte) { k.b.udp(k.at, k.src, k.dst, k.rtp(pt, payload)) }

func (k *talker) rtp(pt uint8, payload []byte) []byte {
	p := make([]byte, 12, 12+len(payload))
	p[0], p[1] = 0x80, pt
	binary.BigEndian.PutUint16(p[2:], k.seq)
	binary.BigEndian.PutUint32(p[4:], k.ts)
	binary.BigEndian.PutUint32(p[8:], k.ssrc)
	return append(p, payload...)
}

const (
	hostA = "192.0.2.1:16386"
	hostB = "192.0.2.2:16388"
	hostC = "192.0.2.3:4000"
	hostD = "192.0.2.4:5000"
)

func newTalker(b *builder, src, dst string) *talker {
	return &talker{b: b, src: src, dst: dst, ssrc: 0x1000 + uint32(endpoint(src).port), pt: 8, seq: 100, ts: 1000}
}

// wave is a WAV file taken apart.
type wave struct {
	format, channels, bits int
	rate                   int
	data                   []byte
}

// channel returns every sample of one channel as its bytes.
func (w wave) channel(i int) []byte {
	size := w.bits / 8
	var out []byte
	for at := i * size; at+size <= len(w.data); at += size * w.channels {
		out = append(out, w.data[at:at+size]...)
	}
	return out
}

func parseWAV(tb testing.TB, b []byte) wave {
	tb.Helper()
	le := binary.LittleEndian
	if len(b) < 44 || string(b[:4]) != "RIFF" || string(b[8:12]) != "WAVE" || int(le.Uint32(b[4:]))+8 != len(b) {
		tb.Fatalf("no WAV file of the length its header says: %d bytes", len(b))
	}
	var w wave
	for rest := b[12:]; len(rest) >= 8; {
		n := int(le.Uint32(rest[4:]))
		body := rest[8:]
		if n > len(body) {
			tb.Fatalf("chunk %q is cut", rest[:4])
		}
		switch string(rest[:4]) {
		case "fmt ":
			w.format, w.channels = int(le.Uint16(body)), int(le.Uint16(body[2:]))
			w.rate, w.bits = int(le.Uint32(body[4:])), int(le.Uint16(body[14:]))
		case "data":
			w.data = body[:n]
		}
		rest = body[n+n&1:]
	}
	return w
}

// converted runs Convert and takes the file apart.
func converted(tb testing.TB, src Capture, o Options) (recording.Audio, wave) {
	tb.Helper()
	var out bytes.Buffer
	a, err := Convert(tb.Context(), src, &out, o)
	if err != nil {
		tb.Fatal(err)
	}
	checkAudio(tb, a, out.Bytes())
	if a.Status != recording.AudioOK {
		return a, wave{}
	}
	return a, parseWAV(tb, out.Bytes())
}

// checkAudio holds an Audio against the file it tells of.
func checkAudio(tb testing.TB, a recording.Audio, file []byte) {
	tb.Helper()
	if a.Status != recording.AudioOK {
		if len(file) != 0 || a.Reason == "" {
			tb.Fatalf("status %s, reason %q, but %d bytes written", a.Status, a.Reason, len(file))
		}
		return
	}
	w := parseWAV(tb, file)
	if got := int64(len(w.data) / (w.channels * w.bits / 8)); got != a.Samples || w.channels != a.Channels || w.rate != a.SampleRate {
		tb.Fatalf("file has %d samples, %d channels, %d Hz; told %d, %d, %d", got, w.channels, w.rate, a.Samples, a.Channels, a.SampleRate)
	}
	if len(a.Truth) != a.Channels || len(a.Peaks) != a.Channels {
		tb.Fatalf("%d truths, %d peaks, %d channels", len(a.Truth), len(a.Peaks), a.Channels)
	}
	for i, truth := range a.Truth {
		at := 0.0
		for _, s := range truth.Spans {
			if s.FromS != at || s.ToS <= at {
				tb.Fatalf("channel %d: span %+v does not follow %v", i, s, at)
			}
			at = s.ToS
		}
		if at != a.DurationS {
			tb.Fatalf("channel %d: spans end at %v, duration %v", i, at, a.DurationS)
		}
		if want := 2 * int((a.Samples+int64(a.SampleRate)/50-1)/(int64(a.SampleRate)/50)); len(a.Peaks[i]) != want {
			tb.Fatalf("channel %d: %d bytes of peaks, want %d", i, len(a.Peaks[i]), want)
		}
	}
}
