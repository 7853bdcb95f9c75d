package packet

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// frame is a plain UDP datagram in Ethernet, with some bytes behind it.
func frame(payload string, behind int) []byte {
	b := make([]byte, 42, 42+len(payload)+behind)
	copy(b[12:], []byte{8, 0, 0x45, 0xb8})
	binary.BigEndian.PutUint16(b[16:], uint16(28+len(payload)))
	copy(b[22:], []byte{64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2, 0x40, 2, 0x40, 4})
	binary.BigEndian.PutUint16(b[38:], uint16(8+len(payload)))
	return append(append(b, payload...), make([]byte, behind)...)
}

func same(a, b Datagram) bool {
	return a.Flow == b.Flow && bytes.Equal(a.Payload, b.Payload) && a.Cut == b.Cut && (a.At == b.At || len(a.Payload) == 0)
}

func TestQuickReadsPlainFrames(t *testing.T) {
	plain := frame("voice", 3)
	for at := range plain[:42] {
		for _, bit := range []byte{1, 2, 4, 8, 16, 32, 64, 128} {
			b := bytes.Clone(plain)
			b[at] ^= bit
			var fast, slow Datagram
			if !quick(linkEthernet, b, &fast) {
				continue
			}
			if lane, _, ok := Plain(linkEthernet, b); !ok || lane != fast.Flow.Lane() {
				t.Errorf("byte %d, bit %#x: lane %v, its flow's is %v", at, bit, lane, fast.Flow.Lane())
			}
			if r := NewDecoder().layers(linkEthernet, b, &slow); r != UDP || !same(fast, slow) {
				t.Errorf("byte %d, bit %#x: %+v, the layers say %+v", at, bit, fast, slow)
			}
		}
	}
	var d Datagram
	if !quick(linkEthernet, plain, &d) || string(d.Payload) != "voice" || d.At != 42 || d.Flow.Src.Port != 16386 {
		t.Errorf("%+v", d)
	}
}

// FuzzQuick holds the quick way against the other.
func FuzzQuick(f *testing.F) {
	f.Add(frame("voice", 0))
	f.Add(frame("", 18))
	f.Fuzz(func(t *testing.T, b []byte) {
		var fast, slow Datagram
		if !quick(linkEthernet, b, &fast) {
			return
		}
		if lane, _, ok := Plain(linkEthernet, b); !ok || lane != fast.Flow.Lane() {
			t.Fatalf("lane %v, its flow's is %v", lane, fast.Flow.Lane())
		}
		if r := NewDecoder().layers(linkEthernet, b, &slow); r != UDP || !same(fast, slow) {
			t.Fatalf("%+v, the layers say %d %+v", fast, r, slow)
		}
	})
}

// FuzzLayers holds the reading of headers against gopacket's.
func FuzzLayers(f *testing.F) {
	f.Add(linkEthernet, frame("voice", 3))
	f.Add(linkRaw, frame("voice", 0)[14:])
	f.Add(linkNull, append([]byte{2, 0, 0, 0}, frame("voice", 0)[14:]...))
	f.Add(linkSLL, append(make([]byte, 14), frame("voice", 0)[12:]...))
	f.Add(linkPPPoE, append([]byte{0x11, 0, 0, 1, 0, 0, 0, 0x21}, frame("voice", 0)[14:]...))
	vlan := append(frame("", 0)[:12:12], 0x81, 0, 0, 7)
	f.Add(linkEthernet, append(vlan, frame("voice", 0)[12:]...))
	six := make([]byte, 40, 60)
	six[0], six[5], six[6] = 0x60, 20, protoDestination
	six = append(six, protoUDP, 0, 1, 4, 0, 0, 0, 0)
	f.Add(linkRaw, append(six, 0, 7, 0, 9, 0, 12, 0, 0, 1, 2, 3, 4))
	f.Fuzz(func(t *testing.T, link int, b []byte) {
		var want, got Datagram
		var gopackets oracle
		r, ok := gopackets.decode(link, b, &want)
		if !ok {
			NewDecoder().layers(link, b, &got)
			return
		}
		dec := NewDecoder()
		mine := dec.layers(link, b, &got)
		if dec.FragmentsLost() > 0 || gopackets.ip6.HopByHop != nil {
			return // gopacket passes over IPv6's fragment header like any other, and counts this one twice
		}
		if mine != r || !same(Datagram{Flow: want.Flow, Payload: want.Payload, Cut: want.Cut, At: got.At}, got) {
			t.Fatalf("%d %+v, gopacket says %d %+v", mine, got, r, want)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	plain := frame(string(make([]byte, 172)), 0)
	dec := NewDecoder()
	for name, decode := range map[string]func(int, []byte, *Datagram) Result{"quick": dec.Decode, "layers": dec.layers} {
		b.Run(name, func(b *testing.B) {
			var d Datagram
			for b.Loop() {
				decode(linkEthernet, plain, &d)
			}
		})
	}
}
