package packet

import "encoding/binary"

// kind is what a header is.
type kind uint8

const (
	nothing kind = iota // that carries a call
	badLink
	ethernet
	etherType // two bytes of Ethernet type, and what it tells
	pppoe
	ppp
	ip4
	ip6
	extension // of IPv6
	fragment
	udp
	tcp
)

// The values of an Ethernet type that are followed.
const (
	typeIPv4  = 0x0800
	typeIPv6  = 0x86dd
	typeVLAN  = 0x8100
	typeQinQ  = 0x88a8
	typeQinQ2 = 0x9100 // before it was a standard
	typePPPoE = 0x8864
)

// The IP protocol numbers that are followed.
const (
	protoHopByHop    = 0
	protoIPv4        = 4
	protoTCP         = 6
	protoUDP         = 17
	protoIPv6        = 41
	protoRouting     = 43
	protoFragment6   = 44
	protoDestination = 60
)

// walk goes from header to header of a frame.
type walk struct {
	b        []byte // what is not read yet
	src, dst [16]byte
	next     byte // protocol of an extension's successor
	cut      bool // the IP header announces more than was captured
	part     part
}

// part is where a fragment belongs.
type part struct {
	id       uint32
	protocol byte
	offset   int // bytes
	more     bool
}

// start finds the first header of a link type.
func (w *walk) start(link int) kind {
	switch link {
	case linkEthernet:
		return ethernet
	case linkSLL:
		return w.skip(14, etherType)
	case linkSLL2:
		return w.cooked2()
	case linkNull, linkLoop:
		return w.loopback()
	case linkPPPoE:
		return pppoe
	case linkPPP:
		if len(w.b) > 4 && w.b[0] == 0xff && w.b[1] == 3 { // HDLC address and control
			w.b = w.b[2:]
		}
		return ppp
	case linkRaw, linkRaw1, linkRaw2, linkIPv4, linkIPv6:
		if len(w.b) > 0 && w.b[0]>>4 == 6 {
			return ip6
		}
		return ip4
	}
	return badLink
}

// step reads one header and says what follows it.
func (w *walk) step(k kind) kind {
	switch k {
	case ethernet:
		return w.skip(12, etherType)
	case etherType:
		return w.etherType()
	case pppoe:
		return w.skip(6, ppp)
	case ppp:
		return w.ppp()
	case ip4:
		return w.ip4()
	case ip6:
		return w.ip6()
	case extension:
		return w.extension()
	default:
		return nothing
	}
}

// skip passes over n bytes; there must be more.
func (w *walk) skip(n int, then kind) kind {
	if len(w.b) <= n {
		return nothing
	}
	w.b = w.b[n:]
	return then
}

// etherType reads an Ethernet type, and the tags in front of the one that tells.
func (w *walk) etherType() kind {
	if len(w.b) < 2 {
		return nothing
	}
	value := binary.BigEndian.Uint16(w.b)
	switch value {
	case typeVLAN, typeQinQ, typeQinQ2:
		return w.skip(4, etherType)
	case typePPPoE:
		return w.skip(2, pppoe)
	}
	return w.skip(2, ofType(value))
}

func ofType(value uint16) kind {
	switch value {
	case typeIPv4:
		return ip4
	case typeIPv6:
		return ip6
	}
	return nothing
}

// cooked2 is the second form of Linux's cooked header: the type comes first.
func (w *walk) cooked2() kind {
	const head = 20
	if len(w.b) <= head {
		return nothing
	}
	k := ofType(binary.BigEndian.Uint16(w.b))
	w.b = w.b[head:]
	return k
}

// loopback is a BSD system's: the address family, in the byte order of whoever
// captured. IPv6 has another number on each.
func (w *walk) loopback() kind {
	const head = 4
	if len(w.b) <= head {
		return nothing
	}
	family := binary.LittleEndian.Uint32(w.b)
	if family&0xffff == 0 {
		family = binary.BigEndian.Uint32(w.b)
	}
	w.b = w.b[head:]
	switch family {
	case 2:
		return ip4
	case 10, 23, 24, 28, 30:
		return ip6
	}
	return nothing
}

func (w *walk) ppp() kind {
	if len(w.b) < 2 {
		return nothing
	}
	switch binary.BigEndian.Uint16(w.b) {
	case 0x21:
		return w.skip(2, ip4)
	case 0x57:
		return w.skip(2, ip6)
	}
	return nothing
}

// ip4 is an IPv4 header (RFC 791). A length of zero is one that the sender's
// network card had still to fill in.
func (w *walk) ip4() kind {
	const least = 20
	if len(w.b) < least {
		return nothing
	}
	h := w.b
	head, total := int(h[0]&15)*4, int(binary.BigEndian.Uint16(h[2:]))
	if total == 0 {
		total = len(h)
	}
	if head < least || head > len(h) || total < head {
		return nothing
	}
	w.src, w.dst = mapped4([4]byte(h[12:])), mapped4([4]byte(h[16:]))
	w.cut = total > len(h)
	w.b = h[head:min(total, len(h))]
	field := binary.BigEndian.Uint16(h[6:])
	w.part = part{id: uint32(binary.BigEndian.Uint16(h[4:])), protocol: h[9], offset: int(field&0x1fff) * 8, more: field&0x2000 != 0}
	if w.part.offset > 0 || w.part.more {
		return fragment
	}
	return w.protocol(h[9])
}

// ip6 is an IPv6 header (RFC 8200).
func (w *walk) ip6() kind {
	const head = 40
	if len(w.b) < head {
		return nothing
	}
	h := w.b
	total := head + int(binary.BigEndian.Uint16(h[4:]))
	if total == head {
		total = len(h)
	}
	w.src, w.dst = [16]byte(h[8:]), [16]byte(h[24:])
	w.cut = total > len(h)
	w.b = h[head:min(total, len(h))]
	return w.protocol(h[6])
}

// protocol is what follows an IP header or extension.
func (w *walk) protocol(number byte) kind {
	switch number {
	case protoUDP:
		return udp
	case protoTCP:
		return tcp
	case protoIPv4:
		return ip4
	case protoIPv6:
		return ip6
	case protoHopByHop, protoRouting, protoDestination, protoFragment6:
		w.next = number
		return extension
	}
	return nothing
}

// extension is an extension header of IPv6.
func (w *walk) extension() kind {
	const least = 8
	if len(w.b) < least {
		return nothing
	}
	h := w.b
	if w.next == protoFragment6 {
		field := binary.BigEndian.Uint16(h[2:])
		w.part = part{id: binary.BigEndian.Uint32(h[4:]), protocol: h[0], offset: int(field &^ 7), more: field&1 != 0}
		w.b = h[least:]
		return fragment
	}
	length := least + 8*int(h[1])
	if len(h) < length {
		return nothing
	}
	w.b = h[length:]
	return w.protocol(h[0])
}

// transport reads a UDP or TCP header: the ports and the payload.
func (w *walk) transport(k kind, out *Datagram) Result {
	const headUDP, headTCP = 8, 20
	if len(w.b) < headUDP || k == tcp && len(w.b) < headTCP {
		return Nothing
	}
	be := binary.BigEndian
	out.Flow.Src.Port, out.Flow.Dst.Port = be.Uint16(w.b), be.Uint16(w.b[2:])
	if k == tcp {
		head := int(w.b[12]>>4) * 4
		if head < headTCP || head > len(w.b) {
			return Nothing
		}
		out.Payload, out.Cut, out.Seq = w.b[head:], false, be.Uint32(w.b[4:])
		return TCP
	}
	length := int(be.Uint16(w.b[4:]))
	if length == 0 {
		length = len(w.b)
	}
	if length < headUDP {
		return Nothing
	}
	out.Payload, out.Cut = w.b[headUDP:min(length, len(w.b))], length > len(w.b)
	return UDP
}
