//go:build !race

package convert

// oneOf is of how many long scenes one is played: all.
const oneOf = 1
