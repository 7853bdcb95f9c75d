// Package sdp reads from a session description (RFC 8866) what is needed to
// find a call's media: address, port, transport and payload types of each
// stream, and whether it is encrypted (RFC 4568, RFC 5763).
package sdp

import (
	"net/netip"
	"strconv"
	"strings"
)

// Limits on what a description may hold; the rest is not read.
const (
	maxMedia = 64
	maxTypes = 128
)

// Media is one m= section.
type Media struct {
	Kind      string         // audio, video, image, …
	Addr      netip.AddrPort // where it wants to receive; the address may be invalid
	Protocol  string         // RTP/AVP, RTP/SAVP, …
	Types     map[uint8]Map  // payload types by rtpmap
	Direction string         // sendrecv, sendonly, recvonly, inactive
	Crypto    bool           // a=crypto or a=fingerprint applies
	Keys      []Key          // of a=crypto
}

// Map is one a=rtpmap.
type Map struct {
	Name     string // encoding name as written
	Clock    int
	Channels int
	Format   string // parameters of a=fmtp, as written
}

// Secure reports whether the section asks for SRTP.
func (m Media) Secure() bool { return strings.Contains(m.Protocol, "SAVP") || m.Crypto }

type parser struct {
	addr        netip.Addr // of the session, then of the section
	fingerprint bool
	direction   string // of sections that do not say theirs
	media       []Media
}

// Parse reads a description. It takes what it understands and is silent about
// the rest: devices write much that is not in the standard.
func Parse(body string) []Media {
	p := parser{direction: "sendrecv"}
	for line := range strings.Lines(body) {
		line = strings.TrimRight(line, "\r\n")
		if len(line) > 2 && line[1] == '=' {
			p.line(line[0], line[2:])
		}
	}
	return p.media
}

func (p *parser) line(kind byte, value string) {
	switch kind {
	case 'c':
		p.connection(value)
	case 'm':
		p.section(value)
	case 'a':
		p.attribute(value)
	}
}

func (p *parser) last() *Media {
	if len(p.media) == 0 {
		return nil
	}
	return &p.media[len(p.media)-1]
}

func (p *parser) connection(value string) {
	f := strings.Fields(value)
	if len(f) < 3 {
		return
	}
	text, _, _ := strings.Cut(f[2], "/")
	addr, err := netip.ParseAddr(text)
	if err != nil {
		return
	}
	if m := p.last(); m != nil {
		m.Addr = netip.AddrPortFrom(addr, m.Addr.Port())
		return
	}
	p.addr = addr
}

func (p *parser) section(value string) {
	f := strings.Fields(value)
	if len(f) < 3 || len(p.media) == maxMedia {
		return
	}
	text, _, _ := strings.Cut(f[1], "/")
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return
	}
	p.media = append(p.media, Media{
		Kind: strings.ToLower(f[0]), Protocol: strings.ToUpper(f[2]), Direction: p.direction,
		Addr: netip.AddrPortFrom(p.addr, uint16(port)), Types: map[uint8]Map{}, Crypto: p.fingerprint,
	})
}

func (p *parser) attribute(value string) {
	name, rest, _ := strings.Cut(value, ":")
	m := p.last()
	switch {
	case name == "fingerprint" && m == nil:
		p.fingerprint = true
	case isDirection(name) && m == nil:
		p.direction = name
	case m == nil:
	case name == "fingerprint":
		m.Crypto = true
	case name == "crypto":
		m.Crypto = true
		m.crypto(rest)
	case name == "rtpmap":
		m.rtpmap(rest)
	case name == "fmtp":
		m.format(rest)
	case isDirection(name):
		m.Direction = name
	}
}

func isDirection(name string) bool {
	return name == "sendrecv" || name == "sendonly" || name == "recvonly" || name == "inactive"
}

func (m *Media) rtpmap(value string) {
	number, encoding, _ := strings.Cut(value, " ")
	payloadType, err := strconv.ParseUint(number, 10, 7)
	if err != nil || len(m.Types) == maxTypes {
		return
	}
	parts := strings.Split(strings.TrimSpace(encoding), "/")
	entry := Map{Name: parts[0], Clock: 8000, Channels: 1}
	if len(parts) > 1 {
		entry.Clock, _ = strconv.Atoi(parts[1])
	}
	if len(parts) > 2 {
		entry.Channels, _ = strconv.Atoi(parts[2])
	}
	m.Types[uint8(payloadType)] = entry
}

// format takes the parameters of a payload type, which stand behind its rtpmap.
func (m *Media) format(value string) {
	number, parameters, _ := strings.Cut(value, " ")
	payloadType, err := strconv.ParseUint(number, 10, 7)
	if err != nil {
		return
	}
	if entry, ok := m.Types[uint8(payloadType)]; ok {
		entry.Format = strings.TrimSpace(parameters)
		m.Types[uint8(payloadType)] = entry
	}
}
