package packet

import (
	"encoding/binary"
	"errors"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

var errShort = errors.New("header is cut")

// pppoe is a PPPoE session header with PPP's protocol field (RFC 2516).
// gopacket's own has no reusable decoder.
type pppoe struct {
	payload []byte
	next    gopacket.LayerType
}

func (p *pppoe) DecodeFromBytes(data []byte, _ gopacket.DecodeFeedback) error {
	const head = 8
	if len(data) < head {
		return errShort
	}
	p.next, p.payload = pppType(binary.BigEndian.Uint16(data[6:])), data[head:]
	return nil
}

func (p *pppoe) CanDecode() gopacket.LayerClass    { return layers.LayerTypePPPoE }
func (p *pppoe) NextLayerType() gopacket.LayerType { return p.next }
func (p *pppoe) LayerPayload() []byte              { return p.payload }

// fragment6 is the IPv6 fragment header (RFC 8200 §4.5). The parser always
// stops behind it.
type fragment6 struct {
	seen    bool
	next    layers.IPProtocol
	offset  int // bytes
	more    bool
	id      uint32
	payload []byte
}

func (f *fragment6) DecodeFromBytes(data []byte, _ gopacket.DecodeFeedback) error {
	const head = 8
	if len(data) < head {
		return errShort
	}
	field := binary.BigEndian.Uint16(data[2:])
	f.seen, f.next = true, layers.IPProtocol(data[0])
	f.offset, f.more = int(field&^7), field&1 != 0
	f.id, f.payload = binary.BigEndian.Uint32(data[4:]), data[head:]
	return nil
}

func (f *fragment6) CanDecode() gopacket.LayerClass    { return layers.LayerTypeIPv6Fragment }
func (f *fragment6) NextLayerType() gopacket.LayerType { return gopacket.LayerTypeFragment }
func (f *fragment6) LayerPayload() []byte              { return f.payload }

// tcp is a TCP header of which only ports and length matter here.
type tcp struct {
	src, dst uint16
	payload  []byte
}

func (t *tcp) DecodeFromBytes(data []byte, _ gopacket.DecodeFeedback) error {
	const least = 20
	if len(data) < least {
		return errShort
	}
	head := int(data[12]>>4) * 4
	if head < least || head > len(data) {
		return errShort
	}
	t.src, t.dst = binary.BigEndian.Uint16(data), binary.BigEndian.Uint16(data[2:])
	t.payload = data[head:]
	return nil
}

func (t *tcp) CanDecode() gopacket.LayerClass    { return layers.LayerTypeTCP }
func (t *tcp) NextLayerType() gopacket.LayerType { return gopacket.LayerTypePayload }
func (t *tcp) LayerPayload() []byte              { return t.payload }
