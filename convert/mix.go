package convert

import "callreel/internal/media/g711"

// copy copies the side's sound, as far as it is not in the file's law recoded.
func (v *voice) copy(dst []byte, from int64, out law) error {
	for _, pl := range v.sounding(from, int64(len(dst))) {
		if err := pl.each(from, int64(len(dst)), func(at int64, s *sound) { s.copyTo(dst[at:], out) }); err != nil {
			return err
		}
	}
	return nil
}

// copyTo writes narrow sound in a law.
func (s *sound) copyTo(dst []byte, out law) {
	switch {
	case s.law == out:
		copy(dst, s.codes)
	case s.law != noLaw: // µ-law in an A-law file: there is no other way round
		for i, code := range s.codes {
			dst[i] = g711.MuToA[code]
		}
	case out == lawMu:
		for i, x := range s.samples {
			dst[i] = g711.EncodeMu(x)
		}
	default:
		for i, x := range s.samples {
			dst[i] = g711.EncodeA(x)
		}
	}
}

// mix adds the side's samples of n ticks to dst.
func (v *voice) mix(dst []int16, from, n int64, out law) error {
	if v.wide != nil {
		return v.mixWide(dst, from, n)
	}
	for _, pl := range v.sounding(from, n) {
		if err := pl.each(from, n, func(at int64, s *sound) { s.addTo(dst[at:], out) }); err != nil {
			return err
		}
	}
	return nil
}

// addTo adds narrow sound, held within 16 bits. A-law has no zero: in an A-law
// file its silence adds nothing, so that it is still silence after mixing.
func (s *sound) addTo(dst []int16, out law) {
	switch {
	case s.law == noLaw:
		addSamples(dst, s.samples)
	case s.law == lawA && out == lawA:
		addCodes(dst, s.codes, &g711.DecodeA, g711.IdleA)
	default:
		addCodes(dst, s.codes, s.law.decode(), -1)
	}
}

// addCodes adds the samples of G.711 codes, but for those that are quiet.
func addCodes(dst []int16, codes []byte, table *[256]int16, quiet int) {
	dst = dst[:len(codes)]
	for i, code := range codes {
		if int(code) != quiet {
			dst[i] = plus(dst[i], table[code])
		}
	}
}

func addSamples(dst, src []int16) {
	dst = dst[:len(src)]
	for i, x := range src {
		dst[i] = plus(dst[i], x)
	}
}

func plus(a, b int16) int16 { return int16(max(-32768, min(32767, int32(a)+int32(b)))) }
