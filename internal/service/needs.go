package service

import (
	"cmp"
	"net"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"

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
	for _, f := range fileKeys(reflect.ValueOf(c)) {
		if f != "" && !filepath.IsAbs(f) {
			f = filepath.Join(filepath.Dir(file), f)
		}
		read = append(read, f)
	}
	low := slices.ContainsFunc([]string{
		c.Receiver.Listen, c.Receiver.LinesListen, c.Receiver.SyslogListen, c.Player.Listen, c.API.Listen, c.Status.Listen,
	}, below1024)
	return daemon.Needs{Write: named(write), Read: named(read), LowPorts: low}
}

// fileKeys are the files that are named by keys which end in _file (password_file,
// ca_file…) anywhere in a setup.
func fileKeys(v reflect.Value) (files []string) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			files = fileKeys(v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			files = append(files, fileKeys(v.Index(i))...)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.Type.Kind() == reflect.String && strings.HasSuffix(f.Tag.Get("toml"), "_file") {
				files = append(files, v.Field(i).String())
			} else {
				files = append(files, fileKeys(v.Field(i))...)
			}
		}
	}
	return files
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
