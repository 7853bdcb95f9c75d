package daemon

import (
	"context"
	"io"
	"time"

	"callreel/internal/clock"
)

// silentFor is how long a recorder under Windows may give no sign of life, as
// WatchdogSec= of the unit for systemd.
const silentFor = 2 * time.Minute

// silence waits until there was no sign for so long, and reports false if done is closed
// before.
func silence(done <-chan struct{}, signs <-chan struct{}, long time.Duration) bool {
	for {
		select {
		case <-done:
			return false
		case <-signs:
		case <-clock.System().After(long):
			return true
		}
	}
}

// Host is who runs this process as a service and hears of it.
type Host interface {
	Send(lines ...string) error // in the lines of sd_notify(3)
	Watchdog() time.Duration
}

// Windows is a Host with an event log, to which Errors writes a message at a time.
type Windows interface {
	Host
	Errors() io.Writer
}

// Recorder is what is run as a service, until ctx is done.
type Recorder func(ctx context.Context, w Windows) error
