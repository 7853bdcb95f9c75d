//go:build !windows

package setup

import (
	"os"
	"syscall"
)

// keepOwner gives a file that was written anew to whom the old one belonged: root may
// change the setup of a recorder that runs as somebody else.
func keepOwner(path string, old os.FileInfo) error {
	was, ok := old.Sys().(*syscall.Stat_t)
	if !ok || int(was.Uid) == os.Geteuid() {
		return nil
	}
	return os.Chown(path, int(was.Uid), int(was.Gid))
}
