package convert

// Encrypted voice is told from clear voice by its bytes: those of a cipher are
// spread evenly over all values, those of speech in G.711 never are. Speech that
// is packed more tightly is as even; there the length tells, to which SRTP adds.

const (
	sampleBytes    = 16384 // of payload looked at, at most
	sampledPackets = 128   // about so many packets, all over the stream
	leastBytes     = 1024  // fewer tell nothing
	// evenChiSquare is far above what even bytes give (255 ± 23) and far below
	// what speech gives (thousands).
	evenChiSquare = 450
)

// encrypted reports whether the stream's payload cannot be what its type says
// because it is encrypted.
func (p *plan) encrypted(s *stream) (bool, error) {
	if len(s.seals) > 0 {
		return false, nil
	}
	announced := s.match.found && s.match.media.Secure() || s.shared
	if s.decodable() == 0 && (announced || !s.tagged()) {
		return announced, nil
	}
	if s.lengthened() {
		return true, nil
	}
	if c := &s.codecs[s.main()]; c.kit != nil && c.kit.clear != nil {
		return s.tooLong(c), nil
	}
	if garbled, dense, enough := s.garbled(); dense {
		return garbled && enough || announced && !enough, nil
	}
	even, enough, err := p.even(s)
	if err != nil {
		return false, err
	}
	if enough {
		return even, nil
	}
	return announced && s.tagged(), nil
}

// tagged reports whether most payloads have the length of 10 ms blocks of an
// 8-byte-a-millisecond codec and an SRTP authentication tag behind.
func (s *stream) tagged() bool {
	n := 0
	for c := s.packets.begins(); c.next(); {
		if l := c.entry.length() % 80; l == 4 || l == 10 {
			if s.codec(&c.entry).voice() {
				n++
			}
		}
	}
	return 2*n > s.packets.n
}

// lengthened reports whether some packets that are followed by the next are longer
// than they last, by what SRTP puts behind them: also where only a part of the stream
// is encrypted.
func (s *stream) lengthened() bool {
	const few, most = 2, 5
	if s.uneven < few && !s.uses(func(c *codec) bool { return c.kit != nil && !c.wide() }) {
		return false // each octet of its codecs lasts a tick
	}
	var last, short entry
	longer, all := 0, 0
	for c := s.packets.begins(); c.next(); last = c.entry {
		codec := s.codec(&last)
		step := int64(int32(c.entry.ts - last.ts))
		if last.size == 0 || !codec.voice() || last.cut() || last.seal != 0 || c.entry.kind != last.kind || c.entry.seq != last.seq+1 || step <= 0 {
			continue
		}
		short = last
		if all++; codec.lengthened(&short, step) {
			longer++
		}
	}
	return longer >= most || longer >= few && 2*longer >= all
}

// lengthened reports whether a packet that lasts as long as its clock goes on would be
// clear with a part of its end taken off, and not with it. It changes e.
func (c *codec) lengthened(e *entry, step int64) bool {
	if c.kit != nil && c.kit.dense {
		return false // its length says nothing
	}
	if c.lasts(e) == step && (c.kit == nil || c.kit.whole == nil || c.kit.whole(e)) {
		return false
	}
	size := e.size
	for _, tag := range []uint16{4, 10, 14, 16} { // of RFC 3711 and 7714, and with a key's name
		if e.size = size - min(tag, size); c.lasts(e) == step {
			return true
		}
	}
	return false
}

// tooLong reports whether most payloads of a codec are not of whole frames, or
// would sound until after the next begins.
func (s *stream) tooLong(codec *codec) bool {
	var last entry
	wrong, all := 0, 0
	for c := s.packets.begins(); c.next(); last = c.entry {
		if s.codec(&c.entry) != codec {
			continue
		}
		all++
		step := int64(int32(c.entry.ts - last.ts))
		over := all > 1 && c.entry.seq == last.seq+1 && step > 0 && codec.scale(step) < codec.ticks(&last)
		if over || !c.entry.cut() && !codec.kit.clear(&c.entry) {
			wrong++
		}
	}
	return 2*wrong > all
}

// even reports whether the voice payloads' bytes are spread evenly, and whether
// there were enough to tell.
func (p *plan) even(s *stream) (even, enough bool, err error) {
	var counts [256]int
	total := 0
	each := 1 + sampledPackets/len(s.packets.blocks) // packets at the beginning of each block
	for i := range s.packets.blocks {
		c := cursor{x: &s.packets, block: i}
		for n := 0; n < each && total < sampleBytes && c.next() && c.block == i; n++ {
			if s.codec(&c.entry).role != roleVoice {
				continue
			}
			b, err := p.payload(s, &c.entry)
			if err != nil {
				return false, false, err
			}
			for _, v := range b {
				counts[v]++
			}
			total += len(b)
		}
	}
	if total < leastBytes {
		return false, false, nil
	}
	expected, sum := float64(total)/256, 0.0
	for _, n := range counts {
		d := float64(n) - expected
		sum += d * d / expected
	}
	return sum < evenChiSquare, true, nil
}
