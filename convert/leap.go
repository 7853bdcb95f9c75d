package convert

import (
	"callreel/internal/media/packet"
	"callreel/internal/media/pcap"
	"callreel/internal/media/rtp"
)

const (
	// leapLeast is the shortest time without any packet that is looked at for
	// whether the capture's clock was set forward, in nanoseconds, and leapBack how
	// far it must go back.
	leapLeast = 70e6
	leapBack  = 30e6
	// leapActive is how near to it a stream's packets must come, on both sides.
	leapActive = rate / 10
	// leapSteady is how long the packets behind it must go on in their pace, and
	// leapPace how exactly at least, in ticks. Behind a stall of the network they come
	// in a burst.
	leapSteady  = 5 * rate / 2
	leapPace    = rate / 10
	leapRecords = 1000    // most records looked at behind one
	leapsMost   = 1 << 18 // and behind all: a capture in which there are more has no clock to believe
)

// leap looks at a time in which nothing was captured at all, and at one that goes
// back. Where the streams go on behind it as if it had not been, each by as many
// ticks as numbers and all by the same time, the capture's clock was set, and what
// follows is shifted back. Forward that takes two streams: one alone may have paused.
func (s *scan) leap(r *pcap.Reader, rec *pcap.Record) {
	step := rec.Time - s.base - s.latest
	if !s.began || step < leapLeast && step > -leapBack || s.looked >= leapsMost {
		return
	}
	w := watch{
		s: s, dec: packet.NewDecoder(), seen: map[streamKey]*pace{},
		from: inTicks(s.latest + s.shift), step: inTicks(step), exact: leapPace,
	}
	if step > 0 { // a burst behind a stall is longer
		w.exact = min(leapPace, w.step/2)
	}
	ahead, next := r.Peek(), *rec
	for range leapRecords {
		s.looked++
		now := inTicks(next.Time - s.base + s.shift)
		if !w.take(&next, now) {
			return
		}
		if now > w.from+w.step+leapSteady || ahead.Next(&next) != nil {
			break
		}
	}
	if gap, ok := w.continued(); ok {
		s.shift -= gap * (1e9 / rate)
	}
}

// watch follows the streams behind a leap.
type watch struct {
	s     *scan
	dec   *packet.Decoder
	from  int64 // arrival of the last packet before
	step  int64 // from that to the one behind
	exact int64 // how far packets may be off their pace
	seen  map[streamKey]*pace
}

// pace is one stream behind a leap.
type pace struct {
	last    entry // before it
	clock   int64 // RTP clock, Hz
	first   int64 // by how much the first packet behind it came later than it should have
	sum     int64 // of the same of all
	packets int64
}

// take looks at one packet that came at now. It reports false where a stream that
// was active does not go on as if nothing had been.
func (w *watch) take(rec *pcap.Record, now int64) bool {
	var d packet.Datagram
	var h rtp.Header
	if w.dec.Decode(rec.Link, rec.Data, &d) != packet.UDP || rtp.Look(d.Payload) != rtp.RTP || !rtp.Parse(d.Payload, d.Cut, &h) {
		return true
	}
	key := streamKey{d.Flow, h.SSRC}
	p := w.seen[key]
	if p == nil {
		t := w.s.streams[key]
		if t == nil || t.packets.last().arrival < w.from-leapActive {
			return true // it was not active before
		}
		p = &pace{last: *t.packets.last(), clock: rate}
		span, ok := t.steady(&p.last, h.Timestamp, int64(int16(h.Seq-t.packets.last().seq)))
		if !ok {
			return false
		}
		p.clock = int64(h.Timestamp-p.last.ts) * rate / span
		p.first = now - p.due(&h)
		w.seen[key] = p
	}
	p.packets++
	late := now - p.due(&h)
	p.sum += late
	return late-p.first < w.exact && p.first-late < w.exact
}

// due is when a packet should have come but for the leap.
func (p *pace) due(h *rtp.Header) int64 {
	return p.last.arrival + int64(int32(h.Timestamp-p.last.ts))*rate/p.clock
}

// gap is the leap as the stream shows it.
func (p *pace) gap() int64 { return p.sum / max(1, p.packets) }

// continued is the length of the leap if all streams that were active went on, with
// the same leap: at least two, or one where the clock went back.
func (w *watch) continued() (gap int64, ok bool) {
	going := int64(0)
	for key, t := range w.s.streams {
		if t.packets.last().arrival < w.from-leapActive || t.inOrder < pauseLeast {
			continue
		}
		p := w.seen[key]
		if p == nil || p.packets < pauseLeast || !w.fits(p.gap()) {
			return 0, false
		}
		going++
		gap += p.gap()
	}
	if going == 0 || going == 1 && w.step > 0 {
		return 0, false
	}
	return gap / going, true
}

// fits reports whether a leap is the one between the two records: these were at
// most leapActive apart.
func (w *watch) fits(gap int64) bool {
	if w.step < 0 {
		gap, step := -gap, -w.step
		return gap > 3*step/4 && gap < step+leapActive+w.exact
	}
	return gap > w.step-leapActive-w.exact && gap > w.step/2 && gap < w.step+w.exact
}
