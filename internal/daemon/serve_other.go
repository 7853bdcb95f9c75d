//go:build !windows

package daemon

import "errors"

// UnderWindows reports whether the service manager of Windows started this process.
func UnderWindows() bool { return false }

// Serve runs a recorder under the service manager of Windows.
func Serve(Recorder) error { return errors.ErrUnsupported }
