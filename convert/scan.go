package convert

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"

	"callreel/internal/media/packet"
	"callreel/internal/media/pcap"
	"callreel/internal/media/rtp"
	"callreel/internal/media/sip"
)

// Limits of the index. They hold more than a day of a call.
const (
	maxPackets    = 1 << 24
	maxArena      = 32 << 20 // bytes of datagrams put together from fragments
	maxEndpoints  = 4096
	checkInterval = 4096 // packets between two looks at the context
	// stepBack is how far a capture's clock must go back within a steady stream
	// to be taken as having been set; stepAhead the same forward.
	stepBack  = rate / 2
	stepAhead = 3600 * rate
	century   = 100 * 365 * 24 * 3600 * 1e9 // nanoseconds
	// near is how far the numbers of two packets may be apart that belong together.
	near = 100
)

// scan is the first pass over a capture.
type scan struct {
	file    *pcap.File
	dec     *packet.Decoder
	passed  map[string]int
	streams map[streamKey]*stream
	recent  [2]*stream // the two last used
	dtls    map[packet.Endpoint]bool
	arena   []byte
	sip     *sipLog

	headed   [128]bool // payload types of which the index keeps the first bytes
	packets  int       // RTP packets in the index
	purged   int       // value of packets at the last clearing
	crowd    crowd
	frames   int   // records read
	badLinks int   // of these with a link type that is not read
	badLink  int   // the last such
	began    bool  // base is known
	base     int64 // time of the first packet, nanoseconds since 1970
	latest   int64 // arrival of the last packet that had a time
	shift    int64 // nanoseconds to add, after the capture's clock was set
	looked   int   // records looked at for whether the clock was set before them
	damage   damage
	partly   map[packet.Flow]*partial // messages in TCP
}

func newScan(src Capture) *scan {
	s := &scan{
		file: pcap.NewFile(src, src.Size()), dec: packet.NewDecoder(), passed: map[string]int{},
		streams: map[streamKey]*stream{}, dtls: map[packet.Endpoint]bool{}, sip: newSIPLog(), partly: map[packet.Flow]*partial{},
	}
	for t := range s.headed {
		s.headed[t] = headed(uint8(t))
	}
	return s
}

// runAhead is run with the file being read ahead.
func (s *scan) runAhead(ctx context.Context) error {
	defer readAhead(s.file)()
	return s.run(ctx)
}

// readAhead lets a file be read ahead until stop is called; then nobody reads it
// any more.
func readAhead(f *pcap.File) (stop func()) {
	end := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() { f.Ahead(end) })
	return func() {
		close(end)
		group.Wait()
	}
}

// run reads all packets. A cut end is counted and no error, and so is a damaged
// place if there is anything before or behind it.
func (s *scan) run(ctx context.Context) error {
	r, err := s.file.Reader()
	if err != nil {
		return err
	}
	var rec pcap.Record
	for ; ; s.frames++ {
		if s.frames%checkInterval == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		switch err := r.Next(&rec); {
		case err == nil:
		case errors.Is(err, io.EOF):
			return s.finish()
		case errors.Is(err, pcap.ErrCut), errors.Is(err, pcap.ErrDamaged):
			more, err := s.skip(r, err)
			if err != nil {
				return err
			}
			if !more {
				return s.finish()
			}
			continue
		default:
			return err
		}
		rec.HasTime = rec.HasTime && !s.strange(rec.Time)
		if rec.HasTime {
			s.leap(r, &rec)
		}
		if err := s.frame(&rec); err != nil {
			return err
		}
	}
}

func (s *scan) finish() error {
	s.count("fragment", s.dec.FragmentsLost())
	for _, p := range slices.SortedFunc(maps.Values(s.partly), func(a, b *partial) int { return cmp.Compare(a.at, b.at) }) {
		s.giveUp(p)
	}
	if s.frames > 0 && s.badLinks == s.frames {
		return fmt.Errorf("%w: link type %d", errUnsupported, s.badLink)
	}
	return nil
}

func (s *scan) count(kind string, n int) {
	if n > 0 {
		s.passed[kind] += n
	}
}

func (s *scan) frame(rec *pcap.Record) error {
	if rec.HasTime {
		s.setTime(rec.Time)
	}
	var d packet.Datagram
	switch s.dec.Decode(rec.Link, rec.Data, &d) {
	case packet.UDP:
		return s.datagram(rec, &d)
	case packet.TCP:
		s.segment(&d)
	case packet.BadLink:
		s.badLinks, s.badLink = s.badLinks+1, rec.Link
		s.passed["link_type"]++
	case packet.Nothing:
		s.passed["other"]++
	case packet.Fragment:
	}
	return nil
}

// strange reports whether a time is more than a century from the first: it is not
// believed, and could not be reckoned with.
func (s *scan) strange(t int64) bool {
	d := t/2 - s.base/2
	return s.began && (d > century/2 || d < -century/2)
}

func (s *scan) setTime(t int64) {
	if !s.began {
		s.base, s.began = t, true
	}
	s.latest = t - s.base
	s.damage.close(s.latest + s.shift)
}

// signalled takes in a message that came at an arrival, in nanoseconds.
func (s *scan) signalled(m *sip.Message, way packet.Flow, arrival int64) {
	s.passed["sip"]++
	s.sip.base = s.base
	s.sip.add(m, way, arrival)
}

func (s *scan) datagram(rec *pcap.Record, d *packet.Datagram) error {
	switch rtp.Look(d.Payload) {
	case rtp.RTP:
		return s.rtp(rec, d)
	case rtp.RTCP:
		s.passed["rtcp"]++
	case rtp.STUN:
		s.passed["stun"]++
	case rtp.DTLS:
		s.passed["dtls"]++
		if len(s.dtls) < maxEndpoints {
			s.dtls[d.Flow.Src], s.dtls[d.Flow.Dst] = true, true
		}
	case rtp.Other:
		if m, ok := sip.Parse(d.Payload); ok {
			s.signalled(&m, d.Flow, s.latest+s.shift)
			return nil
		}
		s.passed["udp"]++
	}
	return nil
}

func (s *scan) rtp(rec *pcap.Record, d *packet.Datagram) error {
	var h rtp.Header
	if !rtp.Parse(d.Payload, d.Cut, &h) || h.Length >= cutBit {
		s.passed["udp"]++
		return nil
	}
	if s.packets++; s.packets > maxPackets {
		return fmt.Errorf("%w: more than %d RTP packets", errUnsupported, maxPackets)
	}
	offset, b := rec.Offset+int64(d.At+h.Start), d.Payload[h.Start:h.Start+h.Length]
	if d.At < 0 {
		offset = inArena | int64(len(s.arena)+h.Start)
		if s.arena = append(s.arena, d.Payload[:h.Start+h.Length]...); len(s.arena) > maxArena {
			return fmt.Errorf("%w: more than %d bytes of RTP in fragments", errUnsupported, maxArena)
		}
	}
	e := entry{offset: offset, kind: h.Type, ts: h.Timestamp, seq: h.Seq, size: uint16(h.Length)}
	if s.headed[h.Type] {
		e.head = head(b)
	}
	if d.Cut {
		e.size |= cutBit
	}
	if t := s.stream(streamKey{d.Flow, h.SSRC}); t != nil {
		s.add(t, e)
	} else {
		s.passed["udp"]++
		s.crowd.refused++
	}
	return nil
}

// head is the payload's first two bytes, 0 for what is missing.
func head(b []byte) (h uint16) {
	switch len(b) {
	case 0:
	case 1:
		h = uint16(b[0]) << 8
	default:
		h = binary.BigEndian.Uint16(b)
	}
	return h
}

// stream finds the stream of a packet: nearly always one of the last two. It is
// nil where there are too many already.
func (s *scan) stream(k streamKey) *stream {
	for i, t := range s.recent {
		if t != nil && t.key.ssrc == k.ssrc && t.key == k {
			t.heard = s.packets
			return s.recent[i]
		}
	}
	t := s.streams[k]
	if t == nil {
		if s.purge(); len(s.streams) >= maxStreams {
			return nil
		}
		t = &stream{key: k, born: s.packets}
		s.streams[k] = t
	}
	t.heard = s.packets
	s.recent[1], s.recent[0] = s.recent[0], t
	return t
}

// add puts a packet into the index. Where a steady stream's arrival jumps, the
// capture's clock was set, and all that follows is shifted back into line.
func (s *scan) add(t *stream, e entry) {
	e.arrival = inTicks(s.latest + s.shift)
	if t.packets.n > 0 {
		s.follow(t, &t.packets.last, &e)
	}
	t.packets.add(e)
	t.counts[e.kind&0x7f]++
}

// inTicks turns nanoseconds into ticks.
func inTicks(ns int64) int64 { return ns / (1e9 / rate) }

// follow compares a packet with the one before it in its stream.
func (s *scan) follow(t *stream, last, e *entry) {
	switch d := e.seq - last.seq; {
	case d > 0 && d < near:
		s.straighten(t, last, e)
		t.inOrder++
		if d == 1 {
			if t.step = e.ts - last.ts; t.step != uint32(last.length()) {
				t.uneven++
			}
		}
	case -d < near:
		t.again++
	}
}

// straighten tells from two packets of which one follows the other, with no more
// lost between them than their numbers say, whether the capture's clock was set.
func (s *scan) straighten(t *stream, last, e *entry) {
	if step := e.arrival - last.arrival; step >= -stepBack && step <= stepAhead {
		return
	}
	if span, ok := t.steady(last, e.ts, int64(int16(e.seq-last.seq))); ok {
		due := last.arrival + span
		s.shift += (due - e.arrival) * (1e9 / rate)
		e.arrival = due
	}
}

// steady reports whether a timestamp is that of the packet so many numbers behind
// last, and how long it must come after it, in ticks: the payload's length says so,
// or the step is that of the packet before.
func (t *stream) steady(last *entry, ts uint32, ahead int64) (span int64, ok bool) {
	step := int64(ts - last.ts)
	switch {
	case step == 0 || ahead <= 0 || ahead >= near:
		return 0, false
	case step == ahead*last.length() && !last.cut():
		return step, true
	case step != ahead*int64(t.step):
		return 0, false
	}
	if clock := t.clock(); clock > 0 {
		span = step * rate / clock
	}
	return span, span > 0
}

// clock is the RTP clock of a stream as its packets show it, one of those in use; 0
// if it does not show.
func (t *stream) clock() int64 {
	elapsed := seconds(t.packets.last.arrival - t.packets.first.arrival)
	if elapsed < 0.5 {
		return 0
	}
	shown := float64(t.packets.last.ts-t.packets.first.ts) / elapsed
	for _, clock := range []int64{8000, 11025, 16000, 22050, 24000, 32000, 44100, 48000} {
		if d := shown / float64(clock); d > 0.95 && d < 1.05 {
			return clock
		}
	}
	return 0
}
