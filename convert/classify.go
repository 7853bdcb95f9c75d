package convert

import (
	"callreel/internal/media/opus"
	"callreel/internal/media/rtp"
)

const (
	// leastPackets is how many packets make a stream where nothing but the
	// headers speaks for it.
	leastPackets = 3
	// strayPackets is what an unknown stream may have beside good voice without
	// being taken for a part of the call: half a second.
	strayPackets = 25
	// firstDynamic is where RFC 3551's dynamic payload types begin.
	firstDynamic = 96
	// reassigned is the static type that RFC 3551 took back: RFC 1890 had G721
	// there, and devices say what they mean by it.
	reassigned = 2
	// maxEvent is the highest code of a telephone event that is used: keys, the tones of
	// faxes and modems, and those of telephones (RFC 4733, RFC 4734).
	maxEvent = 89
)

// The fixed source ports of an innovaphone device's capture.
const (
	portLocal  = 16386
	portRemote = 16388
)

func (s *stream) fixedPort() bool {
	return s.key.flow.Src.Port == portLocal || s.key.flow.Src.Port == portRemote
}

// known reports whether more than headers speaks for the stream.
func (s *stream) known() bool { return s.fixedPort() || s.match.exact > 1 && s.match.audio }

// identify counts a stream's payload types and names them.
func (p *plan) identify(s *stream) {
	s.codecs = new([128]codec)
	for t, n := range s.counts {
		if n > 0 {
			s.codecs[t] = p.codec(s, uint8(t))
		}
	}
	s.shared = p.dtls[s.key.flow.Src] || p.dtls[s.key.flow.Dst]
}

// codec tells what a payload type of a stream is.
func (p *plan) codec(s *stream, t uint8) codec {
	if r, other := s.section(t); other {
		return codec{name: s.match.media.Kind, role: r}
	}
	m, described := p.sip.name(s.match, t)
	if name := rtp.StaticName(t); name != "" && (t != reassigned || !described) {
		return p.static(name, t)
	}
	if described {
		return p.named(m.Name, m.Clock, m.Channels, m.Format)
	}
	switch {
	case t >= firstDynamic && p.looksLikeEvents(s, t):
		return codec{name: "telephone-event", role: roleEvent}
	case t >= firstDynamic && looksLikeVideo(s):
		return codec{name: "video", role: roleVideo}
	case t >= firstDynamic && looksLikeOpus(s, t):
		return named("opus", opus.Clock, 2, "")
	case t >= firstDynamic:
		if name, clock := looksLikeAMR(s, t); name != "" {
			return p.named(name, clock, 1, "octet-align=1")
		}
	}
	return codec{name: "unknown"}
}

// section is the role of a payload type of which the stream's description says that it
// is no voice. Where only a port fits it says nothing of a type that is always audio.
func (s *stream) section(t uint8) (r role, other bool) {
	if !s.match.found || s.match.exact < 2 && rtp.StaticName(t) != "" && !rtp.IsVideo(t) {
		return roleUnknown, false
	}
	switch s.match.media.Kind {
	case "video":
		return roleVideo, true
	case "text", "message", "application":
		return roleOther, true
	}
	return roleUnknown, false
}

// static is the codec that RFC 3551 gives to a payload type.
func (p *plan) static(name string, t uint8) codec {
	if rtp.IsVideo(t) {
		return codec{name: name, role: roleVideo}
	}
	clock, channels := rtp.StaticClock(t)
	return p.named(name, clock, channels, "")
}

// named is the codec of an encoding name, decoded outside where it is not built in.
func (p *plan) named(name string, clock, channels int, parameters string) codec {
	c := named(name, clock, channels, parameters)
	if c.role == roleVoice && !c.voice() {
		c.kit = p.outsideKit(name, clock, channels, parameters)
	}
	return c
}

// looksLikeEvents reports whether all packets of a type can be telephone events.
func (p *plan) looksLikeEvents(s *stream, t uint8) bool {
	const enough = 64
	seen := 0
	for c := s.packets.begins(); c.next(); {
		e := c.entry
		if e.kind != t {
			continue
		}
		if e.length() != 4 {
			return false
		}
		b, err := p.payload(s, &e)
		if err != nil {
			return false
		}
		if event, ok := rtp.ParseEvent(b); !ok || event.Code > maxEvent {
			return false
		}
		if seen++; seen == enough {
			break
		}
	}
	return seen > 0
}

// looksLikeVideo reports whether the stream's clock runs near 90 kHz, as all
// video's does.
func looksLikeVideo(s *stream) bool {
	first, last := &s.packets.first, s.packets.last()
	elapsed := seconds(last.arrival - first.arrival)
	ticks := float64(int32(last.ts - first.ts))
	return elapsed > 0.2 && ticks/elapsed > 75e3 && ticks/elapsed < 110e3
}

// real reports whether the stream is RTP at all: signalling or a fixed port says
// so, or its sequence numbers follow one another.
func (s *stream) real() bool {
	return s.known() || s.inRow()
}

// inRow reports whether the stream's sequence numbers follow one another.
func (s *stream) inRow() bool {
	n := s.packets.n - s.again
	return n >= leastPackets && 3*s.inOrder >= 2*(n-1)
}

// has counts the stream's packets of a role.
func (s *stream) has(r role) (n int) {
	for t, count := range s.counts {
		if count > 0 && s.codecs[t].role == r {
			n += count
		}
	}
	return n
}

// decodable counts the packets in a built-in codec.
func (s *stream) decodable() (n int) {
	for t, count := range s.counts {
		if count > 0 && s.codecs[t].voice() {
			n += count
		}
	}
	return n
}

// main is the payload type that most of the stream's voice packets have, of all
// packets if there is no voice.
func (s *stream) main() (payloadType uint8) {
	best := -1
	for t, n := range s.counts {
		if s.codecs[t].role == roleVoice || s.codecs[t].role == roleUnknown {
			n <<= 32 // before any event
		}
		if n > 0 && n > best {
			best, payloadType = n, uint8(t)
		}
	}
	return payloadType
}

// undecoded counts the packets that may be voice but cannot be made to sound.
func (s *stream) undecoded() (n int) {
	for t, count := range s.counts {
		if count > 0 && s.codecs[t].strange() {
			n += count
		}
	}
	return n
}

// foreign is the codec of the stream that is not built in, if a part of the call
// is in it: ten packets or a twentieth.
func (s *stream) foreign() (t uint8, is bool) {
	most := 0
	for i, n := range s.counts {
		if s.codecs[i].strange() && n > most && (n >= 10 || 20*n >= s.packets.n) {
			most, t, is = n, uint8(i), true
		}
	}
	return t, is
}
