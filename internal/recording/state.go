package recording

import "slices"

// State is the last step that a recording has completed. The zero value is not
// a state.
type State string

// The states, in the order of the line, then the three other ends.
const (
	Seen       State = "seen"       // listed in an inbox and named
	Spooled    State = "spooled"    // a durable copy lies in the spool
	Correlated State = "correlated" // the CDRs that belong to it are known
	Decided    State = "decided"    // the rules have spoken: keep
	Filed      State = "filed"      // converted, named, sealed, archived and verified
	BackedUp   State = "backed_up"  // copied to the backup, or no backup is set up
	Done       State = "done"       // source and spool copy are gone

	Discarded   State = "discarded"   // the rules have spoken: do not keep; the reason is in Verdict
	Quarantined State = "quarantined" // no CDR came; kept aside until one does
	Unusable    State = "unusable"    // cannot become a recording; kept aside with its reason
)

// States lists all states in the order of their declaration.
func States() []State {
	return []State{Seen, Spooled, Correlated, Decided, Filed, BackedUp, Done, Discarded, Quarantined, Unusable}
}

// Valid reports whether s is one of the declared states.
func (s State) Valid() bool { return slices.Contains(States(), s) }

// Ended reports whether the line has nothing more to do for a recording in
// this state by itself. A quarantined recording is ended until a CDR comes.
func (s State) Ended() bool {
	switch s {
	case Done, Discarded, Quarantined, Unusable:
		return true
	case Seen, Spooled, Correlated, Decided, Filed, BackedUp:
		return false
	}
	return false
}
