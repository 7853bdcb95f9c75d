// Package doc holds the documents that the program itself shows: they are written
// once, here, for those who read them in a browser and for "callreel config explain".
package doc

import _ "embed" // the documents

//go:embed config.md
var config string

// Config is doc/config.md, with a table of every key of the setup.
func Config() string { return config }
