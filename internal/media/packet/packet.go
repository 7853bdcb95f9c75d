// Package packet finds the UDP and TCP payloads in captured frames: through
// Ethernet with VLAN tags, PPPoE, Linux cooked headers, loopback and raw IP,
// IPv4 and IPv6 with fragments and in each other. What the payloads mean is the
// business of packages rtp and sip.
package packet

import "net/netip"

// Link types, from the LINKTYPE registry of tcpdump.org.
const (
	linkNull     = 0
	linkEthernet = 1
	linkPPP      = 9
	linkRaw1     = 12
	linkRaw2     = 14
	linkPPPoE    = 51
	linkRaw      = 101
	linkLoop     = 108
	linkSLL      = 113
	linkIPv4     = 228
	linkIPv6     = 229
	linkSLL2     = 276
)

// Endpoint is an IP address, IPv4 in its mapped form, and a port.
type Endpoint struct {
	IP   [16]byte
	Port uint16
}

// AddrPort is the endpoint in the form of package netip, IPv4 unmapped.
func (e Endpoint) AddrPort() netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom16(e.IP).Unmap(), e.Port)
}

// Flow is where a datagram came from and went to.
type Flow struct{ Src, Dst Endpoint }

// Reverse is the flow of the answers.
func (f Flow) Reverse() Flow { return Flow{Src: f.Dst, Dst: f.Src} }

// Result says what a frame held.
type Result uint8

// The results.
const (
	Nothing  Result = iota // no IP, or a transport that carries no call
	UDP                    // a whole datagram
	TCP                    // one segment
	Fragment               // a part that was kept, waiting for the others
	BadLink                // a link type that is not read here
)

// Datagram is the payload of a frame, valid until the next call of Decode.
type Datagram struct {
	Flow    Flow
	Payload []byte
	Seq     uint32 // of a TCP segment: the number of its first byte
	// At is where Payload begins in the frame, or -1 if it was put together
	// from fragments.
	At int
	// Cut says that the end of the payload was not captured.
	Cut bool
}

// Decoder reads frames. It is not safe for concurrent use.
type Decoder struct {
	parts assembler
}

// NewDecoder makes a decoder.
func NewDecoder() *Decoder { return &Decoder{} }

// Decode reads one frame of the given link type into out. The frame is not
// changed, and kept only as long as the payload.
func (d *Decoder) Decode(link int, frame []byte, out *Datagram) Result {
	if quick(link, frame, out) {
		return UDP
	}
	return d.layers(link, frame, out)
}

// maxLayers bounds how deep headers are packed into each other.
const maxLayers = 16

// layers reads any frame.
func (d *Decoder) layers(link int, frame []byte, out *Datagram) Result {
	w := walk{b: frame}
	k := w.start(link)
	if k == badLink {
		return BadLink
	}
	for range maxLayers {
		switch k {
		case udp, tcp:
			result := w.transport(k, out)
			out.Flow.Src.IP, out.Flow.Dst.IP = w.src, w.dst
			out.At = within(frame, out.Payload)
			return result
		case fragment:
			return d.assemble(&w, out)
		case nothing:
			return Nothing
		default:
			k = w.step(k)
		}
	}
	return Nothing
}

// within is where part begins in frame, of which it is a slice; -1 if it is
// none.
func within(frame, part []byte) int {
	at := cap(frame) - cap(part)
	if len(part) == 0 || at < 0 || at >= len(frame) || &frame[at] != &part[0] {
		return -1
	}
	return at
}
