//go:build !linux && !windows

package daemon

import "context"

// Here is ErrNoManager: only systemd and the one of Windows are known.
func Here(context.Context, string) (Manager, error) { return nil, ErrNoManager }
