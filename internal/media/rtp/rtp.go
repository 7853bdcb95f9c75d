// Package rtp reads RTP headers (RFC 3550 §5.1), telephone events (RFC 4733) and
// redundant audio (RFC 2198), and tells RTP from what may share its ports (RFC 7983,
// RFC 5761). It keeps no state.
package rtp

import "encoding/binary"

// Header is the fixed part of an RTP packet and where its payload lies.
type Header struct {
	Marker    bool
	Type      uint8 // payload type
	Seq       uint16
	Timestamp uint32
	SSRC      uint32
	Start     int // offset of the payload in the packet
	Length    int // of the payload, without padding
	Padding   int // octets behind it
}

const fixedLen = 12

// Parse reads the header of b into h and reports whether b is an RTP packet.
// With truncated the end of the packet is known to be missing or encrypted, so
// that the padding count, its last byte, is not looked for.
func Parse(b []byte, truncated bool, h *Header) bool {
	if len(b) < fixedLen || b[0]>>6 != 2 {
		return false
	}
	start := fixedLen + 4*int(b[0]&0xf)
	if b[0]&0x10 != 0 {
		if len(b) < start+4 {
			return false
		}
		start += 4 + 4*int(binary.BigEndian.Uint16(b[start+2:]))
	}
	length := len(b) - start
	if length < 0 {
		return false
	}
	padding := 0
	if b[0]&0x20 != 0 && !truncated {
		padding = int(b[len(b)-1])
		if padding == 0 || padding > length {
			return false
		}
		length -= padding
	}
	h.Marker, h.Type = b[1]&0x80 != 0, b[1]&0x7f
	h.Seq = binary.BigEndian.Uint16(b[2:])
	h.Timestamp = binary.BigEndian.Uint32(b[4:])
	h.SSRC = binary.BigEndian.Uint32(b[8:])
	h.Start, h.Length, h.Padding = start, length, padding
	return true
}

// Plain is Parse for a packet that has nothing but the fixed header, and is no RTCP,
// as nearly every packet of a call.
func Plain(b []byte, h *Header) bool {
	if len(b) < fixedLen || b[0] != 2<<6 || rtcpType(b[1]) {
		return false
	}
	h.Marker, h.Type = b[1]&0x80 != 0, b[1]&0x7f
	h.Seq = binary.BigEndian.Uint16(b[2:])
	h.Timestamp = binary.BigEndian.Uint32(b[4:])
	h.SSRC = binary.BigEndian.Uint32(b[8:])
	h.Start, h.Length, h.Padding = fixedLen, len(b)-fixedLen, 0
	return true
}

// rtcpType reports whether the second octet is one of RTCP (RFC 5761 §4).
func rtcpType(b byte) bool { return b >= 192 && b <= 223 }

// Kind is what a UDP payload looks like.
type Kind uint8

// The kinds.
const (
	Other Kind = iota
	RTP        // the first two bits say version 2; Parse has the last word
	RTCP
	STUN
	DTLS
)

// Look tells by the first bytes what a UDP payload may be (RFC 7983 §7).
func Look(b []byte) Kind {
	const cookie = 0x2112a442
	switch {
	case len(b) < 8:
		return Other
	case b[0]>>6 == 2 && rtcpType(b[1]):
		return RTCP
	case b[0]>>6 == 2:
		return RTP
	case b[0] < 4 && len(b) >= 20 && binary.BigEndian.Uint32(b[4:]) == cookie:
		return STUN
	case b[0] >= 20 && b[0] < 64 && (b[1] == 0xfe || b[1] == 1) && len(b) >= 13:
		return DTLS
	}
	return Other
}

// Event is one telephone-event payload (RFC 4733 §2.3).
type Event struct {
	Code     uint8
	End      bool
	Duration uint16 // in units of the RTP clock
}

// ParseEvent reads a telephone event and reports whether b can be one.
func ParseEvent(b []byte) (Event, bool) {
	if len(b) < 4 || len(b)%4 != 0 || len(b) > 16 || b[1]&0x40 != 0 {
		return Event{}, false
	}
	return Event{Code: b[0], End: b[1]&0x80 != 0, Duration: binary.BigEndian.Uint16(b[2:])}, true
}

// Digit is the key an event code stands for; 16 is a hook flash and no key.
func Digit(code uint8) (string, bool) {
	const keys = "0123456789*#ABCD"
	if int(code) >= len(keys) {
		return "", false
	}
	return keys[code : code+1], true
}

// StaticName is the encoding name that RFC 3551 gives to a payload type, empty
// for a dynamic or unassigned one.
func StaticName(payloadType uint8) string {
	if int(payloadType) >= len(staticNames) {
		return ""
	}
	return staticNames[payloadType]
}

var staticNames = [...]string{
	0: "PCMU", 2: "G721", 3: "GSM", 4: "G723", 5: "DVI4", 6: "DVI4", 7: "LPC", 8: "PCMA", 9: "G722",
	10: "L16", 11: "L16", 12: "QCELP", 13: "CN", 14: "MPA", 15: "G728", 16: "DVI4", 17: "DVI4", 18: "G729", 19: "CN",
	25: "CelB", 26: "JPEG", 28: "nv", 31: "H261", 32: "MPV", 33: "MP2T", 34: "H263",
}

// StaticClock is the RTP clock in Hz and the number of channels that RFC 3551
// gives to an audio payload type.
func StaticClock(payloadType uint8) (clock, channels int) {
	switch payloadType {
	case 6:
		return 16000, 1
	case 10:
		return 44100, 2
	case 11:
		return 44100, 1
	case 14:
		return 90000, 1
	case 16:
		return 11025, 1
	case 17:
		return 22050, 1
	}
	return 8000, 1
}

// IsVideo reports whether RFC 3551 has the payload type for video.
func IsVideo(payloadType uint8) bool { return payloadType >= 25 && payloadType <= 34 }
