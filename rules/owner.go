package rules

import (
	"fmt"
	"slices"
	"strings"

	"callreel/internal/recording"
)

// ownerOf finds the agent a call is kept for, and says how: the agent whose
// phone wrote the capture, else the first agent who spoke, else the first one
// who was called while another answered in his place, else an agent the PBX
// showed live.
func ownerOf(rec recording.Recording, f Facts) (owner, string, bool) {
	mine := agentRecords(rec.Call.CDRs, f)
	for _, m := range mine {
		if byDevice(rec.Capture, m.cdr) {
			return m, fmt.Sprintf("the capture is from the phone of agent %s", m.agent.CN), true
		}
	}
	for _, m := range mine {
		if spoke(m.cdr) {
			return m, fmt.Sprintf("agent %s spoke", m.agent.CN), true
		}
	}
	for _, m := range mine {
		if alerted(m.cdr) && !diverted(rec.Call.CDRs, m.cdr) {
			return m, fmt.Sprintf("agent %s was called, another answered for him", m.agent.CN), true
		}
	}
	for _, leg := range rec.Call.Live {
		if !leg.Connected.IsZero() {
			return owner{agent: leg.Agent}, fmt.Sprintf("the PBX showed agent %s connected", leg.Agent.CN), true
		}
	}
	return owner{}, fmt.Sprintf("%d CDRs, none of an agent who took part", len(rec.Call.CDRs)), false
}

// owner is an agent with the CDR that shows his part; without one the CDR is
// empty.
type owner struct {
	agent recording.Agent
	cdr   recording.CDR
}

func agentRecords(cdrs []recording.CDR, f Facts) []owner {
	var out []owner
	for _, c := range cdrs {
		if a, ok := agentOf(c, f); ok {
			out = append(out, owner{a, c})
		}
	}
	return out
}

// agentOf tells whether a CDR's object is an agent: by GUID where both sides
// know it, else by long name or number. Only users and executives can be agents.
func agentOf(c recording.CDR, f Facts) (recording.Agent, bool) {
	if c.Pseudo != "" && c.Pseudo != "executive" {
		return recording.Agent{}, false
	}
	for _, a := range f.Agents {
		if sameObject(a, c) {
			return a, true
		}
	}
	if f.All && c.CN != "" {
		return recording.Agent{CN: c.CN, E164: c.E164, H323: c.H323, GUID: c.GUID, PBX: c.PBX}, true
	}
	return recording.Agent{}, false
}

func sameObject(a recording.Agent, c recording.CDR) bool {
	if a.GUID != "" && c.GUID != "" {
		return strings.EqualFold(a.GUID, c.GUID)
	}
	return a.CN != "" && a.CN == c.CN || a.E164 != "" && a.E164 == c.E164
}

// byDevice reports whether the capture's name says that this object's phone
// wrote it (SPEC §4.2, last paragraph).
func byDevice(c recording.Capture, r recording.CDR) bool {
	if r.Dir == recording.DirForwarded || r.Dir == recording.DirTransferred {
		return false
	}
	if c.RegName != "" && (strings.EqualFold(c.RegName, r.H323) || strings.EqualFold(c.RegName, r.Device)) {
		return true
	}
	return c.MAC != "" && sameMAC(c.MAC, r.Device)
}

func sameMAC(a, b string) bool {
	plain := func(s string) string {
		return strings.ToLower(strings.NewReplacer("-", "", ":", "").Replace(s))
	}
	return len(plain(a)) == 12 && plain(a) == plain(b)
}

func spoke(c recording.CDR) bool {
	if c.Dir == recording.DirForwarded || c.Dir == recording.DirTransferred {
		return false
	}
	return has(c, "conn-from", "conn-to", "connected")
}

func alerted(c recording.CDR) bool {
	return c.Dir == recording.DirTo && has(c, "alert-from", "alert-to")
}

// diverted reports whether the same object sent the call on before it rang out,
// by a diversion that was there from the start (CFU, CFB): its own record then
// has no alert of its own.
func diverted(cdrs []recording.CDR, own recording.CDR) bool {
	for _, c := range cdrs {
		if c.Dir == recording.DirForwarded && c.GUID == own.GUID && !alerted(own) {
			return true
		}
	}
	return false
}

func has(c recording.CDR, msgs ...string) bool {
	for _, e := range c.Events {
		if slices.Contains(msgs, e.Msg) {
			return true
		}
	}
	return false
}
