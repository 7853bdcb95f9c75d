package pbxsim

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"time"
)

// The fixed ports of a capture: who sends from the first is heard at the
// device's local side, from the second at its remote side.
const (
	portLocal  = 16386
	portRemote = 16388
	portSIP    = 5060
)

// pcapHeader is the head of a classic pcap file: little endian, microseconds,
// Ethernet.
func pcapHeader() []byte {
	b := binary.LittleEndian.AppendUint32(nil, 0xa1b2c3d4)
	b = binary.LittleEndian.AppendUint16(b, 2)
	b = binary.LittleEndian.AppendUint16(b, 4)
	b = binary.LittleEndian.AppendUint64(b, 0) // zone and accuracy
	b = binary.LittleEndian.AppendUint32(b, 65535)
	return binary.LittleEndian.AppendUint32(b, 1)
}

// side is one end of the captured call. Addresses are from RFC 5737.
type side struct {
	mac  [6]byte
	ip   [4]byte
	port uint16
}

func localSide(port uint16) side {
	return side{[6]byte{0x00, 0x90, 0x33, 0, 0, 0x0a}, [4]byte{192, 0, 2, 10}, port}
}

func remoteSide(port uint16) side {
	return side{[6]byte{0x00, 0x90, 0x33, 0, 0, 0x14}, [4]byte{192, 0, 2, 20}, port}
}

// datagram is one pcap record: Ethernet, IPv4, UDP, payload.
func datagram(at time.Time, from, to side, payload []byte) []byte {
	const headers = 14 + 20 + 8
	size := uint32(headers + len(payload))
	b := make([]byte, 0, 16+size)
	b = b[:8]
	putTime(b, at)
	b = binary.LittleEndian.AppendUint32(b, size)
	b = binary.LittleEndian.AppendUint32(b, size)
	b = append(append(b, to.mac[:]...), from.mac[:]...)
	b = append(b, 0x08, 0x00)
	ip := make([]byte, 0, 20)
	ip = append(ip, 0x45, 0xb8) // expedited forwarding, as voice
	ip = binary.BigEndian.AppendUint16(ip, uint16(28+len(payload)))
	ip = append(ip, 0, 0, 0x40, 0, 64, 17, 0, 0)
	ip = append(append(ip, from.ip[:]...), to.ip[:]...)
	binary.BigEndian.PutUint16(ip[10:], ipChecksum(ip))
	b = append(b, ip...)
	b = binary.BigEndian.AppendUint16(b, from.port)
	b = binary.BigEndian.AppendUint16(b, to.port)
	b = binary.BigEndian.AppendUint16(b, uint16(8+len(payload)))
	b = append(b, 0, 0) // no UDP checksum
	return append(b, payload...)
}

// putTime writes the time of a pcap record to its beginning.
func putTime(b []byte, at time.Time) {
	binary.LittleEndian.PutUint32(b, uint32(at.Unix()))
	binary.LittleEndian.PutUint32(b[4:], uint32(at.Nanosecond()/1000))
}

// ipChecksum is RFC 1071's over an IPv4 header whose checksum field is zero.
func ipChecksum(h []byte) uint16 {
	var sum uint32
	for i := 0; i < len(h); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(h[i:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// voice is one RTP stream of G.711 A-law (RFC 3550, payload type 8).
type voice struct {
	from, to side
	ssrc     uint32
	seq      uint16
	stamp    uint32
	sent     bool
}

// frame is the next 20 ms. The time that passed without frames since the last
// one is told by skipped, in frames; the first frame after it has the marker.
func (v *voice) frame(at time.Time, samples []byte, skipped int) []byte {
	v.stamp += uint32(skipped * frameSamples)
	marker := byte(0)
	if !v.sent || skipped > 0 {
		marker = 0x80
	}
	b := []byte{0x80, marker | 8}
	b = binary.BigEndian.AppendUint16(b, v.seq)
	b = binary.BigEndian.AppendUint32(b, v.stamp)
	b = binary.BigEndian.AppendUint32(b, v.ssrc)
	b = append(b, samples...)
	v.seq, v.stamp, v.sent = v.seq+1, v.stamp+frameSamples, true
	return datagram(at, v.from, v.to, b)
}

// script is the dummy SIP dialogue a device writes around the voice, so that
// the coder can be read from it.
type script struct {
	conf           string
	caller, callee string
	callerIsRemote bool
}

func (d script) sides() (caller, callee side) {
	if d.callerIsRemote {
		return remoteSide(portSIP), localSide(portSIP)
	}
	return localSide(portSIP), remoteSide(portSIP)
}

// opening is INVITE, 180 and 200 at their times.
func (d script) opening(setup, alert, connect time.Time) []byte {
	caller, callee := d.sides()
	var b bytes.Buffer
	b.Write(datagram(setup, caller, callee, d.message("INVITE sip:"+d.callee+"@"+address(callee)+" SIP/2.0", "1 INVITE", caller)))
	b.Write(datagram(alert, callee, caller, d.message("SIP/2.0 180 Ringing", "1 INVITE", side{})))
	b.Write(datagram(connect, callee, caller, d.message("SIP/2.0 200 OK", "1 INVITE", callee)))
	return b.Bytes()
}

// closing is the BYE, from the caller.
func (d script) closing(at time.Time) []byte {
	caller, callee := d.sides()
	return datagram(at, caller, callee, d.message("BYE sip:"+d.callee+"@"+address(callee)+" SIP/2.0", "2 BYE", side{}))
}

// message is one SIP message; with a media side it has a session description.
func (d script) message(first, cseq string, media side) []byte {
	caller, callee := d.sides()
	sdp := ""
	if media.port != 0 {
		port := portLocal
		if media.ip == remoteSide(0).ip {
			port = portRemote
		}
		ip := address(media)
		sdp = fmt.Sprintf("v=0\r\no=- 1 1 IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\n"+
			"m=audio %d RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\na=ptime:20\r\na=sendrecv\r\n", ip, ip, port)
	}
	toTag := ";tag=" + d.conf[24:]
	if strings.HasPrefix(first, "INVITE") {
		toTag = "" // the callee gives it with his answer
	}
	head := first + "\r\nVia: SIP/2.0/UDP " + address(caller) + ":5060;branch=z9hG4bK" + d.conf[:16] +
		"\r\nMax-Forwards: 70\r\nFrom: <sip:" + d.caller + "@" + address(caller) + ">;tag=" + d.conf[16:24] +
		"\r\nTo: <sip:" + d.callee + "@" + address(callee) + ">" + toTag +
		"\r\nCall-ID: " + d.conf + "@" + address(caller) + "\r\nCSeq: " + cseq + "\r\n"
	if sdp != "" {
		head += "Contact: <sip:" + address(media) + ":5060>\r\nContent-Type: application/sdp\r\n"
	}
	return fmt.Appendf(nil, "%sContent-Length: %d\r\n\r\n%s", head, len(sdp), sdp)
}

func address(s side) string {
	return fmt.Sprintf("%d.%d.%d.%d", s.ip[0], s.ip[1], s.ip[2], s.ip[3])
}
