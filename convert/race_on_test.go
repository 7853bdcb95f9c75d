//go:build race

package convert

// oneOf is of how many long scenes one is played: the race detector takes ten times as
// long, and finds in some what it would find in all. scripts/test.sh plays all of them
// without it.
const oneOf = 6
