package packet

import (
	"encoding/binary"
	"errors"
	"slices"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// oracle reads frames with gopacket's layers. It is what the package's own reading
// is held against.
type oracle struct {
	eth   layers.Ethernet
	vlan  layers.Dot1Q
	sll   layers.LinuxSLL
	loop  layers.Loopback
	ip4   layers.IPv4
	ip6   layers.IPv6
	ext   layers.IPv6ExtensionSkipper
	pppoe oraclePPPoE
	udp   layers.UDP
	tcp   oracleTCP

	decoded []gopacket.LayerType
}

var errShort = errors.New("header is cut")

// decode reads a frame; ok is false where gopacket has nothing to say.
func (d *oracle) decode(link int, frame []byte, out *Datagram) (r Result, ok bool) {
	first := map[int]gopacket.LayerType{
		linkEthernet: layers.LayerTypeEthernet, linkSLL: layers.LayerTypeLinuxSLL, linkNull: layers.LayerTypeLoopback,
		linkRaw: layers.LayerTypeIPv4, linkPPPoE: layers.LayerTypePPPoE,
	}[link]
	if link == linkRaw && len(frame) > 0 && frame[0]>>4 == 6 {
		first = layers.LayerTypeIPv6
	}
	p := gopacket.NewDecodingLayerParser(first, &d.ext, &d.eth, &d.vlan, &d.sll, &d.loop, &d.ip4, &d.ip6, &d.pppoe, &d.udp, &d.tcp)
	p.IgnoreUnsupported = true
	if p.DecodeLayers(frame, &d.decoded) != nil || len(d.decoded) == 0 {
		return Nothing, false
	}
	switch d.decoded[len(d.decoded)-1] {
	case layers.LayerTypeUDP:
		out.Payload, out.Cut = d.udp.Payload, int(d.udp.Length) > len(d.udp.Contents)+len(d.udp.Payload)
		out.Flow.Src.Port, out.Flow.Dst.Port = uint16(d.udp.SrcPort), uint16(d.udp.DstPort)
		r = UDP
	case layers.LayerTypeTCP:
		out.Payload, out.Cut = d.tcp.payload, false
		out.Flow.Src.Port, out.Flow.Dst.Port = d.tcp.src, d.tcp.dst
		r = TCP
	default:
		return Nothing, false
	}
	d.addresses(&out.Flow)
	return r, true
}

// addresses takes the innermost IP header's.
func (d *oracle) addresses(f *Flow) {
	for _, layer := range slices.Backward(d.decoded) {
		switch layer {
		case layers.LayerTypeIPv4:
			f.Src.IP, f.Dst.IP = mapped4([4]byte(d.ip4.SrcIP)), mapped4([4]byte(d.ip4.DstIP))
			return
		case layers.LayerTypeIPv6:
			f.Src.IP, f.Dst.IP = [16]byte(d.ip6.SrcIP), [16]byte(d.ip6.DstIP)
			return
		}
	}
}

// oraclePPPoE is a PPPoE session header with PPP's protocol field: gopacket's own
// has no reusable decoder.
type oraclePPPoE struct {
	payload []byte
	next    gopacket.LayerType
}

func (p *oraclePPPoE) DecodeFromBytes(data []byte, _ gopacket.DecodeFeedback) error {
	if len(data) < 8 {
		return errShort
	}
	p.next, p.payload = gopacket.LayerTypeDecodeFailure, data[8:]
	switch binary.BigEndian.Uint16(data[6:]) {
	case 0x21:
		p.next = layers.LayerTypeIPv4
	case 0x57:
		p.next = layers.LayerTypeIPv6
	}
	return nil
}

func (p *oraclePPPoE) CanDecode() gopacket.LayerClass    { return layers.LayerTypePPPoE }
func (p *oraclePPPoE) NextLayerType() gopacket.LayerType { return p.next }
func (p *oraclePPPoE) LayerPayload() []byte              { return p.payload }

// oracleTCP is a TCP header without its options, which gopacket refuses if one of
// them is odd.
type oracleTCP struct {
	src, dst uint16
	payload  []byte
}

func (t *oracleTCP) DecodeFromBytes(data []byte, _ gopacket.DecodeFeedback) error {
	if len(data) < 20 {
		return errShort
	}
	head := int(data[12]>>4) * 4
	if head < 20 || head > len(data) {
		return errShort
	}
	t.src, t.dst, t.payload = binary.BigEndian.Uint16(data), binary.BigEndian.Uint16(data[2:]), data[head:]
	return nil
}

func (t *oracleTCP) CanDecode() gopacket.LayerClass    { return layers.LayerTypeTCP }
func (t *oracleTCP) NextLayerType() gopacket.LayerType { return gopacket.LayerTypePayload }
func (t *oracleTCP) LayerPayload() []byte              { return t.payload }
