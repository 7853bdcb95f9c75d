package sidecar

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"callreel/internal/recording"
)

// localTime is how local times are shown, with the offset that held then.
const localTime = "2006-01-02 15:04:05 -07:00"

// summary says the call's main facts, for the reader.
func summary(rec recording.Recording, loc *time.Location) *node {
	v := rec.Verdict
	n := &node{name: "summary"}
	n.set("uid", rec.Capture.UID)
	n.set("conference", string(rec.Capture.Conf))
	n.set("found", rec.Call.Found)
	n.set("direction", map[recording.Direction]string{recording.In: "incoming", recording.Out: "outgoing"}[v.Direction])
	n.set("agent", v.Owner.CN)
	n.set("internal", v.Internal)
	n.set("external", v.External)
	n.set("external_name", v.ExternalName)
	if !v.Started.IsZero() {
		n.set("started", v.Started.UTC().Format(time.RFC3339Nano))
		n.set("started_local", v.Started.In(loc).Format(localTime))
	}
	n.set("ring_seconds", strconv.Itoa(v.Ring))
	if talk, ok := talked(rec.Call, v.Owner); ok {
		n.set("talk_seconds", strconv.FormatInt(talk, 10))
	}
	n.set("audio_seconds", strconv.FormatFloat(rec.Audio.DurationS, 'f', 2, 64))
	return n
}

// talked is the time from the owner's first connection to the end of his CDR, in
// seconds.
func talked(call recording.Call, owner recording.Agent) (int64, bool) {
	for _, c := range call.CDRs {
		if c.CN != owner.CN || owner.CN == "" {
			continue
		}
		for _, e := range c.Events {
			if strings.HasPrefix(e.Msg, "conn") {
				return max(c.Events[len(c.Events)-1].Time-e.Time, 0), true
			}
		}
	}
	return 0, false
}

// step is one line of the flow.
type step struct {
	at    time.Time
	words string
}

// flow tells the call in words, from the first setup to the last release: from
// the CDRs, else from what the PBX showed live, else from the capture's own SIP.
func flow(rec recording.Recording, loc *time.Location) *node {
	n := &node{name: "flow"}
	for _, s := range steps(rec) {
		c := &node{name: "step"}
		c.set("at", s.at.UTC().Format(time.RFC3339Nano))
		c.set("local", s.at.In(loc).Format(localTime))
		c.set("what", s.words)
		n.children = append(n.children, c)
	}
	return n
}

// Flow is the flow of a call as lines for people, each with its local time.
func Flow(rec recording.Recording, loc *time.Location) []string {
	var lines []string
	for _, s := range steps(rec) {
		lines = append(lines, s.at.In(loc).Format("15:04:05")+" "+s.words)
	}
	return lines
}

func steps(rec recording.Recording) []step {
	var steps []step
	for _, c := range rec.Call.CDRs {
		steps = append(steps, cdrSteps(c)...)
	}
	if len(steps) == 0 {
		for _, l := range rec.Call.Live {
			steps = append(steps, legSteps(l)...)
		}
	}
	if len(steps) == 0 {
		steps = sipSteps(rec.Audio.SIP)
	}
	slices.SortStableFunc(steps, func(a, b step) int { return a.at.Compare(b.at) })
	return steps
}

// sipSteps is what the capture's own SIP tells.
func sipSteps(s *recording.SIPParties) []step {
	if s == nil {
		return nil
	}
	from, to := named("", "", s.From), named("", "", s.To)
	all := []step{
		{s.Invite, from + " calls " + to + " (SIP)"},
		{s.Ring, "it rings at " + to},
		{s.Answer, to + " answers " + from},
		{s.Bye, "the call is ended"},
	}
	return slices.DeleteFunc(all, func(s step) bool { return s.at.IsZero() })
}

// cdrSteps gives each event its time: that of the first event and the difference
// of the event's clock, which never goes back, because the order of events counts
// before their times.
func cdrSteps(c recording.CDR) []step {
	var steps []step
	var passed int64
	for _, e := range c.Events {
		passed = max(passed, e.Time-c.Events[0].Time)
		at := c.UTC.Add(time.Duration(min(passed, 1<<31)) * time.Second)
		steps = append(steps, step{at, words(c, e)})
	}
	return steps
}

func words(c recording.CDR, e recording.CDREvent) string {
	me := named(c.CN, "", c.E164)
	other := named(e.DN, e.H323, e.E164)
	msg, side, _ := strings.Cut(e.Msg, "-")
	switch {
	case e.Msg == "setup-from":
		return me + " calls " + other
	case e.Msg == "setup-to":
		return me + " is called by " + other
	case e.Msg == "alert-to":
		return "it rings at " + other + " for " + me
	case e.Msg == "alert-from":
		return "it rings at " + me
	case e.Msg == "conn-to":
		return other + " answers " + me
	case e.Msg == "conn-from":
		return me + " answers " + other
	case e.Msg == "connected":
		return me + " is connected with " + other
	case msg == "cf":
		return "the call to " + me + " is diverted to " + numbers(e.To)
	case msg == "transfer" || msg == "transferred":
		return "the call of " + me + " is transferred (" + e.Msg + ") to " + numbers(e.To)
	case msg == "rel" || msg == "disc":
		return release(me, side, e.Cause)
	}
	return me + ": " + e.Msg + " " + other
}

func release(me, side string, cause int) string {
	who := "the far side of " + me
	if side == "from" {
		who = me
	}
	if cause == 0 {
		return who + " ends the call"
	}
	return who + " ends the call (cause " + strconv.Itoa(cause) + ")"
}

func numbers(list []recording.Number) string {
	var all []string
	for _, n := range list {
		all = append(all, named(n.DN, n.H323, n.E164))
	}
	if len(all) == 0 {
		return "another party"
	}
	return strings.Join(all, ", ")
}

func named(name, alias, number string) string {
	if name == "" {
		name = alias
	}
	switch {
	case name == "" && number == "":
		return "an unknown party"
	case name == "":
		return number
	case number == "":
		return name
	}
	return name + " (" + number + ")"
}

func legSteps(l recording.Leg) []step {
	me, other := named(l.Agent.CN, "", l.Agent.E164), named(l.Peer.DN, l.Peer.H323, l.Peer.E164)
	began := me + " calls " + other
	if l.ToAgent {
		began = me + " is called by " + other
	}
	all := []step{
		{l.Began, began},
		{l.Alerted, "it rings between " + me + " and " + other},
		{l.Connected, me + " is connected with " + other},
		{l.Ended, "the call of " + me + " has ended"},
	}
	return slices.DeleteFunc(all, func(s step) bool { return s.at.IsZero() })
}
