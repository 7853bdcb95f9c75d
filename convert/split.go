package convert

// splitter cuts a stream's packets, in the order of the file, where they cannot
// be on one RTP clock, and takes what must be counted in the order of arrival.
type splitter struct {
	s       *stream
	runs    []run
	before  entry // the last packet of the run
	now     reach // of the run
	old     reach // of the one before
	cut     bool  // the packet read last was the old run's
	began   bool
	any     bool
	highest uint16
	transit int64
	voice   bool
}

// reach is what tells whether a packet is of a run: its first one, and its last that
// is no event.
type reach struct{ zero, last entry }

// split cuts a stream where arrival and timestamp disagree by more than a second
// and the sequence numbers do not say that nothing is missing. It stops when there
// are too many runs.
func (s *stream) split() []run {
	sp := splitter{s: s}
	for c := s.packets.begins(); c.next() && len(sp.runs) <= maxSegments; {
		sp.measure(&c.entry)
		sp.take(&c)
	}
	return sp.runs
}

func (sp *splitter) take(c *cursor) {
	e := &c.entry
	event := sp.s.codec(e).role == roleEvent
	switch breaks := !event && sp.any && sp.breaks(&sp.now, e); {
	case breaks && sp.straggles(e):
		r := &sp.runs[len(sp.runs)-2]
		r.extra, r.sorted, sp.cut = append(r.extra, *e), false, true
		return
	case !sp.began || breaks:
		sp.runs = append(sp.runs, run{c: c.hold(), sorted: true})
		sp.old = sp.now
		sp.now.zero, sp.before, sp.began, sp.any = *e, *e, true, false
	case sp.cut:
		sp.runs[len(sp.runs)-1].resume(c)
	}
	sp.cut = false
	r := &sp.runs[len(sp.runs)-1]
	if r.n++; r.sorted && order(&sp.before, e, &sp.now.zero) > 0 {
		r.sorted = false
	}
	sp.before = *e
	if !event {
		sp.now.last, sp.any = *e, true
	}
}

// straggles reports whether e is of the run before, and was overtaken by packets of
// this one, which has just begun.
func (sp *splitter) straggles(e *entry) bool {
	n := len(sp.runs)
	if n < 2 || sp.runs[n-1].n+len(sp.runs[n-1].extra) > near || len(sp.runs[n-2].extra) > near {
		return false
	}
	ahead := int16(e.seq - sp.old.last.seq)
	return e.arrival-sp.now.zero.arrival < apart && ahead > -near && ahead < near && !sp.breaks(&sp.old, e)
}

// breaks reports whether e is not of a run.
func (sp *splitter) breaks(r *reach, e *entry) bool {
	last, now := sp.s.codec(&r.last), sp.s.codec(e)
	both := last.voice() && now.voice()
	span, ahead := int64(int32(e.ts-r.last.ts)), int64(int16(e.seq-r.last.seq))
	if both && (last.clock != now.clock || span < 0 && ahead > 0 && ahead < misordered) {
		return true
	}
	if d := e.arrival - r.last.arrival - now.scale(span); d < apart && d > -apart {
		far := int32(e.ts - r.zero.ts)
		return far > farthest || far < -farthest
	}
	return ahead <= 0 || !last.voice() || now.scale(span) != ahead*last.ticks(&r.last)
}

// measure counts late packets and follows the jitter (RFC 3550 §6.4.1).
func (sp *splitter) measure(e *entry) {
	m := &sp.s.summary
	if sp.began {
		if d := int16(e.seq - sp.highest); d > 0 || d < -1000 {
			sp.highest = e.seq
		} else {
			m.late++ // duplicates are taken off later
		}
	} else {
		sp.highest = e.seq
	}
	c := sp.s.codec(e)
	if !c.voice() {
		return
	}
	now := e.arrival - c.scale(int64(e.ts))
	if d := int64(int32(now - sp.transit)); sp.voice && max(d, -d) < apart {
		m.jitter += (float64(max(d, -d)) - m.jitter) / 16
	}
	sp.transit, sp.voice = now, true
}
