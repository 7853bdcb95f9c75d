// Package emodel estimates how good a call sounded: the E-model of ITU-T G.107 with
// its default values, fed with what a capture shows. Echo, noise and level are not
// in a capture's headers; they count as good. So the estimate is of the network and
// the codec, and of the way up to where the capture was made.
//
// Sources: ITU-T G.107 (06/2015) §7; impairment factors of ITU-T G.113 (11/2007)
// Appendix I, and Appendix IV for G.722.
package emodel

import "strings"

// Path is what a voice went through.
type Path struct {
	Codec    string  // encoding name of RFC 3551 or of the signalling
	PacketMS float64 // how long a packet sounds
	JitterMS float64 // interarrival jitter (RFC 3550); a receiver is taken to wait for twice that
	Loss     float64 // share of the packets that were lost, 0 to 1
	Bursts   int     // losses in a row count as one; 0 = all single
	Lost     int     // packets
}

const (
	// best is the rating of a connection with nothing but the default values.
	best = 93.2
	// lateFrom is the delay from which talking to each other suffers, in ms.
	lateFrom = 177.3
)

// impairment is a codec's: what it costs by itself, and how robust it is against
// loss.
type impairment struct{ ie, bpl float64 }

// impairments by encoding name in upper case, with concealment of losses. G.722's
// comes from the wideband scale. GSM's robustness is not in the tables; it is taken
// to be that of the enhanced codec.
func impairments() map[string]impairment {
	return map[string]impairment{
		"PCMA": {0, 25.1}, "PCMU": {0, 25.1}, "L16": {0, 25.1},
		"G722": {13 / 1.29, 19}, "G729": {11, 19}, "G723": {15, 16.1},
		"GSM": {20, 10}, "AMR": {5, 10}, "ILBC": {11, 32},
		"G726-40": {2, 25.1}, "G726-32": {7, 25.1}, "G726-24": {25, 25.1}, "G726-16": {50, 25.1},
	}
}

// of finds a codec's impairment. One without a published value counts as G.711.
func of(codec string) impairment {
	name := strings.TrimPrefix(strings.ToUpper(codec), "AAL2-")
	table := impairments()
	for _, known := range []string{name, strings.TrimRight(name, "AB")} {
		if i, ok := table[known]; ok {
			return i
		}
	}
	return impairment{0, 25.1}
}

// Rate is the transmission rating R, from 0 (unusable) to about 93.
func Rate(p Path) float64 {
	return max(0, best-delay(p)-loss(p))
}

// delay is the impairment by delay, as far as the capture shows any.
func delay(p Path) float64 {
	late := p.PacketMS + 2*p.JitterMS
	return 0.024*late + 0.11*max(0, late-lateFrom)
}

// loss is the effective equipment impairment factor (G.107 §7.4).
func loss(p Path) float64 {
	i := of(p.Codec)
	percent := 100 * min(1, max(0, p.Loss))
	return i.ie + (95-i.ie)*percent/(percent/burst(p)+i.bpl)
}

// burst is the burst ratio: how much longer losses in a row are than by chance.
func burst(p Path) float64 {
	if p.Bursts <= 0 || p.Lost <= 0 {
		return 1
	}
	return max(1, float64(p.Lost)/float64(p.Bursts)*(1-min(1, p.Loss)))
}

// MOS turns a rating into the mean opinion score that listeners would give, 1 to
// 4.5 (G.107 Annex B).
func MOS(r float64) float64 {
	switch {
	case r <= 0:
		return 1
	case r >= 100:
		return 4.5
	}
	return max(1, 1+0.035*r+r*(r-60)*(100-r)*7e-6)
}
