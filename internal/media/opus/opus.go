// Package opus decodes Opus (RFC 6716) as RTP carries it (RFC 7587) to one channel
// of 16-bit samples at 16 kHz, stereo mixed down. It conceals what was lost, from
// the in-band error correction of the next packet where there is any. The codec
// itself is github.com/thesyncim/gopus.
package opus

// Clock is that of RTP, whatever the bandwidth (RFC 7587 §4.1).
const Clock = 48000

// mostFrames and mostTicks are what a packet may hold (RFC 6716 §3.2.5): 120 ms.
const (
	mostFrames = 48
	mostTicks  = 120 * Clock / 1000
)

// FrameTicks is how long each frame of a packet lasts that begins with the TOC
// byte, in units of Clock (RFC 6716 §3.1).
func FrameTicks(toc byte) int {
	const ms = Clock / 1000
	config := toc >> 3
	switch {
	case config < 12: // SILK
		return [4]int{10 * ms, 20 * ms, 40 * ms, 60 * ms}[config&3]
	case config < 16: // Hybrid
		return [2]int{10 * ms, 20 * ms}[config&1]
	}
	return 5 * ms / 2 << (config & 3) // CELT
}

// Ticks is how long a packet lasts, in units of Clock, of which the first two
// bytes and the length are given. It is 0 for what cannot be a packet.
func Ticks(toc, second byte, length int) int {
	frames := 0
	switch code := toc & 3; {
	case length < 1:
	case code == 0:
		frames = 1
	case code < 3:
		frames = 2
	case length > 1:
		frames = int(second & 0x3f)
	}
	if ticks := frames * FrameTicks(toc); frames <= mostFrames && ticks <= mostTicks {
		return ticks
	}
	return 0
}
