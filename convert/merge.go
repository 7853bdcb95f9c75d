package convert

// packetID tells the packets of one SSRC apart, for some seconds.
type packetID struct {
	ts  uint32
	seq uint16
}

// original is the stream that this one is a copy of, itself if it is none.
func (s *stream) original() *stream {
	for s.copyOf != nil {
		s = s.copyOf
	}
	return s
}

// beyond is what a copy has beyond the stream: with related the packets that it
// lacks, else those from before its first and behind its last. They came when they
// would have come there.
func (s *stream) beyond(of *stream, l kinship) *index {
	const edge = rate / 100 // no packet's arrival is exact
	var more index
	near := neighbours{lead: of.packets.begins(), tail: of.packets.begins(), seen: map[packetID]int{}}
	for c := s.packets.begins(); c.next(); {
		e := c.entry
		e.arrival -= l.later
		has := e.arrival >= of.first()-edge && e.arrival <= of.last()+edge
		if l.related {
			has = near.have(&e)
		}
		if !has {
			more.add(&e)
		}
	}
	return &more
}

// neighbours are the packets of a stream that came at about the same time as one.
type neighbours struct {
	lead, tail cursor
	begun, end bool
	n          int // packets between both
	seen       map[packetID]int
}

// have reports whether there is one with the numbers of e. The packets it is asked
// for come in the order of their arrival.
func (x *neighbours) have(e *entry) bool {
	const around = 2 * rate
	if !x.begun {
		x.begun, x.end = true, !x.lead.next()
		x.tail.next()
	}
	for !x.end && x.lead.entry.arrival <= e.arrival+around {
		x.seen[packetID{x.lead.entry.ts, x.lead.entry.seq}]++
		x.n++
		x.end = !x.lead.next()
	}
	for x.n > 0 && x.tail.entry.arrival < e.arrival-around {
		id := packetID{x.tail.entry.ts, x.tail.entry.seq}
		if x.seen[id]--; x.seen[id] == 0 {
			delete(x.seen, id)
		}
		x.n--
		x.tail.next()
	}
	return x.seen[packetID{e.ts, e.seq}] > 0
}

// complete adds packets of a copy to the stream, by their arrival.
func (s *stream) complete(b *stream, more *index) {
	if more.n == 0 || len(s.seals)+len(b.seals) > sealsMost {
		return
	}
	seals := uint16(len(s.seals))
	s.seals = append(s.seals, b.seals...)
	var all index
	x, y := s.packets.begins(), more.begins()
	old, added := x.next(), y.next()
	for old || added {
		if !added || old && x.entry.arrival <= y.entry.arrival {
			all.add(&x.entry)
			old = x.next()
			continue
		}
		e := y.entry
		if e.seal > 0 {
			e.seal += seals
		}
		t := e.kind & 0x7f
		if s.counts[t]++; s.counts[t] == 1 {
			s.codecs[t] = b.codecs[t]
		}
		all.add(&e)
		added = y.next()
	}
	s.packets, s.born = all, min(s.born, b.born)
}

// replace leaves only some of the stream's packets.
func (s *stream) replace(packets *index) {
	s.packets, s.counts = *packets, [128]int{}
	for c := s.packets.begins(); c.next(); {
		s.counts[c.entry.kind&0x7f]++
	}
}
