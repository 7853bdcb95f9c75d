package convert

import (
	"callreel/internal/media/packet"
	"callreel/internal/media/pcap"
	"callreel/internal/media/rtp"
)

const (
	// leapLeast is the shortest time without any packet that is looked at for
	// whether the capture's clock was set forward, in nanoseconds.
	leapLeast = 150e6
	// leapActive is how near to it a stream's packets must come, on both sides.
	leapActive = rate / 10
	// leapSteady is how long the packets behind it must go on in their pace, and
	// leapPace how exactly, in ticks. Behind a stall of the network they come in
	// a burst.
	leapSteady  = rate
	leapPace    = rate / 20
	leapRecords = 1000 // most records looked at
	leapsMost   = 256  // a capture in which there are more has no clock to believe
)

// leap looks at a time in which nothing was captured at all. Where at least two
// streams go on behind it as if it had not been, not one number or tick missing,
// the capture's clock was set forward, and what follows is shifted back.
func (s *scan) leap(r *pcap.Reader, rec *pcap.Record) {
	step := rec.Time - s.base - s.latest
	if !s.began || step < leapLeast || s.leaps == leapsMost {
		return
	}
	s.leaps++
	w := watch{s: s, dec: packet.NewDecoder(), from: inTicks(s.latest + s.shift), seen: map[streamKey]*pace{}}
	ahead, next := r.Peek(), *rec
	for range leapRecords {
		now := inTicks(next.Time - s.base + s.shift)
		if !w.take(&next, now) {
			return
		}
		if now > w.from+inTicks(step)+leapSteady || ahead.Next(&next) != nil {
			break
		}
	}
	if gap, ok := w.continued(); ok {
		s.shift -= gap * (1e9 / rate)
	}
}

// watch follows the streams behind a leap.
type watch struct {
	s    *scan
	dec  *packet.Decoder
	from int64 // arrival of the last packet before
	seen map[streamKey]*pace
}

// pace is one stream behind a leap.
type pace struct {
	last    entry // before it
	first   int64 // arrival of the first packet behind it
	gap     int64 // by how much that came later than it should have
	clock   int64 // RTP clock, Hz
	packets int
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
		if t == nil || t.packets.last.arrival < w.from-leapActive {
			return true // it was not active before
		}
		p = &pace{last: t.packets.last, first: now, clock: rate, packets: 1}
		span, ok := t.steady(&p.last, h.Timestamp)
		if ok {
			p.clock = int64(h.Timestamp-p.last.ts) * rate / span
		}
		p.gap = now - p.due(&h)
		w.seen[key] = p
		return ok && h.Seq == p.last.seq+1
	}
	p.packets++
	late := now - p.due(&h) - p.gap
	return late < leapPace && late > -leapPace
}

// due is when a packet should have come but for the leap.
func (p *pace) due(h *rtp.Header) int64 {
	return p.last.arrival + int64(int32(h.Timestamp-p.last.ts))*rate/p.clock
}

// continued is the length of the leap if all streams that were active went on, at
// least two.
func (w *watch) continued() (gap int64, ok bool) {
	going := 0
	for key, t := range w.s.streams {
		if t.packets.last.arrival < w.from-leapActive || t.inOrder < pauseLeast {
			continue
		}
		p := w.seen[key]
		if p == nil || p.packets < pauseLeast {
			return 0, false
		}
		if going++; going == 1 || p.gap < gap {
			gap = p.gap
		}
	}
	return gap, going > 1
}
