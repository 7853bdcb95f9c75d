package service

import (
	"context"
	"fmt"
	"path"
	"time"

	"callreel/internal/link"
	"callreel/internal/recording"
)

// This file tells others of calls: what happens on the line becomes messages, which the
// catalog stores in the same transaction.

// outboxKept is how long messages stay in the catalog that nobody waits for any more: as
// long as one is known it is not told again.
const outboxKept = 400 * 24 * time.Hour

// partner is one who is told of calls.
type partner interface {
	To() string
	Wants(t link.Type) bool
	Wake()
	Run(ctx context.Context)
	Backlog(ctx context.Context) (recording.Backlog, error)
}

type partners []partner

func (p partners) wake() {
	for _, one := range p {
		one.Wake()
	}
}

// messages puts an event into an envelope to each who wants it.
func (p partners) messages(e link.Event, key string) []recording.Message {
	var out []recording.Message
	for _, one := range p {
		if !one.Wants(e.Type) {
			continue
		}
		m, err := e.Message(one.To(), key)
		if err != nil {
			panic(fmt.Sprintf("an event cannot be written: %v", err)) // impossible: it is plain data
		}
		out = append(out, m)
	}
	return out
}

// openPartners makes the links to those who are told of calls.
func (s *Service) openPartners(ctx context.Context) error {
	client := link.Client{Queue: s.catalog, Clock: s.clock, Log: s.log, Told: func(cause string, err error) {
		s.report(LampSoftware, cause, "others are not told of calls", err)
	}}
	if s.cfg.AppServer.Set() {
		a, err := link.NewAppServer(s.cfg.AppServer, &s.relay, client)
		if err != nil {
			return err
		}
		s.appServer, s.partners = a, append(s.partners, a)
	}
	for _, c := range s.cfg.Webhook {
		w, err := link.NewWebhook(c, client)
		if err != nil {
			return err
		}
		s.webhooks, s.partners = append(s.webhooks, w), append(s.partners, w)
	}
	named := make([]string, 0, len(s.partners))
	for _, p := range s.partners {
		named = append(named, p.To())
	}
	gone, err := s.catalog.GiveUpOthers(ctx, named, s.clock.Now())
	for to, n := range gone {
		s.log.Warn("messages to one who is not in the setup any more are given up", "to", to, "count", n)
	}
	return err
}

// tellOfLegs makes messages of agents' parts in calls. Each is told once, however often the
// leg is saved. Who has no licence is no agent to others.
func (s *Service) tellOfLegs(legs []recording.Leg) []recording.Message {
	if len(s.partners) == 0 {
		return nil
	}
	var out []recording.Message
	for _, l := range legs {
		if l.Agent.Unlicensed || l.Connected.IsZero() || l.Conf == "" {
			continue
		}
		whose := l.Agent.PBX + "|" + l.Agent.CN + "|" + string(l.Conf)
		e := eventOfLeg(l)
		e.Type, e.At = link.CallStarted, l.Connected
		out = append(out, s.partners.messages(e, string(link.CallStarted)+"|"+whose)...)
		if l.Ended.IsZero() {
			continue
		}
		e.Type, e.At, e.Ended = link.CallEnded, l.Ended, l.Ended
		out = append(out, s.partners.messages(e, fmt.Sprintf("%s|%s|%d", link.CallEnded, whose, l.Began.UnixMilli()))...)
	}
	return out
}

func eventOfLeg(l recording.Leg) link.Event {
	e := link.Event{
		UID: string(l.Conf), Conf: l.Conf, Agent: agentOutside(l.Agent), External: l.Peer.E164, ExternalName: l.Peer.DN,
		Direction: recording.Out, Connected: l.Connected,
	}
	if l.ToAgent {
		e.Direction = recording.In
	}
	return e
}

func agentOutside(a recording.Agent) link.Agent {
	return link.Agent{Number: a.E164, Name: a.CN, PBX: a.PBX}
}

// tellOfState makes messages of the state that a recording has come to.
func (s *Service) tellOfState(state recording.State, rec recording.Recording) []recording.Message {
	types := map[recording.State]link.Type{
		recording.Filed: link.CallFiled, recording.Discarded: link.CallDiscarded,
		recording.Quarantined: link.CallQuarantined, recording.Unusable: link.CallUnusable,
	}
	rec.State = state
	t, told := types[state]
	if !told || len(s.partners) == 0 {
		return nil
	}
	e := eventOf(rec)
	e.Type, e.At = t, s.clock.Now().UTC()
	// The same recording may come to a state again: when somebody takes it up once more.
	return s.partners.messages(e, fmt.Sprintf("%s|%d|%d", t, rec.ID, e.At.UnixNano()))
}

func eventOf(rec recording.Recording) link.Event {
	v := rec.Verdict
	e := link.Event{
		UID: uidOutside(rec.Capture), Conf: rec.Capture.Conf, Agent: agentOutside(v.Owner), Direction: v.Direction,
		External: v.External, ExternalName: v.ExternalName,
		Recording: &link.Recording{
			ID: rec.ID, State: rec.State, Rule: v.Rule, Reason: v.Reason, Started: rec.Started(), Seconds: rec.Audio.DurationS,
			Sealed: rec.Seal.AudioSealed, SHA256: rec.Seal.FileSHA256,
		},
	}
	if rec.State == recording.Quarantined || rec.State == recording.Unusable {
		e.Recording.Reason = rec.Retry.Reason
	}
	if rec.Name != "" {
		e.Recording.Path = rec.Name + path.Ext(string(rec.Place))
		e.Recording.File = path.Base(e.Recording.Path)
	}
	return e
}

// uidOutside is what others know a call by. It is the same when the call begins, of which
// the PBX tells, and when its capture is filed, whose name may lack a leading zero.
func uidOutside(c recording.Capture) string {
	if c.Conf != "" {
		return string(c.Conf)
	}
	return c.UID
}
