package convert

const (
	// pause is the disagreement between RTP time and arrival that lasts, from which
	// arrival is believed, in ticks: the sender's RTP clock stood still, or jumped.
	pause      = rate / 4
	pauseAhead = 6000 // most packets looked at one by one for whether it lasts
	pauseLeast = 10
	pauseFew   = 3 // are enough at the end, where they come in their own pace
	// standing is one that is seen at once, for the sender's clock stood still between
	// two packets of which the second was late, and jump how far its timestamps must
	// have gone ahead while it was not: 30 ms each.
	standing = 3 * rate / 100
	jump     = 3 * rate / 100
	// pauseSure is how many packets must show so short a one before the next.
	pauseSure = 50
)

// layer makes segments of a run: it drops duplicates and all that is no voice,
// and cuts where the sender's clock stood still or jumped.
type layer struct {
	s    *stream
	run  run
	left int      // packets of the run from the current one on
	zero entry    // the first
	ends [2]entry // the two last packets, by turns
	turn int      // which of them is the last
	any  bool     // there is one

	highest       uint16 // sequence number
	expected, low int    // packets, and how far numbers went below the first
	unique        int    // packets without duplicates

	out    []*segment
	g      *segment // being made
	level  int64    // least delay of its packets lately
	risen  int64    // position up to which the level has risen
	held   int      // packets left behind those that the network held up
	future *future  // nil until it is needed
	place  placer
}

// segments makes segments of a run.
func (s *stream) segments(r run) []*segment {
	r = r.inOrder()
	l := layer{s: s, run: r}
	c := r.c
	for l.left = r.n; l.left > 0 && c.next(); l.left-- {
		l.take(&c)
	}
	l.lose()
	l.close()
	return l.out
}

func (l *layer) last() *entry { return &l.ends[l.turn] }

// before is the last but one.
func (l *layer) before() *entry { return &l.ends[1-l.turn] }

func (l *layer) take(c *cursor) {
	e := &c.entry
	if last := l.last(); l.any && e.ts == last.ts && e.seq == last.seq {
		l.s.summary.duplicates++
		l.s.summary.late = max(0, l.s.summary.late-1)
		if l.g != nil {
			l.g.n++
		}
		return
	}
	l.count(e)
	if !l.any {
		l.zero = *e
	}
	l.turn, l.any = 1-l.turn, true
	l.ends[l.turn] = *e
	voice := l.s.codec(e).voice()
	if l.g == nil || voice && l.pauses(c) {
		l.close()
		l.g = &segment{stream: l.s, c: c.hold()}
		l.level, l.risen, l.held, l.place = l.delay(e), l.at(e), l.left, placer{s: l.s}
	}
	l.g.n++
	l.place.take(l.g, e)
}

// count compares the packets that came with the sequence numbers they span.
func (l *layer) count(e *entry) {
	d := int(int16(e.seq - l.highest))
	if l.any && d < -misordered {
		d = l.wrapped(e, d)
	}
	switch {
	case !l.any || d < -misordered:
		l.lose()
		l.highest, l.expected = e.seq, 1
	case d > 0:
		if d > 1 {
			l.s.summary.bursts++
		}
		l.expected += d
		l.highest = e.seq
	default:
		l.low = max(l.low, -d-(l.expected-1))
	}
	l.unique++
}

// wrapped is d, or how many numbers were passed over where so many were lost that
// they began anew: then they fill the time between.
func (l *layer) wrapped(e *entry, d int) int {
	c, ahead := l.s.codec(l.last()), d+1<<16
	if !c.voice() {
		return d
	}
	due, span := int64(ahead)*c.ticks(l.last()), c.scale(int64(int32(e.ts-l.last().ts)))
	if off := due - span; max(off, -off) > span/64 {
		return d
	}
	return ahead
}

// lose adds up what is missing among the numbers so far.
func (l *layer) lose() {
	l.s.summary.lost += max(0, l.expected+l.low-l.unique)
	l.expected, l.low, l.unique = 0, 0, 0
}

// close ends the segment that is being made, unless there is no voice in it.
func (l *layer) close() {
	if l.g != nil && l.place.finish(l.g) {
		l.out = append(l.out, l.g)
	}
}

// at is where a packet is on the run's RTP clock, in ticks.
func (l *layer) at(e *entry) int64 { return l.s.codec(e).scale(int64(int32(e.ts - l.zero.ts))) }

// delay is how much later than the run's first packet one came than its timestamp
// says, in ticks.
func (l *layer) delay(e *entry) int64 { return e.arrival - l.zero.arrival - l.at(e) }

// later is what becomes of the run's delay.
func (l *layer) later() *future {
	if l.future == nil {
		var d delays
		c := l.run.c
		for left := l.run.n; left > 0 && c.next(); left-- {
			if l.s.codec(&c.entry).voice() {
				d.add(l.at(&c.entry), l.delay(&c.entry))
			}
		}
		l.future = newFuture(&d)
	}
	return l.future
}

// pauses reports whether arrival lastingly jumps against RTP time at the packet
// that was read last.
func (l *layer) pauses(c *cursor) bool {
	d, late, early := l.delay(&c.entry), l.level+pause, l.level-pause
	switch l.seam(&c.entry) {
	case stood:
		if d <= late {
			late = l.level + standing
		}
	case leapt:
		early = l.level - jump/2
	case seamless:
	}
	if d > late && l.left <= l.held && l.staysLate(c, late) || d < early && l.staysEarly(c, early) {
		return true
	}
	l.follow(d, &c.entry)
	return false
}

// seam is what the sender's clock may have done between two packets, beside what
// their numbers say was lost between them.
type seam int

const (
	seamless seam = iota
	stood         // it did not go on, but time did
	leapt         // it went ahead, but time did not, or less in a pause
)

func (l *layer) seam(e *entry) seam {
	before := l.before()
	c, ahead := l.s.codec(before), int64(int16(e.seq-before.seq))
	if ahead <= 0 || ahead >= near || !c.voice() {
		return seamless
	}
	length := ahead * c.ticks(before)
	clock, time := c.scale(int64(int32(e.ts-before.ts)))-length, e.arrival-before.arrival-length
	switch {
	case clock == 0 && time > standing:
		return stood
	case clock > jump && time < jump/2 && time > -jump/2, ahead == 1 && clock > 0 && clock > time+jump:
		return leapt
	}
	return seamless
}

// follow lets the level sink to a packet's delay, and rise no faster than clocks
// run apart.
func (l *layer) follow(d int64, e *entry) {
	if rise := (l.at(e) - l.risen) / driftSpan; rise > 0 {
		l.level, l.risen = l.level+rise, l.risen+rise*driftSpan
	}
	l.level = min(d, l.level)
}

// staysLate reports whether the packets from the one that was read last on are late
// for good. What the network held up comes, in a burst or little by little, until
// nothing is late any more, and is one piece; a clock that stood still never makes up
// for it.
func (l *layer) staysLate(c *cursor, late int64) bool {
	ahead, n := c.hold(), 0
	first, last := l.delay(&c.entry), int64(0)
	short := late < l.level+pause
	for i := range l.left {
		if !ahead.next() {
			break
		}
		if !l.s.codec(&ahead.entry).voice() {
			continue
		}
		if last = l.delay(&ahead.entry); last <= late {
			l.held = l.left - i
			return false
		}
		if short && last > first+pause {
			break // it stands still again
		}
		if at := l.at(&ahead.entry); i >= pauseAhead || at/window > l.at(&c.entry)/window+1 {
			l.held = l.left - i
			return l.later().from(at) > late
		}
		n++
	}
	if short {
		return n >= pauseSure
	}
	return n >= pauseLeast || n >= pauseFew && first-last < jump/2
}

// staysEarly reports whether the packets from the one that was read last on are
// early for a second.
func (l *layer) staysEarly(c *cursor, early int64) bool {
	ahead, n := c.hold(), 0
	for range min(l.left, pauseAhead) {
		if !ahead.next() || ahead.entry.arrival > c.entry.arrival+rate {
			break
		}
		if !l.s.codec(&ahead.entry).voice() {
			continue
		}
		if l.delay(&ahead.entry) >= early {
			return false
		}
		n++
	}
	return n >= pauseLeast
}
