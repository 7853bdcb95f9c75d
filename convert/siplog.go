package convert

import (
	"net/netip"
	"time"

	"callreel/internal/media/packet"
	"callreel/internal/media/sdp"
	"callreel/internal/media/sip"
	"callreel/internal/recording"
)

// Limits of what is kept of a capture's signalling.
const (
	maxCalls        = 1024
	maxDescriptions = 4096
	maxDescribed    = 16 << 20 // bytes of them
)

// call is one SIP dialogue.
type call struct {
	id, from, to string
	callerTag    string
	invite       int64 // arrival, nanoseconds; -1 = not seen
	ring, answer int64
	bye          int64
	descriptions int

	way      packet.Flow // of the INVITE
	number   int         // among the capture's dialogues
	of       *call       // the dialogue that this one is another part of
	referTo  string      // whom one of the parties was last asked to call
	referred int64
}

// description is one session description: what one party wants to receive.
type description struct {
	call     *call
	byCaller bool
	arrival  int64
	media    []sdp.Media
}

// sipLog gathers a capture's signalling.
type sipLog struct {
	base         int64
	calls        map[string]*call
	order        []*call
	descriptions []description
	described    int  // bytes of descriptions
	full         bool // there was more than is kept
}

func newSIPLog() *sipLog { return &sipLog{calls: map[string]*call{}} }

// add takes one message in, which came arrival nanoseconds after the first packet.
func (l *sipLog) add(m *sip.Message, way packet.Flow, arrival int64) {
	c := l.calls[m.CallID]
	if c == nil {
		if m.Method != "INVITE" || m.Status != 0 {
			return
		}
		if len(l.order) == maxCalls {
			l.full = true
			return
		}
		c = newCall(m, way, arrival, len(l.order))
		l.calls[m.CallID] = c
		l.order = append(l.order, c)
		l.relate(c, m)
	}
	c.time(m, arrival)
	l.refer(c, m, arrival)
	if m.SDP == "" {
		return
	}
	if l.described += len(m.SDP); len(l.descriptions) == maxDescriptions || l.described > maxDescribed {
		l.full = true
		return
	}
	if media := sdp.Parse(m.SDP); len(media) > 0 {
		request := m.Status == 0
		c.descriptions++
		l.descriptions = append(l.descriptions, description{
			call: c, byCaller: request == (m.FromTag == c.callerTag), arrival: arrival, media: media,
		})
	}
}

// time notes the moments of a call, each when it was first seen.
func (c *call) time(m *sip.Message, arrival int64) {
	set := func(t *int64, when bool) {
		if when && *t < 0 {
			*t = arrival
		}
	}
	invite := m.Method == "INVITE"
	set(&c.ring, invite && (m.Status == 180 || m.Status == 183))
	set(&c.answer, invite && m.Status == 200)
	set(&c.bye, m.Method == "BYE" && m.Status == 0)
}

// parties is what the report says of a call, nil for any: of its first dialogue
// that was answered, else of its first.
func (l *sipLog) parties(of *call) *recording.SIPParties {
	var c *call
	for _, other := range l.order {
		mine := of == nil || other.first() == of
		if mine && (c == nil || c.answer < 0 && other.answer >= 0) {
			c = other
		}
	}
	if c == nil {
		return nil
	}
	return &recording.SIPParties{
		CallID: c.id, From: c.from, To: c.to,
		Invite: l.clock(c.invite), Ring: l.clock(c.ring), Answer: l.clock(c.answer), Bye: l.clock(c.bye),
	}
}

func (l *sipLog) clock(arrival int64) time.Time {
	if arrival < 0 {
		return time.Time{}
	}
	return time.Unix(0, l.base+arrival).UTC()
}

// match is what the signalling says of a stream.
type match struct {
	found    bool
	exact    int // 3: the destination is described; 2: the source; 1: only a port fits
	media    *sdp.Media
	call     *call
	fromCall bool // the voice is the caller's
	audio    bool
}

// find looks for the description of a flow that began at arrival: by its
// destination, then by its source, then by the destination's port alone.
func (l *sipLog) find(f packet.Flow, arrival int64) match {
	dst, src := f.Dst.AddrPort(), f.Src.AddrPort()
	ways := []struct {
		fits     func(netip.AddrPort) bool
		receiver bool
		exact    int
	}{
		{func(a netip.AddrPort) bool { return a == dst }, true, 3},
		{func(a netip.AddrPort) bool { return a == src }, false, 2},
		{func(a netip.AddrPort) bool { return a.Port() == dst.Port() }, true, 1},
		{func(a netip.AddrPort) bool { return a.Port() == src.Port() }, false, 1},
	}
	for _, way := range ways {
		if d, m := l.nearest(way.fits, arrival); m != nil {
			return match{found: true, exact: way.exact, media: m, call: d.call, fromCall: d.byCaller != way.receiver, audio: m.Kind == "audio"}
		}
	}
	return match{}
}

// nearest is the last fitting section before the stream began, with a second's
// grace, else the first after it.
func (l *sipLog) nearest(fits func(netip.AddrPort) bool, arrival int64) (best *description, media *sdp.Media) {
	const grace = 1e9
	for i := range l.descriptions {
		d := &l.descriptions[i]
		for j := range d.media {
			m := &d.media[j]
			if m.Addr.Port() == 0 || !fits(m.Addr) {
				continue
			}
			if media == nil || d.arrival <= arrival+grace {
				best, media = d, m
			}
		}
	}
	return best, media
}

// name is the encoding name some description of the call gives to a dynamic
// payload type, preferring the stream's own.
func (l *sipLog) name(m match, payloadType uint8) (sdp.Map, bool) {
	if m.found {
		if t, ok := m.media.Types[payloadType]; ok {
			return t, true
		}
	}
	for i := range l.descriptions {
		d := &l.descriptions[i]
		if m.found && d.call != m.call {
			continue
		}
		for _, section := range d.media {
			if t, ok := section.Types[payloadType]; ok && (!m.found || section.Kind == m.media.Kind) {
				return t, true
			}
		}
	}
	return sdp.Map{}, false
}
