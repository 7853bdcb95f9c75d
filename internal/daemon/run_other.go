//go:build !windows

package daemon

import (
	"context"
	"errors"
	"io"
)

// UnderWindows reports whether the service manager of Windows started this process.
func UnderWindows() bool { return false }

// Serve is for Windows alone.
func Serve(func(ctx context.Context, n Windows) error) error {
	return errors.New("this is not Windows")
}

// Windows is the service manager and the event log of Windows.
type Windows interface {
	Send(lines ...string) error
	Errors() io.Writer
}
