package rules

import (
	"slices"
	"time"

	"callreel/internal/recording"
)

// describe fills in what follows from whose call it is: direction, numbers,
// ring time and start (SPEC §4.3). Where no record of the owner's has come, what
// the PBX showed of him tells: another's record sees the call from the other end.
// Where nobody owns the call it takes the first record.
func describe(rec recording.Recording, o owner) recording.Verdict {
	v := recording.Verdict{Owner: o.agent, Internal: o.agent.E164, Direction: recording.In}
	own := o.cdr
	if len(own.Events) == 0 && o.agent.CN != "" {
		if live := describeLive(v, rec.Call.Live); live.External != "" {
			if live.Ring == 0 && len(rec.Call.CDRs) > 0 { // nobody watched while it rang
				live.Ring = ring(rec.Call.CDRs, rec.Call.CDRs[0])
			}
			return live
		}
	}
	if len(own.Events) == 0 && len(rec.Call.CDRs) > 0 {
		own = rec.Call.CDRs[0]
	}
	if len(own.Events) == 0 {
		return describeLive(v, rec.Call.Live)
	}
	v.Direction = direction(own)
	if o.agent.CN != "" && len(o.cdr.Events) == 0 {
		v.Direction = map[recording.Direction]recording.Direction{recording.In: recording.Out, recording.Out: recording.In}[v.Direction]
		own.E164 = o.agent.E164
	}
	if v.Internal == "" {
		v.Internal = own.E164
	}
	v.External, v.ExternalName = external(rec.Call.CDRs, own)
	v.Ring = ring(rec.Call.CDRs, own)
	v.Started = answered(own)
	return v
}

func describeLive(v recording.Verdict, legs []recording.Leg) recording.Verdict {
	for _, leg := range legs {
		if leg.Agent.CN != v.Owner.CN {
			continue
		}
		if !leg.ToAgent {
			v.Direction = recording.Out
		}
		v.External, v.ExternalName, v.Started = leg.Peer.E164, leg.Peer.DN, leg.Connected
		if !leg.Alerted.IsZero() && leg.Connected.After(leg.Alerted) {
			v.Ring = int(leg.Connected.Sub(leg.Alerted) / time.Second)
		}
		return v
	}
	return v
}

// direction is that of the record's first set-up: towards the object is in.
func direction(c recording.CDR) recording.Direction {
	for _, e := range c.Events {
		switch e.Msg {
		case "setup-from":
			return recording.Out
		case "setup-to":
			return recording.In
		}
	}
	if c.Dir == recording.DirFrom {
		return recording.Out
	}
	return recording.In
}

// external is the far party: what the PBX itself marks as external, in the
// owner's record first; else the longest number of anybody but the owner, of
// equals the far end of the owner's first leg.
func external(cdrs []recording.CDR, own recording.CDR) (number, name string) {
	if e, ok := marked(own); ok {
		return e.E164, e.DN
	}
	for _, c := range cdrs {
		if e, ok := marked(c); ok {
			return e.E164, e.DN
		}
	}
	best := recording.CDREvent{}
	for _, c := range append([]recording.CDR{own}, cdrs...) {
		for _, e := range c.Events {
			if farEnd(e.Msg) && e.E164 != own.E164 && len(e.E164) > len(best.E164) {
				best = e
			}
		}
		if c.GUID != own.GUID && c.E164 != own.E164 && c.Pseudo == "" && len(c.E164) > len(best.E164) {
			best = recording.CDREvent{E164: c.E164, DN: c.CN}
		}
	}
	return best.E164, best.DN
}

func marked(c recording.CDR) (recording.CDREvent, bool) {
	for _, e := range c.Events {
		if e.Type == "ext" && e.E164 != "" {
			return e, true
		}
	}
	return recording.CDREvent{}, false
}

// farEnd reports whether an event's number is that of the other party. Events
// of the object's own (digits dialled after the connect come as info events)
// do not count.
func farEnd(msg string) bool {
	switch msg {
	case "setup-from", "setup-to", "alert-from", "alert-to", "conn-from", "conn-to", "connected", "transfer-to", "cf-to":
		return true
	default:
		return false
	}
}

// ring is the whole seconds from the owner's first alert (else set-up) to the
// first answer: his own, or, where he never answered, the call's.
func ring(cdrs []recording.CDR, own recording.CDR) int {
	from := -1
	for i, e := range own.Events {
		if e.Msg == "alert-from" || e.Msg == "alert-to" {
			from = i
			break
		}
	}
	if from < 0 {
		from = first(own, 0, "setup-from", "setup-to")
	}
	if from < 0 {
		return 0
	}
	if to := first(own, from, "conn-from", "conn-to", "connected"); to >= 0 {
		return seconds(own.Events[to].Time - own.Events[from].Time)
	}
	alert := at(own, from)
	for _, c := range cdrs {
		if a := answered(c); !a.IsZero() && !a.Before(alert) {
			return seconds(int64(a.Sub(alert) / time.Second))
		}
	}
	return 0
}

func seconds(d int64) int { return int(max(d, 0)) }

func first(c recording.CDR, from int, msgs ...string) int {
	for i := from; i < len(c.Events); i++ {
		if slices.Contains(msgs, c.Events[i].Msg) {
			return i
		}
	}
	return -1
}

// at is the time of one event: the record's UTC is that of its first event,
// and only differences of event times mean anything (FACTS §2a).
func at(c recording.CDR, i int) time.Time {
	return c.UTC.Add(time.Duration(c.Events[i].Time-c.Events[0].Time) * time.Second)
}

// answered is when the record's object was first connected; zero if never.
func answered(c recording.CDR) time.Time {
	if i := first(c, 0, "conn-from", "conn-to", "connected"); i >= 0 {
		return at(c, i)
	}
	return time.Time{}
}
