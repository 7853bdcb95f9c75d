package pbxsim

import "sync"

// Fault is a way in which the simulation can fail.
type Fault string

// The faults. Those of the inbox strike who reads it, not the phones that
// upload, but for InboxFull, which strikes the phones.
const (
	InboxHangHeaders  Fault = "inbox-hang-headers" // no answer at all
	InboxHangBody     Fault = "inbox-hang-body"    // the answer stops after its first bytes
	InboxUnauthorized Fault = "inbox-401"          // no credentials are good enough
	InboxRedirect     Fault = "inbox-redirect"     // everything is somewhere else
	InboxCutListing   Fault = "inbox-cut-listing"  // half a listing, cleanly ended
	InboxCutBody      Fault = "inbox-cut-body"     // the connection breaks in the middle of a file
	InboxEvilNames    Fault = "inbox-evil-names"   // the listing has names meant to break out of a folder
	InboxFull         Fault = "inbox-full"         // uploads end with 507

	SOAPFault Fault = "soap-fault" // every call is answered by a fault inside a 500
	SOAPLost  Fault = "soap-lost"  // sessions are forgotten
	SOAPCut   Fault = "soap-cut"   // connections break instead of an answer

	PBXDown     Fault = "pbx-down"     // the PBX's main address is away, and knows no session when it is back
	StandbyDown Fault = "standby-down" // the same for its standby address
	SiteDown    Fault = "site-down"    // the same for the slave PBXs
	InboxDown   Fault = "inbox-down"   // the drop directory is away for who reads it

	CDRGarbage   Fault = "cdr-garbage"   // something that is no record comes before each
	CDRDuplicate Fault = "cdr-duplicate" // each record comes twice
	CDRLate      Fault = "cdr-late"      // records come LateBy later than usual
)

// AllFaults lists the faults by their names.
func AllFaults() []Fault {
	return []Fault{
		InboxHangHeaders, InboxHangBody, InboxUnauthorized, InboxRedirect, InboxCutListing, InboxCutBody,
		InboxEvilNames, InboxFull, SOAPFault, SOAPLost, SOAPCut,
		PBXDown, StandbyDown, SiteDown, InboxDown, CDRGarbage, CDRDuplicate, CDRLate,
	}
}

// Fault switches a fault on or off, for what comes from now on. Requests that
// hang go on when their fault is switched off.
func (s *Sim) Fault(kind Fault, on bool) {
	s.faults.set(kind, on)
	for _, g := range s.gates[kind] {
		g.set(on)
	}
	if !on {
		return
	}
	switch kind {
	case PBXDown, StandbyDown:
		s.exchange.endThrough(kind == StandbyDown)
	case SOAPLost, SiteDown:
		for i, one := range s.sites {
			if kind == SOAPLost || i > 0 {
				one.exchange.end(0)
			}
		}
	}
}

// ForgetCalls makes the main PBX lose sight of all its live calls, as one does that is
// killed: whoever takes over does not know them. The telephones' calls go on.
func (s *Sim) ForgetCalls() { s.exchange.forgetAll() }

// faults are those switched on.
type faults struct {
	mu     sync.Mutex
	active map[Fault]chan struct{} // closed when switched off
}

func (f *faults) set(kind Fault, on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.active == nil {
		f.active = map[Fault]chan struct{}{}
	}
	over, was := f.active[kind]
	switch {
	case on && !was:
		f.active[kind] = make(chan struct{})
	case !on && was:
		close(over)
		delete(f.active, kind)
	}
}

func (f *faults) on(kind Fault) bool {
	_, on := f.until(kind)
	return on
}

// until returns a channel that is closed when the fault is switched off.
func (f *faults) until(kind Fault) (<-chan struct{}, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	over, on := f.active[kind]
	return over, on
}
