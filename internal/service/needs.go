package service

import (
	"cmp"
	"net"
	"path/filepath"
	"slices"
	"strconv"

	"callreel/internal/daemon"
	"callreel/internal/secret"
)

// Needs is what a recorder with this setup, read from file, needs of the machine: the
// archive first, then the other folders it writes in; the files it reads; and whether it
// listens on a port below 1024.
func (c Config) Needs(file string) daemon.Needs {
	write := []string{
		c.Archive.Path, c.Archive.Backup, c.Spool, filepath.Dir(c.Catalog), filepath.Dir(c.Keys.File),
		cmp.Or(c.Log.Folder, filepath.Join(filepath.Dir(c.Catalog), "logs")),
	}
	for _, in := range c.Inbox {
		write = append(write, in.Path) // captures are deleted there
	}
	read := []string{secret.KeyFile(file), c.Keys.File, c.Rules.File, c.API.Cert, c.API.Key}
	for _, a := range c.Asterisk {
		read = append(read, a.File)
	}
	low := slices.ContainsFunc([]string{
		c.Receiver.Listen, c.Receiver.LinesListen, c.Receiver.SyslogListen, c.Player.Listen, c.API.Listen, c.Status.Listen,
	}, below1024)
	return daemon.Needs{Write: named(write), Read: named(read), LowPorts: low}
}

// named are the paths that are not empty, once each.
func named(paths []string) []string {
	var out []string
	for _, p := range paths {
		if p != "" && !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out
}

func below1024(address string) bool {
	_, port, err := net.SplitHostPort(address)
	n, notANumber := strconv.Atoi(port)
	return err == nil && notANumber == nil && n > 0 && n < 1024
}
