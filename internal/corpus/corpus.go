// Package corpus finds the real captures and vectors that tests compare with.
// Most may not be copied into this repository, so they lie elsewhere, and a
// test that needs one is skipped where it is missing.
package corpus

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// Env is the environment variable that names the folder of captures.
const Env = "CALLREEL_CORPUS"

// File is the path of a capture, for instance "rtpproxy/call1_alaw.pcap". The
// test is skipped if it is not there.
func File(tb testing.TB, name string) string {
	tb.Helper()
	return find(tb, "", name)
}

// Vectors is the path of a codec or parser vector, for instance
// "stl/g711/sweep.src". The vectors lie beside the captures.
func Vectors(tb testing.TB, name string) string {
	tb.Helper()
	return find(tb, filepath.Join("..", "vectors"), name)
}

func find(tb testing.TB, below, name string) string {
	tb.Helper()
	root := os.Getenv(Env)
	folder := filepath.Join(root, below)
	if _, err := fs.Stat(os.DirFS(folder), name); root == "" || err != nil {
		tb.Skip("corpus not here: " + name)
	}
	return filepath.Join(folder, filepath.FromSlash(name))
}
