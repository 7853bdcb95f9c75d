// Package packet finds the UDP and TCP payloads in captured frames: through
// Ethernet with VLAN tags, PPPoE, Linux cooked headers, loopback and raw IP,
// IPv4 and IPv6 with fragments. The layers are gopacket's where it has them.
// What the payloads mean is the business of packages rtp and sip.
package packet

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

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
	// At is where Payload begins in the frame, or -1 if it was put together
	// from fragments.
	At int
	// Cut says that the end of the payload was not captured.
	Cut bool
}

// Decoder reads frames. It is not safe for concurrent use.
type Decoder struct {
	eth   layers.Ethernet
	vlan  layers.Dot1Q
	sll   layers.LinuxSLL
	loop  layers.Loopback
	ip4   layers.IPv4
	ip6   layers.IPv6
	ext   layers.IPv6ExtensionSkipper
	pppoe pppoe
	frag6 fragment6
	udp   layers.UDP
	tcp   tcp

	parsers map[gopacket.LayerType]*gopacket.DecodingLayerParser
	decoded []gopacket.LayerType
	parts   assembler
}

// NewDecoder makes a decoder.
func NewDecoder() *Decoder {
	d := &Decoder{parsers: map[gopacket.LayerType]*gopacket.DecodingLayerParser{}}
	for _, first := range []gopacket.LayerType{
		layers.LayerTypeEthernet, layers.LayerTypeLinuxSLL, layers.LayerTypeLoopback, layers.LayerTypePPPoE,
		layers.LayerTypeIPv4, layers.LayerTypeIPv6, layers.LayerTypeUDP, layers.LayerTypeTCP,
	} {
		d.parsers[first] = d.parser(first)
	}
	return d
}

func (d *Decoder) parser(first gopacket.LayerType) *gopacket.DecodingLayerParser {
	p := gopacket.NewDecodingLayerParser(first)
	p.SetDecodingLayerContainer(gopacket.DecodingLayerArray(nil))
	for _, layer := range []gopacket.DecodingLayer{
		// The skipper comes first: the fragment header is one of those it skips.
		&d.ext, &d.eth, &d.vlan, &d.sll, &d.loop, &d.ip4, &d.ip6, &d.pppoe, &d.frag6, &d.udp, &d.tcp,
	} {
		p.AddDecodingLayer(layer)
	}
	p.IgnoreUnsupported = true
	return p
}

// Decode reads one frame of the given link type into out. The frame is not
// changed, and kept only as long as the payload.
func (d *Decoder) Decode(link int, frame []byte, out *Datagram) Result {
	if link == linkEthernet && quick(frame, out) {
		return UDP
	}
	return d.layers(link, frame, out)
}

// layers reads any frame.
func (d *Decoder) layers(link int, frame []byte, out *Datagram) Result {
	first, body := start(link, frame)
	if first == gopacket.LayerTypeZero {
		return BadLink
	}
	p, ok := d.parsers[first]
	if !ok || len(body) == 0 {
		return Nothing
	}
	d.frag6.seen = false
	if err := p.DecodeLayers(body, &d.decoded); err != nil || len(d.decoded) == 0 {
		return Nothing
	}
	return d.finish(frame, p.Truncated, out)
}

// start finds the first layer of a frame and where it begins.
func start(link int, frame []byte) (gopacket.LayerType, []byte) {
	switch link {
	case linkEthernet:
		return layers.LayerTypeEthernet, frame
	case linkSLL:
		return layers.LayerTypeLinuxSLL, frame
	case linkNull, linkLoop:
		return layers.LayerTypeLoopback, frame
	case linkPPPoE:
		return layers.LayerTypePPPoE, frame
	case linkRaw, linkRaw1, linkRaw2, linkIPv4, linkIPv6:
		return rawIP(frame), frame
	case linkSLL2:
		return afterType(frame, 0, 20)
	case linkPPP:
		return afterPPP(frame)
	}
	return gopacket.LayerTypeZero, nil
}

func rawIP(frame []byte) gopacket.LayerType {
	if len(frame) > 0 && frame[0]>>4 == 6 {
		return layers.LayerTypeIPv6
	}
	return layers.LayerTypeIPv4
}

// afterType reads the Ethernet type at offset at of a header of length head.
func afterType(frame []byte, at, head int) (gopacket.LayerType, []byte) {
	if len(frame) < head {
		return layers.LayerTypeEthernet, nil
	}
	next := layers.EthernetType(binary.BigEndian.Uint16(frame[at:])).LayerType()
	if next == gopacket.LayerTypeZero {
		next = gopacket.LayerTypeDecodeFailure
	}
	return next, frame[head:]
}

func afterPPP(frame []byte) (gopacket.LayerType, []byte) {
	if len(frame) > 4 && frame[0] == 0xff && frame[1] == 3 { // HDLC address and control
		frame = frame[2:]
	}
	if len(frame) < 2 {
		return layers.LayerTypeEthernet, nil
	}
	return pppType(binary.BigEndian.Uint16(frame)), frame[2:]
}

func pppType(protocol uint16) gopacket.LayerType {
	switch protocol {
	case 0x21:
		return layers.LayerTypeIPv4
	case 0x57:
		return layers.LayerTypeIPv6
	}
	return gopacket.LayerTypeDecodeFailure
}

// finish turns the decoded layers into a datagram.
func (d *Decoder) finish(frame []byte, truncated bool, out *Datagram) Result {
	switch last := d.decoded[len(d.decoded)-1]; {
	case last == layers.LayerTypeUDP || last == layers.LayerTypeTCP:
		d.addresses(&out.Flow)
		return d.transport(frame, last, out)
	case last == layers.LayerTypeIPv4 && d.ip4.NextLayerType() == gopacket.LayerTypeFragment:
		d.addresses(&out.Flow)
		return d.assemble(d.piece4(out.Flow), truncated, out)
	case last == layers.LayerTypeIPv6Fragment && d.frag6.seen:
		d.addresses(&out.Flow)
		return d.assemble(d.piece6(out.Flow), truncated, out)
	}
	return Nothing
}

// addresses takes the innermost IP header's.
func (d *Decoder) addresses(f *Flow) {
	for _, layer := range slices.Backward(d.decoded) {
		switch layer {
		case layers.LayerTypeIPv4:
			f.Src.IP, f.Dst.IP = mapped(d.ip4.SrcIP), mapped(d.ip4.DstIP)
			return
		case layers.LayerTypeIPv6:
			f.Src.IP, f.Dst.IP = [16]byte(d.ip6.SrcIP), [16]byte(d.ip6.DstIP)
			return
		}
	}
}

func mapped(ip []byte) (m [16]byte) {
	m[10], m[11] = 0xff, 0xff
	copy(m[12:], ip)
	return m
}

func (d *Decoder) transport(frame []byte, last gopacket.LayerType, out *Datagram) Result {
	out.Cut = false
	result := UDP
	if last == layers.LayerTypeUDP {
		// The length in the header tells; gopacket's own mark is also set by
		// IPv6 extension headers.
		out.Payload, out.Cut = d.udp.Payload, int(d.udp.Length) > len(d.udp.Contents)+len(d.udp.Payload)
		out.Flow.Src.Port, out.Flow.Dst.Port = uint16(d.udp.SrcPort), uint16(d.udp.DstPort)
	} else {
		out.Payload, result = d.tcp.payload, TCP
		out.Flow.Src.Port, out.Flow.Dst.Port = d.tcp.src, d.tcp.dst
	}
	out.At = within(frame, out.Payload)
	return result
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
