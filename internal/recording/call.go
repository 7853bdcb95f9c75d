package recording

import (
	"strings"
	"time"
)

// RawCDR is one <cdr> element as it was received, byte for byte.
type RawCDR struct {
	ID       int64     `json:"id"` // the catalog's number of it
	Received time.Time `json:"received"`
	XML      string    `json:"xml"`
}

// Dir is the dir attribute of a CDR: how its object took part in the call.
type Dir string

// The directions a PBX writes.
const (
	DirFrom        Dir = "from" // the object called
	DirTo          Dir = "to"   // the object was called
	DirForwarded   Dir = "cf"   // the object diverted the call
	DirTransferred Dir = "ct"   // the object transferred the call
)

// CDR is one parsed PBX call detail record: what one object did in one call.
type CDR struct {
	Raw    int64  `json:"raw"`          // RawCDR.ID
	ID     string `json:"id,omitempty"` // the record's own GUID, where the PBX writes one
	GUID   string `json:"guid"`         // of the object
	Sys    string `json:"sys,omitempty"`
	PBX    string `json:"pbx,omitempty"`
	Node   string `json:"node,omitempty"`
	CN     string `json:"cn"`
	E164   string `json:"e164,omitempty"`
	H323   string `json:"h323,omitempty"`
	Device string `json:"device,omitempty"`
	Dir    Dir    `json:"dir"`
	// UTC is the time of the first event.
	UTC    time.Time  `json:"utc"`
	Pseudo string     `json:"pseudo,omitempty"` // object type when it is no user: trunk, executive, waiting, …
	IsUser bool       `json:"is_user"`          // a <user> child is present
	Groups []string   `json:"groups,omitempty"`
	More   bool       `json:"more,omitempty"` // a more relevant CDR of the same call exists
	Events []CDREvent `json:"events"`
}

// CDREvent is one event of a CDR, in the order the PBX wrote them. Order counts
// before Time: real samples are not monotonic.
type CDREvent struct {
	Msg   string   `json:"msg"`            // setup-from, alert-to, conn-from, rel-to, transfer-from, …
	Time  int64    `json:"time"`           // seconds; only differences within one CDR mean anything
	Type  string   `json:"type,omitempty"` // "ext" = external party
	E164  string   `json:"e164,omitempty"`
	H323  string   `json:"h323,omitempty"`
	DN    string   `json:"dn,omitempty"`
	Root  string   `json:"root,omitempty"` // the number relative to the root node
	Conf  ConfID   `json:"conf,omitempty"`
	Cause int      `json:"cause,omitempty"` // Q.931
	To    []Number `json:"to,omitempty"`    // new party of a transfer or diversion
	EP    []Number `json:"ep,omitempty"`    // endpoint really reached
	CF    []Number `json:"cf,omitempty"`    // previous forwarders
	CT    []Number `json:"ct,omitempty"`    // previous transferrers
}

// Number is a party as a PBX writes it.
type Number struct {
	Type string `json:"type,omitempty"` // SOAP: this, peer, leg2, ct, …; CDR: "ext" or empty
	CN   string `json:"cn,omitempty"`
	DN   string `json:"dn,omitempty"`
	E164 string `json:"e164,omitempty"`
	H323 string `json:"h323,omitempty"`
}

// Call is what is known of the call: the CDRs that match the capture's
// conference id, and what the PBX said live. cdr owns it.
type Call struct {
	CDRs []CDR     `json:"cdrs,omitempty"`
	Raw  []RawCDR  `json:"raw,omitempty"`  // the same records, verbatim, for the sidecar
	Live []Leg     `json:"live,omitempty"` // what SOAP showed of agents in this conference
	At   time.Time `json:"at,omitzero"`    // when this was put together

	// Asked is when Reporting had answered whether there are more CDRs.
	Asked time.Time `json:"asked,omitzero"`

	// TAN is the six-digit transaction number that the owner dialled in the call.
	TAN string `json:"tan,omitempty"`

	// SIP is what the capture's own SIP says, where that is asked; Found tells
	// which conference was found by it, and how.
	SIP   *Signalling `json:"sip,omitempty"`
	Found string      `json:"found,omitempty"`

	// Twins are the other captures of the conference, as they were when that was last
	// asked.
	Twins []Twin `json:"twins,omitempty"`
}

// Leg is one agent's part in one conference as the PBX showed it live.
type Leg struct {
	Agent     Agent     `json:"agent"`
	Conf      ConfID    `json:"conf"`
	Peer      Number    `json:"peer,omitzero"`
	ToAgent   bool      `json:"to_agent"`            // the agent was called
	Began     time.Time `json:"began,omitzero"`      // first event seen
	Alerted   time.Time `json:"alerted,omitzero"`    //
	Connected time.Time `json:"connected,omitzero"`  //
	Ended     time.Time `json:"ended,omitzero"`      // zero while it lives
	Held      bool      `json:"held,omitempty"`      // on hold by either side when last heard of
	Uncertain bool      `json:"uncertain,omitempty"` // the SOAP session was down for a part of it
}

// Agent is a user or executive object that is to be recorded.
type Agent struct {
	CN   string `json:"cn"` // long name; the PBX's key
	DN   string `json:"dn,omitempty"`
	E164 string `json:"e164,omitempty"`
	H323 string `json:"h323,omitempty"`
	GUID string `json:"guid,omitempty"`
	PBX  string `json:"pbx,omitempty"` // name of the PBX in the setup
	// Unlicensed is of one who would be recorded, had there been a licence for him.
	Unlicensed bool `json:"unlicensed,omitempty"`
}

// Same reports whether two agents are the same object: by GUID where both are
// known, else by long name, else by number.
func (a Agent) Same(o Agent) bool {
	switch {
	case a.GUID != "" && o.GUID != "":
		return strings.EqualFold(a.GUID, o.GUID)
	case a.CN != "" && o.CN != "":
		return a.CN == o.CN
	default:
		return a.E164 != "" && a.E164 == o.E164
	}
}

// Owns reports whether a record is of the agent's own object: by GUID where both sides
// know it, else by long name or number.
func (a *Agent) Owns(c *CDR) bool {
	if a.GUID != "" && c.GUID != "" {
		return strings.EqualFold(a.GUID, c.GUID)
	}
	return a.CN != "" && a.CN == c.CN || a.E164 != "" && a.E164 == c.E164
}

// Direction says who called whom, seen from the owner.
type Direction string

// The two directions, as they stand in file names.
const (
	In  Direction = "i" // the owner was called
	Out Direction = "o" // the owner called
)

// Decision is what the rules want.
type Decision string

// The three decisions.
const (
	Keep    Decision = "keep"
	Discard Decision = "discard"
	Wait    Decision = "wait"
)

// SameFile is the rule by which a file that is here already is not kept again.
const SameFile = "same-file"

// NoLicence is the rule that does not keep a call for want of a licence.
const NoLicence = "no-licence"

// Verdict is the rules' answer with the rule that gave it and the facts about
// the call that follow from whose call it is. rules owns it.
type Verdict struct {
	Decision  Decision  `json:"decision,omitempty"`
	Rule      string    `json:"rule,omitempty"`   // name of the rule that fired
	Reason    string    `json:"reason,omitempty"` // the same in words
	Trace     []Tried   `json:"trace,omitempty"`  // every rule looked at, in order
	Early     bool      `json:"early,omitempty"`  // decided from SOAP alone, without download
	Owner     Agent     `json:"owner,omitzero"`   // for whom it is kept
	Direction Direction `json:"direction,omitempty"`
	Internal  string    `json:"internal,omitempty"` // number; empty = unknown
	External  string    `json:"external,omitempty"` // number; empty = unknown
	// ExternalName is the far party's name as the PBX wrote it, may be empty.
	ExternalName string    `json:"external_name,omitempty"`
	Ring         int       `json:"ring"` // whole seconds until the call was answered
	Started      time.Time `json:"started,omitzero"`
	At           time.Time `json:"at,omitzero"`
	Until        time.Time `json:"until,omitzero"` // Wait: offer again then
	For          string    `json:"for,omitempty"`  // Wait: what for

	// Manual is of a call that a telephone's key recorded, with an announcement: both
	// parties are on one of its sides.
	Manual bool   `json:"manual,omitempty"`
	Mode   string `json:"mode,omitempty"`  // of recording, where it is not the standard one
	Star   bool   `json:"star,omitempty"`  // an agent has marked the call
	Marks  []Mark `json:"marks,omitempty"` // those that are of this call
	Draw   *Draw  `json:"draw,omitempty"`  // of random recording
	// NextMark is the number from which on marks were not known when a mode took a call
	// back: if there is one by the time that is saved, it is decided again.
	NextMark int64 `json:"next_mark,omitempty"`
}

// Tried is one rule of a trace.
type Tried struct {
	Rule  string `json:"rule"`
	Fired bool   `json:"fired"`
	Why   string `json:"why"`
}
