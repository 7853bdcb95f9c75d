package packet_test

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"callreel/internal/media/packet"
)

const text = "sixteen bytes...and a few more"

// udp is a UDP header with the payload.
func udp(payload string) []byte {
	b := []byte{0x40, 2, 0x13, 0xc4, 0, 0, 0, 0}
	binary.BigEndian.PutUint16(b[4:], uint16(8+len(payload)))
	return append(b, payload...)
}

// ip4 wraps a part of a datagram; offset is in units of 8 bytes.
func ip4(body []byte, offset int, more bool) []byte {
	b := []byte{0x45, 0, 0, 0, 0, 9, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2}
	binary.BigEndian.PutUint16(b[2:], uint16(20+len(body)))
	field := uint16(offset)
	if more {
		field |= 0x2000
	}
	binary.BigEndian.PutUint16(b[6:], field)
	return slices.Concat(b, body)
}

func ip6(next byte, body []byte) []byte {
	b := make([]byte, 40)
	b[0], b[6], b[7], b[23], b[39] = 0x60, next, 64, 1, 2
	binary.BigEndian.PutUint16(b[4:], uint16(len(body)))
	return slices.Concat(b, body)
}

func fragment6(body []byte, offset int, more byte) []byte {
	b := []byte{17, 0, 0, 0, 0, 0, 0, 5}
	binary.BigEndian.PutUint16(b[2:], uint16(offset)|uint16(more))
	return ip6(44, append(b, body...))
}

// ether wraps a packet in an Ethernet frame with the given bytes behind the
// addresses, and the trailer short frames have.
func ether(types string, body []byte) []byte {
	return slices.Concat(make([]byte, 12), []byte(types), body, []byte("\x00\x00\x00\x00"))
}

func TestLinks(t *testing.T) {
	v4, v6 := ip4(udp(text), 0, false), ip6(17, udp(text))
	hopByHop := ip6(0, append([]byte{60, 0, 1, 4, 0, 0, 0, 0, 17, 0, 1, 4, 0, 0, 0, 0}, udp(text)...))
	for _, row := range []struct {
		name  string
		link  int
		frame []byte
	}{
		{"Ethernet", 1, ether("\x08\x00", v4)},
		{"IPv6", 1, ether("\x86\xdd", v6)},
		{"IPv6 with extension headers", 1, ether("\x86\xdd", hopByHop)},
		{"VLAN", 1, ether("\x81\x00\x00\x07\x08\x00", v4)},
		{"QinQ", 1, ether("\x88\xa8\x00\x07\x81\x00\x00\x08\x08\x00", v4)},
		{"PPPoE", 1, ether("\x88\x64\x11\x00\x00\x01\x00\x3c\x00\x21", v4)},
		{"raw IPv4", 101, v4},
		{"raw IPv6", 101, v6},
		{"raw, BSD", 12, v4},
		{"IPv4", 228, v4},
		{"IPv6 alone", 229, v6},
		{"null, little-endian", 0, slices.Concat([]byte{2, 0, 0, 0}, v4)},
		{"null, IPv6 of Darwin", 0, slices.Concat([]byte{30, 0, 0, 0}, v6)},
		{"loop", 108, slices.Concat([]byte{0, 0, 0, 2}, v4)},
		{"PPP", 9, slices.Concat([]byte{0xff, 3, 0, 0x21}, v4)},
		{"SLL", 113, slices.Concat([]byte{0, 0, 0, 1, 0, 6, 1, 2, 3, 4, 5, 6, 0, 0, 8, 0}, v4)},
		{"SLL2", 276, slices.Concat([]byte{0x86, 0xdd, 0, 0, 0, 0, 0, 1, 0, 1, 0, 6, 1, 2, 3, 4, 5, 6, 0, 0}, v6)},
		{"IP in IP", 228, func() []byte { b := ip4(v4, 0, false); b[9] = 4; return b }()},
	} {
		t.Run(row.name, func(t *testing.T) {
			var d packet.Datagram
			if got := packet.NewDecoder().Decode(row.link, row.frame, &d); got != packet.UDP {
				t.Fatalf("result %d", got)
			}
			if string(d.Payload) != text || d.Flow.Src.Port != 16386 || d.Flow.Dst.Port != 5060 || d.Cut {
				t.Errorf("%+v", d)
			}
			if d.At < 0 || string(row.frame[d.At:d.At+len(text)]) != text {
				t.Errorf("At = %d does not point to the payload", d.At)
			}
		})
	}
}

func TestAddresses(t *testing.T) {
	var d packet.Datagram
	packet.NewDecoder().Decode(101, ip4(udp(text), 0, false), &d)
	if got := d.Flow.Src.AddrPort().String(); got != "192.0.2.1:16386" {
		t.Error(got)
	}
	if back := d.Flow.Reverse(); back.Src != d.Flow.Dst || back.Dst != d.Flow.Src {
		t.Error("reverse")
	}
}

func TestCutPayloadIsTold(t *testing.T) {
	frame := ip4(udp(text), 0, false)
	var d packet.Datagram
	if got := packet.NewDecoder().Decode(101, frame[:len(frame)-5], &d); got != packet.UDP || !d.Cut || string(d.Payload) != text[:len(text)-5] {
		t.Errorf("result %d, %+v", got, d)
	}
}

func TestFragmentsInAnyOrder(t *testing.T) {
	whole := udp(text)
	v4 := [][]byte{ip4(whole[:16], 0, true), ip4(whole[16:24], 2, true), ip4(whole[24:], 3, false)}
	v6 := [][]byte{fragment6(whole[:16], 0, 1), fragment6(whole[16:24], 16, 1), fragment6(whole[24:], 24, 0)}
	for name, parts := range map[string][][]byte{"IPv4": v4, "IPv6": v6} {
		for _, order := range [][]int{{0, 1, 2}, {2, 1, 0}, {1, 2, 0}, {0, 0, 2, 1}} {
			dec := packet.NewDecoder()
			var d packet.Datagram
			for i, k := range order {
				got := dec.Decode(101, parts[k], &d)
				if last := i == len(order)-1; last != (got == packet.UDP) {
					t.Fatalf("%s %v: result %d at %d", name, order, got, i)
				}
			}
			if string(d.Payload) != text || d.At != -1 || d.Flow.Src.Port != 16386 || dec.FragmentsLost() != 0 {
				t.Errorf("%s %v: %+v", name, order, d)
			}
		}
	}
}

func TestPendingFragmentsAreBounded(t *testing.T) {
	dec := packet.NewDecoder()
	var d packet.Datagram
	for id := range 5000 {
		part := ip4(bytes.Repeat([]byte{1}, 64), 0, true)
		binary.BigEndian.PutUint16(part[4:], uint16(id))
		dec.Decode(101, part, &d)
	}
	if got := dec.FragmentsLost(); got != 5000 {
		t.Errorf("%d lost, want all 5000", got)
	}
}

func TestUnknownLink(t *testing.T) {
	var d packet.Datagram
	if got := packet.NewDecoder().Decode(105, []byte("802.11"), &d); got != packet.BadLink {
		t.Error(got)
	}
}

func FuzzDecode(f *testing.F) {
	for _, link := range []int{0, 1, 9, 51, 101, 113, 276} {
		f.Add(link, ether("\x81\x00\x00\x07\x08\x00", ip4(udp(text), 0, true)), ip4(udp(text)[8:], 1, false))
	}
	f.Fuzz(func(t *testing.T, link int, one, two []byte) {
		dec := packet.NewDecoder()
		for _, frame := range [][]byte{one, two} {
			var d packet.Datagram
			r := dec.Decode(link, frame, &d)
			if (r == packet.UDP || r == packet.TCP) && d.At >= 0 && !bytes.HasPrefix(frame[d.At:], d.Payload) {
				t.Fatal("the payload is not where At says")
			}
		}
	})
}
