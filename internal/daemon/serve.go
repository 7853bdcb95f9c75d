package daemon

import (
	"context"
	"io"
	"time"
)

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
