package convert

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"callreel/internal/corpus"
	"callreel/internal/media/srtp"
	"callreel/internal/recording"
)

const usualSuite = "AES_CM_128_HMAC_SHA1_80"

// sealer encrypts what a talker sends with AES_CM_128_HMAC_SHA1_80 (RFC 3711).
type sealer struct {
	master [30]byte
	block  cipher.Block
	salt   []byte
	mac    []byte
	rate   int // keys are derived anew each 2^rate packets; 0 = once
}

func newSealer(t testing.TB, seed byte) *sealer {
	t.Helper()
	s := &sealer{}
	for i := range s.master {
		s.master[i] = seed + byte(i)*11
	}
	s.derive(0)
	return s
}

// derive makes the keys of a turn (RFC 3711 §4.3.1).
func (s *sealer) derive(turn uint64) {
	master, _ := aes.NewCipher(s.master[:16])
	derive := func(label byte, n int) []byte {
		iv := append(bytes.Clone(s.master[16:]), 0, 0)
		iv[7] ^= label
		for i := range 6 {
			iv[13-i] ^= byte(turn >> (8 * i))
		}
		out := make([]byte, n)
		cipher.NewCTR(master, iv).XORKeyStream(out, out)
		return out
	}
	s.block, _ = aes.NewCipher(derive(0, 16))
	s.mac, s.salt = derive(1, 20), derive(2, 14)
}

func (s *sealer) inline() string { return base64.StdEncoding.EncodeToString(s.master[:]) }

// attribute is the line of a description.
func (s *sealer) attribute(tag string) string {
	return "a=crypto:" + tag + " " + usualSuite + " inline:" + s.inline() + "|2^31\r\n"
}

// seal is a packet, of which the header has n octets, as it goes over the line.
func (s *sealer) seal(packet []byte, n int, roll uint32) []byte {
	if s.rate > 0 {
		s.derive((uint64(roll)<<16 | uint64(binary.BigEndian.Uint16(packet[2:]))) >> s.rate)
	}
	iv := append(bytes.Clone(s.salt), 0, 0)
	for i, x := range packet[8:12] {
		iv[4+i] ^= x
	}
	for i, x := range append(binary.BigEndian.AppendUint32(nil, roll), packet[2:4]...) {
		iv[8+i] ^= x
	}
	out := bytes.Clone(packet)
	cipher.NewCTR(s.block, iv).XORKeyStream(out[n:], out[n:])
	mac := hmac.New(sha1.New, s.mac)
	mac.Write(out)
	mac.Write(binary.BigEndian.AppendUint32(nil, roll))
	return append(out, mac.Sum(nil)[:10]...)
}

// whisper adds n packets like send, encrypted. What change makes of a packet is what
// was captured.
func (k *talker) whisper(s *sealer, n int, roll *uint32, change func(packet []byte) []byte) {
	for range n {
		payload := make([]byte, 160)
		for i := range payload {
			payload[i] = 0x80 | byte((int(k.seq)*7+i*3)%48)
		}
		k.sent = append(k.sent, payload...)
		k.b.udp(k.at, k.src, k.dst, change(s.seal(k.rtp(k.pt, payload), 12, *roll)))
		if k.step(); k.seq == 0 {
			*roll++
		}
	}
}

func unchanged(packet []byte) []byte { return packet }

// dialogue adds an offer of 192.0.2.3:4000 and the answer from port 5000.
func dialogue(b *builder, at time.Duration, offer, answer string) {
	const head = "Call-ID: s1\r\nCSeq: 1 INVITE\r\nFrom: <sip:101@pbx>;tag=1\r\nTo: <sip:102@pbx>"
	const section = "v=0\r\nc=IN IP4 192.0.2.3\r\nm=audio 4000 RTP/SAVP 8\r\n"
	b.udp(at, "192.0.2.3:5060", "192.0.2.4:5060", []byte("INVITE sip:x SIP/2.0\r\n"+head+"\r\n\r\n"+section+offer))
	section2 := strings.NewReplacer("2.3", "2.4", "4000", "5000").Replace(section)
	b.udp(at, "192.0.2.4:5060", "192.0.2.3:5060", []byte("SIP/2.0 200 OK\r\n"+head+";tag=2\r\n\r\n"+section2+answer))
}

// TestSDES: of the keys that the caller offers it uses the one with the tag of the
// answer, and each side has its own.
func TestSDES(t *testing.T) {
	b := newBuilder()
	unused, caller, callee := newSealer(t, 1), newSealer(t, 2), newSealer(t, 3)
	dialogue(b, 0, unused.attribute("1")+caller.attribute("2"), callee.attribute("2"))
	x, y := newTalker(b, hostC, hostD), newTalker(b, hostD, hostC)
	x.seq, y.seq = 65500, 10
	rolls := [2]uint32{}
	for range 10 {
		x.whisper(caller, 10, &rolls[0], unchanged)
		y.whisper(callee, 10, &rolls[1], unchanged)
	}
	a, w := converted(t, b.capture(), Options{})
	if a.Status != recording.AudioOK || rolls[0] != 1 || a.Passed["srtp_failed"] != 0 || a.Codec != "pcma" {
		t.Fatalf("%s: %s; rolled over %d times, %v", a.Status, a.Reason, rolls[0], a.Passed)
	}
	if !bytes.Equal(w.channel(0), x.sent) || !bytes.Equal(w.channel(1), y.sent) {
		t.Error("the sides are not what was said")
	}
}

// TestDerivationRate: the keys are derived anew each eight packets, across the end of
// the sequence numbers.
func TestDerivationRate(t *testing.T) {
	b := newBuilder()
	caller := newSealer(t, 2)
	caller.rate = 3
	dialogue(b, 0, strings.Replace(caller.attribute("1"), "\r", " KDR=3\r", 1), "")
	k := newTalker(b, hostC, hostD)
	k.seq = 65500
	roll := uint32(0)
	k.whisper(caller, 100, &roll, unchanged)
	a, w := converted(t, b.capture(), Options{Channels: External})
	if a.Status != recording.AudioOK || a.Passed["srtp_failed"] != 0 || roll != 1 || !bytes.Equal(w.data, k.sent) {
		t.Errorf("%s: %s; %v, rolled over %d times", a.Status, a.Reason, a.Passed, roll)
	}
}

// TestForgedPackets: what does not authenticate is counted and is lost.
func TestForgedPackets(t *testing.T) {
	b := newBuilder()
	caller := newSealer(t, 2)
	dialogue(b, 0, caller.attribute("1"), "")
	k := newTalker(b, hostC, hostD)
	roll, n := uint32(0), 0
	k.whisper(caller, 100, &roll, func(packet []byte) []byte {
		if n++; n%20 == 10 {
			packet[50] ^= 1
		}
		return packet
	})
	a, w := converted(t, b.capture(), Options{Channels: External, Conceal: Silent})
	if a.Passed["srtp_failed"] != 5 || a.Streams[0].Packets != 95 || a.Streams[0].Lost != 5 {
		t.Fatalf("%v, %+v", a.Passed, a.Streams)
	}
	for i := range 100 {
		got, want := w.data[160*i:][:160], k.sent[160*i:][:160]
		if i%20 == 9 {
			want = bytes.Repeat([]byte{0xd5}, 160)
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("packet %d is not what it must be", i)
		}
	}
}

// TestRekeying: the parties agree upon new keys, and the sender's numbers go on.
func TestRekeying(t *testing.T) {
	b := newBuilder()
	before, behind := newSealer(t, 2), newSealer(t, 9)
	dialogue(b, 0, before.attribute("1"), "")
	k := newTalker(b, hostC, hostD)
	k.seq = 65530
	roll := uint32(0)
	k.whisper(before, 50, &roll, unchanged)
	dialogue(b, k.at, behind.attribute("1"), "")
	roll = 0
	k.whisper(behind, 50, &roll, unchanged)
	a, w := converted(t, b.capture(), Options{Channels: External})
	if a.Status != recording.AudioOK || !bytes.Equal(w.data, k.sent) {
		t.Errorf("%s: %s; %v", a.Status, a.Reason, a.Passed)
	}
}

// TestRekeyingEarly: the capture's first packet was changed on its way, and most of
// the stream has another key than its beginning.
func TestRekeyingEarly(t *testing.T) {
	b := newBuilder()
	before, behind := newSealer(t, 2), newSealer(t, 9)
	dialogue(b, 0, before.attribute("1"), "")
	k := newTalker(b, hostC, hostD)
	roll, n := uint32(0), 0
	k.whisper(before, 20, &roll, func(packet []byte) []byte {
		if n++; n == 1 {
			packet[50] ^= 1
		}
		return packet
	})
	dialogue(b, k.at, behind.attribute("1"), "")
	k.whisper(behind, 480, &roll, unchanged)
	a, _ := converted(t, b.capture(), Options{Channels: External})
	if a.Status != recording.AudioOK || a.Passed["srtp_failed"] != 1 || a.Streams[0].Packets != 499 {
		t.Errorf("%s: %s; %v, %+v", a.Status, a.Reason, a.Passed, a.Streams)
	}
}

// TestForgedFlood: however many packets do not authenticate, those that do are heard.
func TestForgedFlood(t *testing.T) {
	b := newBuilder()
	caller := newSealer(t, 2)
	dialogue(b, 0, caller.attribute("1"), "")
	roll := uint32(0)
	newTalker(b, hostC, hostD).whisper(caller, 100, &roll, unchanged)
	s := newScan(b.capture())
	if err := s.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	p := &plan{src: b.capture(), sip: s.sip, passed: s.passed}
	for _, x := range s.streams {
		x.match = p.sip.find(x.key.flow, 0)
		left := 0 // all of it was spent on others
		o := opener{p: p, s: x, left: &left, numbers: map[seal]uint16{}}
		o.contexts, o.own = p.contexts(x)
		if err := o.rebuild(); err != nil || p.passed["srtp_failed"] != 0 {
			t.Errorf("%v, %v", err, p.passed)
		}
	}
}

// TestKeyByOption: the capture begins hours after the call, and the packets
// have sources and an extension in their headers.
func TestKeyByOption(t *testing.T) {
	b := newBuilder()
	secret := newSealer(t, 5)
	k := newTalker(b, hostC, hostD)
	for n := range 50 {
		payload := bytes.Repeat([]byte{0x90 + byte(n), 0x91}, 80)
		k.sent = append(k.sent, payload...)
		packet := k.rtp(8, nil)
		packet[0] |= 0x12
		packet = append(packet, 1, 2, 3, 4, 5, 6, 7, 8, 0xbe, 0xde, 0, 1, 9, 9, 9, 9)
		b.udp(k.at, k.src, k.dst, secret.seal(append(packet, payload...), 28, 40))
		k.step()
	}
	key, err := srtp.ParseKey(usualSuite, secret.inline())
	if err != nil {
		t.Fatal(err)
	}
	a, w := converted(t, b.capture(), Options{Channels: External, Keys: []srtp.Key{key}})
	if a.Status != recording.AudioOK || !bytes.Equal(w.data, k.sent) {
		t.Errorf("%s: %s; %v", a.Status, a.Reason, a.Passed)
	}
}

// TestWrongKeys: there are keys, and none is right.
func TestWrongKeys(t *testing.T) {
	b := newBuilder()
	dialogue(b, 0, newSealer(t, 1).attribute("1"), newSealer(t, 2).attribute("1"))
	k := newTalker(b, hostC, hostD)
	roll := uint32(0)
	k.whisper(newSealer(t, 3), 200, &roll, unchanged)
	a, _ := converted(t, b.capture(), Options{})
	if a.Status != recording.AudioEncrypted {
		t.Errorf("%s: %s", a.Status, a.Reason)
	}
	if strings.Contains(a.Reason, newSealer(t, 1).inline()) {
		t.Error("a key is told")
	}
}

// TestSealedPadding: packets that are padded before they are encrypted give their
// payload without, whatever the last octet of their tag looks like; the header says so.
func TestSealedPadding(t *testing.T) {
	b := newBuilder()
	secret := newSealer(t, 7)
	dialogue(b, 0, secret.attribute("1"), "")
	k := newTalker(b, hostC, hostD)
	odd := 0
	for n := range 300 {
		payload := bytes.Repeat([]byte{0x90 + byte(n%50), 0x91}, 80)
		k.sent = append(k.sent, payload...)
		packet := k.rtp(8, payload)
		if n%3 > 0 {
			packet[0] |= 0x20
			pad := 1 + n%9
			packet = append(append(packet, make([]byte, pad-1)...), byte(pad))
		}
		sealed := secret.seal(packet, 12, 0)
		if last := int(sealed[len(sealed)-1]); n%3 > 0 && (last == 0 || last > len(sealed)-12) {
			odd++
		}
		b.udp(k.at, k.src, k.dst, sealed)
		k.step()
	}
	a, w := converted(t, b.capture(), Options{Channels: External})
	if odd == 0 || a.Status != recording.AudioOK || a.Streams[0].Packets != 300 || len(a.Passed) != 1 || !bytes.Equal(w.data, k.sent) {
		t.Errorf("%s: %s; %v, %+v; %d whose tag is no count", a.Status, a.Reason, a.Passed, a.Streams, odd)
	}
	if a, _ = converted(t, b.capture(), Options{Channels: External, Conceal: Silent}); a.DurationS != 6 {
		t.Errorf("%.2f s", a.DurationS)
	}
}

// TestOddPadding: in clear a packet whose padding cannot be is no RTP.
func TestOddPadding(t *testing.T) {
	b := newBuilder()
	k := newTalker(b, hostC, hostD)
	k.send(50)
	packet := k.rtp(8, make([]byte, 160))
	packet[0] |= 0x20
	b.udp(k.at, k.src, k.dst, packet)
	b.udp(k.at, k.dst, k.src, packet)
	a, w := converted(t, b.capture(), Options{Channels: External})
	if a.Passed["udp"] != 2 || len(a.Streams) != 1 || a.Streams[0].Packets != 50 || !bytes.Equal(w.data, k.sent) {
		t.Errorf("%v, %+v", a.Passed, a.Streams)
	}
}

// TestSuiteNotBuiltIn: what callreel cannot open is refused by its name.
func TestSuiteNotBuiltIn(t *testing.T) {
	for attribute, want := range map[string]string{
		"a=crypto:1 F8_128_HMAC_SHA1_80 inline:KEY|2^31\r\n":                                "encrypted with F8_128_HMAC_SHA1_80, which callreel does not open: PCMA",
		strings.Replace(newSealer(t, 1).attribute("1"), "\r", " UNAUTHENTICATED_SRTP\r", 1): "encrypted with UNAUTHENTICATED_SRTP, which callreel does not open: PCMA",
		newSealer(t, 1).attribute("1"):                                                      "encrypted (SRTP) and no key: PCMA",
	} {
		b := newBuilder()
		dialogue(b, 0, attribute, newSealer(t, 2).attribute("1"))
		roll := uint32(0)
		newTalker(b, hostC, hostD).whisper(newSealer(t, 3), 100, &roll, unchanged)
		a, _ := converted(t, b.capture(), Options{})
		if a.Status != recording.AudioEncrypted || !strings.HasPrefix(a.Reason, want) {
			t.Errorf("%s: %s, want %s", a.Status, a.Reason, want)
		}
	}
}

func keysOf(t *testing.T, inlines ...string) (keys []srtp.Key) {
	t.Helper()
	for _, inline := range inlines {
		k, err := srtp.ParseKey(usualSuite, inline)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, k)
	}
	return keys
}

// TestSRTPAgainstOthers holds captures against what another program decrypted and
// decoded of them.
func TestSRTPAgainstOthers(t *testing.T) {
	for _, row := range []struct {
		capture, decoded string
		keys             []string
		packets          int
	}{
		{"generated/bs_g722_srtp_sdes.pcap", "gen_bs_g722_srtp_sdes_decrypted", nil, 624},
		{"rtpproxy/alice_bob_srtp.pcap", "alice_bob_srtp_decrypted", []string{
			"9sOd+W72ilwfNgNt0FzlGYj6YZPMqN1sJJx43UuS", "NhqBK/JjtVJgmOgPyDKpvMTEjvFCQ4eiyVQelF6x",
		}, 3120},
	} {
		t.Run(row.capture, func(t *testing.T) {
			a, w := converted(t, open(t, corpus.File(t, row.capture)), Options{Keys: keysOf(t, row.keys...)})
			if len(a.Streams) != 2 || a.Streams[0].Packets+a.Streams[1].Packets != row.packets || a.Passed["srtp_failed"] != 0 {
				t.Fatalf("%s: %s; %+v, %v", a.Status, a.Reason, a.Streams, a.Passed)
			}
			for _, s := range a.Streams {
				name := "reference/decoded/" + row.decoded + fmt.Sprintf("__0x%08x.wav", s.SSRC)
				b, err := os.ReadFile(corpus.File(t, name))
				if err != nil {
					t.Fatal(err)
				}
				want := samples16(parseWAV(t, b).data)
				channel := map[recording.Side]int{recording.SideRight: 1}[s.Side]
				got := samples16(w.channel(channel))[int(math.Round(s.StartS*16000)):]
				if n := min(len(got), len(want)); n < len(want)-320 || !slices.Equal(got[:n], want[:n]) {
					t.Errorf("SSRC %#x differs", s.SSRC)
				}
			}
		})
	}
}

func TestSRTPForMinutes(t *testing.T) {
	src := open(t, corpus.File(t, "srtp-decrypt/marseillaise-srtp.pcap"))
	a, _ := converted(t, src, Options{Keys: keysOf(t, "aSBrbm93IGFsbCB5b3VyIGxpdHRsZSBzZWNyZXRz")})
	if a.Status != recording.AudioOK || a.Streams[0].Packets != 11888 || a.Streams[0].Lost != 0 || a.DurationS != 237.76 {
		t.Errorf("%s: %s; %+v", a.Status, a.Reason, a.Streams)
	}
}

// TestSealedOpus: how long a packet lasts stands in what was encrypted.
func TestSealedOpus(t *testing.T) {
	b := newBuilder()
	secret := newSealer(t, 4)
	describe(b, 0, "RTP/SAVP", "97", "a=rtpmap:97 opus/48000/2\r\n"+secret.attribute("1"))
	k := newTalker(b, hostC, hostD)
	for n := range 60 {
		payload := append([]byte{0xf8}, octets(80)[n%20:][:60]...)
		b.udp(k.at, k.src, k.dst, secret.seal(k.rtp(97, payload), 12, 0))
		k.step()
		k.ts += 960 - 160
	}
	a, _ := converted(t, b.capture(), Options{})
	if a.Status != recording.AudioOK || a.DurationS != 1.2 || a.Streams[0].Codec != "opus" || len(a.Truth[0].Spans) != 1 {
		t.Errorf("%s: %s; %v s, %+v", a.Status, a.Reason, a.DurationS, a.Truth)
	}
}

// seeds are captures for the fuzzer: an encrypted call, and one with a dynamic type.
func seeds(t testing.TB) (captures [][]byte) {
	t.Helper()
	b := newBuilder()
	secret := newSealer(t, 2)
	dialogue(b, 0, secret.attribute("1"), "")
	roll := uint32(0)
	newTalker(b, hostC, hostD).whisper(secret, 6, &roll, unchanged)
	captures = append(captures, b.buf.Bytes())
	for _, name := range []string{"L16/11025/2", "opus/48000/2", "AAL2-G726-24/8000", "GSM/8000"} {
		b := newBuilder()
		describe(b, 0, "RTP/AVP", "97", "a=rtpmap:97 "+name+"\r\n")
		k := newTalker(b, hostC, hostD)
		k.pt = 97
		k.pack([][]byte{octets(160), append([]byte{0xf8}, octets(80)...), {0x08}, octets(99), octets(66)}, 160)
		captures = append(captures, b.buf.Bytes())
	}
	return captures
}
