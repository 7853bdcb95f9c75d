package recording

import "time"

// Part is one agent's part in the call of one conference.
type Part struct {
	Agent     Agent     `json:"agent"`
	Direction Direction `json:"direction,omitempty"`
	External  string    `json:"external,omitempty"` // the far party's number; empty = unknown
	Began     time.Time `json:"began,omitzero"`
	Spoke     bool      `json:"spoke,omitempty"`   // he was connected
	Seconds   int       `json:"seconds,omitempty"` // for so long
	Live      bool      `json:"live,omitempty"`    // the PBX showed it live
	Told      bool      `json:"told,omitempty"`    // a CDR tells of it
	// Uncertain says that the PBX link was down for a part of it and no CDR tells.
	Uncertain bool `json:"uncertain,omitempty"`
	// Also are the other conferences that his own CDRs of this one name.
	Also []ConfID `json:"also,omitempty"`
}

// Cast is who of the agents had which part in a call. rules owns it.
type Cast struct {
	Parts    []Part
	Answered bool // somebody spoke in the call
	Internal bool // it is certain that nobody outside took part
}

// Outcome is how an agent's call ended, in the ledger's words.
type Outcome string

// The outcomes. Open is none yet.
const (
	OutcomeFiled       Outcome = "filed"        // it has its file
	OutcomeWithOther   Outcome = "with-other"   // it is in a file that is kept for another agent, or for the same call's other part
	OutcomeDiscarded   Outcome = "discarded"    // a rule did not keep it
	OutcomeNotMarked   Outcome = "not-marked"   // nobody marked it in time
	OutcomeNoLicence   Outcome = "no-licence"   // there was no licence for its agent
	OutcomeNotAnswered Outcome = "not-answered" // there was no talk of his
	OutcomeInternal    Outcome = "internal"     // nobody outside took part, and captures are made at the trunk
	OutcomeNoCapture   Outcome = "no-capture"   // no capture of it ever came
	OutcomeNoCDR       Outcome = "no-cdr"       // quarantined: nobody could tell whose it is
	OutcomeUnusable    Outcome = "unusable"     // its capture cannot become a recording
	OutcomeVanished    Outcome = "vanished"     // its capture vanished from the inbox before it was fetched
	OutcomeOpen        Outcome = "open"         // still going on
)

// Outcomes lists all outcomes in the order in which they are summed up.
func Outcomes() []Outcome {
	return []Outcome{
		OutcomeFiled, OutcomeWithOther, OutcomeDiscarded, OutcomeNotMarked, OutcomeNoLicence, OutcomeNotAnswered,
		OutcomeInternal, OutcomeNoCapture, OutcomeNoCDR, OutcomeUnusable, OutcomeVanished, OutcomeOpen,
	}
}

// Entry is one line of the ledger: one agent's call, that is his part in one
// conference, and what became of it.
type Entry struct {
	Conf      ConfID    `json:"conf,omitempty"`      // empty for a capture that names no conference
	Recording ID        `json:"recording,omitempty"` // the one that decides the outcome; 0 if there is no capture
	Agent     Agent     `json:"agent,omitzero"`      // without name and number: nobody could tell whose call it is
	Direction Direction `json:"direction,omitempty"`
	External  string    `json:"external,omitempty"`
	Began     time.Time `json:"began"`
	Seconds   int       `json:"seconds"`
	Outcome   Outcome   `json:"outcome"`
	Rule      string    `json:"rule,omitempty"` // of what was not kept
	Reason    string    `json:"reason"`
	Places    []Place   `json:"places,omitempty"` // the files that are kept for this agent
	Sources   []string  `json:"sources"`          // where the knowledge comes from: SOAP, CDR, capture
	// Again is when an open one is looked at again by itself; zero if only
	// something that happens changes it.
	Again    time.Time `json:"again,omitzero"`
	Accepted bool      `json:"accepted,omitempty"` // somebody has looked at a call without audio and leaves it
}

// Missing reports whether the entry is of a call that should have audio and has
// none that anybody knows of.
func (e Entry) Missing() bool { return e.Outcome == OutcomeNoCapture || e.Outcome == OutcomeVanished }
