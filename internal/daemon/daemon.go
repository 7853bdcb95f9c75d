// Package daemon is how callreel stands under the service managers of Linux and
// Windows: what it tells systemd while it runs, the unit it is run by, and how it is
// installed, started and removed on both. It knows no setup: which folders and ports a
// recorder needs is handed to it.
package daemon

import "errors"

var (
	// ErrNoManager says that there is no service manager to talk to.
	ErrNoManager = errors.New(`no service manager runs here; "callreel run" records without one`)
	// ErrNotInstalled says that the manager does not know the service.
	ErrNotInstalled = errors.New(`not installed; "callreel service install" does that`)
)

// State is how a service is.
type State struct {
	Running bool
	Text    string // one line for people
}

// Manager is the service manager of this machine. Its methods need the rights of an
// administrator, but State.
type Manager interface {
	// Install makes the service known, to be started with the machine from now on, and
	// returns what it did. A service that is there already is given the new unit.
	Install(u Unit) (done []string, err error)
	// Uninstall stops the service and forgets it. No file of a recorder is touched.
	Uninstall(service string) error
	Start(service string) error
	Stop(service string) error
	State(service string) (State, error)
}
