package convert

import (
	"strings"

	"callreel/internal/media/g711"
	"callreel/internal/media/rtp"
)

// role is what a payload type is used for.
type role uint8

// The roles.
const (
	roleUnknown role = iota // a dynamic type without a name
	roleVoice
	roleEvent // RFC 4733
	roleNoise // comfort noise
	roleVideo
	roleOther // forward error correction and the like
)

// law is one of the two laws of G.711; its octets can be copied.
type law uint8

// The laws.
const (
	noLaw law = iota // another codec; of an output: 16-bit samples
	lawA
	lawMu
)

func (l law) decode() *[256]int16 {
	if l == lawMu {
		return &g711.DecodeMu
	}
	return &g711.DecodeA
}

func (l law) idle() byte {
	if l == lawMu {
		return g711.IdleMu
	}
	return g711.IdleA
}

// videoClock is the RTP clock of all video, in Hz.
const videoClock = 90000

// codec is what a payload type of a stream means.
type codec struct {
	name  string
	role  role
	clock int64 // RTP clock, Hz
	law   law
	kit   *kit // how to decode it; nil for a codec that is not built in, and for G.711
}

// kit is how voice of a codec other than G.711 is decoded.
type kit struct {
	wide    bool // above 4 kHz there is something to hear
	dense   bool // its octets are spread as evenly as a cipher's
	ahead   bool // its decoder is a recoverer
	outside bool // another program decodes it
	// lasts is how long a packet sounds, in units of its RTP clock.
	lasts func(e *entry, c *codec) int64
	// pauses reports whether a gap of some ticks behind a packet, of which nothing
	// was lost, is a part of what it sent, so that the decoder, a pauser, fills it;
	// nil if no gap ever is.
	pauses func(e *entry, gap int64) bool
	// quiet is how much of a packet's end is no speech and heard as silence, in ticks;
	// nil for a codec that has no such frames, or makes noise of them.
	quiet func(e *entry) int64
	// clear reports whether a packet has a length that its sender can have given to
	// it; nil if the bytes of clear voice can be told from a cipher's.
	clear func(e *entry) bool
	// whole reports whether a packet has the length of whole frames; nil where any
	// length is.
	whole func(e *entry) bool
	// hides says that the decoder is a concealer.
	hides bool
	// start makes a decoder. factor is the samples a tick that are wanted: 1 for
	// 8 kHz, 2 for 16 kHz.
	start func(c *codec, factor int) decoder
}

// uneven reports whether a unit of the RTP clock is no whole part of a tick.
func (c *codec) uneven() bool { return c.clock%rate != 0 }

// voice reports whether the codec's packets can be made to sound.
func (c *codec) voice() bool { return c.law != noLaw || c.kit != nil }

// strange reports whether the codec's packets may be voice that cannot be made to
// sound.
func (c *codec) strange() bool {
	return c.role == roleUnknown || c.role == roleVoice && !c.voice()
}

// wide reports whether 8 kHz would lose something of it.
func (c *codec) wide() bool { return c.kit != nil && c.kit.wide }

// hides reports whether its decoder conceals what was lost.
func (c *codec) hides() bool { return c.kit != nil && c.kit.hides }

// pauses reports whether its decoder fills a gap behind a packet.
func (c *codec) pauses(e *entry, gap int64) bool {
	return c.kit != nil && c.kit.pauses != nil && c.kit.pauses(e, gap)
}

// lasts is how long a packet of voice sounds, in units of its RTP clock.
func (c *codec) lasts(e *entry) int64 {
	if c.law != noLaw {
		return e.length()
	}
	return c.kit.lasts(e, c)
}

// quiet is how many ticks at a packet's end are silence that was not spoken.
func (c *codec) quiet(e *entry) int64 {
	if c.kit == nil || c.kit.quiet == nil || e.cut() {
		return 0
	}
	return c.kit.quiet(e)
}

// ticks is how long a packet of voice sounds, on the timeline. Where the RTP clock
// is no multiple of it this is right to a tick; what follows is placed by its own
// position.
func (c *codec) ticks(e *entry) int64 { return c.scale(c.lasts(e)) }

// ahead reports whether what was lost is concealed from what came behind it, too.
func (c *codec) ahead() bool { return c.law != noLaw || c.kit != nil && c.kit.ahead }

// scale turns a span of the RTP clock into ticks.
func (c *codec) scale(span int64) int64 {
	if c.clock == rate || c.clock == 0 {
		return span
	}
	return span * rate / c.clock
}

// headed reports whether the length of a payload type's packets may stand in
// their first bytes.
func headed(payloadType uint8) bool {
	switch rtp.StaticName(payloadType) {
	case "PCMA", "PCMU", "G721", "G722", "GSM", "G729", "L16", "CN":
		return false
	}
	return true
}

// named is the codec of an encoding name, as RFC 3551's table or a description
// says it.
func named(name string, clock, channels int, format string) codec {
	c := codec{name: name, role: roleVoice, clock: int64(clock)}
	upper := strings.ToUpper(name)
	plain := clock == rate && channels <= 1
	switch {
	case isVideoName(upper):
		c.role = roleVideo
	case isEvent(name):
		c.role = roleEvent
	case upper == "CN":
		c.role = roleNoise
	case upper == "PCMA" && plain:
		c.law = lawA
	case upper == "PCMU" && plain:
		c.law = lawMu
	case strings.Contains(upper, "FEC") || upper == "TONE" || upper == "RTX" || upper == "RED" && clock == videoClock:
		c.role = roleOther
	default:
		c.kit = kitOf(upper, clock, channels, format)
	}
	return c
}

func isVideoName(upper string) bool {
	for _, prefix := range []string{"H26", "VP8", "VP9", "AV1", "MP4V", "JPEG", "THEORA", "X-H264"} {
		if strings.HasPrefix(upper, prefix) {
			return true
		}
	}
	return false
}

func isEvent(name string) bool { return strings.EqualFold(name, "telephone-event") }
