package pbx

import (
	"slices"
	"time"

	"callreel/internal/pbx/wsdl11"
	"callreel/internal/recording"
)

// The bits of CallInfo.state.
const (
	stateMask      = 0x0f
	stateAlert     = 4
	stateConnect   = 5
	stateToUser    = 0x80  // outbound seen from the PBX: the user is being called
	stateHold      = 0x100 // on hold
	stateHeldByFar = 0x200 // put on hold by the peer
)

// maxLive bounds the calls that are followed at the same time. The oldest one
// is given up for the next.
const maxLive = 20_000

// live is a call of one agent while it lives.
type live struct {
	call int32 // the PBX's handle; 0 = known from a snapshot only
	leg  recording.Leg
	sent recording.Leg // as last given to the handler
}

// tracker turns call events and snapshots into legs. It outlives sessions.
type tracker struct {
	calls []*live
}

// event applies one CallInfo of an agent and returns the legs that changed.
// unknown is true if a snapshot must tell what ended: at the end of a call that was
// never seen and names no conference, and at a call with a new handle while one is
// known from a snapshot only, for that one may have moved to another conference.
func (t *tracker) event(a recording.Agent, c *wsdl11.CallInfo, now time.Time) (changed []recording.Leg, unknown bool) {
	conf := confOf(c)
	gone := !c.Active || c.Msg == "del"
	l := t.find(a.CN, c.Call, conf)
	if l == nil {
		if gone && conf == "" {
			return nil, true
		}
		if len(t.calls) >= maxLive {
			changed = t.end(t.calls[0], now, true)
		}
		unknown = slices.ContainsFunc(t.calls, func(o *live) bool { return o.call == 0 && o.leg.Agent.CN == a.CN })
		l = t.begin(a, c.Call, conf, now)
	}
	l.call = c.Call
	if conf != "" && l.leg.Conf != "" && conf != l.leg.Conf {
		changed = append(changed, t.end(l, now, l.leg.Uncertain)...)
		l = t.begin(a, c.Call, conf, now)
	}
	if conf != "" {
		l.leg.Conf = conf
	}
	l.leg.Agent = a
	l.update(c, now)
	if gone {
		return append(changed, t.end(l, now, l.leg.Uncertain)...), unknown
	}
	return append(changed, l.flush()...), unknown
}

// find looks for the call by its handle, else for one from a snapshot by its
// conference.
func (t *tracker) find(cn string, call int32, conf recording.ConfID) *live {
	for _, l := range t.calls {
		if l.call == call && call != 0 && l.leg.Agent.CN == cn {
			return l
		}
	}
	for _, l := range t.calls {
		if l.call == 0 && conf != "" && l.leg.Agent.CN == cn && l.leg.Conf == conf {
			return l
		}
	}
	return nil
}

// begin adds a call. A second call of the same agent in the same conference
// (two phones ring) shares the times of the first.
func (t *tracker) begin(a recording.Agent, call int32, conf recording.ConfID, now time.Time) *live {
	l := &live{call: call, leg: recording.Leg{Agent: a, Conf: conf, Began: now}}
	if twin := t.twin(a.CN, conf, nil); twin != nil {
		l.leg, l.sent = twin.leg, twin.sent
	}
	t.calls = append(t.calls, l)
	return l
}

func (t *tracker) twin(cn string, conf recording.ConfID, not *live) *live {
	for _, l := range t.calls {
		if l != not && conf != "" && l.leg.Agent.CN == cn && l.leg.Conf == conf {
			return l
		}
	}
	return nil
}

// end removes a call. The leg has ended when no other call of the agent is in
// the same conference.
func (t *tracker) end(l *live, now time.Time, uncertain bool) []recording.Leg {
	t.calls = slices.DeleteFunc(t.calls, func(o *live) bool { return o == l })
	if twin := t.twin(l.leg.Agent.CN, l.leg.Conf, l); twin != nil {
		twin.adopt(l.leg)
		return twin.flush()
	}
	l.leg.Ended, l.leg.Uncertain = now, uncertain
	return l.flush()
}

// adopt keeps what the other call of the same leg knew of earlier times.
func (l *live) adopt(o recording.Leg) {
	if l.leg.Alerted.IsZero() {
		l.leg.Alerted = o.Alerted
	}
	if l.leg.Connected.IsZero() {
		l.leg.Connected = o.Connected
	}
}

// update takes the call's state, peer and hold from an event or a snapshot.
func (l *live) update(c *wsdl11.CallInfo, now time.Time) {
	switch c.State & stateMask {
	case stateAlert:
		if l.leg.Alerted.IsZero() && l.leg.Connected.IsZero() {
			l.leg.Alerted = now
		}
	case stateConnect:
		if l.leg.Connected.IsZero() {
			l.leg.Connected = now
		}
	}
	if c.State != 0 {
		l.leg.ToAgent = c.State&stateToUser != 0
		l.leg.Held = c.State&(stateHold|stateHeldByFar) != 0
	}
	for _, no := range c.No {
		if no.Type_ == "peer" && (no.E164 != "" || no.H323 != "" || no.Cn != "") {
			l.leg.Peer = recording.Number{Type: "peer", CN: no.Cn, DN: no.Dn, E164: no.E164, H323: no.H323}
		}
	}
}

// flush returns the leg if it has a conference and differs from what was
// given out last.
func (l *live) flush() []recording.Leg {
	if l.leg.Conf == "" || l.leg == l.sent {
		return nil
	}
	l.sent = l.leg
	return []recording.Leg{l.leg}
}

// snapshot compares what Calls says of one agent with what is known, and
// returns the legs that changed. Calls that have gone ended at an unknown time
// before now; nothing is concluded while the PBX shows a call without its
// conference. again says that the session was down for a while.
func (t *tracker) snapshot(a recording.Agent, calls []*wsdl11.CallInfo, now time.Time, again bool) []recording.Leg {
	var changed []recording.Leg
	present, blind := map[recording.ConfID]bool{}, false
	for _, c := range calls {
		conf := confOf(c)
		if conf == "" {
			blind = true
			continue
		}
		if len(t.calls) >= maxLive {
			break
		}
		present[conf] = true
		l := t.twin(a.CN, conf, nil)
		if l == nil {
			l = t.begin(a, 0, conf, now)
		}
		l.leg.Agent = a
		l.leg.Uncertain = l.leg.Uncertain || again
		l.update(c, now)
		changed = append(changed, l.flush()...)
	}
	if blind {
		return changed
	}
	for _, l := range slices.Clone(t.calls) {
		if l.leg.Agent.CN == a.CN && l.leg.Conf != "" && !present[l.leg.Conf] {
			changed = append(changed, t.end(l, now, true)...)
		}
	}
	return changed
}

// lost forgets the call handles, which mean nothing in the next session, and
// the calls that never named a conference.
func (t *tracker) lost() {
	t.calls = slices.DeleteFunc(t.calls, func(l *live) bool { return l.leg.Conf == "" })
	for _, l := range t.calls {
		l.call = 0
	}
}

// leave ends all legs of agents that the keep function does not want.
func (t *tracker) leave(keep func(cn string) bool, now time.Time) []recording.Leg {
	var changed []recording.Leg
	for _, l := range slices.Clone(t.calls) {
		if !keep(l.leg.Agent.CN) {
			changed = append(changed, t.end(l, now, true)...)
		}
	}
	return changed
}

// busy reports whether the agent has a call.
func (t *tracker) busy(cn string) bool {
	return slices.ContainsFunc(t.calls, func(l *live) bool { return l.leg.Agent.CN == cn })
}

// resume takes legs that were alive when the program stopped.
func (t *tracker) resume(legs []recording.Leg) {
	for _, leg := range legs {
		if leg.Conf != "" && leg.Ended.IsZero() && t.twin(leg.Agent.CN, leg.Conf, nil) == nil {
			t.calls = append(t.calls, &live{leg: leg, sent: leg})
		}
	}
}

// confOf returns the conference id of a call, "" if it names none.
func confOf(c *wsdl11.CallInfo) recording.ConfID {
	for _, i := range c.Info {
		if i.Type_ == "conf" {
			if id, err := recording.ParseConfID(i.Vals); err == nil {
				return id
			}
		}
	}
	return ""
}
