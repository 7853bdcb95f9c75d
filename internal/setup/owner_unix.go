//go:build !windows

package setup

import (
	"os"
	"syscall"
)

// keepOwner gives a file that root has written to whom another one belongs: the one it
// replaces, or its folder. The recorder may run as somebody else.
func keepOwner(path string, old os.FileInfo) error {
	was, ok := old.Sys().(*syscall.Stat_t)
	if !ok || os.Geteuid() != 0 {
		return nil
	}
	return os.Chown(path, int(was.Uid), int(was.Gid))
}
